//! What IRC answers, as `line` does.

use chinwag_core::Role;

use super::{Asked, Irc, Message, SERVER, Told, fold};
use crate::simulation::{request::Request, witness::Wrong};

impl Irc {
    pub(super) fn numeric(&mut self, numeric: u16, message: &Message<'_>) -> Result<(), Wrong> {
        if message.nick != SERVER {
            return Err("which is not from the server".to_owned());
        }
        let (one, two) = (message.param(1), message.param(2));
        let last = message.params().last().copied().unwrap_or_default();
        match numeric {
            1 => {
                self.nick = message.param(0).to_owned();
                let nick = &self.nick;
                // Devices of one user spell it like the first of them.
                let is_asked = |name: &str| match self.is_shared {
                    true => name.eq_ignore_ascii_case(nick),
                    false => name == nick,
                };
                match self.is_due(|r| matches!(r, Request::Register(name) if is_asked(name))) {
                    true => self.answer("ack"),
                    false => Err("which is not the nick that was asked for".to_owned()),
                }
            }
            322 => {
                self.names.push(one.to_owned());
                Ok(())
            }
            352 => {
                self.names.push(message.param(5).to_owned());
                Ok(())
            }
            315 | 323 => {
                let names = std::mem::take(&mut self.names).join(",");
                match self.is_due(|request| *request == Request::List) {
                    true => self.answer(names),
                    false => Err("which is no list that is due".to_owned()),
                }
            }
            353 => {
                for word in last.split(' ') {
                    let member = member(word).ok_or_else(|| format!("{word:?} is no member"))?;
                    self.members.push(member);
                }
                Ok(())
            }
            366 => self.members_are_all(one),
            331 | 332 => {
                let text = if numeric == 332 { last } else { "" };
                let reply = format!("topic,{one},{text}");
                if self.is_due(|request| *request == Request::Topic(fold(one))) {
                    return self.answer(reply);
                }
                self.told.push(Told::Topic(fold(one), reply));
                self.is_of_a_join()
            }
            318 => match self.is_due(|request| *request == Request::Whois) {
                true => self.answer(format!("whois,{one}")),
                // It was told that there is nobody.
                false if self.is_next(|request| *request == Request::Whois) => Ok(()),
                false => Err("which was not asked for".to_owned()),
            },
            // On `line`, who is there already may be invited all the same.
            443 => self.answer("ack"),
            // Too fast, or nobody knows.
            263 => self.is_refused_with(one, code_of(last), last),
            // About the server, and what is said beside what matters.
            2..=5 | 251..=255 | 265 | 266 | 422 => Ok(()),
            301 | 305 | 306 | 311 | 312 | 317 | 319 | 321 | 333 | 341 => Ok(()),
            _ => {
                let code = code(numeric, last).ok_or("which has no counterpart")?;
                // Who has no nick yet is called so.
                let nick = message.param(0);
                match nick == "*" || self.is_me(nick) {
                    true => self.is_refused(code, &format!("numeric {numeric} {two}")),
                    false => Err("which is for somebody else".to_owned()),
                }
            }
        }
    }

    fn members_are_all(&mut self, room: &str) -> Result<(), Wrong> {
        let members = std::mem::take(&mut self.members);
        if self.is_due(|request| *request == Request::Members(fold(room))) {
            let names: Vec<_> = members.iter().map(|(name, _)| &**name).collect();
            self.answer(names.join(","))?;
        } else {
            self.is_of_a_join()?;
            self.joined.take_if(|joined| *joined == fold(room));
        }
        // Who may not see who is there is told nobody.
        if !members.is_empty() {
            self.told.push(Told::Members(fold(room), members));
        }
        Ok(())
    }

    /// Whether a list, or a topic, may be told that nobody has asked for.
    fn is_of_a_join(&self) -> Result<(), Wrong> {
        // Who comes to other devices of the same user sees their rooms.
        let may_be = |request: &Request| matches!(request, Request::Join(_) | Request::Register(_));
        // And who joins where another device has, what the other was shown.
        let is_late = self.is_shared && self.is_due(|r| matches!(r, Request::Join(_)));
        match is_late || (self.is_next(may_be) && !self.is_due(|_| true)) {
            true => Ok(()),
            false => Err("which nobody has asked for".to_owned()),
        }
    }

    /// The answers to all that was asked before the `PING` with that `token` are told.
    pub(super) fn pong(&mut self, token: usize) -> Result<(), Wrong> {
        if let Some(room) = self.joined.take() {
            return Err(format!("before it was told who is in {room}"));
        }
        while let Some(asked) = self.asked.pop_front() {
            match asked {
                Asked::Message {
                    to: Some(to),
                    copies,
                    may_be_refused,
                    id,
                } => {
                    if copies == 0 && !may_be_refused {
                        return Err(format!("without an echo of {id:?}"));
                    }
                    if copies == 1 && self.is_me(&to) {
                        // It was the echo, and the message is missing.
                        self.told.push(Told::NoEvent);
                    }
                }
                Asked::Message { .. } => {}
                Asked::Request {
                    request,
                    token: due,
                    is_answered,
                } if due == token => {
                    return match is_answered {
                        true => Ok(()),
                        false => self.is_done(&request),
                    };
                }
                Asked::Request { token, .. } => return Err(format!("before that of {token}")),
            }
        }
        Err("which was not asked for".to_owned())
    }

    /// What nobody has said anything about.
    fn is_done(&mut self, request: &Request) -> Result<(), Wrong> {
        let answer = match request {
            Request::Ping => "pong",
            // To join again changes nothing.
            Request::Join(_) | Request::Away | Request::Change(_) => "ack",
            // Another device may have taken it, and this one have missed that.
            Request::Register(name) if self.nick == *name || self.is_shared => {
                self.nick.clone_from(name);
                "ack"
            }
            _ => return Err(format!("without an answer to {request:?}")),
        };
        self.line(answer.to_owned());
        Ok(())
    }

    /// A request, or a message, is refused.
    fn is_refused(&mut self, code: &str, why: &str) -> Result<(), Wrong> {
        let error = format!("error,{code},{why}");
        let mut is_message = false;
        for asked in &mut self.asked {
            match asked {
                Asked::Message { may_be_refused, .. } => {
                    *may_be_refused = true;
                    is_message = true;
                }
                Asked::Request { .. } => break,
            }
        }
        if is_message {
            self.line(error);
            return Ok(());
        }
        // Of several changes, each may be refused; and another device may have done what is asked for.
        let is_several = self.is_next(|request| matches!(request, Request::Change(_)));
        if (is_several || self.is_shared) && !self.is_due(|_| true) && self.next().is_some() {
            self.joined = None;
            return Ok(());
        }
        self.answer(error)
    }

    /// What has no numeric.
    pub(super) fn failed(&mut self, message: &Message<'_>) -> Result<(), Wrong> {
        let (command, code) = (message.param(0), message.param(1));
        let why = message.params().last().copied().unwrap_or_default();
        if !self.has_cap("standard-replies") {
            return Err("which it does not know".to_owned());
        }
        let code = match code {
            "RATE_LIMITED" => "rate-limited",
            "DENIED" => "denied",
            "TEMPORARILY_UNAVAILABLE" => "unavailable",
            _ => return Err(format!("{code} has no counterpart")),
        };
        self.is_refused_with(command, code, why)
    }

    fn is_refused_with(&mut self, command: &str, code: &str, why: &str) -> Result<(), Wrong> {
        let next = self.asked.iter().find_map(|asked| match asked {
            Asked::Message { .. } => None,
            Asked::Request { request, token, .. } => Some((request, *token)),
        });
        match (command, next) {
            // Whatever was asked before it has been dealt with.
            ("PING", Some((request, token))) => {
                if *request == Request::Ping {
                    let error = format!("error,{code},ping: {why}");
                    for asked in &mut self.asked {
                        if let Asked::Request { is_answered, .. } = asked {
                            *is_answered = true;
                            break;
                        }
                    }
                    self.line(error);
                }
                self.pong(token)
            }
            ("PRIVMSG", _) => self.is_refused(code, &format!("say: {why}")),
            _ => self.is_refused(code, &format!("{}: {why}", command.to_lowercase())),
        }
    }

    pub(super) fn notice(&mut self, text: &str) -> Result<(), Wrong> {
        if let Some(missed) = text.strip_prefix("You have missed ") {
            let count = missed.split(' ').next().unwrap_or_default();
            self.line(format!("missed,{count},{missed}"));
            return Ok(());
        }
        let (about, why) = text.split_once(": ").ok_or("which says nothing")?;
        let command = about.split(' ').next().unwrap_or_default();
        match self.has_cap("standard-replies") {
            true => Err("although it knows more".to_owned()),
            false => self.is_refused_with(command, code_of(why), why),
        }
    }

    /// The connection ends.
    pub(super) fn closing(&mut self, text: &str) -> Result<(), Wrong> {
        let why = text.split_once('(').map_or("", |(_, why)| why);
        let why = why.strip_suffix(')').unwrap_or(why);
        if why == "Ping timeout" && !self.was_probed {
            return Err("although it was not asked for a sign of life".to_owned());
        }
        let line = match why {
            "Server shutting down" | "Quit" => "bye".to_owned(),
            quit if quit.starts_with("Quit: ") => "bye".to_owned(),
            "Ping timeout"
            | "no name was registered in time"
            | "nothing was heard for too long" => {
                format!("error,timed-out,{why}")
            }
            "another connection has taken over the name" => format!("error,replaced,{why}"),
            why if why.starts_with("you were put out") => format!("error,kicked,{why}"),
            why if why.contains("were not read in time") || why.contains("takes no more") => {
                format!("error,full,{why}")
            }
            why => format!("error,{},{why}", code_of(why)),
        };
        self.line(line);
        Ok(())
    }
}

/// A member with what stands before the name for the role, and perhaps login and host behind it.
fn member(word: &str) -> Option<(String, Role)> {
    let (role, rest) = match word.split_at_checked(1)? {
        ("@", rest) => (Role::Owner, rest),
        ("%", rest) => (Role::Moderator, rest),
        ("+", rest) => (Role::Voiced, rest),
        _ => (Role::Member, word),
    };
    let name = rest.split('!').next()?;
    (!name.is_empty()).then(|| (name.to_owned(), role))
}

/// The role that somebody has after `changes` with so many params.
pub(super) fn role(changes: &str, params: usize) -> Option<Role> {
    let letters = changes.chars().filter(char::is_ascii_alphabetic).count();
    let is_role = changes.chars().all(|c| "+-ohv".contains(c)) && letters == params;
    let given = changes.split_once('+').map(|(_, given)| given);
    match given {
        _ if !is_role => None,
        Some("o") => Some(Role::Owner),
        Some("h") => Some(Role::Moderator),
        Some("v") => Some(Role::Voiced),
        Some(_) => None,
        None => (letters == 1).then_some(Role::Member),
    }
}

/// The code of `line` for an error.
fn code(numeric: u16, why: &str) -> Option<&'static str> {
    Some(match numeric {
        401 | 441 => "no-such-user",
        403 => "no-such-room",
        404 if why.ends_with("join that room first") => "not-a-member",
        404 if why.contains("not today") => "denied",
        404 | 482 => "needs-role",
        405 | 471 | 478 => "full",
        417 => "too-long",
        421 => "unknown-command",
        432 => "bad-name",
        433 if why == "Nickname is already in use" => "name-taken",
        433 => "denied",
        437 if why.starts_with("that name is banned") => "banned",
        437 if why.contains("no more") => "full",
        437 => code_of(why),
        442 => "not-a-member",
        451 => "not-registered",
        473 => "invite-only",
        474 => "banned",
        475 => "bad-key",
        _ => return None,
    })
}

/// The code for what is said without one.
fn code_of(why: &str) -> &'static str {
    match why {
        why if why.starts_with("not today") => "denied",
        why if why.contains("too fast") => "rate-limited",
        _ => "unavailable",
    }
}

/// Why somebody is gone.
pub(super) fn quit_reason(text: &str) -> &'static str {
    match text {
        "Ping timeout" => "timed-out",
        "SendQ exceeded" => "slow",
        "Excess flood" => "flooding",
        "Replaced by another connection" => "replaced",
        "Server shutting down" => "shutdown",
        "Connection closed" => "closed",
        text if text.starts_with("Quit: ") => "closed",
        _ => "kicked",
    }
}
