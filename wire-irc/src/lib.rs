//! The IRC wire of the chat server chinwag: what today's IRC clients speak.
//!
//! A client of IRC sends lines and gets lines. A line is a *message*: perhaps tags, perhaps a source, then a
//! command and its params. [`Irc`] is a [`Wire`](chinwag_core::wire::Wire), by which a hub speaks them: a nick is a name,
//! a channel a room, and an operator of a channel an owner or a moderator. People on other wires are users like all
//! others, and what they write that is longer than a line of IRC comes in several.
//!
//! ```
//! use chinwag_wire_irc::Irc;
//!
//! let irc = Irc::builder()
//!     .server_name("irc.example.org")
//!     .network_name("Example")
//!     .build()?;
//! // Server::new(hub).listen(TcpListener::bind("127.0.0.1:6667").await?, irc)
//! # Ok::<(), chinwag_wire_irc::IrcError>(())
//! ```
//!
//! It follows [Modern IRC](https://modern.ircdocs.horse) and the specifications of [IRCv3](https://ircv3.net/irc/) for
//! which there are capabilities; where an old client could be in doubt, RFC 1459 and RFC 2812. It has no socket, no
//! runtime and no clock.
//!
//! # How it is built
//!
//! The lexical half knows what a message looks like and not what it means: it reads messages in place, and writes them
//! so that no text can pass for another message. The other half knows what is meant. What a client asks for in one
//! message may be several requests to the hub, one after the other, each a part of the message; what is answered to
//! each is written as the state of the connection has it.

#![forbid(unsafe_code)]

mod author;
mod caps;
mod client;
mod commands;
mod config;
mod events;
mod form;
mod irc;
mod isupport;
mod label;
mod last_words;
mod limits;
mod list;
mod message;
mod modes;
mod numeric;
mod queries;
mod replies;
mod sasl;
mod source;
mod tags;
mod time;
mod turn;
#[cfg(test)]
mod vectors;
mod write;

pub use config::{IrcBuilder, IrcError, MAX_MOTD_LINES, MAX_NETWORK_NAME, MAX_SERVER_NAME};
pub use irc::{Irc, MAX_FRAME};
pub use limits::{MAX_CONDITIONS, MAX_KEY, MAX_LOGIN, MAX_MONITORED, MAX_REAL_NAME, MAX_TARGETS};
