//! A client of IRC, as those see it who ask and hear on `line`.
//!
//! It stands between both. What is asked for on `line` is asked for on IRC, with a `PING` behind it that shows where the
//! answer ends; what is heard on IRC is told as `line` would tell it. So all that holds for clients of `line` is checked
//! for those of IRC as well, in the same rooms.

mod answers;
mod asking;
mod message;

use std::{collections::VecDeque, mem};

use chinwag_core::Role;

use super::{
    book::{Id, fold},
    line,
    request::Request,
    witness::Wrong,
};
use message::Message;

pub(super) use asking::mask;

/// What the server is called. It is not its usual name, so that nobody is told that one.
pub(super) const SERVER: &str = "irc.chinwag.test";

/// How long the texts of those are who speak IRC, at most. A line has to hold their names as well.
pub(super) const MAX_PADDING: usize = 400;

/// What all ask for, because it makes a difference for what can be told.
const CAPS: &str = "message-tags echo-message away-notify invite-notify";

/// What they may ask for besides; each asks for some of it, so that there are several forms of the same line.
const MORE_CAPS: [&str; 8] = [
    "server-time",
    "multi-prefix",
    "userhost-in-names",
    "extended-join",
    "standard-replies",
    "account-tag",
    "setname",
    "account-notify",
];

/// One connection of IRC.
#[derive(Debug, Default)]
pub(super) struct Irc {
    /// Which of [`MORE_CAPS`] it asks for, as bits.
    more_caps: usize,
    /// It has said who it is.
    is_introduced: bool,
    /// Empty until it has one.
    nick: String,
    /// Others may act in its name.
    pub(super) is_shared: bool,
    /// What it has said and asked for, unless what follows it was answered.
    asked: VecDeque<Asked>,
    tokens: usize,
    /// It has sent half a line.
    is_unfinished: bool,
    /// What it has to send without being asked to.
    unsent: String,
    /// It was asked for a sign of life.
    was_probed: bool,
    /// A message that may go on in the next line.
    open: Option<Said>,
    /// A ban, unless the next line says that it puts somebody out.
    ban: Option<Ban>,
    /// Who has just come in, perhaps somebody who is away.
    newcomer: Option<String>,
    /// The room that it has just joined, until it is told who is there.
    joined: Option<String>,
    /// The list that is being told.
    members: Vec<(String, Role)>,
    names: Vec<String>,
    told: Vec<Told>,
}

/// What it has said or asked for.
#[derive(Debug)]
enum Asked {
    Message {
        id: Option<Id>,
        /// `None` for a room.
        to: Option<String>,
        /// How often it was heard, as a message or as its echo.
        copies: usize,
        /// It, or another one before the same request, was refused.
        may_be_refused: bool,
    },
    Request {
        request: Request,
        /// What the `PING` behind it says.
        token: usize,
        is_answered: bool,
    },
}

/// A message, as far as it was heard.
#[derive(Debug)]
struct Said {
    by: String,
    to: String,
    text: String,
    msgid: String,
    time: String,
    is_full: bool,
}

#[derive(Debug)]
struct Ban {
    room: String,
    by: String,
    name: String,
}

/// What it is told.
#[derive(Debug)]
pub(super) enum Told {
    /// A line, as `line` has it.
    Line(String),
    /// What the line before tells is no event.
    NoEvent,
    /// What the line before tells may be no event.
    MaybeNoEvent,
    /// Which message `text` is.
    Stamp {
        text: String,
        msgid: String,
        time: String,
    },
    /// Who is in a room, and as what.
    Members(String, Vec<(String, Role)>),
    /// The topic of a room, as it is told to who asks.
    Topic(String, String),
}

impl Irc {
    /// Of the number `who`, which decides what it asks for.
    pub(super) fn new(who: usize) -> Self {
        Self {
            more_caps: who.wrapping_mul(0x9e37) >> 3,
            ..Self::default()
        }
    }

    /// It hears a line, of which only the LF is missing.
    pub(super) fn hears(&mut self, line: &str) -> Result<Vec<Told>, Wrong> {
        self.read(line)
            .map_err(|wrong| format!("heard {line:?}: {wrong}"))?;
        Ok(mem::take(&mut self.told))
    }

    /// It hears nothing more.
    pub(super) fn ends(&mut self) -> Vec<Told> {
        self.ban_is_all();
        // A word comes behind all that was said, unless the connection was cut, perhaps between two pieces.
        self.open = None;
        mem::take(&mut self.told)
    }

    fn read(&mut self, line: &str) -> Result<(), Wrong> {
        let message = Message::parse(line).ok_or("which is nothing")?;
        if message.command == "PRIVMSG" && message.msgid.is_none() {
            return self.goes_on(&message);
        }
        self.message_is_all()?;
        if message.command != "KICK" {
            self.ban_is_all();
        }
        let newcomer = self.newcomer.take();
        let by = message.nick;
        let by = if by == SERVER { "*" } else { by };
        if let Some(numeric) = message.numeric() {
            return self.numeric(numeric, &message);
        }
        match message.command {
            "PRIVMSG" => {
                let has_time = message.time.is_some_and(|time| time.ends_with('Z'));
                if has_time != self.has_cap("server-time") {
                    return Err("its time".to_owned());
                }
                let of = |text: Option<&str>| text.unwrap_or_default().to_owned();
                self.open = Some(Said {
                    by: by.to_owned(),
                    to: message.param(0).to_owned(),
                    text: message.param(1).to_owned(),
                    msgid: of(message.msgid),
                    time: of(message.time),
                    is_full: message.is_full,
                });
                if !message.is_full {
                    self.message_is_all()?;
                }
            }
            "NOTICE" => return self.notice(message.param(1)),
            "FAIL" => self.failed(&message)?,
            "PONG" => {
                let token = message.param(1).parse().map_err(|_| "no token")?;
                self.pong(token)?;
            }
            "PING" => self.answer_ping(message.param(0)),
            "CAP" => return self.caps_are_settled(&message),
            "ERROR" => self.closing(message.param(0))?,
            "JOIN" => self.joined(by, &message),
            "PART" => {
                let room = message.param(0);
                match self.is_me(by) && self.is_due(|r| *r == Request::Leave(fold(room))) {
                    true => self.answer("ack")?,
                    false => self.line(format!("{room} {by} left")),
                }
            }
            "NICK" => self.renamed(by, message.param(0))?,
            "KICK" => self.kicked(by, &message),
            "MODE" => self.mode(by, &message)?,
            "TOPIC" => {
                let (room, text) = (message.param(0), message.param(1));
                self.line(format!("{room} {by} topic {text}"));
            }
            "INVITE" => {
                let (name, room) = (message.param(0), message.param(1));
                self.line(format!("{room} {by} invited {name}"));
            }
            "AWAY" => {
                let has_come = newcomer.as_deref() == Some(by) && !message.params().is_empty();
                // Nobody is told that they are away themselves, except behind that they come in.
                if self.is_me(by) {
                    return match has_come {
                        true => Ok(()),
                        false => Err("which is about itself".to_owned()),
                    };
                }
                match message.params() {
                    [] => self.line(format!("{by} is back")),
                    [text, ..] => self.line(format!("{by} is away {text}")),
                }
                // Who comes in and is away says so behind it.
                if has_come {
                    self.told.push(Told::MaybeNoEvent);
                }
            }
            "QUIT" => {
                let reason = answers::quit_reason(message.param(0));
                self.line(format!("{by} quit {reason}"));
            }
            _ => return Err("which nobody has asked for".to_owned()),
        }
        Ok(())
    }

    fn line(&mut self, line: String) {
        self.told.push(Told::Line(line));
    }

    fn is_me(&self, nick: &str) -> bool {
        !nick.is_empty() && self.nick.eq_ignore_ascii_case(nick)
    }

    fn has_cap(&self, cap: &str) -> bool {
        let index = MORE_CAPS.iter().position(|more| *more == cap);
        index.is_some_and(|index| self.more_caps >> index & 1 != 0)
    }

    /// The next piece of a message, which is told from another message by having no id.
    fn goes_on(&mut self, message: &Message<'_>) -> Result<(), Wrong> {
        let open = self.open.as_mut().filter(|open| {
            let is_same = open.by == message.nick || open.by == "*" && message.nick == SERVER;
            open.is_full && is_same && open.to == message.param(0)
        });
        let Some(open) = open else {
            return Err("which goes on with nothing".to_owned());
        };
        open.text.push_str(message.param(1));
        open.is_full = message.is_full;
        if !message.is_full {
            self.message_is_all()?;
        }
        Ok(())
    }

    fn message_is_all(&mut self) -> Result<(), Wrong> {
        let Some(said) = self.open.take() else {
            return Ok(());
        };
        let Said { by, to, text, .. } = said;
        self.told.push(Told::Stamp {
            text: text.clone(),
            msgid: said.msgid,
            time: said.time,
        });
        if to.starts_with('#') {
            self.line(format!("{to} {by} says {text}"));
            return Ok(());
        }
        let to_me = self.is_me(&to);
        if self.is_me(&by) {
            let id = line::id(&text);
            if let Some(copies) = self.is_own(id, &to)? {
                // What one says to oneself comes as a message, and then as its echo.
                let echo = if to_me { 2 } else { 1 };
                if copies == echo {
                    return Ok(());
                }
            }
        } else if !self.is_me(&to) {
            return Err(format!("which is for {to}"));
        }
        match self.is_me(&to) {
            true => self.line(format!("{by} says {text}")),
            false => self.line(format!("* to {to} says {text}")),
        }
        Ok(())
    }

    /// How often a message of its own has been heard, if it is one that it has just said to somebody.
    fn is_own(&mut self, heard: Option<Id>, target: &str) -> Result<Option<usize>, Wrong> {
        for asked in &mut self.asked {
            let Asked::Message { id, to, copies, .. } = asked else {
                break;
            };
            if *id == heard
                && let Some(to) = to
            {
                if *to != fold(target) {
                    return Err(format!("which was said to {to}"));
                }
                *copies += 1;
                return Ok(Some(*copies));
            }
        }
        Ok(None)
    }

    fn joined(&mut self, by: &str, message: &Message<'_>) {
        let room = message.param(0);
        self.newcomer = Some(by.to_owned());
        if !self.is_me(by) {
            return self.line(format!("{room} {by} joined"));
        }
        if self.is_due(|request| *request == Request::Join(fold(room))) {
            // It is due.
            let _ = self.answer("ack");
            self.joined = Some(fold(room));
            return;
        }
        self.line(format!("{room} {by} joined"));
        // A device that comes to others is shown the rooms that they are in.
        if self.is_next(|request| matches!(request, Request::Register(_))) {
            self.told.push(Told::MaybeNoEvent);
        }
    }

    fn renamed(&mut self, old: &str, new: &str) -> Result<(), Wrong> {
        if !self.is_me(old) {
            self.line(format!("{old} is now {new}"));
            return Ok(());
        }
        self.nick = new.to_owned();
        match self.is_due(|request| matches!(request, Request::Register(name) if name == new)) {
            true => self.answer("ack"),
            false => {
                self.line(format!("{old} is now {new}"));
                Ok(())
            }
        }
    }

    fn kicked(&mut self, by: &str, message: &Message<'_>) {
        let (room, name) = (message.param(0), message.param(1));
        let is_of = |ban: &Ban| (&*ban.room, &*ban.by, &*ban.name) == (room, by, name);
        let what = match self.ban.take_if(|ban| is_of(ban)) {
            Some(_) => "banned",
            None => "kicked",
        };
        self.ban_is_all();
        // Where there is no reason, there is a nick, or that of the server.
        let reason = message.param(2);
        match reason == message.nick {
            true => self.line(format!("{room} {by} {what} {name}")),
            false => self.line(format!("{room} {by} {what} {name} {reason}")),
        }
    }

    fn ban_is_all(&mut self) {
        if let Some(Ban { room, by, name }) = self.ban.take() {
            self.line(format!("{room} {by} bans {name}"));
        }
    }

    fn mode(&mut self, by: &str, message: &Message<'_>) -> Result<(), Wrong> {
        let [room, changes, params @ ..] = message.params() else {
            return Err("which changes nothing".to_owned());
        };
        match (*changes, params) {
            ("+i", []) => self.line(format!("{room} {by} invite-only on")),
            ("-i", []) => self.line(format!("{room} {by} invite-only off")),
            ("+b", [mask]) => match mask.strip_suffix("!*@*") {
                Some(name) => {
                    let [room, by, name] = [room, by, name].map(str::to_owned);
                    self.ban = Some(Ban { room, by, name });
                }
                None => self.line(format!("{room} {by} bans {mask}")),
            },
            ("-b", [mask]) => self.line(format!("{room} {by} unbans {mask}")),
            (changes, [name, more @ ..]) if more.iter().all(|other| other == name) => {
                let role = answers::role(changes, params.len()).ok_or("which is no role")?;
                self.line(format!("{room} {by} role {name} {role}"));
            }
            _ => return Err("which changes something else".to_owned()),
        }
        Ok(())
    }

    /// Whether the request that is next in order waits for its answer, and is such a one.
    fn is_due(&self, is: impl FnOnce(&Request) -> bool) -> bool {
        let next = self.next();
        next.is_some_and(|(request, is_answered)| !is_answered && is(request))
    }

    /// Whether the request that is next in order, answered or not, is such a one.
    fn is_next(&self, is: impl FnOnce(&Request) -> bool) -> bool {
        self.next().is_some_and(|(request, _)| is(request))
    }

    /// The request that is next in order, and whether it has been answered.
    fn next(&self) -> Option<(&Request, bool)> {
        self.asked.iter().find_map(|asked| match asked {
            Asked::Message { .. } => None,
            Asked::Request {
                request,
                is_answered,
                ..
            } => Some((request, *is_answered)),
        })
    }

    /// The request that is next in order is answered.
    fn answer(&mut self, line: impl Into<String>) -> Result<(), Wrong> {
        let next = self.asked.iter_mut().find_map(|asked| match asked {
            Asked::Message { .. } => None,
            Asked::Request { is_answered, .. } => Some(is_answered),
        });
        match next {
            Some(is_answered @ false) => *is_answered = true,
            Some(_) => return Err("in answer to what was answered".to_owned()),
            None => return Err("in answer to nothing".to_owned()),
        }
        self.line(line.into());
        Ok(())
    }
}
