//! What a peer asks for, and what becomes of it.

use std::time::Instant;

use super::{Conversation, End, Flow, MASKS, error, log_limited};
use crate::{
    error::HubError,
    hub::{Effects, Gathered, Item, Listing, Stop},
    model::{Answer, Asked, Command, Event, Profile, Role, RoomName, Style, UserName, Verb},
    session::{
        hook::{Asking, ForText, Granted},
        machine::Action,
    },
    trace::log,
    wire::Wire,
};

/// What is said in a room, and to whom there.
struct Words<'a> {
    text: &'a str,
    least: Role,
    style: Style<'a>,
}

/// What a request came to.
pub(super) enum Done {
    /// There is nothing to say.
    Silently,
    /// It was granted, and others are told this of it.
    Granted(Option<Event>),
    Answer(Answer<'static>),
    List(Listing),
}

pub(super) fn acked(done: Result<(), Stop>) -> Result<Done, Stop> {
    done.map(|()| Done::Granted(None))
}

impl<W: Wire> Conversation<W> {
    /// Deals with what a frame asks for.
    pub(in crate::session) fn act(
        &mut self,
        action: Action<'_>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Flow {
        let command = match action {
            Action::Do(command) => command,
            Action::Refuse(wrong) => {
                self.publish(now, items, effects);
                self.reply(
                    &error(wrong.verb, wrong.code, wrong.explanation),
                    now,
                    items,
                );
                return Flow::Next;
            }
        };
        let verb = command.verb();
        if verb != Verb::Say {
            self.publish(now, items, effects);
        }
        let command = match command {
            Command::Enter(entrance) => {
                let done = self.enter_as(entrance, now, items, effects);
                return self.finish(Asked::of(verb), done, now, items, effects);
            }
            Command::LogIn(credentials) => {
                let credentials = *credentials;
                let done = self.log_in(&credentials.account, credentials.secret, now);
                return self.finish(Asked::of(verb), done, now, items, effects);
            }
            other => other,
        };
        let asked = command.asked();
        let done = match &command {
            Command::Enter(_) | Command::LogIn(_) => return Flow::Next,
            &Command::Chat { to, text, style } => self.chat(to, text, style, now, effects),
            &Command::Say {
                room,
                text,
                least,
                style,
            } => {
                let words = Words { text, least, style };
                self.say(room, words, now, items, effects)
            }
            &Command::Signal { to, extra } => {
                let granted = || {
                    let to = to.to_owned();
                    Box::new(|extra| Granted::Signal { to, extra }) as ForText
                };
                match self.check(verb, extra, now, granted) {
                    Some(asked) => asked,
                    None => self.signal(to, extra, effects),
                }
            }
            &Command::Register { name, secret } => {
                self.register(name, secret.map(|s| s.0), now, items, effects)
            }
            &Command::Elevate { name, secret } => self.elevate(name, secret.0, now),
            &Command::StepDown => self.seat.step_down(effects).map(Done::Granted),
            &Command::Describe { real_name, bot } => {
                let granted =
                    || Box::new(move |real_name| Granted::Describe { real_name, bot }) as ForText;
                match real_name.and_then(|text| self.check(verb, text, now, granted)) {
                    Some(asked) => asked,
                    None => self.describe(real_name, bot, effects),
                }
            }
            Command::Join { room, key } => self.join(room, *key, now, items, effects),
            &Command::Leave { room, reason } => {
                let granted = || {
                    let room = room.to_owned();
                    Box::new(|reason| Granted::Leave { room, reason }) as ForText
                };
                match reason.and_then(|reason| self.check(verb, reason, now, granted)) {
                    Some(asked) => asked,
                    None => self.leave(room, reason, now, effects),
                }
            }
            &Command::LeaveAny => match self.seat.any_room() {
                Ok(room) => self.leave(room.as_str(), None, now, effects),
                Err(rule) => Err(rule.into()),
            },
            Command::Topic { room, text: None } => {
                let topic = self.seat.topic(room);
                topic.map(Done::Answer).map_err(Stop::Refused)
            }
            Command::Topic {
                room,
                text: Some(text),
            } => {
                let granted = || {
                    let room = room.as_ref().to_owned();
                    Box::new(|text| Granted::Topic { room, text }) as ForText
                };
                match self.check(verb, text, now, granted) {
                    Some(asked) => asked,
                    None => acked(self.seat.set_topic(room, text, effects)),
                }
            }
            &Command::Kick { room, name, reason } => {
                let granted = || {
                    let (room, name) = (room.to_owned(), name.to_owned());
                    Box::new(|reason| Granted::Kick { room, name, reason }) as ForText
                };
                match reason.and_then(|reason| self.check(verb, reason, now, granted)) {
                    Some(asked) => asked,
                    None => acked(self.seat.kick(room, name, reason, effects)),
                }
            }
            &Command::Ban { room, name } => acked(self.seat.ban(room, name, effects)),
            &Command::Unban { room, name } => acked(self.seat.unban(room, name, effects)),
            &Command::Role { room, name, change } => {
                acked(self.seat.set_role(room, name, change, effects))
            }
            &Command::Invite { room, name } => {
                let invited = self.seat.invite(room, name, effects);
                invited.map(Done::Granted)
            }
            &Command::Set { room, setting } => acked(self.seat.set(room, setting, effects)),
            &Command::Settings { room } => {
                let settings = self.seat.settings(room);
                settings.map(Done::Answer).map_err(Stop::Refused)
            }
            &Command::Mask {
                room,
                list,
                mask,
                on,
            } => acked(self.seat.set_mask(room, list, mask, on, effects)),
            &Command::ListMasks { room, list } => {
                let masks = self.seat.masks(room, list);
                masks.map(Done::Answer).map_err(Stop::Refused)
            }
            &Command::Away { text } => {
                let granted = || Box::new(|text| Granted::Away { text }) as ForText;
                match text.and_then(|text| self.check(verb, text, now, granted)) {
                    Some(asked) => asked,
                    None => self.seat.set_away(text, effects).map(Done::Granted),
                }
            }
            &Command::Whois { name } => {
                let whois = self.seat.whois(name, now);
                let answer = |whois| Done::Answer(Answer::Whois(Box::new(whois)));
                whois.map(answer).map_err(Stop::Refused)
            }
            &Command::Whowas { name } => match self.seat.name() {
                Some(_) => {
                    let past = self.hub().past(name);
                    return self.answer_about(&Answer::Whowas { name, past }, now, items);
                }
                None => Err(HubError::NotRegistered.into()),
            },
            &Command::Find { name } => match self.seat.find(name) {
                Ok(person) => {
                    return self.answer_about(&Answer::Found { name, person }, now, items);
                }
                Err(rule) => Err(rule.into()),
            },
            &Command::Watch { name, on, changes } => {
                self.drain(usize::MAX, items);
                let watched = self.seat.watch(name, on, changes);
                let answer = |watched| self.answer_before_news(&watched);
                watched.map(answer).map_err(Stop::Refused)
            }
            &Command::WatchNobody => {
                self.seat.watch_nobody();
                Ok(Done::Granted(None))
            }
            &Command::ListWatched => {
                self.drain(usize::MAX, items);
                let watched = self.seat.watched();
                Ok(self.answer_before_news(&watched))
            }
            &Command::Stats => {
                let stats = Box::new(self.hub().quick_stats());
                Ok(Done::Answer(Answer::Stats(stats)))
            }
            &Command::Kill { name, reason } => {
                let killed = self.seat.kill(name, reason, effects);
                acked(killed.map_err(Stop::Refused))
            }
            &Command::Announce { text } => {
                let announced = self.seat.announce(text, effects);
                acked(announced.map_err(Stop::Refused))
            }
            &Command::ListUsers => Ok(Done::List(self.seat.list_users())),
            &Command::ListRooms => Ok(Done::List(self.seat.list_rooms())),
            Command::ListMembers { room } => {
                let list = self.seat.list_members(room);
                list.map(Done::List).map_err(Stop::Refused)
            }
            &Command::Ping => Ok(Done::Answer(Answer::Pong)),
            &Command::Quit { reason } => {
                self.quit(reason, now);
                Ok(Done::Silently)
            }
        };
        self.finish(asked, done, now, items, effects)
    }

    /// Says who is here. What is heard of them since that was looked up comes behind it.
    fn answer_before_news(&mut self, answer: &Answer<'_>) -> Done {
        self.outbox.answer(&mut self.wire, answer);
        Done::Silently
    }

    /// Answers what has changed nothing.
    fn answer_about(&mut self, answer: &Answer<'_>, now: Instant, items: &mut Vec<Item>) -> Flow {
        self.reply(answer, now, items);
        Flow::Next
    }

    /// The peer says good-bye. What it says is told to others, unless it is too long, or the program wants to see what
    /// people write first: for that nobody waits who wants to go. Then they are told that it has said something.
    fn quit(&mut self, reason: Option<&str>, now: Instant) {
        let reason = reason.map(|reason| match self.hub().policy {
            Some(_) => "".into(),
            None => self.hub().short(reason).unwrap_or_default(),
        });
        self.end(End::Quit(reason), now);
    }

    /// Answers, and holds back for those who are behind.
    pub(super) fn finish(
        &mut self,
        asked: Asked<'_>,
        done: Result<Done, Stop>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Flow {
        if !effects.behind.is_empty() {
            self.hold_back(effects, now);
        }
        // What is said first is heard first.
        if !matches!(done, Ok(Done::Silently)) {
            self.publish(now, items, effects);
        }
        match done {
            Ok(Done::Silently) => {}
            Ok(Done::Granted(event)) => {
                let verb = asked.verb;
                self.reply(&Answer::Granted { verb, event }, now, items);
            }
            Ok(Done::Answer(answer)) => {
                if let Answer::Masks { masks, .. } = &answer {
                    self.owe_requests(masks.len() / MASKS);
                }
                self.reply(&answer, now, items);
            }
            Ok(Done::List(listing)) => {
                self.drain(usize::MAX, items);
                self.listing = Some(Box::new(listing));
                self.list();
            }
            // Who is gone already is about to be told so, and nothing else.
            Err(Stop::Refused(_)) if self.mailbox().is_closed() => return Flow::PutBack,
            Err(Stop::Refused(rule)) => {
                self.reply(&Answer::Refused { asked, rule }, now, items);
            }
            Err(Stop::Held) => return Flow::PutBack,
        }
        Flow::Next
    }

    fn chat(
        &mut self,
        to: &str,
        text: &str,
        style: Style<'_>,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        effects.has_spoken = true;
        if self.hub().policy.is_some() {
            let from = self.seat.name().ok_or(HubError::NotRegistered)?;
            if let Ok(to) = to.parse::<UserName>()
                && let Some(asking) = Asking::direct(self.hub(), from, &to, text, style, now)
            {
                return Ok(self.ask(asking));
            }
        }
        self.send(to, text, style, now, effects)
    }

    pub(super) fn send(
        &mut self,
        to: &str,
        text: &str,
        style: Style<'_>,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let sent = self.seat.send(to, text, style, W::WANTS_RECEIPTS, effects);
        if matches!(sent, Err(Stop::Refused(HubError::NoSuchUser))) {
            log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
                log!(connection INFO, peer = %self.peer, from = self.seat.name().map(display), "no user by the name {}", for_log(to));
            });
        }
        Ok(match sent? {
            None => Done::Silently,
            Some((to, event)) => Done::Answer(Answer::Sent { to, event }),
        })
    }

    fn say(
        &mut self,
        room: &str,
        words: Words<'_>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let Words { text, least, style } = words;
        effects.has_spoken = true;
        if self.hub().policy.is_some() {
            let name = match self.seat.room_name(room) {
                Ok(name) => name.clone(),
                Err(HubError::NotAMember | HubError::NoSuchRoom) => {
                    self.hub().open_to_others(room)?
                }
                Err(rule) => return Err(rule.into()),
            };
            let from = self.seat.name().ok_or(HubError::NotRegistered)?;
            let asking = Asking::publish(self.hub(), from, &name, text, least, style, now);
            if let Some(asking) = asking {
                return Ok(self.ask(asking));
            }
        }
        if least > Role::Member || !self.seat.is_member(room) {
            self.publish(now, items, effects);
            if self.hold.is_some() {
                return Err(Stop::Held);
            }
            self.seat.say(room, text, least, style, effects)?;
            return Ok(Done::Silently);
        }
        if self.seat.gather(room, text, style, effects)? == Gathered::NotYet {
            self.publish(now, items, effects);
            if self.hold.is_some() {
                return Err(Stop::Held);
            }
            // There is nothing now that it could be too much for.
            let _ = self.seat.gather(room, text, style, effects)?;
        }
        Ok(Done::Silently)
    }

    pub(super) fn signal(
        &mut self,
        to: &str,
        extra: &str,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        Ok(match self.seat.signal(to, extra, effects)? {
            Some(event) if W::WANTS_RECEIPTS => Done::Granted(Some(event)),
            _ => Done::Silently,
        })
    }

    pub(super) fn describe(
        &mut self,
        real_name: Option<&str>,
        bot: Option<bool>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let real_name = real_name.map(|text| self.hub().short(text)).transpose()?;
        let change = |profile: &mut Profile| {
            if let Some(real_name) = real_name {
                profile.real_name = (*real_name).into();
            }
            if let Some(bot) = bot {
                profile.bot = bot;
            }
        };
        self.seat.describe(change, effects).map(Done::Granted)
    }

    fn join(
        &mut self,
        room: &str,
        key: Option<&str>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let room: RoomName = room.parse().map_err(HubError::BadName)?;
        let name = self.seat.name().ok_or(HubError::NotRegistered)?;
        match Asking::join(self.hub(), name, room.clone(), key, now) {
            Some(asking) => Ok(self.ask(asking)),
            None => self.enter(room, key, now, items, effects),
        }
    }

    pub(super) fn enter(
        &mut self,
        room: RoomName,
        key: Option<&str>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        self.drain(usize::MAX, items);
        let event = self.seat.join(room.clone(), key, effects)?;
        log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
            log!(room DEBUG, peer = %self.peer, name = self.seat.name().map(display), %room, "joined");
        });
        // What is said in the room comes behind it.
        let verb = Verb::Join;
        self.outbox
            .answer(&mut self.wire, &Answer::Granted { verb, event });
        Ok(Done::Silently)
    }

    pub(super) fn leave(
        &mut self,
        room: &str,
        reason: Option<&str>,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let room_name = self.seat.room_name(room)?.clone();
        let event = self.seat.leave(room, reason, effects)?;
        log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
            log!(room DEBUG, peer = %self.peer, name = self.seat.name().map(display), room = %room_name, "left");
        });
        if let Some(name) = self.seat.name()
            && let Some(asking) = Asking::left(self.hub(), name, room_name, now)
        {
            self.ask(asking);
        }
        Ok(Done::Granted(Some(event)))
    }
}

/// The beginning of what a peer sent, in a form that keeps a log readable.
#[cfg(feature = "tracing")]
fn for_log(text: &str) -> String {
    let start = text.chars().take(UserName::MAX_CHARS);
    start.flat_map(char::escape_debug).collect()
}
