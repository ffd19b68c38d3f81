//! Who is behind what a client is told.

use std::borrow::Cow;

use chinwag_core::Person;

use crate::source::Source;

/// Somebody, or the server itself, as the source of a line.
#[derive(Debug, Clone)]
pub(crate) struct Author<'a> {
    nick: &'a str,
    user: &'a str,
    host: Cow<'static, str>,
    /// The account whose secret they know.
    pub(crate) account: Option<&'a str>,
    /// They are a program, and say so.
    pub(crate) bot: bool,
}

impl<'a> Author<'a> {
    pub(crate) fn of(person: &'a Person) -> Self {
        Self {
            nick: person.as_str(),
            user: person.login(),
            host: person.host(),
            account: account(person),
            bot: is_bot(person),
        }
    }

    /// The same, or the server in the place of nobody.
    pub(crate) fn or_server(person: Option<&'a Person>, server: &'a str) -> Self {
        match person {
            Some(person) => Self::of(person),
            None => Self {
                nick: server,
                user: "",
                host: Cow::Borrowed(""),
                account: None,
                bot: false,
            },
        }
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            nick: self.nick,
            user: self.user,
            host: &self.host,
        }
    }
}

/// The account of somebody, if they have one.
pub(crate) fn account(person: &Person) -> Option<&str> {
    let account = person.profile()?.account.as_ref()?;
    Some(account.as_str())
}

/// Whether somebody says that they are a program.
pub(crate) fn is_bot(person: &Person) -> bool {
    person.profile().is_some_and(|profile| profile.bot)
}

/// What somebody says that their name is in full.
pub(crate) fn real_name(person: &Person) -> &str {
    person.profile().map_or("", |profile| &profile.real_name)
}
