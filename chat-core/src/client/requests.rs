//! What a client may ask.

use futures::io::{AsyncRead, AsyncWrite};
use memchr::memchr3;

use super::{
    Client, ClientError, UserInfo,
    replies::{Reply, Request},
};
use crate::model::Role;

#[cfg(doc)]
use super::Received;

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Client<Io> {
    /// Takes `name`, or exchanges the name that one has for it.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server does not grant it: `name-taken`, `bad-name`, `banned` (from
    /// a room that one is in), `denied`, `unavailable` or `full`. Otherwise as [`ping`](Self::ping), and
    /// [`ClientError::BadName`].
    pub async fn register(&self, name: &str) -> Result<(), ClientError> {
        check_name(name)?;
        self.change(Request::Register, format!("register,{name}\n"))
            .await
    }

    /// As [`register`](Self::register), with a `secret` that proves that the name is one's own. The
    /// protocol does not hide it from those who can read the connection.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register), and [`ClientError::BadText`].
    pub async fn register_with(&self, name: &str, secret: &str) -> Result<(), ClientError> {
        check_name(name)?;
        check_text(secret)?;
        self.change(Request::Register, format!("register,{name},{secret}\n"))
            .await
    }

    /// The names of everyone who has one, in the order in which they were registered.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub async fn list(&self) -> Result<Vec<String>, ClientError> {
        let reply = self.ask(Request::Users, "list,friends\n".into()).await?;
        Ok(reply.into_names())
    }

    /// The names of all rooms, in the order in which they were made.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub async fn rooms(&self) -> Result<Vec<String>, ClientError> {
        let reply = self.ask(Request::Rooms, "list,rooms\n".into()).await?;
        Ok(reply.into_names())
    }

    /// The names of the members of `room`, in the order in which they joined.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`]: `no-such-room`, or `not-a-member` if only members may know. Otherwise as
    /// [`ping`](Self::ping), and [`ClientError::BadRoom`].
    pub async fn members(&self, room: &str) -> Result<Vec<String>, ClientError> {
        check_room(room)?;
        let reply = self.ask(Request::Members, format!("list,{room}\n")).await?;
        Ok(reply.into_names())
    }

    /// Sends `text` to the user called `to`.
    ///
    /// It completes when the line is written and flushed; the server does not reply to it. If the server
    /// refuses it, for instance because nobody has that name, that arrives as [`Received::Refused`].
    /// While the server takes nothing in, this waits; a server may do so until it is read from, that is
    /// until somebody takes from a full inbox.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::BadName`], [`ClientError::BadText`] or [`ClientError::LineTooLong`], and nothing
    /// was sent; or why the connection has ended.
    pub async fn send(&self, to: &str, text: &str) -> Result<(), ClientError> {
        check_name(to)?;
        check_text(text)?;
        self.post(format!("chat,{to},{text}\n")).await
    }

    /// Says `text` in `room`, of which one must be a member.
    ///
    /// All members receive it, oneself included. Otherwise it is as [`send`](Self::send).
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), with [`ClientError::BadRoom`] for the name.
    pub async fn say(&self, room: &str, text: &str) -> Result<(), ClientError> {
        check_room(room)?;
        check_text(text)?;
        self.post(format!("say,{room},{text}\n")).await
    }

    /// Becomes a member of `room`. If there is none of that name, one is made, and is one's own.
    ///
    /// Nothing that is said there arrives before this completes, but it may be waiting in the [`Inbox`]
    /// then. To be a member already is no error.
    ///
    /// [`Inbox`]: super::Inbox
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`]: `bad-name`, `banned`, `invite-only`, `denied`, `unavailable` or `full`;
    /// `not-registered` without a name, here and with everything else about rooms. Otherwise as
    /// [`ping`](Self::ping), and [`ClientError::BadRoom`].
    pub async fn join(&self, room: &str) -> Result<(), ClientError> {
        check_room(room)?;
        self.change(Request::Change, format!("join,{room}\n")).await
    }

    /// Is a member of `room` no longer.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`]: `no-such-room` or `not-a-member`. Otherwise as [`join`](Self::join).
    pub async fn leave(&self, room: &str) -> Result<(), ClientError> {
        check_room(room)?;
        self.change(Request::Change, format!("leave,{room}\n"))
            .await
    }

    /// The topic of `room`; empty if it has none.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`leave`](Self::leave).
    pub async fn topic(&self, room: &str) -> Result<String, ClientError> {
        check_room(room)?;
        let line = format!("topic,{room}\n");
        match self.ask(Request::Topic, line).await? {
            Reply::Topic(text) => Ok(text),
            _ => Ok(String::new()),
        }
    }

    /// Gives `room` a topic, or takes it away if `text` is empty. All members are told, oneself included,
    /// before this completes.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] also as `needs-role`; [`ClientError::BadText`]. Otherwise as
    /// [`leave`](Self::leave).
    pub async fn set_topic(&self, room: &str, text: &str) -> Result<(), ClientError> {
        check_room(room)?;
        check_text(text)?;
        self.change(Request::Change, format!("topic,{room},{text}\n"))
            .await
    }

    /// Puts the member `name` out of `room`.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] also as `needs-role` or `no-such-user`; [`ClientError::BadName`];
    /// [`ClientError::BadText`]. Otherwise as [`leave`](Self::leave).
    pub async fn kick(
        &self,
        room: &str,
        name: &str,
        reason: Option<&str>,
    ) -> Result<(), ClientError> {
        check_room(room)?;
        check_name(name)?;
        check_text(reason.unwrap_or_default())?;
        let line = match reason {
            Some(reason) => format!("kick,{room},{name},{reason}\n"),
            None => format!("kick,{room},{name}\n"),
        };
        self.change(Request::Change, line).await
    }

    /// Puts `name` out of `room` for good, whether it is in it or not.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`kick`](Self::kick), and `full`.
    pub async fn ban(&self, room: &str, name: &str) -> Result<(), ClientError> {
        self.change_member("ban", room, name).await
    }

    /// Takes a ban back.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`kick`](Self::kick).
    pub async fn unban(&self, room: &str, name: &str) -> Result<(), ClientError> {
        self.change_member("unban", room, name).await
    }

    /// Makes the member `name` of `room` a `role`.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`kick`](Self::kick).
    pub async fn role(&self, room: &str, name: &str, role: Role) -> Result<(), ClientError> {
        check_room(room)?;
        check_name(name)?;
        self.change(Request::Change, format!("role,{room},{name},{role}\n"))
            .await
    }

    /// Tells `name` that they may join `room`.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`kick`](Self::kick), and `full`.
    pub async fn invite(&self, room: &str, name: &str) -> Result<(), ClientError> {
        self.change_member("invite", room, name).await
    }

    /// Says whether only who was invited may join `room`.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`set_topic`](Self::set_topic).
    pub async fn invite_only(&self, room: &str, on: bool) -> Result<(), ClientError> {
        check_room(room)?;
        let on = match on {
            true => "on",
            false => "off",
        };
        self.change(Request::Change, format!("invite-only,{room},{on}\n"))
            .await
    }

    /// What there is to know about the user called `name`.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`]: `no-such-user`. Otherwise as [`ping`](Self::ping), and
    /// [`ClientError::BadName`].
    pub async fn whois(&self, name: &str) -> Result<UserInfo, ClientError> {
        check_name(name)?;
        match self.ask(Request::Whois, format!("whois,{name}\n")).await? {
            Reply::User(user) => Ok(*user),
            _ => Ok(UserInfo::default()),
        }
    }

    /// Says that one is away, and why.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`]: `not-registered`. Otherwise as [`ping`](Self::ping), and
    /// [`ClientError::BadText`].
    pub async fn away(&self, text: &str) -> Result<(), ClientError> {
        check_text(text)?;
        self.change(Request::Change, format!("away,{text}\n")).await
    }

    /// Says that one is back.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`away`](Self::away).
    pub async fn back(&self) -> Result<(), ClientError> {
        self.change(Request::Change, "away\n".into()).await
    }

    /// Waits until the server has done everything that was sent before.
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server does not know the request, or is asked too much
    /// (`rate-limited`), [`ClientError::InboxFull`], or why the connection has ended.
    pub async fn ping(&self) -> Result<(), ClientError> {
        self.change(Request::Ping, "ping\n".into()).await
    }

    /// Says good-bye, and waits until the server has said it or has closed the connection.
    ///
    /// Messages that were on their way are still to be had from an [`Inbox`](super::Inbox).
    ///
    /// # Cancellation
    ///
    /// Never started, or done: see [`Client`](Client#cancellation).
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping), except that a server which has closed the connection is no error.
    pub async fn quit(&self) -> Result<(), ClientError> {
        match self.change(Request::Quit, "quit\n".into()).await {
            Err(ClientError::Closed) => Ok(()),
            result => result,
        }
    }

    async fn change_member(&self, verb: &str, room: &str, name: &str) -> Result<(), ClientError> {
        check_room(room)?;
        check_name(name)?;
        self.change(Request::Change, format!("{verb},{room},{name}\n"))
            .await
    }

    /// Asks for something whose reply says nothing but that it is done.
    async fn change(&self, request: Request, line: String) -> Result<(), ClientError> {
        self.ask(request, line).await.map(|_| ())
    }
}

/// Refuses what would be read as something else than one name.
fn check_name(name: &str) -> Result<(), ClientError> {
    match name.is_empty() || name.contains([',', ' ', '\n', '\r', '\0']) {
        true => Err(ClientError::BadName),
        false => Ok(()),
    }
}

/// Refuses what would be read as something else than the name of one room.
fn check_room(room: &str) -> Result<(), ClientError> {
    match room.strip_prefix('#').map(check_name) {
        Some(Ok(())) => Ok(()),
        _ => Err(ClientError::BadRoom),
    }
}

/// Refuses what would end the line.
fn check_text(text: &str) -> Result<(), ClientError> {
    match memchr3(b'\n', b'\r', b'\0', text.as_bytes()) {
        Some(_) => Err(ClientError::BadText),
        None => Ok(()),
    }
}
