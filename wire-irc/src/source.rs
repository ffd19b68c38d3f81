//! Sources: whom a message is from.

/// Whom a message is from: the name of a server, or `nick!user@host`.
///
/// A part that is empty is left out when the source is written, and its `!` or `@` with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Source<'a> {
    /// The nick, or the name of the server.
    pub(crate) nick: &'a str,
    /// What the user's client says the user is called on its machine.
    pub(crate) user: &'a str,
    /// Where the user is connected from, or what stands for it.
    pub(crate) host: &'a str,
}

impl<'a> Source<'a> {
    /// The source of what a server says on its own account.
    pub(crate) fn server(name: &'a str) -> Self {
        Self {
            nick: name,
            ..Self::default()
        }
    }

    /// Reads a source as it is in a message, without its colon.
    #[cfg(test)]
    pub(crate) fn split(text: &'a str) -> Self {
        let (rest, host) = text.rsplit_once('@').unwrap_or((text, ""));
        let (nick, user) = rest.split_once('!').unwrap_or((rest, ""));
        Self { nick, user, host }
    }

    /// The parts that are there, each with the mark before it.
    pub(crate) fn parts(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let user = (!self.user.is_empty()).then_some(("!", self.user));
        let host = (!self.host.is_empty()).then_some(("@", self.host));
        [Some(("", self.nick)), user, host].into_iter().flatten()
    }

    /// How many bytes it has when it is written.
    pub(crate) fn len(self) -> usize {
        self.parts()
            .map(|(mark, part)| mark.len() + part.len())
            .sum()
    }
}
