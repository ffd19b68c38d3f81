//! What is asked for on `line`, as it is asked for on IRC.

use super::{super::line, Asked, CAPS, Irc, MORE_CAPS, Message, fold};
use crate::simulation::{request::Request, witness::Wrong};

impl Irc {
    /// What it sends first of all: what it wants to have.
    pub(in crate::simulation) fn begins(&self) -> String {
        let more = MORE_CAPS.iter().filter(|cap| self.has_cap(cap));
        let caps: Vec<_> = [CAPS].into_iter().chain(more.copied()).collect();
        format!("CAP REQ :{}\r\n", caps.join(" "))
    }

    /// It was told whether it has that.
    pub(super) fn caps_are_settled(&mut self, message: &Message<'_>) -> Result<(), Wrong> {
        match message.param(1) {
            "ACK" => Ok(()),
            other => Err(format!("{other} instead of ACK")),
        }
    }

    /// What it sends to say or ask for `line`. A message that `request` is not given for is answered only if it is
    /// refused.
    pub(in crate::simulation) fn asks(&mut self, line: &str, request: Option<&Request>) -> String {
        let mut bytes = self.finishes();
        let mut fields = line.splitn(4, ',');
        let mut field = || fields.next().unwrap_or_default();
        let (verb, one, two, three) = (field(), field(), field(), field());
        let Some(request) = request else {
            let text = line.splitn(3, ',').nth(2).unwrap_or_default();
            self.asked.push_back(Asked::Message {
                id: line::id(text),
                to: (verb == "chat").then(|| fold(one)),
                copies: 0,
                may_be_refused: false,
            });
            bytes.push_str(&format!("PRIVMSG {one} :{text}\r\n"));
            return bytes;
        };
        let token = self.asks_for(request.clone());
        // What differs from one time to the next.
        let is_even = token.is_multiple_of(2);
        let asked = match verb {
            _ if *request == Request::Garbage => line.to_owned(),
            "register" => self.register(one, is_even),
            "list" if one == "friends" => "WHO *".to_owned(),
            "list" if one == "rooms" => "LIST".to_owned(),
            "list" => format!("NAMES {one}"),
            "join" => format!("JOIN {one}"),
            "leave" if is_even => format!("PART {one} :for a reason"),
            "leave" => format!("PART {one}"),
            "topic" if two.is_empty() => format!("TOPIC {one}"),
            "topic" => format!("TOPIC {one} :{two}"),
            "kick" if three.is_empty() => format!("KICK {one} {two}"),
            "kick" => format!("KICK {one} {two} :{three}"),
            "ban" => format!("MODE {one} +b {}", mask(two)),
            "unban" if is_even => format!("MODE {one} -b {two}"),
            "unban" => format!("MODE {one} -b {}", mask(two)),
            "role" => roles(one, two, three, is_even),
            "invite" => format!("INVITE {two} {one}"),
            "invite-only" if two == "on" => format!("MODE {one} +i"),
            "invite-only" => format!("MODE {one} -i"),
            "away" if one.is_empty() => "AWAY".to_owned(),
            "away" => format!("AWAY :{one}"),
            "whois" if is_even => format!("WHOIS {one} {one}"),
            "whois" => format!("WHOIS {one}"),
            "quit" if is_even => "QUIT :for a reason".to_owned(),
            "quit" => "QUIT".to_owned(),
            // The one behind it is all that it takes.
            _ => String::new(),
        };
        if !asked.is_empty() {
            bytes.push_str(&asked);
            bytes.push_str("\r\n");
        }
        bytes.push_str(&ping(token));
        bytes
    }

    /// Notes that something is asked for. Returns what the `PING` behind it is to say.
    fn asks_for(&mut self, request: Request) -> usize {
        self.tokens += 1;
        self.asked.push_back(Asked::Request {
            request,
            token: self.tokens,
            is_answered: false,
        });
        self.tokens
    }

    fn register(&mut self, name: &str, nick_is_first: bool) -> String {
        let nick = format!("NICK {name}");
        if std::mem::replace(&mut self.is_introduced, true) {
            return nick;
        }
        let user = "USER sim 0 * :Simulated";
        match nick_is_first {
            true => format!("{nick}\r\n{user}\r\nCAP END"),
            false => format!("{user}\r\nCAP END\r\n{nick}"),
        }
    }

    /// Begins a line, which ends as soon as anything else is sent.
    pub(in crate::simulation) fn begins_line(&mut self) -> String {
        let bytes = self.finishes();
        self.asks_for(Request::Garbage);
        self.is_unfinished = true;
        bytes + "half a li"
    }

    /// Whether it has sent half a line.
    pub(in crate::simulation) fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    fn finishes(&mut self) -> String {
        match std::mem::take(&mut self.is_unfinished) {
            true => format!("\r\n{}", ping(self.tokens)),
            false => String::new(),
        }
    }

    /// It is asked for a sign of life.
    pub(super) fn answer_ping(&mut self, token: &str) {
        self.was_probed = true;
        self.unsent = self.finishes();
        self.unsent.push_str(&format!("PONG :{token}\r\n"));
    }

    /// What it sends without being asked to.
    pub(in crate::simulation) fn replies(&mut self) -> String {
        std::mem::take(&mut self.unsent)
    }
}

fn ping(token: usize) -> String {
    format!("PING :{token}\r\n")
}

/// What stands for a name in a ban of IRC, which puts nobody out. That of `line` is `name!*@*`, so that they can be told
/// apart.
pub(in crate::simulation) fn mask(name: &str) -> String {
    format!("{name}!*@?*")
}

/// What gives `name` a role, unless they have a higher one.
fn roles(room: &str, name: &str, role: &str, all_at_once: bool) -> String {
    match role {
        "owner" => format!("MODE {room} +o {name}"),
        "moderator" if all_at_once => format!("MODE {room} -o+h {name} {name}"),
        "moderator" => format!("MODE {room} +h {name}"),
        "voiced" if all_at_once => format!("MODE {room} -h+v {name} {name}"),
        "voiced" => format!("MODE {room} +v {name}"),
        _ if all_at_once => format!("MODE {room} -ohv {name} {name} {name}"),
        _ => format!("MODE {room} -v {name}"),
    }
}
