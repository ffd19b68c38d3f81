//! What goes on between a peer and the hub, apart from the peer's bytes.

use std::{borrow::Cow, fmt, sync::Arc, task::Context, time::Instant};

use super::{
    hook::{Asker, Asking, ForText, Granted, Outcome, Waits},
    machine::{Action, Fed},
    outbox::Outbox,
    rate::{Throttle, Verdict},
};
use crate::{
    error::HubError,
    hub::{
        Burst, CloseReason, Effects, Gathered, HoldBack, Inner, Item, Listing, Mailbox, Seat, Stop,
        discard,
    },
    model::{
        Answer, Asked, Command, Entrance, ErrorCode, Event, OwnedSecret, Person, Profile,
        QuitReason, Role, RoomName, Style, UserName, Verb,
    },
    net::Addr,
    plug::Denied,
    rt::deadline_after,
    trace::{LogQuota, log},
    wire::{Reading, Wire},
};

/// One peer's place in the hub, what it has asked for and not got yet, and what it is told.
pub(super) struct Conversation<W> {
    pub(super) wire: W,
    pub(super) peer: Addr,
    pub(super) seat: Seat,
    pub(super) outbox: Outbox,
    /// The list that is being written, if it is too long to be written at once.
    listing: Option<Box<Listing>>,
    /// For whose sake this connection is not read from.
    hold: Option<Box<HoldBack>>,
    /// What the program was asked, or has granted, and is not done yet.
    pending: Option<Box<Pending>>,
    pub(super) phase: Phase,
    /// How the mailbox was closed, as far as this connection has acted on it.
    pub(super) seen: Option<CloseReason>,
    /// How fast it may ask for things; `None` if as fast as it likes.
    throttle: Option<Throttle>,
    /// The bytes of frames that were not charged for yet.
    uncharged: usize,
    /// The next frame was charged for when it came the first time.
    paid: bool,
    /// The peer is to be asked for a sign of life behind the list.
    owes_probe: bool,
    /// How many more of this peer's doings are logged at `info`.
    logs_left: u8,
    /// What is still to be told now that it ends.
    gone: Option<Box<Gone>>,
    admitted: bool,
}

/// A request between the program and the hub.
enum Pending {
    /// The program was asked.
    Asked(Asking),
    /// The program has granted it, but somebody has to be waited for.
    Granted(Granted),
}

/// How far a connection is on its way to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is served.
    Open,
    /// It is over; what waits is still being written.
    Flushing { until: Instant },
    /// All is written and our end is closed; the peer's is awaited.
    Lingering { until: Instant },
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The peer closed its sending end.
    PeerDone,
    /// The peer said good-bye.
    Quit(Option<Arc<str>>),
    /// The peer took too long, for what is said here.
    TimedOut(&'static str),
    /// The peer does not read.
    TooSlow,
    /// The peer asks for too much too fast.
    Flooding,
    /// Another connection has taken over the name.
    Replaced,
    /// The peer was put out, and is told this.
    Kicked(Option<Event>),
    /// The peer is turned away, for what is said here.
    TurnedAway(ErrorCode, Box<str>),
    /// The server shuts down.
    Shutdown,
}

/// What is still to be told when a connection ends.
struct Gone {
    /// The program is told who is gone, and why, if it let the connection in.
    name: Option<UserName>,
    reason: QuitReason,
    /// What the peer is told last.
    notice: Option<Event>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Flow {
    /// It is dealt with.
    Next,
    /// It is not: somebody has to be waited for, and then it has to come again.
    PutBack,
}

/// Above this many bytes in the outbox, the mailbox is not drained and the peer is not read from.
///
/// It is also the budget of one draining, and so about the size of the largest write. Beyond 64 KiB a
/// loopback write gains nothing from being larger.
pub(super) const HIGH_WATER: usize = 64 * 1024;

/// How many names are taken from a list at once, under its lock. For each but the first, a request more is charged
/// for.
const PAGE: usize = 128;

/// How many bytes of frames that ask for nothing count as one request.
const UNCHARGED: usize = 16 * 1024;

/// As how many bytes a further part of a frame counts that asks for nothing: to read it takes time all the same.
const PART: usize = 256;

/// How many of one peer's doings are logged at `info`; a peer cannot fill the log.
const LOGS: u8 = 20;

impl<W: Wire> Conversation<W> {
    pub(super) fn new(wire: W, seat: Seat, peer: Addr, now: Instant) -> Self {
        let hub = seat.hub();
        let throttle = (!hub.rates.is_unlimited()).then(|| Throttle::new(now));
        let asking = Asking::connect(hub, &peer, now);
        Self {
            admitted: asking.is_none(),
            pending: asking.map(|asking| Box::new(Pending::Asked(asking))),
            wire,
            peer,
            seat,
            outbox: Outbox::default(),
            listing: None,
            hold: None,
            phase: Phase::Open,
            seen: None,
            throttle,
            uncharged: 0,
            paid: false,
            owes_probe: false,
            logs_left: LOGS,
            gone: None,
        }
    }

    pub(super) fn mailbox(&self) -> &Arc<Mailbox> {
        self.seat.mailbox()
    }

    pub(super) fn hub(&self) -> &Arc<Inner> {
        self.seat.hub()
    }

    /// Whether no frame may be dealt with now.
    pub(super) fn is_busy(&self) -> bool {
        self.hold.is_some()
            || self.pending.is_some()
            || self.listing.is_some()
            || self.outbox.len() >= HIGH_WATER
    }

    /// Whether it is served, and nothing waits to be written.
    pub(super) fn is_at_rest(&self) -> bool {
        self.phase == Phase::Open && self.listing.is_none() && self.outbox.is_empty()
    }

    /// Whether it is only the program that is waited for, so that it is worth finding out whether the peer is
    /// still there.
    pub(super) fn waits_for_program(&self) -> bool {
        self.hold.is_none() && self.outbox.len() < HIGH_WATER && self.pending.is_some()
    }

    /// Whether a list is being written, which goes on as soon as there is room.
    pub(super) fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    /// The peer has sent its last byte. `true` if the connection ends by that, because nothing it has asked
    /// for is left to be done.
    pub(super) fn peer_left(&mut self, now: Instant) -> bool {
        match self.pending.as_deref() {
            Some(Pending::Asked(asking)) if !asking.is_about_the_peer() => false,
            Some(Pending::Granted(_)) => false,
            pending => {
                // A peer that has only stopped sending still hears what became of its request.
                if let Some(Pending::Asked(asking)) = pending
                    && let Waits::Request(verb) = asking.waits
                {
                    let why = "given up: you stopped sending before the answer";
                    let refusal = error(verb, ErrorCode::Unavailable, why);
                    self.reply(&refusal, now, &mut Vec::new());
                }
                self.end(End::PeerDone, now);
                true
            }
        }
    }

    /// Charges for what the machine was fed, also if the wire has answered it itself, unless it is free. `true` if what
    /// it asks for is to be done.
    pub(super) fn charge(
        &mut self,
        fed: &Fed<'_>,
        reading: &Reading,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> bool {
        let action = fed.action.as_ref();
        let Some(throttle) = &mut self.throttle else {
            return true;
        };
        let is_paid = std::mem::take(&mut self.paid);
        if is_paid || !reading.is_charged() {
            return true;
        }
        let asks = action.is_some() || reading.answered().is_some();
        // A frame that has come again for the rest of its parts has been counted.
        self.uncharged += match reading.part() {
            0 => fed.used,
            _ if asks => 0,
            _ => PART,
        };
        // A frame that goes on is charged for at its end.
        if !asks && (fed.unfinished || self.uncharged < UNCHARGED) {
            return true;
        }
        // What makes a room, or is told in many.
        let is_join = match action {
            Some(Action::Do(
                Command::Join { .. } | Command::Away { .. } | Command::Describe { .. },
            )) => true,
            Some(Action::Do(Command::Register { .. })) => self.seat.name().is_some(),
            _ => false,
        };
        let bytes = std::mem::take(&mut self.uncharged);
        let verdict = throttle.request(&self.seat.hub().rates, now, bytes, is_join);
        if verdict == Verdict::Grant {
            return true;
        }
        self.publish(now, items, effects);
        match verdict {
            Verdict::Grant => {}
            Verdict::Refuse(wait) => {
                self.hub().counters.rate_limited();
                // Rounded up, so that who waits as long is not refused again.
                let wait = wait.as_millis() + 1;
                // What asks for nothing needs no answer, whatever its length.
                if asks {
                    let verb = action.map_or(Verb::Other, Action::verb);
                    let explanation = format!("too fast: try again in {wait} ms");
                    let refusal = error(verb, ErrorCode::RateLimited, explanation);
                    self.reply(&refusal, now, items);
                }
            }
            Verdict::Disconnect => {
                self.hub().counters.rate_limited();
                self.end(End::Flooding, now);
            }
        }
        false
    }

    /// Says what the wire itself answers.
    pub(super) fn answer(
        &mut self,
        answer: &[u8],
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) {
        self.publish(now, items, effects);
        self.drain(usize::MAX, items);
        self.outbox.push_bytes(answer);
    }

    /// Asks the peer for a sign of life. It is written with whatever is written next, and the caller sees to that.
    pub(super) fn probe(&mut self) {
        // Not in the middle of a list, but behind it.
        match self.listing {
            Some(_) => self.owes_probe = true,
            None => self.outbox.probe(&mut self.wire),
        }
    }

    /// Says that the frame that was put back has been charged for.
    pub(super) fn put_back(&mut self) {
        self.paid = true;
    }

    /// Deals with what a frame asks for.
    pub(super) fn act(
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
        let asked = command.asked();
        let verb = asked.verb;
        if verb != Verb::Say {
            self.publish(now, items, effects);
        }
        let done = match command {
            Command::Chat { to, text, style } => self.chat(to, text, style, now, effects),
            Command::Say {
                room,
                text,
                least,
                style,
            } => {
                let words = Words { text, least, style };
                self.say(room, words, now, items, effects)
            }
            Command::Signal { to, extra } => {
                let granted = || {
                    let to = to.to_owned();
                    Box::new(|extra| Granted::Signal { to, extra }) as ForText
                };
                match self.check(verb, extra, now, granted) {
                    Some(asked) => asked,
                    None => self.signal(to, extra, effects),
                }
            }
            Command::Register { name, secret } => {
                self.register(name, secret.map(|s| s.0), now, items, effects)
            }
            Command::Enter(entrance) => self.enter_as(entrance, now, items, effects),
            Command::LogIn(credentials) => {
                let credentials = *credentials;
                self.log_in(&credentials.account, credentials.secret, now)
            }
            Command::Elevate { name, secret } => self.elevate(name, secret.0, now),
            Command::StepDown => self.seat.step_down(effects).map(Done::Granted),
            Command::Describe { real_name, bot } => {
                let granted =
                    || Box::new(move |real_name| Granted::Describe { real_name, bot }) as ForText;
                match real_name.and_then(|text| self.check(verb, text, now, granted)) {
                    Some(asked) => asked,
                    None => self.describe(real_name, bot, effects),
                }
            }
            Command::Join { room, key } => self.join(room, key, now, items, effects),
            Command::JoinKnown(room) => self.join(room.as_str(), None, now, items, effects),
            Command::Leave { room, reason } => {
                let granted = || {
                    let room = room.to_owned();
                    Box::new(|reason| Granted::Leave { room, reason }) as ForText
                };
                match reason.and_then(|reason| self.check(verb, reason, now, granted)) {
                    Some(asked) => asked,
                    None => self.leave(room, reason, now, effects),
                }
            }
            Command::LeaveAny => match self.seat.any_room() {
                Ok(room) => self.leave(room.as_str(), None, now, effects),
                Err(rule) => Err(rule.into()),
            },
            Command::Topic { room, text: None } => {
                let topic = self.seat.topic(room);
                topic.map(Done::Answer).map_err(Stop::Refused)
            }
            Command::TopicOf(room) => {
                let topic = self.seat.topic(room.as_str());
                topic.map(Done::Answer).map_err(Stop::Refused)
            }
            Command::Topic {
                room,
                text: Some(text),
            } => {
                let granted = || {
                    let room = room.to_owned();
                    Box::new(|text| Granted::Topic { room, text }) as ForText
                };
                match self.check(verb, text, now, granted) {
                    Some(asked) => asked,
                    None => acked(self.seat.set_topic(room, text, effects)),
                }
            }
            Command::Kick { room, name, reason } => {
                let granted = || {
                    let (room, name) = (room.to_owned(), name.to_owned());
                    Box::new(|reason| Granted::Kick { room, name, reason }) as ForText
                };
                match reason.and_then(|reason| self.check(verb, reason, now, granted)) {
                    Some(asked) => asked,
                    None => acked(self.seat.kick(room, name, reason, effects)),
                }
            }
            Command::Ban { room, name } => acked(self.seat.ban(room, name, effects)),
            Command::Unban { room, name } => acked(self.seat.unban(room, name, effects)),
            Command::Role { room, name, change } => {
                acked(self.seat.set_role(room, name, change, effects))
            }
            Command::Invite { room, name } => {
                let invited = self.seat.invite(room, name, effects);
                invited.map(Done::Granted)
            }
            Command::Set { room, setting } => acked(self.seat.set(room, setting, effects)),
            Command::Settings { room } => {
                let settings = self.seat.settings(room);
                settings.map(Done::Answer).map_err(Stop::Refused)
            }
            Command::Mask {
                room,
                list,
                mask,
                on,
            } => acked(self.seat.set_mask(room, list, mask, on, effects)),
            Command::ListMasks { room, list } => {
                let masks = self.seat.masks(room, list);
                masks.map(Done::Answer).map_err(Stop::Refused)
            }
            Command::Away { text } => {
                let granted = || Box::new(|text| Granted::Away { text }) as ForText;
                match text.and_then(|text| self.check(verb, text, now, granted)) {
                    Some(asked) => asked,
                    None => self.seat.set_away(text, effects).map(Done::Granted),
                }
            }
            Command::Whois { name } => {
                let whois = self.seat.whois(name, now);
                let answer = |whois| Done::Answer(Answer::Whois(Box::new(whois)));
                whois.map(answer).map_err(Stop::Refused)
            }
            Command::Whowas { name } => match self.seat.name() {
                Some(_) => {
                    let past = self.hub().past(name);
                    return self.answer_about(&Answer::Whowas { name, past }, now, items);
                }
                None => Err(HubError::NotRegistered.into()),
            },
            Command::Find { name } => match self.seat.find(name) {
                Ok(person) => {
                    return self.answer_about(&Answer::Found { name, person }, now, items);
                }
                Err(rule) => Err(rule.into()),
            },
            Command::Watch { name, on } => {
                self.drain(usize::MAX, items);
                let watched = self.seat.watch(name, on);
                let answer = |watched| self.answer_before_news(&watched);
                watched.map(answer).map_err(Stop::Refused)
            }
            Command::WatchNobody => {
                self.seat.watch_nobody();
                Ok(Done::Granted(None))
            }
            Command::ListWatched => {
                self.drain(usize::MAX, items);
                let watched = self.seat.watched();
                Ok(self.answer_before_news(&watched))
            }
            Command::Stats => {
                let stats = Box::new(self.hub().quick_stats());
                Ok(Done::Answer(Answer::Stats(stats)))
            }
            Command::Kill { name, reason } => {
                let killed = self.seat.kill(name, reason, effects);
                acked(killed.map_err(Stop::Refused))
            }
            Command::Announce { text } => {
                let announced = self.seat.announce(text, effects);
                acked(announced.map_err(Stop::Refused))
            }
            Command::ListUsers => Ok(Done::List(self.seat.list_users())),
            Command::ListRooms => Ok(Done::List(self.seat.list_rooms())),
            Command::ListMembers { room } => {
                let list = self.seat.list_members(room);
                list.map(Done::List).map_err(Stop::Refused)
            }
            Command::MembersOf(room) => {
                let list = self.seat.list_members(room.as_str());
                list.map(Done::List).map_err(Stop::Refused)
            }
            Command::Ping => Ok(Done::Answer(Answer::Pong)),
            Command::Quit { reason } => {
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
    fn finish(
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
            Ok(Done::Answer(answer)) => self.reply(&answer, now, items),
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

    fn send(
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

    fn signal(&mut self, to: &str, extra: &str, effects: &mut Effects) -> Result<Done, Stop> {
        Ok(match self.seat.signal(to, extra, effects)? {
            Some(event) if W::WANTS_RECEIPTS => Done::Granted(Some(event)),
            _ => Done::Silently,
        })
    }

    /// Publishes what has been gathered.
    #[inline]
    pub(super) fn publish(&mut self, now: Instant, items: &mut Vec<Item>, effects: &mut Effects) {
        if !effects.burst.is_empty() {
            self.publish_burst(now, items, effects);
        }
    }

    fn publish_burst(&mut self, now: Instant, items: &mut Vec<Item>, effects: &mut Effects) {
        let published = Burst::publish(effects);
        if !effects.behind.is_empty() {
            self.hold_back(effects, now);
        }
        // Who is gone already is about to be told so, and nothing else.
        if let Err((rule, room, count)) = published
            && !self.mailbox().is_closed()
        {
            let asked = Asked {
                verb: Verb::Say,
                room: Some(room.as_str()),
                name: None,
            };
            let refusal = Answer::Refused { asked, rule };
            for _ in 0..count {
                self.reply(&refusal, now, items);
            }
        }
    }

    fn asker(&self) -> Asker<'_> {
        Asker {
            peer: &self.peer,
            current: self.seat.name(),
            account: self.seat.account(),
        }
    }

    fn register(
        &mut self,
        name: &str,
        secret: Option<&str>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let asking = Asking::register(self.hub(), self.asker(), name.clone(), secret, now);
        match asking {
            Some(asking) => Ok(self.ask(asking)),
            None => self.take_name(name, None, now, items, effects),
        }
    }

    fn enter_as(
        &mut self,
        entrance: Box<Entrance>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        let name: UserName = entrance.name.parse().map_err(HubError::BadName)?;
        match Asking::enter(self.hub(), self.asker(), name.clone(), entrance, now) {
            Ok(asking) => Ok(self.ask(asking)),
            Err(entrance) => self.take_name(name, Some(&entrance), now, items, effects),
        }
    }

    fn log_in(&mut self, account: &str, secret: OwnedSecret, now: Instant) -> Result<Done, Stop> {
        let account: UserName = account.parse().map_err(HubError::BadName)?;
        let secret = secret.0.into_string();
        let asking = Asking::log_in(self.hub(), self.asker(), account, secret, now);
        self.ask_or(asking, Verb::LogIn, "there are no accounts here", now)
    }

    fn elevate(&mut self, name: &str, secret: &str, now: Instant) -> Result<Done, Stop> {
        self.seat.name().ok_or(HubError::NotRegistered)?;
        let name: UserName = name.parse().map_err(HubError::BadName)?;
        let asking = Asking::elevate(self.hub(), self.asker(), name, secret.to_owned(), now);
        self.ask_or(asking, Verb::Elevate, "there are no operators here", now)
    }

    /// Asks, or refuses where there is nobody to ask.
    fn ask_or(
        &mut self,
        asking: Option<Asking>,
        verb: Verb,
        otherwise: &'static str,
        now: Instant,
    ) -> Result<Done, Stop> {
        match asking {
            Some(asking) => Ok(self.ask(asking)),
            None => {
                let refusal = error(verb, ErrorCode::Denied, otherwise);
                self.reply(&refusal, now, &mut Vec::new());
                Ok(Done::Silently)
            }
        }
    }

    fn describe(
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

    fn take_name(
        &mut self,
        name: UserName,
        entrance: Option<&Entrance>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) -> Result<Done, Stop> {
        self.drain(usize::MAX, items);
        let address = self.peer.tcp().map(|addr| addr.ip());
        let account = self.seat.account().cloned();
        let mut profile = entrance.map(|entrance| Profile {
            login: entrance.login.clone(),
            real_name: entrance.real_name.clone(),
            bot: entrance.bot,
            ..Profile::default()
        });
        if account.is_some() {
            profile.get_or_insert_default().account = account;
        }
        let person = Person::new(name, address, profile.map(Arc::new));
        let answer = self.seat.register(person, now, effects)?;
        log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
            log!(connection INFO, peer = %self.peer, name = self.seat.name().map(display), "registered");
        });
        // What others say from here on comes behind it.
        self.outbox.answer(&mut self.wire, &answer);
        Ok(Done::Silently)
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

    fn enter(
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

    fn leave(
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

    /// Asks whether a text may be written, if anybody wants to be.
    fn check(
        &mut self,
        what: Verb,
        text: &str,
        now: Instant,
        granted: impl FnOnce() -> ForText,
    ) -> Option<Result<Done, Stop>> {
        self.hub().policy.as_ref()?;
        let by = self.seat.name()?;
        let asking = Asking::text(self.hub(), by, what, text, now, granted());
        asking.map(|asking| Ok(self.ask(asking)))
    }

    fn ask(&mut self, asking: Asking) -> Done {
        self.pending = Some(Box::new(Pending::Asked(asking)));
        Done::Silently
    }

    /// Does what the program has granted, as soon as it has, and there is nobody to wait for.
    pub(super) fn poll_pending(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        items: &mut Vec<Item>,
        effects: &mut Effects,
    ) {
        let Some(mut pending) = self.pending.take() else {
            return;
        };
        let granted = match *pending {
            Pending::Granted(granted) if self.hold.is_none() => granted,
            Pending::Granted(_) => {
                self.pending = Some(pending);
                return;
            }
            Pending::Asked(ref mut asking) => {
                let std::task::Poll::Ready(outcome) = asking.poll(cx) else {
                    self.pending = Some(pending);
                    return;
                };
                let waits = asking.waits;
                match self.answered(outcome, waits, asking.began, now, items) {
                    Some(granted) => granted,
                    None => return,
                }
            }
        };
        let asked = granted.asked();
        let done = match &granted {
            Granted::Admit(admission) => {
                self.admitted = true;
                if let Some(policy) = admission.slow_reader {
                    self.mailbox().set_policy(policy);
                }
                if admission.unthrottled {
                    self.throttle = None;
                }
                Ok(Done::Silently)
            }
            Granted::Register(name) => self.take_name(name.clone(), None, now, items, effects),
            Granted::Enter(name, entrance) => {
                self.take_name(name.clone(), Some(entrance), now, items, effects)
            }
            Granted::LogIn(account) => {
                let logged_in = self.seat.log_in(account.clone(), effects);
                logged_in.map(Done::Granted)
            }
            Granted::Elevate => self.seat.elevate(effects).map(Done::Granted),
            Granted::Join { room, key } => {
                self.enter(room.clone(), key.as_deref(), now, items, effects)
            }
            Granted::Leave { room, reason } => self.leave(room, Some(reason), now, effects),
            Granted::Say {
                room,
                text,
                least,
                kind,
                extra,
            } => {
                let style = Style {
                    kind: *kind,
                    extra: extra.as_deref(),
                };
                let said = self.seat.say(room.as_str(), text, *least, style, effects);
                said.map(|()| Done::Silently)
            }
            Granted::Chat {
                to,
                text,
                kind,
                extra,
            } => {
                let style = Style {
                    kind: *kind,
                    extra: extra.as_deref(),
                };
                self.send(to.as_str(), text, style, now, effects)
            }
            Granted::Signal { to, extra } => self.signal(to, extra, effects),
            Granted::Describe { real_name, bot } => self.describe(Some(real_name), *bot, effects),
            Granted::Topic { room, text } => acked(self.seat.set_topic(room, text, effects)),
            Granted::Away { text } => self.seat.set_away(Some(text), effects).map(Done::Granted),
            Granted::Kick { room, name, reason } => {
                acked(self.seat.kick(room, name, Some(reason), effects))
            }
            Granted::Noted => Ok(Done::Silently),
        };
        if self.finish(asked, done, now, items, effects) == Flow::PutBack {
            self.pending = Some(Box::new(Pending::Granted(granted)));
        }
        effects.wake_some();
    }

    /// Takes the program's answer. `None` if there is nothing to do by it.
    fn answered(
        &mut self,
        outcome: Outcome,
        waits: Waits,
        began: Instant,
        now: Instant,
        items: &mut Vec<Item>,
    ) -> Option<Granted> {
        let failed = outcome.is_failed();
        let time = now.saturating_duration_since(began);
        self.hub().counters.hook(time, failed);
        let (code, why) = match outcome {
            Outcome::Granted(granted) => return Some(granted),
            Outcome::Denied(denied) => (denied.code(), denied),
            Outcome::Failed(why) => {
                log!(hook ERROR, peer = %self.peer, name = self.seat.name().map(display), verb = waits.verb().map(tracing::field::debug), "{why}");
                (ErrorCode::Unavailable, Denied::new(why))
            }
        };
        match waits {
            Waits::Nothing => {}
            Waits::Request(verb) => self.reply(&error(verb, code, why.reason()), now, items),
            Waits::Connection => self.end(End::TurnedAway(code, why.reason().into()), now),
        }
        None
    }

    /// Goes on with the list that is under way, as far as the outbox has room. Afterwards it is done or
    /// there is no room, so that nothing else can get into the middle of it.
    #[inline]
    pub(super) fn list(&mut self) {
        if self.listing.is_some() {
            self.list_more();
        }
    }

    fn list_more(&mut self) {
        while self.outbox.len() < HIGH_WATER
            && let Some(mut listing) = self.listing.take()
        {
            let (part, is_last) = self.seat.page(&mut listing, PAGE);
            self.outbox.answer(&mut self.wire, &part);
            if !is_last {
                self.listing = Some(listing);
                if let Some(throttle) = &mut self.throttle {
                    throttle.owe_request(&self.seat.hub().rates);
                }
            }
        }
        if self.listing.is_some() {
            return;
        }
        if self.gone.is_some() {
            self.say_farewell(&mut Vec::new());
        } else if std::mem::take(&mut self.owes_probe) {
            self.outbox.probe(&mut self.wire);
        }
    }

    /// Says what is said last, behind all that waits.
    fn say_farewell(&mut self, items: &mut Vec<Item>) {
        self.drain(usize::MAX, items);
        if let Some(notice) = self.gone.as_mut().and_then(|gone| gone.notice.take()) {
            self.outbox.push(&mut self.wire, &notice);
        }
    }

    /// Moves events from the mailbox to the outbox, until they cost `budget` bytes.
    pub(super) fn drain(&mut self, budget: usize, items: &mut Vec<Item>) {
        self.seat.take(budget, items);
        for item in items.drain(..) {
            self.outbox.push_item(&mut self.wire, &item);
        }
    }

    /// Answers, after what the peer has brought about so far. A refusal that the wire has no words for is
    /// logged instead, unless it has been.
    fn reply(&mut self, answer: &Answer<'_>, now: Instant, items: &mut Vec<Item>) {
        self.drain(usize::MAX, items);
        let said = self.outbox.answer(&mut self.wire, answer);
        if said == 0
            && let Some((code, explanation)) = answer.error()
            && code != ErrorCode::NoSuchUser
        {
            log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
                log!(connection INFO, peer = %self.peer, name = self.seat.name().map(display), "refused, {code}: {explanation}");
            });
        }
    }

    /// Stops reading from this peer, because mailboxes fill faster than their owners read.
    fn hold_back(&mut self, effects: &mut Effects, now: Instant) {
        let patience = self.hub().timeouts.patience();
        // The old one first: where it waits for the same ones, it takes both out of their lists.
        self.hold = None;
        let behind = effects.behind.drain(..);
        let hold = HoldBack::new(self.seat.mailbox(), behind, patience, now);
        self.hold = hold.map(Box::new);
    }

    /// Whether this peer was held back and no longer has to be.
    pub(super) fn was_let_go(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_over())
    }

    /// Goes on with a peer that no longer has to be held back.
    pub(super) fn let_go(&mut self) {
        if self.was_let_go() {
            self.hold = None;
        }
    }

    /// Ends the service: the name is free, nothing more is taken in, and what waits is written.
    pub(super) fn end(&mut self, mut why: End, now: Instant) {
        let mut effects = Effects::default();
        let reason = why.reason();
        let text = match &mut why {
            End::Quit(text) => text.take(),
            _ => None,
        };
        let name = self.seat.quit(reason, text, &mut effects);
        effects.wake();
        let counters = &self.seat.hub().counters;
        match &why {
            End::TooSlow => counters.slow(),
            End::Flooding => counters.flooding(),
            End::TimedOut(_) => counters.timed_out(),
            End::TurnedAway(..) => {
                counters.turned_away();
                self.admitted = false;
            }
            _ => {}
        }
        let mut lost = 0;
        let mut is_torn = false;
        if matches!(why, End::TooSlow) {
            lost = discard(self.mailbox());
            counters.lost(lost);
            // A list that is cut off leaves an unfinished line, and nothing can be said after it.
            is_torn = self.listing.take().is_some();
        } else {
            // Once closed, nothing can come in behind the last taking.
            drop(self.mailbox().close(CloseReason::Ended));
        }
        self.seen = self.mailbox().awake().closed;
        if matches!(why, End::Flooding) {
            log_limited(&mut self.logs_left, &self.seat.hub().log_quota, now, || {
                log!(connection WARN, peer = %self.peer, name = name.as_ref().map(display), "disconnected: it asked for too much too fast");
            });
        }
        log!(connection DEBUG, peer = %self.peer, name = name.as_ref().map(display), "ends: {why}");
        if lost > 0 {
            log!(connection WARN, peer = %self.peer, name = name.as_ref().map(display), lost, "disconnected before it had read all its messages");
        }
        let notice = why.notice(lost).filter(|_| !is_torn);
        self.gone = Some(Box::new(Gone {
            name,
            reason,
            notice,
        }));
        // A list that is under way comes to its end first.
        if self.listing.is_none() {
            self.say_farewell(&mut Vec::new());
        }
        self.hold = None;
        self.pending = None;
        self.phase = Phase::Flushing {
            until: deadline_after(now, self.hub().timeouts.flush()),
        };
    }

    /// What the program is to be told now that the connection is over.
    pub(super) fn report(&mut self, now: Instant) -> Option<Asking> {
        if !self.admitted || self.hub().policy.is_none() {
            return None;
        }
        let gone = self.gone.take();
        let (name, reason) = match gone {
            Some(gone) => (gone.name, gone.reason),
            None => {
                let mut effects = Effects::default();
                (
                    self.seat.quit(QuitReason::Closed, None, &mut effects),
                    QuitReason::Closed,
                )
            }
        };
        Asking::disconnected(self.hub(), &self.peer, name, reason, now)
    }

    /// When there is something to be done about a wait of this.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let hold = self.hold.as_ref().map(|hold| hold.until());
        let asked = match self.pending.as_deref() {
            Some(Pending::Asked(asking)) => Some(asking.until),
            _ => None,
        };
        match (hold, asked) {
            (Some(hold), Some(asked)) => Some(hold.min(asked)),
            (one, other) => one.or(other),
        }
    }

    /// Does what a wait that is over asks for.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(hold) = &mut self.hold
            && !hold.tick(now)
        {
            self.hold = None;
        }
        let is_late = |pending: &mut Box<Pending>| match &**pending {
            Pending::Asked(asking) => asking.until <= now,
            Pending::Granted(_) => false,
        };
        if let Some(pending) = self.pending.take_if(is_late)
            && let Pending::Asked(asking) = *pending
        {
            let outcome = Outcome::Failed("the check took too long");
            self.answered(outcome, asking.waits, asking.began, now, &mut Vec::new());
        }
    }
}

/// A request is refused, for another reason than a rule of the hub.
fn error<'a>(verb: Verb, code: ErrorCode, explanation: impl Into<Cow<'a, str>>) -> Answer<'a> {
    Answer::Error {
        verb,
        code,
        explanation: explanation.into(),
    }
}

/// What is said in a room, and to whom there.
struct Words<'a> {
    text: &'a str,
    least: Role,
    style: Style<'a>,
}

/// What a request came to.
enum Done {
    /// There is nothing to say.
    Silently,
    /// It was granted, and others are told this of it.
    Granted(Option<Event>),
    Answer(Answer<'static>),
    List(Listing),
}

fn acked(done: Result<(), Stop>) -> Result<Done, Stop> {
    done.map(|()| Done::Granted(None))
}

impl End {
    fn reason(&self) -> QuitReason {
        match self {
            Self::PeerDone | Self::Quit(_) | Self::TurnedAway(..) => QuitReason::Closed,
            Self::TimedOut(_) => QuitReason::TimedOut,
            Self::TooSlow => QuitReason::Slow,
            Self::Flooding => QuitReason::Flooding,
            Self::Replaced => QuitReason::Replaced,
            Self::Kicked(_) => QuitReason::Kicked,
            Self::Shutdown => QuitReason::Shutdown,
        }
    }

    /// What the peer is told last, when `lost` events were thrown away.
    fn notice(&mut self, lost: u64) -> Option<Event> {
        let error = |code, explanation: &str| Some(Event::error(code, explanation));
        match self {
            Self::PeerDone => None,
            Self::Kicked(last_word) => last_word.take(),
            Self::Quit(_) | Self::Shutdown => Some(Event::Bye),
            Self::TimedOut(what) => error(ErrorCode::TimedOut, what),
            Self::TooSlow => {
                let explanation =
                    format!("{lost} messages lost, because they were not read in time");
                error(ErrorCode::Full, &explanation)
            }
            Self::Flooding => error(ErrorCode::RateLimited, "too fast for too long"),
            Self::Replaced => error(
                ErrorCode::Replaced,
                "another connection has taken over the name",
            ),
            Self::TurnedAway(code, why) => error(*code, why),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerDone => "the peer closed it",
            Self::Quit(_) => "the peer said good-bye",
            Self::TimedOut(what) => what,
            Self::TooSlow => "the peer reads too slowly",
            Self::Flooding => "the peer asks for too much too fast",
            Self::Replaced => "another connection has taken over the name",
            Self::Kicked(_) => "the peer was put out",
            Self::TurnedAway(_, why) => why,
            Self::Shutdown => "the server shuts down",
        })
    }
}

/// The beginning of what a peer sent, in a form that keeps a log readable.
#[cfg(feature = "tracing")]
fn for_log(text: &str) -> String {
    let start = text.chars().take(UserName::MAX_CHARS);
    start.flat_map(char::escape_debug).collect()
}

/// Logs, unless this peer, or all peers together, have been logged often enough.
fn log_limited(logs_left: &mut u8, quota: &LogQuota, now: Instant, log: impl FnOnce()) {
    if *logs_left > 0 && quota.take(now) {
        *logs_left -= 1;
        log();
    }
}
