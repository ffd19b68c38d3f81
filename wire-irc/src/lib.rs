//! The IRC wire of the chat server chinwag.
//!
//! A client of IRC sends lines and gets lines. A line is a *message*: perhaps tags, perhaps a source, then a
//! command and its params. So far this crate has the lexical half of that, which knows what a message looks like
//! and not what it means: it reads messages in place, writes them so that no text can pass for another message,
//! and matches masks such as `*!*@*.example.org`.
//!
//! It follows [Modern IRC](https://modern.ircdocs.horse) and, for tags, the
//! [message-tags](https://ircv3.net/specs/extensions/message-tags) specification of IRCv3.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the half that gives messages their meaning is not here yet"
    )
)]

mod list;
mod mask;
mod message;
mod source;
mod tags;
#[cfg(test)]
mod vectors;
mod write;
