//! What one connection of a client has said and asked for so far.

use chinwag_core::{Event, MaskList, Person, RoomName, UserName};

use crate::{
    author::Author,
    caps::Caps,
    form::Shape,
    label::Label,
    limits::Bounds,
    message::MAX_LINE,
    queries::{Filter, WhoQuery},
    sasl::Sasl,
};

/// The state of one connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Who it is; `None` until it has a nick.
    pub(crate) me: Option<Person>,
    /// The number of the connection, which its messages have.
    pub(crate) connection: u32,
    /// What the hub allows.
    pub(crate) bounds: Bounds,
    /// How many bytes it takes to say who it is.
    source_len: u16,
    /// What it has asked for beyond the IRC of 1993.
    caps: Caps,
    /// The same, as it matters for events.
    pub(crate) shape: Shape,
    /// It knows capabilities of version 302, which have values, and of which `cap-notify` is a part.
    pub(crate) has_cap_values: bool,
    /// It does not want to be found by those who do not know its nick. Nobody is, here; but it can ask.
    pub(crate) is_invisible: bool,
    /// It wants to know what operators tell everybody.
    pub(crate) wants_wallops: bool,
    /// What the message that is being dealt with began as did not come to pass, and the rest of it is left out.
    pub(crate) skip: bool,
    /// The message that is being dealt with came too fast, and nothing more becomes of it.
    pub(crate) is_dropped: bool,
    /// The command of the message that is being dealt with.
    pub(crate) command: &'static str,
    /// What the hub has been asked for, as far as it matters for how its answer is written.
    pub(crate) ask: Ask,
    /// The label of the message that is being dealt with.
    pub(crate) label: Option<Box<Label>>,
    /// What it has said of itself before it gets a nick.
    pub(crate) newcomer: Option<Box<Newcomer>>,
    /// How far it is with its log-in.
    pub(crate) sasl: Option<Box<Sasl>>,
    /// Channels that it is in because another connection of its user is, and in which it was not told who is there.
    unseen: Vec<RoomName>,
    /// What it is told last.
    pub(crate) parting: Option<Box<str>>,
}

/// What a client has said of itself that has no nick yet.
#[derive(Debug, Default)]
pub(crate) struct Newcomer {
    pub(crate) password: Option<Box<str>>,
    pub(crate) nick: Option<Box<str>>,
    /// The login and the name in full.
    pub(crate) user: Option<(Box<str>, Box<str>)>,
    /// Its capabilities are being settled, and what it is waits for that.
    pub(crate) is_settling: bool,
    /// What became of the message that it wanted to come in with.
    pub(crate) entry: Entry,
    /// The rooms in which the user is already.
    pub(crate) rooms: Vec<RoomName>,
}

/// How far a client is on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Entry {
    /// It has not said all that it must.
    #[default]
    Outside,
    /// It has asked to be let in.
    Asked,
    /// It does not know the password of the server.
    TurnedAway,
}

/// What the hub has been asked for.
#[derive(Debug, Default)]
pub(crate) enum Ask {
    /// Something that tells by itself how it is answered.
    #[default]
    Nothing,
    /// To join a channel, perhaps the last of several.
    Join {
        /// Which.
        room: Box<str>,
        /// Nothing is asked for behind it.
        last: bool,
    },
    /// To be called that from now on.
    Nick(Box<str>),
    /// What the topic of a channel is, into which one has just come.
    JoinTopic,
    /// To leave one channel after the other.
    LeaveAll,
    /// Who is in a channel.
    Names,
    /// Who some are.
    Who(Box<WhoQuery>),
    /// To change, or see, such a list of a channel.
    Mask(MaskList),
    /// Which channels there are.
    List(Box<Filter>),
    /// To send a message, or what nobody reads, to that target.
    Message(Box<str>),
    /// To invite somebody to a channel.
    Invite(Box<str>, Box<str>),
    /// Who somebody is, who was called so.
    Whois(Box<str>),
    /// Who somebody was, at most so many times.
    Whowas(usize),
    /// Who some are, to be said at the end.
    Gather(Box<Gathered>),
    /// Whom one watches.
    Watched {
        /// And who of them is here.
        status: bool,
    },
    /// To be away, or no longer.
    Away(bool),
    /// To be an operator.
    Oper,
    /// To see, or change, the modes of somebody else, if they are here: nobody may.
    OthersMode(Box<str>),
    /// To have another mode oneself.
    OwnMode(&'static str),
    /// To be called something else in full.
    SetName(Box<str>),
}

/// Who was found so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) here: Vec<Person>,
    pub(crate) gone: Vec<UserName>,
}

impl Gathered {
    /// Who comes or goes before it is said who was found: what is said of them then is not to be older than that.
    fn notice(&mut self, event: &Event) {
        match event {
            Event::Online { name } => {
                let before = self.gone.len();
                self.gone.retain(|gone| gone != name.name());
                if self.gone.len() < before {
                    self.here.push(name.clone());
                }
            }
            Event::Offline { name } => {
                let before = self.here.len();
                self.here.retain(|person| person.name() != name);
                if self.here.len() < before {
                    self.gone.push(name.clone());
                }
            }
            _ => {}
        }
    }
}

impl Client {
    /// Begins with a message.
    pub(crate) fn begin(&mut self, command: &'static str) {
        self.command = command;
        self.ask = Ask::Nothing;
        self.label = None;
        self.skip = false;
        self.is_dropped = false;
    }

    /// Whether all of `caps` were asked for.
    pub(crate) fn has(&self, caps: Caps) -> bool {
        self.caps.has(caps)
    }

    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    pub(crate) fn set_caps(&mut self, caps: Caps) {
        self.caps = caps;
        self.shape = Shape::of(caps);
    }

    /// Whether the message that is being dealt with has no part of that number.
    pub(crate) fn has_ended(&self, part: u32) -> bool {
        self.is_dropped
            || self
                .label
                .as_ref()
                .is_some_and(|label| part >= label.ends_at)
    }

    /// Nothing more becomes of the message that is being dealt with: it came too fast.
    pub(crate) fn drop_message(&mut self) {
        self.is_dropped = true;
        self.has_no_echo();
        if let Some(label) = &mut self.label {
            label.take_back();
        }
    }

    /// The message that is being dealt with was not sent.
    pub(crate) fn has_no_echo(&mut self) {
        if let Some(label) = &mut self.label {
            label.is_echoed = false;
        }
    }

    /// Whether it has a nick, and is a part of the chat.
    pub(crate) fn is_registered(&self) -> bool {
        self.me.is_some()
    }

    /// What it is called in numerics.
    pub(crate) fn nick(&self) -> &str {
        self.me.as_ref().map_or("*", Person::as_str)
    }

    /// Whether somebody is the user of this connection.
    pub(crate) fn is_me(&self, person: &Person) -> bool {
        self.me.as_ref() == Some(person)
    }

    /// That is who it is now.
    pub(crate) fn set_me(&mut self, me: &Person) {
        let len = Author::of(me).source().len();
        self.source_len = u16::try_from(len).unwrap_or(u16::MAX);
        self.me = Some(me.clone());
    }

    /// Looks whether an event says who it is now, and where it is no longer.
    pub(crate) fn notice(&mut self, event: &Event) {
        if let Ask::Gather(gathered) = &mut self.ask {
            gathered.notice(event);
        }
        let (old, new) = match event {
            Event::Renamed { old, new } | Event::Described { old, new } => (old, new),
            Event::Away { name, .. } => (name, name),
            Event::Left { room, name, .. } | Event::Kicked { room, name, .. } => {
                if self.is_me(name) {
                    self.see(room.as_str());
                }
                return;
            }
            _ => return,
        };
        if self.is_me(old) {
            self.set_me(new);
        }
    }

    /// Looks whether an event says that another connection of its user has joined a channel.
    pub(crate) fn notice_join(&mut self, event: &Event) {
        if let Event::Joined { room, name } = event
            && self.is_me(name)
            && !self.unseen.contains(room)
            && self.unseen.len() < self.bounds.rooms as usize
        {
            self.unseen.push(room.clone());
        }
    }

    /// Whether a channel is one in which it was not told who is there. From now on it is none.
    pub(crate) fn see(&mut self, room: &str) -> bool {
        let before = self.unseen.len();
        self.unseen.retain(|unseen| *unseen != room);
        self.unseen.len() < before
    }

    /// Whether a message still fits in a line when it is said whom it is from.
    pub(crate) fn fits(&self, command: &str, target: &str, text: &str) -> bool {
        let marks = ":   :\r\n".len();
        let len = usize::from(self.source_len) + command.len() + target.len() + text.len();
        len + marks <= MAX_LINE
    }

    /// What it says of itself as long as it has no nick.
    pub(crate) fn newcomer(&mut self) -> &mut Newcomer {
        self.newcomer.get_or_insert_default()
    }

    /// Whether responses to it are labelled.
    pub(crate) fn labels(&self) -> bool {
        self.has(Caps::LABELED_RESPONSE.with(Caps::BATCH))
    }
}
