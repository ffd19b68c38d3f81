//! What a client may ask.

/// A request, as a [`Wire`](crate::wire::Wire) read it: well formed, but not yet checked.
///
/// It borrows from the bytes that it was read from. Names are still plain text here; whether they are
/// names, and whose, is for the session to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Take a name, or exchange one's name for another.
    Register {
        /// The wanted name.
        name: &'a str,
        /// What proves that the name is the sender's. Nothing looks at it yet.
        secret: Option<&'a str>,
    },
    /// List everyone who has a name.
    ListUsers,
    /// Send a direct message.
    Chat {
        /// Who shall get it.
        to: &'a str,
        /// What they shall read, without a line end.
        text: &'a str,
    },
    /// Ask for a sign of life.
    Ping,
    /// Say good-bye.
    Quit,
}

/// The kind of a request, for errors that must say what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`Command::Register`].
    Register,
    /// [`Command::ListUsers`].
    List,
    /// [`Command::Chat`].
    Chat,
    /// [`Command::Ping`].
    Ping,
    /// [`Command::Quit`].
    Quit,
    /// Something that could not be read far enough to tell.
    Unknown,
}
