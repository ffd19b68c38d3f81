//! Where everybody meets: names and rooms, and what one connection sends to another.

mod builder;
mod burst;
mod counters;
mod effects;
mod hold;
mod local;
pub(crate) mod mailbox;
mod names;
mod past;
mod room;
mod room_handle;
mod roster;
mod seat;
mod sleeper;
mod user;
mod watch;

use std::{
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    addresses::Addresses,
    config::{Limits, Rates, SlowReader, TakenName, Timeouts},
    connections::{Connections, Places},
    ending::Ending,
    error::HubError,
    model::{Event, MessageId, Person, RoomName, Stamp, Style, UserName},
    plug::{Authenticator, Policy, one_line},
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    trace::LogQuota,
};

pub use builder::HubBuilder;
pub(crate) use burst::{Burst, Gathered};
pub(crate) use counters::Counters;
pub use counters::Stats;
pub(crate) use effects::{Effects, discard};
pub(crate) use hold::HoldBack;
pub use local::{LocalUser, LocalUserBuilder};
pub(crate) use mailbox::{CloseReason, Heard, Item, Mailbox};
use mailbox::{Manner, Reader};
use names::NameMap;
use past::Gone;
pub(crate) use room::Stop;
use room::{Message, Room};
pub use room_handle::RoomHandle;
use roster::{Position, Roster};
pub use seat::MAX_WATCHED;
pub(crate) use seat::{Listing, Seat};
pub(crate) use sleeper::{Outlet, Sleeper};
use user::Entry;
use watch::Watchers;

/// One chat: everyone who is connected to it can reach everyone else.
///
/// A hub is a cheap handle on shared state; clones are the same chat. It needs no runtime and starts
/// no task. Any number of [`Server`](crate::Server)s may serve one hub, on any mix of runtimes and wires;
/// two hubs in one program never meet.
///
/// Its methods never wait, and may be called from anywhere, also from within an async task.
///
/// ```
/// # extern crate chinwag_core as chinwag;
/// use chinwag::{Hub, Limits};
///
/// let limits = Limits::builder().max_connections(1_000).build()?;
/// let hub = Hub::builder().limits(limits).build();
///
/// hub.open_room("#news")?;
/// let mut bot = hub.connect("helper")?;
/// bot.join("#news")?;
/// hub.publish("#news", "we are open")?;
/// assert_eq!(hub.members("#news")?, ["helper"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

/// A handle on a [`Hub`] that does not keep it.
#[derive(Clone)]
pub struct WeakHub(Weak<Inner>);

impl WeakHub {
    /// The hub, if it is still there.
    pub fn upgrade(&self) -> Option<Hub> {
        let inner = self.0.upgrade()?;
        Some(Hub { inner })
    }
}

impl fmt::Debug for WeakHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakHub").finish_non_exhaustive()
    }
}

/// What the clones of a hub share.
pub(crate) struct Inner {
    names: NameMap<UserName, Entry>,
    roster: Roster<Person>,
    rooms: NameMap<RoomName, Arc<Room>>,
    room_list: Roster<RoomName>,
    room_places: Arc<Places>,
    watchers: Watchers,
    gone: Gone,
    operators: AtomicUsize,
    most_users: AtomicUsize,
    /// How many connections there have been, and messages of the program.
    connections: AtomicU32,
    program_messages: AtomicU32,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) rates: Rates,
    taken_name: TakenName,
    slow_reader: SlowReader,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) policy: Option<Arc<dyn Policy>>,
    pub(crate) places: Arc<Places>,
    pub(crate) addresses: Arc<Addresses>,
    /// The in-process users, so that they can be told to end.
    locals: Arc<Connections>,
    pub(crate) log_quota: LogQuota,
    pub(crate) counters: Counters,
    #[cfg(feature = "metrics")]
    recorded: crate::metrics::Recorded,
    clock: Option<Arc<dyn Fn() -> Instant + Send + Sync>>,
    calendar: Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>,
    pub(crate) ending: Ending,
}

impl Hub {
    /// Starts from the default limits, timeouts and rates.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// A hub with the default limits, timeouts and rates.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An in-process user called `name`.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`], [`HubError::NameTaken`], with [`TakenName::Share`] also
    /// [`HubError::TooManyDevices`] and, after [`close`](Self::close), [`HubError::Closed`].
    pub fn connect(&self, name: &str) -> Result<LocalUser, HubError> {
        self.local_user().connect(name)
    }

    /// An in-process user with settings of its own.
    pub fn local_user(&self) -> LocalUserBuilder {
        LocalUserBuilder::new(self.clone())
    }

    /// Sends `text` to all members of `room`, as the program. Returns the number of the message in the room.
    ///
    /// A line end or NUL in `text` becomes a space. The program does not wait for readers that do not read: when
    /// their mailboxes are full, they are treated as their [`SlowReader`] policy says.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`], [`HubError::BadName`], [`HubError::TextTooLong`] and, after
    /// [`close`](Self::close), [`HubError::Closed`]. [`HubError::Busy`] if the program has published so much
    /// at once that the tasks of readers have not come to run meanwhile; nobody was told anything, and
    /// [`RoomHandle::publish_when_ready`] would wait.
    pub fn publish(&self, room: &str, text: &str) -> Result<u64, HubError> {
        self.room(room)?.publish(text)
    }

    /// Sends `text` to whoever has the name `to`, as the program; like [`publish`](Self::publish).
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`], [`HubError::TextTooLong`], [`HubError::Closed`] and [`HubError::Busy`].
    pub fn tell(&self, to: &str, text: &str) -> Result<(), HubError> {
        self.inner.check_open()?;
        self.inner.check_text(text)?;
        let devices = self.inner.names.get(to, |entry| entry.devices.clone());
        let devices = devices.ok_or(HubError::NoSuchUser)?;
        if devices
            .as_slice()
            .iter()
            .any(|device| device.is_about_to_be_read())
        {
            return Err(HubError::Busy);
        }
        let mut effects = Effects::default();
        let Message {
            text,
            kind,
            extra,
            stamp,
        } = self.inner.program_message(text);
        for device in devices.as_slice() {
            let event = Event::Direct {
                from: None,
                text: text.clone(),
                kind,
                extra: extra.clone(),
                stamp,
            };
            let _ = effects.push(device, Item::Own(event), Manner::Program);
        }
        Ok(())
    }

    /// The names of all users, in the order in which they were registered.
    pub fn users(&self) -> Vec<UserName> {
        let users = all(&self.inner.roster).into_iter();
        users.map(UserName::from).collect()
    }

    /// The names of all rooms, in the order in which they were made.
    pub fn rooms(&self) -> Vec<RoomName> {
        all(&self.inner.room_list)
    }

    /// The names of the members of `room`, in the order in which they joined.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`] and [`HubError::BadName`].
    pub fn members(&self, room: &str) -> Result<Vec<UserName>, HubError> {
        let members = self.room(room)?.members();
        Ok(members.into_iter().map(|(name, _)| name).collect())
    }

    /// The room `name`.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchRoom`] and [`HubError::BadName`].
    pub fn room(&self, name: &str) -> Result<RoomHandle, HubError> {
        Ok(RoomHandle::new(
            self.inner.clone(),
            self.inner.existing_room(name)?,
        ))
    }

    /// The room `name`, made if there is none, and permanent: it stays when it is empty, and nobody owns it
    /// for having come first.
    ///
    /// # Errors
    ///
    /// [`HubError::BadName`], [`HubError::TooManyRoomsInAll`] and [`HubError::Closed`].
    pub fn open_room(&self, name: &str) -> Result<RoomHandle, HubError> {
        self.inner.check_open()?;
        let name: RoomName = name.parse()?;
        loop {
            let room = self.inner.room(&name)?;
            let mut locked = room.lock();
            if !locked.is_gone() {
                locked.set_permanent(true);
                drop(locked);
                return Ok(RoomHandle::new(self.inner.clone(), room));
            }
            drop(locked);
            self.inner.forget(&room);
        }
    }

    /// Puts the user `name` out of the chat: out of all rooms at once, and all their connections are closed
    /// after they were told `reason`. In-process users' streams end.
    ///
    /// It does not keep them from coming back: let the [`Authenticator`] or [`Policy`] refuse them first.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchUser`].
    pub fn kick(&self, name: &str, reason: &str) -> Result<(), HubError> {
        self.inner.put_out(name, reason, &mut Effects::default())
    }

    /// Ends the chat: every server of it shuts down as if its signal had come, but with `within` for its
    /// shutdown, and every in-process user's stream ends. Nobody can connect any more.
    ///
    /// It does not wait; the servers' futures complete when their connections are closed.
    pub fn close(&self, within: Duration) {
        self.inner.ending.begin(within);
        self.inner.locals.close(CloseReason::Shutdown);
    }

    /// A handle that does not keep the hub, for what the hub itself keeps, such as a [`Policy`].
    ///
    /// ```
    /// # extern crate chinwag_core as chinwag;
    /// use chinwag::Hub;
    ///
    /// let hub = Hub::new();
    /// let weak = hub.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(hub);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.inner))
    }

    /// How many connections there are, registered or not, those included that are just being closed.
    pub fn connections(&self) -> usize {
        self.inner.places.taken()
    }

    /// What there is, and what has happened so far. Cheap enough to be called each second: it looks at each
    /// user once, and locks nothing for long.
    ///
    /// The numbers are read one after the other, while the chat goes on.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// Records [`stats`](Self::stats) through the `metrics` facade. A [`Server`](crate::Server) does so every
    /// five seconds; call it before the numbers are looked at to have them exact.
    ///
    /// Several hubs in one program add up. The names are `chinwag_connections`, `chinwag_users`,
    /// `chinwag_rooms` and `chinwag_queue_bytes` (gauges); `chinwag_delivered_total`,
    /// `chinwag_dropped_total` (`reason` is `missed` or `lost`), `chinwag_disconnected_total` (`reason` is
    /// `slow`, `flooding` or `timed-out`), `chinwag_turned_away_total`, `chinwag_rate_limited_total` and
    /// `chinwag_hook_failures_total` (counters); and `chinwag_hook_seconds` (a histogram, recorded at once).
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.inner.recorded.record(|| self.stats());
    }

    /// The limits of this hub.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The timeouts of this hub.
    pub fn timeouts(&self) -> &Timeouts {
        &self.inner.timeouts
    }

    /// The rates of this hub.
    pub fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// Adds a connection.
    pub(crate) fn enter(&self) -> Seat {
        Seat::new(
            self.inner.clone(),
            Reader::Connection,
            self.inner.slow_reader,
        )
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

fn all<N: Clone>(roster: &Roster<N>) -> Vec<N> {
    let (names, _) = roster.page(Position::default(), roster.end(), usize::MAX);
    names
}

impl Inner {
    fn stats(&self) -> Stats {
        let (mut queue_bytes, mut fullest_queue_bytes) = (0, 0);
        self.names.each(|entry| {
            for device in entry.devices.as_slice() {
                let bytes = device.bytes();
                queue_bytes += bytes;
                fullest_queue_bytes = bytes.max(fullest_queue_bytes);
            }
        });
        Stats {
            queue_bytes,
            fullest_queue_bytes,
            ..self.quick_stats()
        }
    }

    /// The same but for what takes a look at each user.
    pub(crate) fn quick_stats(&self) -> Stats {
        Stats {
            connections: self.places.taken(),
            users: self.roster.len(),
            rooms: self.room_list.len(),
            operators: self.operators.load(Ordering::Relaxed),
            most_users: self.most_users.load(Ordering::Relaxed),
            ..self.counters.stats()
        }
    }

    /// The number of a connection that is new; never 0, which is the program's.
    fn next_connection(&self) -> u32 {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        number.wrapping_add(1).max(1)
    }

    /// A message of the program.
    fn program_message(&self, text: &str) -> Message {
        let id = MessageId {
            connection: 0,
            number: self.program_messages.fetch_add(1, Ordering::Relaxed),
        };
        let stamp = Stamp::new(self.system_time()).of(id);
        Message::new(&one_line(text), Style::default(), stamp)
    }

    /// Who has the name `name`, if anybody.
    fn person(&self, name: &str) -> Option<Person> {
        let user = self.user(name)?;
        let state = user.lock_as(name).ok()?;
        Some(state.person.clone())
    }

    /// Who had the name `name`, the latest first.
    pub(crate) fn past(&self, name: &str) -> Vec<crate::model::Past> {
        self.gone.find(name)
    }

    /// What time it is for those who read it on a calendar.
    pub(crate) fn system_time(&self) -> SystemTime {
        match &self.calendar {
            Some(now) => now(),
            None => SystemTime::now(),
        }
    }

    /// The room `name`, made if there is none. It may be gone by the time it is locked.
    fn room(&self, name: &RoomName) -> Result<Arc<Room>, HubError> {
        if let Some(room) = self.rooms.get(name.as_str(), Arc::clone) {
            return Ok(room);
        }
        // A place is taken only by who makes the room, so that nobody else is told that there is none left.
        self.rooms.get_or_make(name, || {
            let full = HubError::TooManyRoomsInAll(self.limits.max_rooms());
            let place = self.room_places.take().ok_or(full)?;
            let position = self.room_list.enter(name.clone(), None);
            let created = self.system_time();
            Ok(Arc::new(Room::new(name.clone(), position, place, created)))
        })
    }

    /// A message is no longer than a line may be, wherever it comes from.
    fn check_text(&self, text: &str) -> Result<(), HubError> {
        let max = self.limits.max_line();
        match text.len() <= max {
            true => Ok(()),
            false => Err(HubError::TextTooLong(max)),
        }
    }

    /// The name of the room `name`, if who is no member may talk in it.
    pub(crate) fn open_to_others(&self, name: &str) -> Result<RoomName, HubError> {
        let room = self.existing_room(name)?;
        let state = room.lock();
        match state.settings().members_only {
            true => Err(state.to_strangers()),
            false => Ok(room.name().clone()),
        }
    }

    /// A text that is shown beside a name, if it is not too long.
    pub(crate) fn short(&self, text: &str) -> Result<Arc<str>, HubError> {
        let max = self.limits.max_topic();
        match text.len() <= max {
            true => Ok(text.into()),
            false => Err(HubError::TextTooLong(max)),
        }
    }

    /// The room `name`, if there is one.
    fn existing_room(&self, name: &str) -> Result<Arc<Room>, HubError> {
        match self.rooms.get(name, Arc::clone) {
            Some(room) => Ok(room),
            None => match name.parse::<RoomName>() {
                Ok(_) => Err(HubError::NoSuchRoom),
                Err(error) => Err(HubError::BadName(error)),
            },
        }
    }

    /// Takes a room that is gone out of the rooms.
    fn forget(&self, room: &Arc<Room>) {
        self.rooms.remove(room.name(), |there| {
            let is = Arc::ptr_eq(there, room);
            if is {
                self.room_list.leave(room.position());
            }
            is
        });
    }

    /// The time, for in-process users.
    fn now(&self) -> Instant {
        match &self.clock {
            Some(now) => now(),
            #[expect(clippy::disallowed_methods, reason = "tests bring a clock")]
            None => Instant::now(),
        }
    }

    /// Whether the hub was not closed yet.
    fn check_open(&self) -> Result<(), HubError> {
        match self.ending.has_begun() {
            false => Ok(()),
            true => Err(HubError::Closed),
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("connections", &self.connections())
            .field("limits", &self.inner.limits)
            .field("timeouts", &self.inner.timeouts)
            .field("rates", &self.inner.rates)
            .finish_non_exhaustive()
    }
}
