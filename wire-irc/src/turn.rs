//! A part of a message that is being read.

use chinwag_core::wire::Reading;

use crate::{
    caps::Caps,
    client::{Ask, Client},
    config::Config,
    limits::TextLimits,
    message::Message,
    numeric::{ERR_INPUTTOOLONG, ERR_NEEDMOREPARAMS},
    source::Source,
    write::Line,
};

/// A part of a message that is being read: what the client asks for with it, and how it is answered.
#[derive(Debug)]
pub(crate) struct Turn<'t, 'a> {
    pub(crate) config: &'t Config,
    pub(crate) client: &'t mut Client,
    pub(crate) reading: &'t mut Reading,
    pub(crate) message: &'t Message<'a>,
    /// Which part it is.
    pub(crate) part: usize,
    /// There is another part behind it.
    pub(crate) has_more: bool,
}

impl<'a> Turn<'_, 'a> {
    /// A param; `None` if there are not so many, or it is empty.
    pub(crate) fn param(&self, index: usize) -> Option<&'a str> {
        self.raw_param(index).filter(|param| !param.is_empty())
    }

    /// A param, also if it is empty.
    pub(crate) fn raw_param(&self, index: usize) -> Option<&'a str> {
        self.message.params().get(index).copied()
    }

    /// How many params there are.
    pub(crate) fn params(&self) -> usize {
        self.message.params().len()
    }

    /// Says that there is another part.
    pub(crate) fn more(&mut self) {
        self.has_more = true;
    }

    /// Says that this part belongs to the one before it, and is not charged for.
    pub(crate) fn free(&mut self) {
        self.reading.for_free();
    }

    /// Says what the hub is asked for.
    pub(crate) fn ask(&mut self, ask: Ask) {
        self.client.ask = ask;
    }

    /// Begins a numeric.
    pub(crate) fn numeric(&mut self, numeric: u16) -> Line<'_> {
        let nick = self.client.nick();
        Line::numeric(self.reading.answer(), &self.config.server, numeric, nick)
    }

    /// Begins a line of the server's.
    pub(crate) fn line(&mut self, command: &str) -> Line<'_> {
        let source = Source::server(&self.config.server);
        Line::new(self.reading.answer(), source, command)
    }

    /// A param that is a list; `None` if there are not so many, or there is nothing between its commas.
    pub(crate) fn list(&self, index: usize) -> Option<&'a str> {
        self.raw_param(index)
            .filter(|list| list.bytes().any(|byte| byte != b','))
    }

    /// How long texts may be.
    pub(crate) fn texts(&self) -> TextLimits {
        TextLimits::new(self.config, self.client.bounds)
    }

    /// Whether a text is too long, and so refused as a whole. Says so.
    pub(crate) fn is_too_long(&mut self, text: Option<&str>, limit: usize) -> bool {
        let is_too_long = text.is_some_and(|text| text.len() > limit);
        if is_too_long {
            self.numeric(ERR_INPUTTOOLONG)
                .trailing("Input line was too long");
        }
        is_too_long
    }

    /// Says that there are too few params.
    pub(crate) fn missing(&mut self) {
        let command = self.client.command;
        self.numeric(ERR_NEEDMOREPARAMS)
            .param(command)
            .trailing("Not enough parameters");
    }

    /// Says that something is wrong for which there is no numeric.
    pub(crate) fn fail(&mut self, code: &str, explanation: &str) {
        let command = self.client.command;
        let failure = Failure {
            command,
            code,
            about: None,
            explanation,
        };
        failure.write(self.config, self.client, self.reading.answer());
    }
}

/// Something that is wrong for which there is no numeric.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure<'a> {
    /// The command that has failed.
    pub(crate) command: &'a str,
    /// Why, for programs.
    pub(crate) code: &'a str,
    /// What it was about, if it was about one channel or user.
    pub(crate) about: Option<&'a str>,
    /// Why, for people.
    pub(crate) explanation: &'a str,
}

impl Failure<'_> {
    /// Appends it: as a [standard reply](https://ircv3.net/specs/extensions/standard-replies) for who knows these, as a
    /// notice for others.
    pub(crate) fn write(self, config: &Config, client: &Client, out: &mut Vec<u8>) {
        let Self {
            command,
            code,
            about,
            explanation,
        } = self;
        let source = Source::server(&config.server);
        // Who has asked for what such a reply belongs to knows it, too.
        let is_known = client.has(Caps::STANDARD_REPLIES)
            || (command == "SETNAME" && client.has(Caps::SETNAME));
        if !is_known {
            let line = Line::new(out, source, "NOTICE").param(client.nick());
            return match about {
                Some(about) => line.trailing_fmt(format_args!("{command} {about}: {explanation}")),
                None => line.trailing_fmt(format_args!("{command}: {explanation}")),
            };
        }
        let mut line = Line::new(out, source, "FAIL").param(command).param(code);
        if let Some(about) = about {
            line = line.echo(about);
        }
        line.trailing(explanation);
    }
}

/// What is between the commas of a list: the part with this number.
pub(crate) fn nth(list: &str, index: usize) -> Option<&str> {
    list.split(',').nth(index)
}
