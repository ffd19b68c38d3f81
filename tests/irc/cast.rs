//! Those who act in a script.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use chinwag::{
    Addr, Hub, HubError, LocalUser, Role,
    wire::{Form, Line, Wire},
};
use chinwag_testkit::{Link, MemoryNet, MemoryStream};
use futures::{AsyncRead, AsyncWriteExt, Stream, task::noop_waker};

use crate::script::RoleOf;

/// How what is sent and heard is cut into pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Not at all.
    Whole,
    /// Into single bytes.
    Bytes,
    /// Into pieces of whatever length.
    Anyhow,
}

impl Cut {
    fn link(self) -> Link {
        let (chunk, chop) = match self {
            Self::Whole => (usize::MAX, false),
            Self::Bytes => (1, false),
            Self::Anyhow => (300, true),
        };
        let capacity = 1 << 20;
        Link {
            capacity,
            chunk,
            chop,
            ..Link::default()
        }
    }
}

/// Somebody.
pub(crate) struct Actor {
    who: Who,
    /// What arrived and is no whole line yet.
    unread: Vec<u8>,
    /// What was heard and not looked at yet.
    pub(crate) heard: VecDeque<Heard>,
    /// What was sent to be sent with the next line.
    waiting: String,
    /// The tokens of all `005` so far.
    pub(crate) supported: Vec<String>,
    /// The server has closed the connection.
    has_ended: bool,
}

enum Who {
    Irc(MemoryStream),
    Line(MemoryStream),
    Seed(MemoryStream),
    Bot(Box<LocalUser>),
    Program(Hub),
    Gone,
}

/// Something that somebody heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Line(String),
    End,
}

impl Actor {
    pub(crate) fn new(who: &str, role: &RoleOf, net: &MemoryNet, hub: &Hub, cut: Cut) -> Self {
        let who = match role {
            RoleOf::Client { from: Some(from) }
            | RoleOf::User {
                from: Some(from), ..
            } => {
                let addr = Addr::Tcp(SocketAddr::new(*from, 5000));
                Who::Irc(net.connect_from("irc", addr))
            }
            RoleOf::Client { from: None } | RoleOf::User { from: None, .. } => {
                Who::Irc(net.try_connect("irc", cut.link()).unwrap())
            }
            RoleOf::Line => Who::Line(net.try_connect("line", cut.link()).unwrap()),
            RoleOf::Seed => Who::Seed(net.connect("seed")),
            RoleOf::Bot => Who::Bot(Box::new(hub.connect(who).unwrap())),
        };
        Self::as_who(who)
    }

    /// The program itself.
    pub(crate) fn program(hub: &Hub) -> Self {
        Self::as_who(Who::Program(hub.clone()))
    }

    fn as_who(who: Who) -> Self {
        Self {
            who,
            unread: Vec::new(),
            heard: VecDeque::new(),
            waiting: String::new(),
            supported: Vec::new(),
            has_ended: false,
        }
    }

    pub(crate) fn is_irc(&self) -> bool {
        matches!(self.who, Who::Irc(_))
    }

    /// Keeps `line` to be sent with the next one.
    pub(crate) fn wait_with(&mut self, line: &str) {
        self.waiting.push_str(line);
        self.waiting.push_str("\r\n");
    }

    /// Sends `line`, or asks for what it says.
    pub(crate) async fn send(&mut self, line: &str) -> Result<(), String> {
        let waiting = std::mem::take(&mut self.waiting);
        let bytes = match &mut self.who {
            Who::Irc(_) => format!("{waiting}{line}\r\n"),
            Who::Line(_) => format!("{waiting}{line}\n"),
            Who::Seed(_) => line.to_owned(),
            Who::Bot(bot) => return ask(bot, line),
            Who::Program(hub) => return command(hub, line),
            Who::Gone => return Err("they are gone".to_owned()),
        };
        self.send_bytes(bytes.as_bytes()).await
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        match &mut self.who {
            Who::Irc(io) | Who::Line(io) | Who::Seed(io) => {
                let sent = io.write_all(bytes).await;
                sent.map_err(|error| format!("cannot send: {error}"))
            }
            _ => Err("they send no bytes".to_owned()),
        }
    }

    pub(crate) async fn stop_sending(&mut self) {
        if let Who::Irc(io) | Who::Line(io) | Who::Seed(io) = &mut self.who {
            let _ = io.close().await;
        }
    }

    /// Closes the connection.
    pub(crate) fn go(&mut self) {
        self.who = Who::Gone;
    }

    /// Ends abruptly.
    pub(crate) fn vanish(&mut self) {
        match std::mem::replace(&mut self.who, Who::Gone) {
            Who::Irc(io) | Who::Line(io) | Who::Seed(io) => io.reset(),
            _ => {}
        }
    }

    /// Takes in what has arrived. `false` if nothing has.
    pub(crate) fn listen(&mut self) -> bool {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut news = false;
        let io = match &mut self.who {
            Who::Irc(io) | Who::Line(io) | Who::Seed(io) => io,
            Who::Bot(bot) => {
                while let Poll::Ready(Some(event)) = Pin::new(&mut **bot).poll_next(&mut cx) {
                    let mut line = Vec::new();
                    Line::encode(&event, Form::default(), &mut line);
                    let line = String::from_utf8(line).unwrap();
                    // There are events for which it has no words.
                    if !line.is_empty() {
                        let line = Heard::Line(line.trim_end().to_owned());
                        self.heard.push_back(line);
                    }
                    news = true;
                }
                return news;
            }
            Who::Program(_) | Who::Gone => return false,
        };
        let mut buf = [0; 4096];
        while !self.has_ended
            && let Poll::Ready(read) = Pin::new(&mut *io).poll_read(&mut cx, &mut buf)
        {
            news = true;
            match read {
                Ok(count @ 1..) => self.unread.extend_from_slice(&buf[..count]),
                Ok(0) | Err(_) => self.has_ended = true,
            }
        }
        if news {
            self.take_lines();
            if self.has_ended {
                self.heard.push_back(Heard::End);
            }
        }
        news
    }

    fn take_lines(&mut self) {
        if matches!(self.who, Who::Seed(_)) && !self.unread.is_empty() {
            let said = String::from_utf8(std::mem::take(&mut self.unread)).unwrap();
            self.heard.push_back(Heard::Line(said));
        }
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8(line).expect("the server sends UTF-8");
            let end = if self.is_irc() { "\r\n" } else { "\n" };
            let line = line
                .strip_suffix(end)
                .expect("a line ends as lines here do");
            if let Some((_, tokens)) = line.split_once(" 005 ") {
                let words = tokens.split(" :").next().unwrap_or_default().split(' ');
                self.supported.extend(words.skip(1).map(str::to_owned));
            }
            self.heard.push_back(Heard::Line(line.to_owned()));
        }
    }
}

/// Lets a user in the program do what `line` says.
fn ask(bot: &mut LocalUser, line: &str) -> Result<(), String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (what, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let some = (!text.is_empty()).then_some(text);
    let done = match verb {
        "join" => bot.join(what),
        "leave" => bot.leave(what),
        "say" => bot.say(what, text),
        "send" => bot.send(what, text),
        "topic" => bot.set_topic(what, text),
        "invite" => bot.invite(what, text),
        "ban" => bot.ban(what, text),
        "kick" => bot.kick(what, text, None),
        "rename" => bot.rename(what),
        "away" => bot.set_away((!rest.is_empty()).then_some(rest)),
        "role" => {
            let (name, role) = some
                .and_then(|it| it.split_once(' '))
                .ok_or("role #ROOM NAME ROLE")?;
            let role: Role = role.parse().map_err(|_| "what role?")?;
            bot.set_role(what, name, role)
        }
        _ => return Err(format!("a bot cannot {verb}")),
    };
    done.map_err(|error| error.to_string())
}

/// Lets the program do what `line` says.
fn command(hub: &Hub, line: &str) -> Result<(), String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (what, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let told: Result<(), HubError> = match verb {
        "publish" => hub.publish(what, text).map(drop),
        "tell" => hub.tell(what, text),
        "kick" => hub.kick(what, text),
        "topic" => hub.room(what).and_then(|room| room.set_topic(text)),
        "close" => {
            hub.close(std::time::Duration::from_secs(1));
            Ok(())
        }
        _ => return Err(format!("the program cannot {verb}")),
    };
    told.map_err(|error| error.to_string())
}
