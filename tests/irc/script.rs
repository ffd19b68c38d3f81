//! Scripts, as they are written.

use std::{fmt, net::IpAddr, time::Duration};

use crate::pattern::{Bound, Pattern, fill};

/// A transcript, and what the server must be like for it.
#[derive(Debug)]
pub(crate) struct Script {
    /// The words of each line that begins with `server`.
    pub(crate) settings: Vec<(usize, String)>,
    pub(crate) lines: Vec<Line>,
}

/// A line that does something.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its number, from 1 on.
    pub(crate) number: usize,
    pub(crate) what: What,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum What {
    /// Somebody comes in.
    Enter { who: String, role: RoleOf },
    /// These join a room, and what they hear of it is not looked at.
    Gather { room: String, who: Vec<String> },
    /// Somebody sends a line: at once, or together with the next one.
    Send {
        who: String,
        line: String,
        at_once: bool,
    },
    /// Somebody sends bytes.
    SendBytes { who: String, bytes: Vec<u8> },
    /// Somebody hears something.
    Hear {
        who: String,
        wanted: Pattern,
        how: How,
        times: usize,
        text: String,
    },
    /// Somebody hears nothing.
    HearNothing { who: String },
    /// Whatever somebody has heard is not looked at.
    Skip { who: String },
    /// Somebody was told so when they came in.
    Supports {
        who: String,
        tokens: Vec<String>,
        lacks: bool,
    },
    /// Somebody sees their connection closed.
    Closed { who: String },
    /// Somebody stops sending.
    Leave { who: String },
    /// Somebody's connection breaks.
    Break { who: String },
    /// What these names stand for is different.
    Differ(Vec<String>),
    /// Time passes.
    Advance(Duration),
}

/// How somebody is connected.
#[derive(Debug)]
pub(crate) enum RoleOf {
    /// A client of IRC, that has said nothing yet.
    Client { from: Option<IpAddr> },
    /// A client of IRC, registered, with these capabilities.
    User {
        from: Option<IpAddr>,
        caps: Vec<String>,
    },
    /// A registered user of the line protocol.
    Line,
    /// A registered user of the seed protocol.
    Seed,
    /// A user in the program.
    Bot,
}

/// How much it matters that a line is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It must be the next.
    Next,
    /// It may be the next.
    Perhaps,
    /// It must be among the next, of those that are marked so.
    AnyOrder,
}

/// What cannot be read, and where.
#[derive(Debug)]
pub(crate) struct Unreadable {
    number: usize,
    why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.number, self.why)
    }
}

impl Script {
    pub(crate) fn parse(text: &str) -> Result<Self, Unreadable> {
        let (mut settings, mut lines) = (Vec::new(), Vec::<Line>::new());
        let mut known = vec!["program".to_owned()];
        for (number, line) in (1..).zip(text.lines()) {
            let is_comment = line.starts_with('#');
            if is_comment || line.trim().is_empty() {
                continue;
            }
            let unreadable = |why: String| Unreadable { number, why };
            if let Some(setting) = line.strip_prefix("server ") {
                if !lines.is_empty() {
                    return Err(unreadable("the server is there already".to_owned()));
                }
                settings.push((number, setting.to_owned()));
                continue;
            }
            let what = what(line, &known).map_err(unreadable)?;
            if let What::Enter { who, .. } = &what {
                known.push(who.clone());
            }
            lines.push(Line { number, what });
        }
        Ok(Self { settings, lines })
    }
}

fn what(line: &str, known: &[String]) -> Result<What, String> {
    let (first, rest) = line.split_once(' ').ok_or("it is one word")?;
    let new = || {
        let who = rest.split(' ').next().unwrap_or_default().to_owned();
        match known.contains(&who) {
            true => Err(format!("there is a {who} already")),
            false => Ok(who),
        }
    };
    match first {
        "client" => {
            let (from, caps) = details(rest)?;
            assert!(caps.is_empty(), "a client has asked for nothing yet");
            let role = RoleOf::Client { from };
            Ok(What::Enter { who: new()?, role })
        }
        "user" => {
            let (from, caps) = details(rest)?;
            let role = RoleOf::User { from, caps };
            Ok(What::Enter { who: new()?, role })
        }
        "line" => Ok(What::Enter {
            who: new()?,
            role: RoleOf::Line,
        }),
        "seed" => Ok(What::Enter {
            who: new()?,
            role: RoleOf::Seed,
        }),
        "bot" => Ok(What::Enter {
            who: new()?,
            role: RoleOf::Bot,
        }),
        "advance" => {
            let wait = humantime::parse_duration(rest);
            Ok(What::Advance(wait.map_err(|error| error.to_string())?))
        }
        "differ" => Ok(What::Differ(rest.split(' ').map(str::to_owned).collect())),
        "room" => {
            let mut words = rest.split(' ').map(str::to_owned);
            let room = words.next().unwrap_or_default();
            Ok(What::Gather {
                room,
                who: words.collect(),
            })
        }
        who if known.iter().any(|it| it == who) => does(who.to_owned(), rest),
        who => Err(format!("who is {who}?")),
    }
}

/// `NAME [from ADDRESS] [with CAP…]`.
fn details(rest: &str) -> Result<(Option<IpAddr>, Vec<String>), String> {
    let mut words = rest.split(' ').skip(1);
    let (mut from, mut caps) = (None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "from" => {
                let address = words.next().and_then(|word| word.parse().ok());
                from = Some(address.ok_or("that is no address")?);
            }
            "with" => caps = words.by_ref().map(str::to_owned).collect(),
            other => return Err(format!("what is {other}?")),
        }
    }
    Ok((from, caps))
}

fn does(who: String, rest: &str) -> Result<What, String> {
    let (verb, object) = rest.split_once(' ').unwrap_or((rest, ""));
    let tokens = || object.split(' ').map(str::to_owned).collect();
    Ok(match (verb, object) {
        (">" | ">>", line) => What::Send {
            who,
            line: line.to_owned(),
            at_once: verb == ">",
        },
        ("bytes", bytes) => {
            let bytes = unescape(&fill(bytes, &Bound::new())?)?;
            What::SendBytes { who, bytes }
        }
        (hears, text) if let Some(mark) = hears.strip_prefix('<') => {
            let wanted = Pattern::parse(text)?;
            let (how, times) = match mark {
                "" => (How::Next, 1),
                "?" => (How::Perhaps, 1),
                "~" => (How::AnyOrder, 1),
                _ => {
                    let times = mark.parse().map_err(|_| format!("what is {hears}?"))?;
                    (How::Next, times)
                }
            };
            What::Hear {
                who,
                wanted,
                how,
                times,
                text: text.to_owned(),
            }
        }
        ("hears", "nothing") => What::HearNothing { who },
        ("hears", "whatever") => What::Skip { who },
        ("supports", _) => What::Supports {
            who,
            tokens: tokens(),
            lacks: false,
        },
        ("lacks", _) => What::Supports {
            who,
            tokens: tokens(),
            lacks: true,
        },
        ("is", "closed") => What::Closed { who },
        ("stops", "sending") => What::Leave { who },
        ("breaks", "") => What::Break { who },
        _ => return Err(format!("what does {who} do?")),
    })
}

/// The bytes that are written with `\xNN`, `\r`, `\n` and `\\`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            (_, true) => match chars.next() {
                Some('r') => bytes.push(b'\r'),
                Some('n') => bytes.push(b'\n'),
                Some('\\') => bytes.push(b'\\'),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).collect();
                    let byte = u8::from_str_radix(&digits, 16);
                    bytes.push(byte.map_err(|_| format!("what is \\x{digits}?"))?);
                }
                other => return Err(format!("what is \\{other:?}?")),
            },
        }
    }
    Ok(bytes)
}
