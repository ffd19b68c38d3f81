//! In-process users: a place in the chat without a socket.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    vec,
};

use futures::{
    future::{Either, select},
    stream::Stream,
};

use super::{CloseReason, Effects, HoldBack, Hub, Item, Reader, Seat, Sleeper, Stop};
use crate::{
    config::SlowReader,
    connections::Listed,
    error::HubError,
    model::{
        ErrorCode, Event, Person, QuitReason, Role, RoleChange, RoomSetting, Stamp, Style,
        UserName, Whois,
    },
    plug::one_line,
    rt::{Runtime, deadline_after},
};

/// An in-process user: a bot, a bridge, or the program itself, with the same place in the chat as somebody on
/// a socket.
///
/// It is a [`Stream`] of what it is told, and its methods are what a client may ask; they are done at once,
/// and never wait. What a client on a socket would get as a reply is what they return. [`Hub::connect`] makes
/// one; dropping it is leaving. No [`Authenticator`](crate::Authenticator),
/// [`Policy`](crate::Policy) or rate is asked about it, and it counts as no connection.
///
/// What it does not take from the stream waits in its mailbox, which is bounded like everybody's. Unless it
/// was made with another [`SlowReader`] policy, the oldest events then make room, and an
/// [`Event::Missed`] says so. The stream ends when the user was put out of the chat, or replaced, or the hub was
/// closed; its last event, an [`Event::Error`] or [`Event::Bye`], says which.
///
/// Once the stream is about to end, every method fails with [`HubError::Closed`].
///
/// Nobody on a socket can take over its name, whatever [`TakenName`](crate::TakenName) says.
///
/// When others read more slowly than it talks, talking fails with [`HubError::Busy`], and nobody is told
/// anything; [`ready`](Self::ready) waits until it is worth trying again.
///
/// # Cancellation
///
/// Dropping a future that waits for the next event, such as that of `next`, loses none: it is as if it was never
/// started. What the user has not taken when it is dropped itself is lost.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Event, Hub};
/// use futures::StreamExt;
///
/// # futures::executor::block_on(async {
/// let hub = Hub::new();
/// let mut bot = hub.connect("echo")?;
/// bot.join("#lobby")?;
/// hub.publish("#lobby", "hello?")?;
///
/// while let Some(event) = bot.next().await {
///     if let Event::Said { room, text, .. } = event {
///         bot.say(room.as_str(), &format!("I heard: {text}"))?;
///         break;
///     }
/// }
/// # Ok::<(), chinwag::HubError>(())
/// # }).unwrap();
/// ```
pub struct LocalUser {
    hub: Hub,
    seat: Seat,
    /// What was taken from the mailbox, and not yet from the stream.
    taken: vec::IntoIter<Item>,
    hold: Option<HoldBack>,
    over: bool,
    _listed: Listed,
}

/// Makes a [`LocalUser`].
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, SlowReader};
///
/// let bot = Hub::new().local_user().slow_reader(SlowReader::DropNewest).connect("bot")?;
/// # Ok::<(), chinwag::HubError>(())
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct LocalUserBuilder {
    hub: Hub,
    slow_reader: SlowReader,
}

impl LocalUserBuilder {
    pub(super) fn new(hub: Hub) -> Self {
        Self {
            hub,
            slow_reader: SlowReader::DropOldest,
        }
    }

    /// What becomes of it when nobody takes its events; drop-oldest unless set. One that is to be disconnected
    /// keeps its name and its rooms until its stream is asked for the next event, or it is dropped.
    pub fn slow_reader(mut self, policy: SlowReader) -> Self {
        self.slow_reader = policy;
        self
    }

    /// Takes the name.
    ///
    /// # Errors
    ///
    /// Those of [`Hub::connect`].
    pub fn connect(self, name: &str) -> Result<LocalUser, HubError> {
        let Self { hub, slow_reader } = self;
        let name: UserName = name.parse()?;
        hub.inner.check_open()?;
        let seat = Seat::new(hub.inner.clone(), Reader::Program, slow_reader);
        let mut user = LocalUser {
            _listed: hub.inner.locals.add(seat.mailbox().clone()),
            hub,
            seat,
            taken: Vec::new().into_iter(),
            hold: None,
            over: false,
        };
        user.rename(name.as_str())?;
        Ok(user)
    }
}

/// How many bytes of events are taken from the mailbox at once.
const BATCH: usize = 16 * 1024;

impl LocalUser {
    /// The name; `None` once the stream has ended.
    ///
    /// With [`TakenName::Share`](crate::TakenName::Share), another connection of the same user may have
    /// changed it since the last call of another method.
    pub fn name(&self) -> Option<&UserName> {
        self.seat.name()
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Takes another name.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`], [`HubError::NameTaken`], [`HubError::Banned`] if the new name is banned in one
    /// of the rooms, and [`HubError::Busy`].
    pub fn rename(&mut self, name: &str) -> Result<(), HubError> {
        let person: Person = name.parse()?;
        let now = self.hub.inner.now();
        self.act(|seat, effects| seat.register(person.clone(), now, effects))
            .map(drop)
    }

    /// Sends a direct message. A line end or NUL in `text` becomes a space, as everywhere here.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`], [`HubError::TextTooLong`] and [`HubError::Busy`].
    pub fn send(&mut self, to: &str, text: &str) -> Result<(), HubError> {
        let style = Style::default();
        self.spoke();
        self.act(|seat, effects| seat.send(to, &one_line(text), style, false, effects))
            .map(drop)
    }

    /// Becomes a member of a room, which is made if there is none of that name. It is not told so itself, only of
    /// those who come after it.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`], [`HubError::Banned`], [`HubError::InviteOnly`], [`HubError::RoomFull`],
    /// [`HubError::TooManyRooms`], [`HubError::TooManyRoomsInAll`] and [`HubError::Busy`].
    pub fn join(&mut self, room: &str) -> Result<(), HubError> {
        let room: crate::RoomName = room.parse()?;
        self.act(|seat, effects| seat.join(room.clone(), None, effects))
            .map(drop)
    }

    /// Is a member no longer.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`] and [`HubError::NotAMember`].
    pub fn leave(&mut self, room: &str) -> Result<(), HubError> {
        self.act(|seat, effects| seat.leave(room, None, effects))
            .map(drop)
    }

    /// Sends a message to all members of a room, itself included.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`], [`HubError::NotAMember`], [`HubError::TextTooLong`] and [`HubError::Busy`].
    pub fn say(&mut self, room: &str, text: &str) -> Result<(), HubError> {
        let style = Style::default();
        self.spoke();
        self.act(|seat, effects| seat.say(room, &one_line(text), Role::Member, style, effects))
    }

    /// Sets the topic of a room; empty for none.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`], [`HubError::TextTooLong`] and
    /// [`HubError::Busy`].
    pub fn set_topic(&mut self, room: &str, text: &str) -> Result<(), HubError> {
        self.act(|seat, effects| seat.set_topic(room, &one_line(text), effects))
    }

    /// Puts a member out of a room.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`], [`HubError::NotOutranked`],
    /// [`HubError::NoSuchUser`], [`HubError::NotThere`], [`HubError::TextTooLong`] and [`HubError::Busy`].
    pub fn kick(&mut self, room: &str, name: &str, reason: Option<&str>) -> Result<(), HubError> {
        let reason = reason.map(one_line);
        self.act(|seat, effects| seat.kick(room, name, reason.as_deref(), effects))
    }

    /// Keeps a name out of a room, whether they are in it or not.
    ///
    /// # Errors
    ///
    /// Those of [`kick`](Self::kick), [`HubError::BadName`] and [`HubError::TooManyNames`].
    pub fn ban(&mut self, room: &str, name: &str) -> Result<(), HubError> {
        self.act(|seat, effects| seat.ban(room, name, effects))
    }

    /// Takes a ban back, if there is one.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`] and [`HubError::BadName`].
    pub fn unban(&mut self, room: &str, name: &str) -> Result<(), HubError> {
        self.act(|seat, effects| seat.unban(room, name, effects))
    }

    /// Gives a member of a room a role.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`], [`HubError::LastOwner`],
    /// [`HubError::NoSuchUser`], [`HubError::NotThere`] and [`HubError::Busy`].
    pub fn set_role(&mut self, room: &str, name: &str, role: Role) -> Result<(), HubError> {
        self.act(|seat, effects| seat.set_role(room, name, RoleChange::To(role), effects))
    }

    /// Invites somebody to a room. Of more than [`Limits::max_bans`](crate::Limits::max_bans) who have not come, the one
    /// who was invited first is forgotten.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`] and [`HubError::NoSuchUser`].
    pub fn invite(&mut self, room: &str, name: &str) -> Result<(), HubError> {
        self.act(|seat, effects| seat.invite(room, name, effects))
            .map(drop)
    }

    /// Says whether one must be invited to a room.
    ///
    /// # Errors
    ///
    /// [`HubError::NotAMember`], [`HubError::NeedsRole`] and [`HubError::Busy`].
    pub fn set_invite_only(&mut self, room: &str, on: bool) -> Result<(), HubError> {
        let setting = RoomSetting::InviteOnly(on);
        self.act(|seat, effects| seat.set(room, setting, effects))
    }

    /// Says that it is away, or back.
    ///
    /// # Errors
    ///
    /// [`HubError::TextTooLong`] and [`HubError::Busy`].
    pub fn set_away(&mut self, text: Option<&str>) -> Result<(), HubError> {
        let text = text.map(one_line);
        self.act(|seat, effects| seat.set_away(text.as_deref(), effects))
            .map(drop)
    }

    /// Asks about somebody.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`].
    pub fn whois(&mut self, name: &str) -> Result<Whois, HubError> {
        let now = self.hub.inner.now();
        self.act(|seat, _| Ok(seat.whois(name, now)?))
    }

    /// Does `act`, as often as it takes until it does not fail with [`HubError::Busy`] any more; see
    /// [`ready`](Self::ready) for what it waits for.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves it undone, as if it was never started.
    ///
    /// # Errors
    ///
    /// Those of `act`, but not [`HubError::Busy`].
    ///
    /// ```
    /// # extern crate chinwag_core as chinwag;
    /// # use chinwag::{Hub, HubError, Runtime};
    /// async fn count(hub: &Hub, runtime: &impl Runtime) -> Result<(), HubError> {
    ///     let mut bot = hub.connect("bot")?;
    ///     bot.join("#lobby")?;
    ///     for i in 0..100_000 {
    ///         bot.when_ready(runtime, |bot| bot.say("#lobby", &i.to_string())).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn when_ready<R: Runtime, T>(
        &mut self,
        runtime: &R,
        mut act: impl FnMut(&mut Self) -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        loop {
            match act(self) {
                Err(HubError::Busy) => self.ready(runtime).await,
                done => return done,
            }
        }
    }

    /// Waits until nobody is behind any more for whose sake talking failed with [`HubError::Busy`], or until
    /// one has waited for them long enough ([`Timeouts::patience`](crate::Timeouts::patience)).
    ///
    /// # Cancellation
    ///
    /// Dropping the future changes nothing: to wait again takes as long as if it had not been dropped.
    pub async fn ready<R: Runtime>(&mut self, runtime: &R) {
        while self.is_held() {
            let Some(hold) = &self.hold else { return };
            let wait = hold.until().saturating_duration_since(self.hub.inner.now());
            let sleep = pin!(runtime.sleep_until(deadline_after(runtime.now(), wait)));
            let mailbox = self.seat.mailbox();
            let let_go = poll_fn(|cx| {
                if hold.is_over() {
                    return Poll::Ready(());
                }
                // What is let go is woken through its own mailbox, whatever it waits for.
                let sleeps = mailbox.sleep(Sleeper::new(cx.waker()), false, None).is_ok();
                match sleeps && !hold.is_over() {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }
            });
            match select(let_go, sleep).await {
                Either::Left(_) if mailbox.awake().closed.is_some() => return,
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// Whether it has to wait for somebody.
    fn is_held(&mut self) -> bool {
        let now = self.hub.inner.now();
        let goes_on = |hold: &mut HoldBack| !hold.is_over() && hold.tick(now);
        self.hold = self
            .hold
            .take()
            .and_then(|mut hold| goes_on(&mut hold).then_some(hold));
        self.hold.is_some()
    }

    fn spoke(&self) {
        self.seat.spoke(self.hub.inner.now());
    }

    fn act<T>(
        &mut self,
        act: impl Fn(&mut Seat, &mut Effects) -> Result<T, Stop>,
    ) -> Result<T, HubError> {
        if self.over || self.seat.mailbox().is_closed() {
            return Err(HubError::Closed);
        }
        let now = self.hub.inner.now();
        self.seat.refresh();
        let mut effects = Effects::of(
            self.seat.mailbox(),
            Stamp::new(self.hub.inner.system_time()),
        );
        loop {
            match act(&mut self.seat, &mut effects) {
                Ok(done) => return Ok(done),
                // It has had a name from the start, so that somebody has just put it out.
                Err(Stop::Refused(HubError::NotRegistered)) => return Err(HubError::Closed),
                Err(Stop::Refused(error)) => return Err(error),
                Err(Stop::Held) => {}
            }
            let behind = effects.behind.drain(..);
            if self.hold.is_none() {
                let patience = self.hub.timeouts().patience();
                self.hold = HoldBack::new(self.seat.mailbox(), behind, patience, now);
            }
            if self.is_held() {
                return Err(HubError::Busy);
            }
        }
    }
}

impl Stream for LocalUser {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let user = &mut *self;
        loop {
            if let Some(item) = user.taken.next() {
                return Poll::Ready(item.into_event());
            }
            if user.over {
                return Poll::Ready(None);
            }
            let closed = user.seat.mailbox().awake().closed;
            if closed == Some(CloseReason::Overflow) {
                return Poll::Ready(Some(user.end_slow()));
            }
            let mut taken = Vec::new();
            user.seat.take(BATCH, &mut taken);
            if !taken.is_empty() {
                user.taken = taken.into_iter();
            } else if let Some(reason) = closed {
                let why = match reason {
                    CloseReason::Shutdown => QuitReason::Shutdown,
                    _ => QuitReason::Closed,
                };
                user.seat.quit(why, None, &mut Effects::default());
                user.over = true;
                match reason {
                    CloseReason::Kicked => return Poll::Ready(user.seat.mailbox().last_word()),
                    CloseReason::Replaced => return Poll::Ready(Some(replaced())),
                    CloseReason::Shutdown => return Poll::Ready(Some(Event::Bye)),
                    _ => {}
                }
            } else if let sleeper = Sleeper::new(cx.waker())
                && user.seat.mailbox().sleep(sleeper, true, None).is_ok()
            {
                return Poll::Pending;
            }
        }
    }
}

impl LocalUser {
    fn end_slow(&mut self) -> Event {
        self.over = true;
        self.seat
            .quit(QuitReason::Slow, None, &mut Effects::default());
        let lost = super::discard(self.seat.mailbox());
        let counters = &self.hub.inner.counters;
        counters.lost(lost);
        counters.slow();
        let explanation = format!("{lost} messages lost, because they were not read in time");
        Event::error(ErrorCode::Full, explanation)
    }
}

fn replaced() -> Event {
    let explanation = "another connection has taken over the name";
    Event::error(ErrorCode::Replaced, explanation)
}

impl fmt::Debug for LocalUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalUser")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
