//! What the program that a chat is part of may have a say in.

use std::{borrow::Cow, fmt};

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    config::SlowReader,
    model::{ErrorCode, QuitReason, RoomName, UserName, Verb},
    net::Addr,
};

/// Says who may have which name.
///
/// It is asked for each `register`, before the name is taken; without one, a name is for whoever comes
/// first. It may take its time: only the connection that asks waits, and is served with what others tell it
/// meanwhile. Past [`Timeouts::hook`](crate::Timeouts::hook), or if it panics, the request is refused with
/// the error `unavailable`. When the peer leaves, the future is dropped.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Authenticator, Claim, Denied, Hub, async_trait};
///
/// struct OnePassword;
///
/// #[async_trait]
/// impl Authenticator for OnePassword {
///     async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
///         match claim.secret {
///             Some("xyzzy") => Ok(()),
///             _ => Err(Denied::new("wrong secret")),
///         }
///     }
/// }
///
/// let hub = Hub::builder().authenticator(OnePassword).build();
/// ```
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whether the claim is granted.
    ///
    /// # Errors
    ///
    /// The reason why not, which the peer is told.
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied>;

    /// Whether somebody may say that the account called [`Claim::name`] is theirs. They take no name by it, and what
    /// they are called may be something else; but once it is granted, [`Claim::account`] has it when they claim names.
    ///
    /// On wires that know of accounts, others see whose account somebody has, so an account that is unknown must be
    /// refused, and not only a wrong secret. Unless implemented, there are no accounts.
    ///
    /// # Errors
    ///
    /// The reason why not, which the peer is told.
    async fn log_in(&self, claim: Claim<'_>) -> Result<(), Denied> {
        let _ = claim;
        Err(Denied::new("there are no accounts here"))
    }

    /// Whether somebody may be an operator, who can put others out of the chat and tell everybody something; as
    /// [`Claim::name`], which is none of the chat's names. Unless implemented, nobody may.
    ///
    /// # Errors
    ///
    /// The reason why not, which the peer is told.
    async fn elevate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        let _ = claim;
        Err(Denied::new("there are no operators here"))
    }
}

/// A name that somebody wants.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Claim<'a> {
    /// The wanted name. Compare it as a [`UserName`], not as text: case does not count.
    pub name: &'a UserName,
    /// What shall prove that it is theirs.
    pub secret: Option<&'a str>,
    /// The name that they have already.
    pub current: Option<&'a UserName>,
    /// The account that they have proved to be theirs.
    pub account: Option<&'a UserName>,
    /// Where they are.
    pub peer: &'a Addr,
}

impl fmt::Debug for Claim<'_> {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("name", self.name)
            .field("current", &self.current)
            .field("account", &self.account)
            .field("peer", self.peer)
            .finish_non_exhaustive()
    }
}

/// Says what connections may do, and hears what they did.
///
/// Every method has a default, which allows everything. One that decides is asked before the thing is done,
/// with the checks of the chat itself still to come: what it allows may yet be refused. Requests of one
/// connection wait for each other, as they do without hooks; other connections do not wait. Like an
/// [`Authenticator`], it has a limit in time, and a panic of it is a refusal.
///
/// In-process users are not asked about: they are the program's own.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Denied, Hub, Policy, RoomName, UserName, Verdict, async_trait};
///
/// struct NoShouting;
///
/// #[async_trait]
/// impl Policy for NoShouting {
///     async fn publish(
///         &self,
///         _from: &UserName,
///         _room: &RoomName,
///         text: &str,
///     ) -> Result<Verdict, Denied> {
///         match text.chars().any(char::is_lowercase) {
///             true => Ok(Verdict::Allow),
///             false => Ok(Verdict::Rewrite(text.to_lowercase())),
///         }
///     }
/// }
///
/// let hub = Hub::builder().policy(NoShouting).build();
/// ```
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Whether `moment` is of interest. The method for it is called only if so, and the rest costs nothing.
    ///
    /// It is asked again and again, and must answer at once. Unless implemented, everything is.
    fn wants(&self, moment: Moment) -> bool {
        let _ = moment;
        true
    }

    /// A connection has been accepted.
    ///
    /// # Errors
    ///
    /// Why it is closed again, which the peer is told.
    async fn connect(&self, peer: &Addr) -> Result<Admission, Denied> {
        let _ = peer;
        Ok(Admission::default())
    }

    /// Somebody wants a name, and the [`Authenticator`], if there is one, has granted it.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    async fn register(&self, peer: &Addr, name: &UserName) -> Result<(), Denied> {
        let _ = (peer, name);
        Ok(())
    }

    /// Somebody wants to join a room.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    async fn join(&self, name: &UserName, room: &RoomName) -> Result<(), Denied> {
        let _ = (name, room);
        Ok(())
    }

    /// Somebody says something in a room.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    async fn publish(
        &self,
        from: &UserName,
        room: &RoomName,
        text: &str,
    ) -> Result<Verdict, Denied> {
        let _ = (from, room, text);
        Ok(Verdict::Allow)
    }

    /// Somebody sends a direct message.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    async fn direct(&self, from: &UserName, to: &UserName, text: &str) -> Result<Verdict, Denied> {
        let _ = (from, to, text);
        Ok(Verdict::Allow)
    }

    /// Somebody writes something that others read beside their name: a topic ([`Verb::Topic`]), why they are away
    /// ([`Verb::Away`]), why they put somebody out of a room ([`Verb::Kick`]) or leave it ([`Verb::Leave`]), or who they
    /// are in full ([`Verb::Describe`]); or something that clients show in another way, such as that somebody is typing
    /// or likes a message ([`Verb::Signal`]). Names are for [`register`](Self::register).
    ///
    /// What a message carries beside its text ([`Style::extra`](crate::Style::extra)) is asked about as a signal too,
    /// and left out unless it is allowed as it is. Why somebody quits is not told to others where there is a policy.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    async fn text(&self, by: &UserName, what: Verb, text: &str) -> Result<Verdict, Denied> {
        let _ = (by, what, text);
        Ok(Verdict::Allow)
    }

    /// Somebody has left a room on their own. The connection waits for it before its next request.
    async fn left(&self, name: &UserName, room: &RoomName) {
        let _ = (name, room);
    }

    /// A connection that was allowed to [`connect`](Self::connect) is over, and its name free.
    ///
    /// It is called once, whatever ended the connection, unless the server itself is dropped or out of time.
    async fn disconnected(&self, peer: &Addr, name: Option<&UserName>, reason: QuitReason) {
        let _ = (peer, name, reason);
    }
}

/// What a [`Policy`] may be asked or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// [`Policy::connect`].
    Connect,
    /// [`Policy::register`].
    Register,
    /// [`Policy::join`].
    Join,
    /// [`Policy::publish`].
    Publish,
    /// [`Policy::direct`].
    Direct,
    /// [`Policy::text`].
    Text,
    /// [`Policy::left`].
    Left,
    /// [`Policy::disconnected`].
    Disconnected,
}

/// How a connection is to be treated that a [`Policy`] lets in; the default is as the hub treats all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// What becomes of it when it does not read; `None` for what the hub has set.
    pub slow_reader: Option<SlowReader>,
    /// Whether the hub's [`Rates`](crate::Rates) do not hold for it.
    pub unthrottled: bool,
}

impl Admission {
    /// Sets what becomes of it when it does not read.
    #[must_use]
    pub fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.slow_reader = Some(policy);
        self
    }

    /// Frees it from the hub's [`Rates`](crate::Rates).
    #[must_use]
    pub fn unthrottled(mut self) -> Self {
        self.unthrottled = true;
        self
    }
}

/// What a [`Policy`] says to a message that it lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes out as it is.
    Allow,
    /// It goes out with this text instead. A line end or NUL in it becomes a space.
    Rewrite(String),
}

/// A refusal, with the reason that the peer is told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Denied {
    reason: Cow<'static, str>,
    code: ErrorCode,
}

impl Denied {
    /// A refusal for `reason`. Line ends and NUL in it become spaces.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::with(ErrorCode::Denied, reason.into())
    }

    /// A refusal because it could not be found out whether it is allowed, such as a database that does not
    /// answer. The peer is told the error `unavailable`, and so that it may try again.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::with(ErrorCode::Unavailable, reason.into())
    }

    fn with(code: ErrorCode, reason: Cow<'static, str>) -> Self {
        let reason = match one_line(&reason) {
            Cow::Borrowed("") => Cow::Borrowed("it is not allowed"),
            Cow::Borrowed(_) => reason,
            Cow::Owned(line) => Cow::Owned(line),
        };
        Self { reason, code }
    }

    /// [`ErrorCode::Denied`] or [`ErrorCode::Unavailable`].
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// `text` with a space for each character that would end a line.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    const ENDS: [char; 3] = ['\r', '\n', '\0'];
    match text.contains(ENDS) {
        true => Cow::Owned(text.replace(ENDS, " ")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_not_empty() {
        assert_eq!(Denied::new("no\r\nbye\0").reason(), "no  bye ");
        assert_eq!(Denied::new("plain").to_string(), "plain");
        assert_eq!(Denied::new("").reason(), "it is not allowed");
    }
}
