//! Requests that were refused.

use std::borrow::Cow;

use chinwag_core::{Asked, ErrorCode, HubError, Verb};

use super::Reply;
use crate::{
    client::Ask,
    modes,
    numeric::{
        ERR_BADCHANMASK, ERR_BADCHANNELKEY, ERR_BANLISTFULL, ERR_BANNEDFROMCHAN,
        ERR_CANNOTSENDTOCHAN, ERR_CHANNELISFULL, ERR_CHANOPRIVSNEEDED, ERR_ERRONEUSNICKNAME,
        ERR_INPUTTOOLONG, ERR_INVALIDMODEPARAM, ERR_INVITEONLYCHAN, ERR_MONLISTFULL,
        ERR_NICKNAMEINUSE, ERR_NOPRIVILEGES, ERR_NOSUCHCHANNEL, ERR_NOSUCHNICK, ERR_NOTONCHANNEL,
        ERR_NOTREGISTERED, ERR_PASSWDMISMATCH, ERR_SASLFAIL, ERR_TOOMANYCHANNELS,
        ERR_UNAVAILRESOURCE, ERR_USERNOTINCHANNEL, RPL_ENDOFNAMES, RPL_ENDOFWHO, RPL_TRYAGAIN,
    },
    sasl::Sasl,
    turn::Failure,
};

impl Reply<'_> {
    /// Says which rule of the chat a request has broken.
    pub(super) fn refused(&mut self, asked: Asked<'_>, rule: HubError) {
        let Asked {
            verb, room, name, ..
        } = asked;
        match &self.client.ask {
            // Lists of what one may not see are empty, and what comes behind joining is not missed.
            Ask::JoinTopic | Ask::LeaveAll => return,
            Ask::Names => {
                return self
                    .numeric(RPL_ENDOFNAMES)
                    .echo(room.unwrap_or("*"))
                    .trailing("End of /NAMES list");
            }
            Ask::Who(query) => {
                let mask = query.mask.clone();
                return self.end_of_who(&mask);
            }
            // Whoever has such a name is not here, and never was.
            Ask::Gather(_) if !matches!(rule, HubError::TooManyWatched(_)) => return,
            Ask::Join { .. } => {
                let ask = std::mem::take(&mut self.client.ask);
                self.not_joined(&ask);
            }
            _ => {}
        }
        if self.client.command == "NOTICE" && matches!(verb, Verb::Say | Verb::Chat) {
            return self.client.has_no_echo();
        }
        match verb {
            Verb::Register => self.nick_refused(name, &rule),
            Verb::LogIn => self.log_in_refused(),
            Verb::Say | Verb::Chat | Verb::Signal => self.message_refused(room, name, &rule),
            Verb::Elevate => self.wrong_password(),
            _ => self.rule(asked, &rule),
        }
        self.end_of_whois();
    }

    pub(super) fn end_of_who(&mut self, mask: &str) {
        self.numeric(RPL_ENDOFWHO)
            .echo(mask)
            .trailing("End of WHO list");
    }

    /// The nick that is wanted: what was asked for is not always told.
    fn wanted_nick(&self) -> Box<str> {
        let newcomer = self.client.newcomer.as_ref();
        let nick = newcomer.and_then(|newcomer| newcomer.nick.clone());
        nick.filter(|_| !self.client.is_registered())
            .unwrap_or_else(|| "*".into())
    }

    fn nick_refused(&mut self, name: Option<&str>, rule: &HubError) {
        let nick: Cow<'_, str> = match name {
            Some(name) => name.into(),
            None => self.wanted_nick().into_string().into(),
        };
        let (numeric, text): (u16, Cow<'_, str>) = match rule {
            HubError::NameTaken => (ERR_NICKNAMEINUSE, "Nickname is already in use".into()),
            HubError::BadName(why) => (
                ERR_ERRONEUSNICKNAME,
                format!("Erroneous nickname: {why}").into(),
            ),
            rule => (ERR_UNAVAILRESOURCE, rule.to_string().into()),
        };
        self.numeric(numeric).echo(&nick).trailing(&text);
    }

    fn log_in_refused(&mut self) {
        self.client.sasl = None;
        self.numeric(ERR_SASLFAIL)
            .trailing("SASL authentication failed");
    }

    fn message_refused(&mut self, room: Option<&str>, name: Option<&str>, rule: &HubError) {
        if matches!(rule, HubError::TextTooLong(_)) {
            return self.too_long();
        }
        let Some(room) = room else {
            return self.no_such_nick(name);
        };
        match rule {
            HubError::NoSuchRoom | HubError::BadName(_) => self.no_such_channel(Some(room)),
            rule => self
                .numeric(ERR_CANNOTSENDTOCHAN)
                .echo(room)
                .trailing_fmt(format_args!("Cannot send to channel: {rule}")),
        }
    }

    pub(super) fn no_such_nick(&mut self, name: Option<&str>) {
        self.numeric(ERR_NOSUCHNICK)
            .echo(name.unwrap_or("*"))
            .trailing("No such nick/channel");
    }

    fn no_such_channel(&mut self, room: Option<&str>) {
        self.numeric(ERR_NOSUCHCHANNEL)
            .echo(room.unwrap_or("*"))
            .trailing("No such channel");
    }

    fn too_long(&mut self) {
        self.numeric(ERR_INPUTTOOLONG)
            .trailing("Input line was too long");
    }

    /// Says what has a numeric of its own.
    fn rule(&mut self, asked: Asked<'_>, rule: &HubError) {
        let Asked {
            verb, room, name, ..
        } = asked;
        let is_join = verb == Verb::Join;
        let channel = room.unwrap_or("*");
        // The letter of the list that was asked for.
        let list = match self.client.ask {
            Ask::Mask(list) => modes::list_letter(list),
            _ => None,
        };
        match rule {
            HubError::NotRegistered => self
                .numeric(ERR_NOTREGISTERED)
                .trailing("You have not registered"),
            HubError::NoSuchUser => self.no_such_nick(name),
            HubError::NotThere => self
                .numeric(ERR_USERNOTINCHANNEL)
                .echo(name.unwrap_or("*"))
                .echo(channel)
                .trailing("They aren't on that channel"),
            HubError::BadName(_) if is_join && channel.starts_with('#') => self
                .numeric(ERR_BADCHANMASK)
                .echo(channel)
                .trailing("Bad Channel Mask"),
            HubError::BadName(_) if room.is_none() => self.no_such_nick(name),
            HubError::NoSuchRoom | HubError::BadName(_) => self.no_such_channel(room),
            HubError::NotAMember => self
                .numeric(ERR_NOTONCHANNEL)
                .echo(channel)
                .trailing("You're not on that channel"),
            HubError::Banned => self
                .numeric(ERR_BANNEDFROMCHAN)
                .echo(channel)
                .trailing("Cannot join channel (+b)"),
            HubError::InviteOnly => self
                .numeric(ERR_INVITEONLYCHAN)
                .echo(channel)
                .trailing("Cannot join channel (+i)"),
            HubError::BadKey => self
                .numeric(ERR_BADCHANNELKEY)
                .echo(channel)
                .trailing("Cannot join channel (+k)"),
            HubError::RoomFull(_) => self
                .numeric(ERR_CHANNELISFULL)
                .echo(channel)
                .trailing("Cannot join channel (+l)"),
            HubError::TooManyRooms(_) => self
                .numeric(ERR_TOOMANYCHANNELS)
                .echo(channel)
                .trailing("You have joined too many channels"),
            HubError::Moderated
            | HubError::NeedsRole(_)
            | HubError::NotOutranked(_)
            | HubError::LastOwner => self
                .numeric(ERR_CHANOPRIVSNEEDED)
                .echo(channel)
                .trailing_fmt(format_args!("You're not channel operator: {rule}")),
            HubError::NotOperator => self
                .numeric(ERR_NOPRIVILEGES)
                .trailing("Permission Denied- You're not an IRC operator"),
            HubError::TooManyWatched(limit) => self
                .numeric(ERR_MONLISTFULL)
                .number(u64::try_from(*limit).unwrap_or(u64::MAX))
                .echo(name.unwrap_or("*"))
                .trailing("Monitor list is full"),
            HubError::TooManyNames(_) => self
                .numeric(ERR_BANLISTFULL)
                .echo(channel)
                .param(list.unwrap_or("i"))
                .trailing("Channel list is full"),
            HubError::BadMask(why) => self
                .numeric(ERR_INVALIDMODEPARAM)
                .echo(channel)
                .param(list.unwrap_or("b"))
                .param("*")
                .trailing_fmt(format_args!("{why}")),
            HubError::TextTooLong(_) => self.too_long(),
            HubError::TooManyRoomsInAll(_) => self
                .numeric(ERR_UNAVAILRESOURCE)
                .echo(channel)
                .trailing_fmt(format_args!("Cannot join channel: {rule}")),
            rule => self.failed("REFUSED", room.or(name), &rule.to_string()),
        }
    }

    /// Says why something has failed for which there is no numeric.
    fn failed(&mut self, code: &str, about: Option<&str>, explanation: &str) {
        let failure = Failure {
            command: self.client.command,
            code,
            about,
            explanation,
        };
        failure.write(self.config, self.client, self.out);
    }

    /// Says why a request was refused that has broken no rule of the chat: it could not be read, it came too fast, or
    /// the program does not allow it.
    pub(super) fn error(&mut self, verb: Verb, code: ErrorCode, explanation: &str) {
        let ask = std::mem::take(&mut self.client.ask);
        self.not_joined(&ask);
        match code {
            ErrorCode::TooLong => return self.too_long(),
            ErrorCode::RateLimited => return self.too_fast(verb, explanation),
            ErrorCode::NotRegistered => {
                return self
                    .numeric(ERR_NOTREGISTERED)
                    .trailing("You have not registered");
            }
            _ if self.client.command == "NOTICE" => return self.client.has_no_echo(),
            _ => {}
        }
        let is_denied = code == ErrorCode::Denied;
        match (verb, ask) {
            // Clients try another one then, which is the right thing to do whatever the reason is.
            (Verb::Register, ask) if is_denied || !self.client.is_registered() => {
                let nick = match ask {
                    Ask::Nick(name) => name,
                    _ => self.wanted_nick(),
                };
                let numeric = match is_denied {
                    true => ERR_NICKNAMEINUSE,
                    false => ERR_UNAVAILRESOURCE,
                };
                self.numeric(numeric).echo(&nick).trailing(explanation);
            }
            (Verb::LogIn, _) => self.log_in_refused(),
            _ if !is_denied => self.try_again(explanation),
            (Verb::Join, Ask::Join { room, .. }) => self
                .numeric(ERR_UNAVAILRESOURCE)
                .echo(&room)
                .trailing_fmt(format_args!("Cannot join channel: {explanation}")),
            (Verb::Elevate, _) => self.wrong_password(),
            (_, Ask::Message(room)) if room.starts_with('#') => self
                .numeric(ERR_CANNOTSENDTOCHAN)
                .echo(&room)
                .trailing_fmt(format_args!("Cannot send to channel: {explanation}")),
            (_, Ask::Message(to)) => self.failed("DENIED", Some(&to), explanation),
            _ => self.failed("DENIED", None, explanation),
        }
    }

    fn wrong_password(&mut self) {
        self.numeric(ERR_PASSWDMISMATCH)
            .trailing("Password incorrect");
    }

    /// The message came too fast, and nothing becomes of the rest of it.
    fn too_fast(&mut self, verb: Verb, explanation: &str) {
        match verb {
            // It was refused unread, and is not the message that came before.
            Verb::Unknown => self.client.begin("*"),
            _ => self.client.drop_message(),
        }
        match self.client.command {
            "NOTICE" | "TAGMSG" => {}
            "AUTHENTICATE" => {
                self.try_again(explanation);
                if !matches!(self.client.sasl.as_deref(), Some(Sasl::Done)) {
                    self.log_in_refused();
                }
            }
            _ => self.try_again(explanation),
        }
    }

    /// The same may be asked for once more, later.
    fn try_again(&mut self, explanation: &str) {
        let command = self.client.command;
        self.numeric(RPL_TRYAGAIN)
            .param(command)
            .trailing(explanation);
    }
}
