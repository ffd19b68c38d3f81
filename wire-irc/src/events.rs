//! What several are told, as lines.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use chinwag_core::{Event, Kind, Person, QuitReason, Role, Stamp};

use crate::{
    author::{Author, account, real_name},
    client::Client,
    config::Config,
    form::Shape,
    message::MAX_LINE,
    modes,
    source::Source,
    tags::{TagWriter, Tags},
    time::Iso,
    write::{Line, floor, is_bound, line_len},
};

/// Who brought an event about: somebody, or the program. `None` for what nobody did.
pub(crate) fn author(event: &Event) -> Option<Option<&Person>> {
    match event {
        Event::Said { from, .. } | Event::Direct { from, .. } => Some(from.as_ref()),
        Event::Sent { from, .. } | Event::Signal { from, .. } | Event::Announced { from, .. } => {
            Some(Some(from))
        }
        Event::Joined { name, .. }
        | Event::Left { name, .. }
        | Event::Quit { name, .. }
        | Event::Away { name, .. } => Some(Some(name)),
        Event::Renamed { old, .. } | Event::Described { old, .. } => Some(Some(old)),
        Event::Kicked { by, .. }
        | Event::Topic { by, .. }
        | Event::Role { by, .. }
        | Event::Set { by, .. }
        | Event::Mask { by, .. }
        | Event::Invited { by, .. }
        | Event::Invitation { by, .. } => Some(by.as_ref()),
        _ => None,
    }
}

/// How an event is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// What its lines have.
    pub(crate) shape: Shape,
    /// Whom a line is from that is from nobody.
    pub(crate) server: &'a str,
}

impl<'a> Manner<'a> {
    /// How an event that `author` brought about is written to a connection.
    pub(crate) fn new(
        config: &'a Config,
        client: &Client,
        event: &Event,
        author: Option<&Person>,
    ) -> Self {
        // The server is in no account, and no program.
        let shape = match author {
            Some(author) => client.shape.for_event(event, author),
            None => client.shape,
        };
        let server = &config.server;
        Self { shape, server }
    }
}

/// Appends the lines that tell `event`; none if there are no words for it.
pub(crate) fn write(event: &Event, manner: Manner<'_>, out: &mut Vec<u8>) {
    let Some(by) = author(event) else { return };
    let author = Author::or_server(by, manner.server);
    let mut pen = Pen {
        manner,
        author: &author,
        out,
    };
    match event {
        Event::Said {
            room,
            text,
            kind,
            least,
            extra,
            stamp,
            ..
        } => {
            let room = room.as_str();
            let target = match modes::prefix(*least) {
                "" => Cow::Borrowed(room),
                prefix => Cow::Owned(format!("{prefix}{room}")),
            };
            pen.message(*kind, &target, text, extra.as_deref(), stamp);
        }
        Event::Sent {
            to,
            text,
            kind,
            extra,
            stamp,
            ..
        } => pen.message(*kind, to.as_str(), text, extra.as_deref(), stamp),
        Event::Signal {
            room,
            to,
            extra,
            stamp,
            ..
        } => {
            let room = room.as_ref().map(AsRef::<str>::as_ref);
            let target = room.or(to.as_ref().map(AsRef::<str>::as_ref));
            let tags = pen.tags(Some(stamp), Some(extra), true);
            let line = Line::tagged(tags, author.source(), "TAGMSG");
            line.param(target.unwrap_or("*")).end();
        }
        Event::Joined { room, name } => pen.joined(room.as_str(), name),
        Event::Left { room, reason, .. } => {
            let line = pen.line("PART").param(room.as_str());
            match reason {
                Some(reason) => line.abridged(reason),
                None => line.end(),
            }
        }
        Event::Kicked {
            room,
            name,
            banned,
            reason,
            ..
        } => {
            let (room, name) = (room.as_str(), name.as_str());
            if *banned {
                pen.whole("MODE", &[room, "+b", &format!("{name}!*@*")])
                    .end();
            }
            let reason = reason.as_deref().filter(|reason| !reason.is_empty());
            let line = pen.whole("KICK", &[room, name]);
            line.abridged(reason.unwrap_or(author.source().nick));
        }
        Event::Topic { room, text, .. } => pen.line("TOPIC").param(room.as_str()).abridged(text),
        Event::Role {
            room,
            name,
            role,
            was,
            ..
        } => pen.role(room.as_str(), name.as_str(), *was, *role),
        Event::Set { room, setting, .. } => {
            let Some((change, param)) = modes::change(setting) else {
                return;
            };
            let line = pen.line("MODE").param(room.as_str()).param(change);
            match param {
                Some(param) => line.echo(&param).end(),
                None => line.end(),
            }
        }
        Event::Mask {
            room,
            list,
            mask,
            on,
            ..
        } => {
            let Some(letter) = modes::list_letter(*list) else {
                return;
            };
            let sign = if *on { "+" } else { "-" };
            let change = format!("{sign}{letter}");
            pen.whole("MODE", &[room.as_str(), &change, mask.as_str()])
                .end();
        }
        Event::Invited { room, name, .. } | Event::Invitation { room, name, .. } => {
            pen.whole("INVITE", &[name.as_str(), room.as_str()]).end();
        }
        // With a colon, by which ii knows the new one.
        Event::Renamed { new, .. } => pen.line("NICK").trailing(new.as_str()),
        Event::Quit { reason, text, .. } => {
            let text = quit_text(*reason, text.as_deref());
            pen.line("QUIT").abridged(&text);
        }
        Event::Away { text, .. } => match text {
            Some(text) => pen.line("AWAY").abridged(text),
            None => pen.line("AWAY").end(),
        },
        Event::Described { new, .. } => pen.described(new),
        Event::Announced { text, .. } => pen.line("WALLOPS").abridged(text),
        // Who is told these is told them alone.
        _ => {}
    }
}

/// Appends the lines of a direct message to the user `to`.
pub(crate) fn direct(event: &Event, to: &str, manner: Manner<'_>, out: &mut Vec<u8>) {
    let Event::Direct {
        from,
        text,
        kind,
        extra,
        stamp,
    } = event
    else {
        return;
    };
    let author = Author::or_server(from.as_ref(), manner.server);
    let mut pen = Pen {
        manner,
        author: &author,
        out,
    };
    pen.message(*kind, to, text, extra.as_deref(), stamp);
}

/// The command for a message of that kind.
pub(crate) fn command(kind: Kind) -> &'static str {
    match kind {
        Kind::Notice => "NOTICE",
        _ => "PRIVMSG",
    }
}

/// Why somebody is gone, as is the custom: what they said themselves, even if it is nothing, is told from what the
/// server says.
pub(crate) fn quit_text(reason: QuitReason, text: Option<&str>) -> Cow<'_, str> {
    let has_spoken = text.is_some();
    let text = text.filter(|text| !text.is_empty());
    match (reason, text) {
        (QuitReason::Closed, Some(text)) => Cow::Owned(format!("Quit: {text}")),
        (_, Some(text)) => Cow::Borrowed(text),
        (QuitReason::Closed, None) if has_spoken => Cow::Borrowed("Quit: "),
        (QuitReason::Closed, None) => Cow::Borrowed("Connection closed"),
        (QuitReason::TimedOut, None) => Cow::Borrowed("Ping timeout"),
        (QuitReason::Kicked, None) => Cow::Borrowed("Killed"),
        (QuitReason::Slow, None) => Cow::Borrowed("SendQ exceeded"),
        (QuitReason::Flooding, None) => Cow::Borrowed("Excess flood"),
        (QuitReason::Replaced, None) => Cow::Borrowed("Replaced by another connection"),
        (QuitReason::Shutdown, None) => Cow::Borrowed("Server shutting down"),
        (other, None) => Cow::Borrowed(other.as_str()),
    }
}

/// The least room for a text in a line; where there is less, whom it is from is said in short.
const MIN_TEXT: usize = 64;

/// What writes the lines of one event.
struct Pen<'p> {
    manner: Manner<'p>,
    author: &'p Author<'p>,
    out: &'p mut Vec<u8>,
}

impl Pen<'_> {
    /// Begins a line.
    fn line(&mut self, command: &str) -> Line<'_> {
        let source = self.author.source();
        Line::tagged(self.tags(None, None, false), source, command)
    }

    /// Begins a line whose params clients must have whole, since they keep by them who and what is there. Where there is
    /// no room for them, whom it is from is said in short.
    fn whole(&mut self, command: &str, params: &[&str]) -> Line<'_> {
        let full = self.author.source();
        let short = Source::server(full.nick);
        let fits = |source: Source<'_>| line_len(source, command, params, Some("")) <= MAX_LINE;
        let source = match fits(full) {
            true => full,
            false if fits(short) || command == "JOIN" => short,
            false => Source::server(self.manner.server),
        };
        let line = Line::tagged(self.tags(None, None, false), source, command);
        params.iter().fold(line, |line, param| line.echo(param))
    }

    /// The tags of a line: when it was said, which message it is if it is the first line of one, who says it, and what
    /// their client adds.
    fn tags(
        &mut self,
        stamp: Option<&Stamp>,
        extra: Option<&str>,
        is_first: bool,
    ) -> TagWriter<'_> {
        let shape = self.manner.shape;
        let mut tags = TagWriter::new(self.out);
        if let Some(stamp) = stamp {
            if shape.has(Shape::TIME) {
                tags.tag("time", Iso::from_millis(stamp.millis()).as_str());
            }
            if shape.has(Shape::TAGS) && is_first {
                tags.tag("msgid", &stamp.to_string());
            }
        }
        if shape.has(Shape::ACCOUNT)
            && let Some(account) = self.author.account
        {
            tags.tag("account", account);
        }
        if shape.has(Shape::TAGS) {
            if self.author.bot {
                tags.tag("bot", "");
            }
            // A program may have changed it into what are no tags.
            let is_good = |extra: &&str| !extra.bytes().any(is_bound);
            if let Some(extra) = extra.filter(is_good) {
                for tag in Tags::new(extra).client_only() {
                    tags.relay(tag);
                }
            }
        }
        tags
    }

    /// A message, in as many lines as it takes.
    fn message(
        &mut self,
        kind: Kind,
        target: &str,
        text: &str,
        extra: Option<&str>,
        stamp: &Stamp,
    ) {
        let author = self.author;
        let command = command(kind);
        let mut source = author.source();
        let mut room = room_for(source, command, target);
        if room < MIN_TEXT {
            source = Source::server(source.nick);
            room = room_for(source, command, target);
        }
        // There is room for a character whatever the names are, since names have at most 32 and 64.
        let room = room.max(4);
        let mut rest = text;
        let mut is_first = true;
        loop {
            let (piece, more) = rest.split_at(floor(rest, room));
            let tags = self.tags(Some(stamp), extra, is_first);
            Line::tagged(tags, source, command)
                .param(target)
                .trailing(piece);
            if more.is_empty() {
                return;
            }
            (rest, is_first) = (more, false);
        }
    }

    fn joined(&mut self, room: &str, name: &Person) {
        let shape = self.manner.shape;
        match shape.has(Shape::EXTENDED_JOIN) {
            true => self
                .whole("JOIN", &[room, account(name).unwrap_or("*")])
                .abridged(real_name(name)),
            false => self.whole("JOIN", &[room]).end(),
        }
        if shape.has(Shape::AWAY)
            && let Some(text) = name.away()
        {
            self.line("AWAY").abridged(text);
        }
    }

    /// From one role to another: one letter is taken, and one given.
    fn role(&mut self, room: &str, name: &str, was: Role, role: Role) {
        let taken = modes::letter(was).map(|letter| format!("-{letter}"));
        let given = modes::letter(role).map(|letter| format!("+{letter}"));
        if let (Some(taken), Some(given)) = (&taken, &given) {
            let change = format!("{taken}{given}");
            let params = [room, &change, name, name];
            let server = Source::server(self.manner.server);
            if line_len(server, "MODE", &params, None) <= MAX_LINE {
                return self.whole("MODE", &params).end();
            }
        }
        if taken.is_none() && given.is_none() {
            return self.whole("MODE", &[room, "+"]).end();
        }
        for change in [taken, given].into_iter().flatten() {
            self.whole("MODE", &[room, &change, name]).end();
        }
    }

    fn described(&mut self, new: &Person) {
        if self.manner.shape.has(Shape::SETNAME) {
            self.line("SETNAME").abridged(real_name(new));
        }
        if self.manner.shape.has(Shape::ACCOUNT_NOTIFY) {
            let account = account(new).unwrap_or("*");
            self.line("ACCOUNT").param(account).end();
        }
    }
}

/// How many bytes of a text a line has room for.
fn room_for(source: Source<'_>, command: &str, target: &str) -> usize {
    MAX_LINE.saturating_sub(line_len(source, command, &[target], Some("")))
}
