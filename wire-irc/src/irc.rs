//! The wire itself: where what a client says and what it is told come together.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chinwag_core::{
    Answer, Command, Event, Person,
    wire::{Form, Hearing, KeepAlive, Reading, Wire, WireError},
};
use memchr::memchr;

use crate::{
    IrcBuilder,
    caps::Caps,
    client::{Ask, Client},
    commands,
    config::{Config, DEFAULT_SERVER_NAME},
    events::{self, Manner},
    form::Shape,
    label::Label,
    last_words,
    message::{MAX_CLIENT_TAGS, MAX_TAG_DATA, MAX_TEXT, Message, ParseError, privmsg},
    numeric::{ERR_INPUTTOOLONG, ERR_UNKNOWNCOMMAND},
    replies::Reply,
    source::Source,
    tags::Tags,
    turn::Turn,
    write::Line,
};

/// The longest frame of a client: its tags and its line, without the line end.
pub const MAX_FRAME: usize = MAX_CLIENT_TAGS + MAX_TEXT;

/// IRC, as today's clients speak it.
///
/// The value is the state of one connection. A clone is for another connection, which has said nothing yet.
///
/// ```
/// use chinwag_core::wire::Wire;
/// use chinwag_wire_irc::Irc;
///
/// let irc = Irc::default();
/// assert_eq!(irc.frame_end(b"NICK ada\r\nUSER a 0 * :Ada"), Some(10));
/// ```
#[derive(Debug)]
pub struct Irc {
    config: Arc<Config>,
    client: Box<Client>,
}

impl Irc {
    /// Says how the wire shall be, beginning with the defaults: those of [`Irc::default`].
    pub fn builder() -> IrcBuilder {
        IrcBuilder::new()
    }

    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            client: Box::default(),
        }
    }

    /// Reads a message to one channel or user, as nearly all of them are written. `None` if it is not that simple.
    #[inline]
    fn chat<'a>(&mut self, line: &'a str) -> Option<Command<'a>> {
        let (target, text) = privmsg(line)?;
        let client = &mut *self.client;
        let is_simple = client.is_registered()
            && !text.is_empty()
            && commands::is_plain_target(target)
            && client.fits("PRIVMSG", target, text);
        is_simple.then(|| {
            client.begin("PRIVMSG");
            client.ask = Ask::Message(target.into());
            commands::plain_message(target, text)
        })
    }

    /// Says why a line is no message.
    fn malformed(&mut self, error: ParseError, reading: &mut Reading) {
        let nick = self.client.nick();
        let server = &self.config.server;
        let out = match error {
            ParseError::Empty => return,
            _ => reading.answer(),
        };
        match error {
            ParseError::Empty => {}
            ParseError::TagsTooLong | ParseError::TooLong => {
                Line::numeric(out, server, ERR_INPUTTOOLONG, nick)
                    .trailing("Input line was too long");
            }
            ParseError::Forbidden => Line::numeric(out, server, ERR_UNKNOWNCOMMAND, nick)
                .param("*")
                .trailing("A line may not hold NUL or CR"),
            ParseError::NoCommand | ParseError::BadCommand => {
                Line::numeric(out, server, ERR_UNKNOWNCOMMAND, nick)
                    .param("*")
                    .trailing("Unknown command");
            }
        }
    }

    /// Says that a line is not UTF-8. See the specification
    /// [utf8-only](https://ircv3.net/specs/extensions/utf8-only).
    #[cold]
    fn not_utf8(&mut self, payload: &[u8], reading: &mut Reading) {
        let server = &self.config.server;
        let out = reading.answer();
        let explanation = "Message rejected: it is not UTF-8, and nothing else is spoken here";
        Line::new(out, Source::server(server), "FAIL")
            .param(commands::name(command_word(payload)))
            .param("INVALID_UTF8")
            .trailing(explanation);
        self.label_at_once(payload, reading);
    }

    /// Labels what is answered to a line that cannot be read, if its tags can.
    fn label_at_once(&self, payload: &[u8], reading: &mut Reading) {
        if self.client.labels()
            && let Some(mut label) = tags_of(payload).and_then(Tags::label).and_then(Label::new)
        {
            label.mark(&self.config.server, reading.answer(), 0, true);
        }
    }

    /// Reads a part of a message.
    fn read<'a>(&mut self, line: &'a str, reading: &mut Reading) -> Option<Command<'a>> {
        let message = match Message::parse(line) {
            Ok(message) => message,
            Err(error) => {
                self.client.begin("*");
                self.malformed(error, reading);
                self.label_at_once(line.as_bytes(), reading);
                return None;
            }
        };
        let (config, client) = (&*self.config, &mut *self.client);
        let part = reading.part();
        if part == 0 {
            client.begin("*");
            if client.labels() {
                client.label = message.tags.label().and_then(Label::new);
            }
        } else if client.has_ended(part) {
            reading.for_free();
            if let Some(label) = &mut client.label {
                label.end(&config.server, reading.answer());
            }
            return None;
        }
        if let Some(label) = &mut client.label {
            label.begin_part();
        }
        let mut turn = Turn {
            config,
            client,
            reading,
            message: &message,
            part: usize::try_from(part).unwrap_or(usize::MAX),
            has_more: false,
        };
        let command = commands::run(&mut turn);
        let has_more = turn.has_more;
        if has_more {
            reading.expect_more();
        }
        if let Some(label) = &mut client.label {
            label.more = has_more;
            label.mark(&config.server, reading.answer(), 0, true);
            if !has_more {
                label.ends_at = part + 1;
                reading.expect_more();
            }
        }
        command
    }

    /// Whether this connection is told of an event at all.
    fn wants(&self, event: &Event) -> bool {
        let client = &*self.client;
        let is_wanted = match event {
            Event::Signal { .. } => client.has(Caps::MESSAGE_TAGS),
            Event::Away { name, .. } => client.has(Caps::AWAY_NOTIFY) && !client.is_me(name),
            Event::Invitation { .. } => client.has(Caps::INVITE_NOTIFY),
            Event::Announced { from, .. } => client.wants_wallops || client.is_me(from),
            Event::Described { old, .. } => {
                let told = client.shape.for_event(event, old);
                told.has(Shape::SETNAME) || told.has(Shape::ACCOUNT_NOTIFY)
            }
            _ => true,
        };
        is_wanted && (client.has(Caps::ECHO_MESSAGE) || !self.is_own(event))
    }

    /// Whether what `author` brings about is what a labelled message asks for that is being dealt with.
    fn answers(&self, author: &Person) -> bool {
        let label = self.client.label.as_ref();
        self.client.is_me(author) && label.is_some_and(|label| label.is_open())
    }

    /// Whether this connection has sent a message.
    fn is_own(&self, event: &Event) -> bool {
        match event {
            Event::Said { from, stamp, .. } => {
                from.is_some() && stamp.id().connection == self.client.connection
            }
            // To a user, who may be the same, it comes as what others send does.
            Event::Signal { room, stamp, .. } => {
                room.is_some() && stamp.id().connection == self.client.connection
            }
            _ => false,
        }
    }
}

impl Clone for Irc {
    /// The same for another connection.
    fn clone(&self) -> Self {
        Self::new(self.config.clone())
    }
}

impl Default for Irc {
    /// A server called `chinwag.local` of the network `chinwag`, that anybody may come to, without a message of the day
    /// and without accounts.
    fn default() -> Self {
        Self::new(Arc::new(Config::default()))
    }
}

impl Wire for Irc {
    const WANTS_RECEIPTS: bool = true;

    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Some(memchr(b'\n', input)? + 1)
    }

    fn max_frame(&self, _: usize) -> usize {
        MAX_FRAME
    }

    fn keep_alive(&self) -> Option<KeepAlive> {
        self.config.keep_alive
    }

    fn probe(&mut self, out: &mut Vec<u8>) {
        Line::bare(out, "PING").trailing(&self.config.server);
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        let Ok(line) = std::str::from_utf8(payload) else {
            self.client.begin("*");
            self.not_utf8(payload, reading);
            return Ok(None);
        };
        if let Some(command) = self.chat(line) {
            return Ok(Some(command));
        }
        Ok(self.read(line, reading))
    }

    fn hear(&mut self, event: &Event) -> Hearing {
        self.client.notice(event);
        self.client.notice_join(event);
        if !self.wants(event) {
            return Hearing::Nothing;
        }
        // What nobody did is for this connection alone; and of the server nobody else knows what it is called here.
        let Some(Some(author)) = events::author(event) else {
            return Hearing::Alone;
        };
        let client = &*self.client;
        let is_alone = match event {
            Event::Direct { .. } => true,
            // What answers a labelled message is labelled.
            Event::Said { .. } | Event::Signal { .. } => self.is_own(event) && client.labels(),
            _ => self.answers(author),
        };
        match is_alone {
            true => Hearing::Alone,
            false => Hearing::Shared(client.shape.for_event(event, author).into()),
        }
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        let (config, client) = (&*self.config, &mut *self.client);
        let mut reply = Reply {
            config,
            client,
            out,
        };
        let is_last = reply.write(answer);
        if let Some(label) = &mut client.label
            && label.is_open()
        {
            label.mark(&config.server, out, start, is_last);
        }
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.client.notice(event);
        self.client.notice_join(event);
        if !self.wants(event) {
            return;
        }
        let start = out.len();
        let author = events::author(event).flatten();
        let manner = Manner::new(&self.config, &self.client, event, author);
        match event {
            Event::Direct { .. } => events::direct(event, self.client.nick(), manner, out),
            Event::Missed { .. }
            | Event::Online { .. }
            | Event::Offline { .. }
            | Event::Bye
            | Event::Error { .. } => {
                last_words::write(event, &self.config, &mut self.client, out);
            }
            _ => events::write(event, manner, out),
        }
        if self.is_own(event) {
            if let Some(label) = own_label(event)
                && self.client.labels()
            {
                Label::mark_echo(self.client.label.as_deref_mut(), label, out, start);
            }
            return;
        }
        let is_message = matches!(
            event,
            Event::Direct { .. } | Event::Sent { .. } | Event::Said { .. } | Event::Signal { .. }
        );
        if !is_message
            && author.is_some_and(|author| self.answers(author))
            && let Some(label) = &mut self.client.label
        {
            label.mark(&self.config.server, out, start, true);
        }
    }

    fn catch_up(&mut self, me: &Person, out: &mut Vec<u8>) {
        if let Some(old) = &self.client.me
            && old.as_str() != me.as_str()
        {
            let (old, new) = (old.clone(), me.clone());
            let event = Event::Renamed { old, new };
            let author = events::author(&event).flatten();
            let manner = Manner::new(&self.config, &self.client, &event, author);
            events::write(&event, manner, out);
        }
        self.client.set_me(me);
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        let manner = Manner {
            shape: form.into(),
            server: DEFAULT_SERVER_NAME,
        };
        events::write(event, manner, out);
    }
}

/// The label that a client has sent along with a message of its own. It travels with it, so that its echo has it,
/// whatever becomes of other messages; and nobody else is told it.
fn own_label(event: &Event) -> Option<&str> {
    let extra = match event {
        Event::Said { extra, .. } => extra.as_deref()?,
        Event::Signal { extra, .. } => extra,
        _ => return None,
    };
    let is_good = !extra.bytes().any(crate::write::is_bound);
    Tags::new(extra).label().filter(|_| is_good)
}

/// The tags of a line that cannot be read, if they can.
fn tags_of(line: &[u8]) -> Option<Tags<'_>> {
    let tags = line
        .strip_prefix(b"@")?
        .split(|&byte| byte == b' ')
        .next()?;
    let tags = std::str::from_utf8(tags).ok()?;
    let is_good = tags.len() <= MAX_TAG_DATA && !tags.bytes().any(crate::write::is_bound);
    is_good.then(|| Tags::new(tags))
}

/// The command of a line that cannot be read.
fn command_word(line: &[u8]) -> &str {
    let is_attached = |word: &&[u8]| !word.starts_with(b"@") && !word.starts_with(b":");
    let mut words = line
        .split(|&byte| byte == b' ')
        .filter(|word| !word.is_empty());
    let word = words.find(is_attached).unwrap_or_default();
    std::str::from_utf8(word).unwrap_or_default()
}
