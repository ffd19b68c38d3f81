//! What everybody has said, and under which names.

use std::collections::{BTreeMap, BTreeSet};

use super::line;

/// The number of a message. Every message of a simulation has one, in its text.
pub(super) type Id = u32;

/// A message, as whoever says it knows it.
#[derive(Debug)]
pub(super) struct Message {
    /// Which connection says it; `None` for the program.
    pub(super) by: Option<usize>,
    pub(super) to: To,
    /// How many bytes of it follow its number.
    padding: usize,
    /// Whether it was refused, if that is known.
    pub(super) refused: Option<bool>,
    /// What comes before it.
    causes: Clock,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    Room(String),
    User(String),
}

/// What everybody has said, and under which names.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) messages: Vec<Message>,
    /// The names of each connection.
    names: Vec<BTreeMap<String, Standing>>,
    /// Connections that may be devices of one user. Any of them may change the name of all.
    pub(super) shared: BTreeSet<usize>,
    /// How often clients of `seed` have greeted, by who does it, and who is greeted.
    greetings: BTreeMap<(String, String), u64>,
    /// What each connection has said and heard, and the program.
    clocks: BTreeMap<Option<usize>, Clock>,
    /// What has happened in rooms beside what was said, in words.
    happenings: BTreeMap<String, u32>,
    /// Hooks may add something to what is said.
    pub(super) is_rewritten: bool,
}

/// All that a client of `seed` can say.
pub(super) const GREETING: &str = "hi";

/// What a name is to a connection.
#[derive(Debug, Default)]
struct Standing {
    /// How often it has asked for it, and waits for the answer.
    asked: usize,
    /// It has had it. What it said then may still be heard under that name.
    is_granted: bool,
}

impl Book {
    /// Writes a message down that somebody says now.
    pub(super) fn add(&mut self, by: Option<usize>, to: To, padding: usize) -> Id {
        let id = self.messages.len() as Id;
        let clock = self.clocks.entry(by).or_default();
        self.messages.push(Message {
            by,
            to,
            padding,
            refused: None,
            causes: clock.clone(),
        });
        clock.note(by, id);
        id
    }

    /// The message that `name` says with `text`, if that can be.
    pub(super) fn said(&self, name: &str, text: &str) -> Option<(Id, &Message)> {
        self.find(text)
            .filter(|(_, message)| self.may_be(message.by, name))
    }

    /// The message with this text.
    pub(super) fn find(&self, text: &str) -> Option<(Id, &Message)> {
        let id = line::id(text)?;
        let message = self.messages.get(id as usize)?;
        line::is_text(text, id, message.padding, self.is_rewritten).then_some((id, message))
    }

    /// How long the text is that `heard` begins with, if it is there to its end, and no hook has rewritten it.
    pub(super) fn length(&self, heard: &str) -> Option<usize> {
        if heard.starts_with(GREETING) {
            return Some(GREETING.len());
        }
        let (number, _) = heard.split_once(' ')?;
        let message = self.messages.get(line::id(number)? as usize)?;
        let length = number.len() + 1 + message.padding;
        heard.is_char_boundary(length).then_some(length)
    }

    /// The number of something that happens in a room: each time that it is told in these words, the same.
    pub(super) fn happening(&mut self, words: String) -> u32 {
        let next = self.happenings.len() as u32;
        *self.happenings.entry(words).or_insert(next)
    }

    /// What has this number.
    pub(super) fn words(&self, happening: u32) -> Option<&str> {
        let all = self.happenings.iter();
        let mut those = all.filter(|(_, number)| **number == happening);
        those.next().map(|(words, _)| &**words)
    }

    /// Notes that `from` greets `to`.
    pub(super) fn greets(&mut self, from: &str, to: &str) {
        let greeting = (fold(from), fold(to));
        *self.greetings.entry(greeting).or_default() += 1;
    }

    /// How often `from` has greeted `who`.
    pub(super) fn greeted(&self, from: &str, who: usize) -> u64 {
        let all = self.greetings.iter();
        let those = all.filter(|((by, to), _)| by == from && self.may_be(Some(who), to));
        those.map(|(_, count)| count).sum()
    }

    /// Notes that `who` has heard a message. What they say from now on comes after it.
    pub(super) fn heard(&mut self, who: usize, id: Id) {
        let message = &self.messages[id as usize];
        let clock = self.clocks.entry(Some(who)).or_default();
        clock.merge(&message.causes);
        clock.note(message.by, id);
    }

    /// Notes that `who` asks for a name. It may be heard under it before it hears that it is granted.
    pub(super) fn asks(&mut self, who: usize, name: &str) {
        if self.names.len() <= who {
            self.names.resize_with(who + 1, BTreeMap::new);
        }
        self.names[who].entry(fold(name)).or_default().asked += 1;
    }

    /// Notes that `who` has been told whether it has the name that it asked for.
    pub(super) fn answered(&mut self, who: usize, name: &str, is_granted: bool) {
        let name = fold(name);
        if let Some(standing) = self.names[who].get_mut(&name) {
            standing.asked -= 1;
            standing.is_granted |= is_granted;
            if standing.asked == 0 && !standing.is_granted {
                self.names[who].remove(&name);
            }
        }
    }

    /// Whether `who` may be called `name`.
    pub(super) fn has_asked(&self, who: usize, name: &str) -> bool {
        let names = self.names.get(who);
        names.is_some_and(|names| names.contains_key(name))
    }

    /// Who may be called `name`.
    pub(super) fn who_asked(&self, name: &str) -> impl Iterator<Item = usize> {
        let all = self.names.iter().enumerate();
        all.filter(move |(_, names)| names.contains_key(name))
            .map(|(who, _)| who)
    }

    /// Every name that somebody may have had.
    pub(super) fn names(&self) -> BTreeSet<&String> {
        self.names.iter().flat_map(BTreeMap::keys).collect()
    }

    /// Whether what `who` says may be heard as what `name` says.
    pub(super) fn may_be(&self, who: Option<usize>, name: &str) -> bool {
        match who {
            Some(who) => self.shared.contains(&who) || self.has_asked(who, name),
            None => name == "*",
        }
    }
}

/// The last message of each sender that comes before something: what one has said and heard, and what those whom
/// one has heard had said and heard before.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// By the number of the sender and one more, as the program has none: the number of the message and one more.
    last: Vec<Id>,
}

impl Clock {
    fn note(&mut self, by: Option<usize>, id: Id) {
        let at = by.map_or(0, |who| who + 1);
        if self.last.len() <= at {
            self.last.resize(at + 1, 0);
        }
        self.last[at] = self.last[at].max(id + 1);
    }

    fn merge(&mut self, other: &Self) {
        if self.last.len() < other.last.len() {
            self.last.resize(other.last.len(), 0);
        }
        for (own, other) in self.last.iter_mut().zip(&other.last) {
            *own = (*own).max(*other);
        }
    }

    /// Adds what comes with hearing `message`, whose number is `id`. `false` if that should have been heard earlier,
    /// because something was heard that comes after it.
    pub(super) fn hears(&mut self, id: Id, message: &Message) -> bool {
        let at = message.by.map_or(0, |who| who + 1);
        let is_next = self.last.get(at).is_none_or(|last| *last <= id);
        self.merge(&message.causes);
        self.note(message.by, id);
        is_next
    }
}

/// A name as it is compared. The names of a simulation are of plain letters.
pub(super) fn fold(name: impl AsRef<str>) -> String {
    name.as_ref().to_ascii_lowercase()
}
