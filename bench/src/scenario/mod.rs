//! What is measured: which pieces of work there are, and how each is done.

use std::{collections::BTreeMap, fmt, thread, time::Duration};

use self::{
    direct::Direct,
    room::Rooms,
    stage::{Effort, Outcome},
    talk::Pace,
};
use crate::{
    load::{clock::Clock, error::Failure, irc, net::Net, sources::Sources},
    peer::{Dialect, Running},
};

mod churn;
mod connect;
mod direct;
mod idle;
mod room;
mod stage;
mod talk;
mod users;

/// The scenarios, in the order in which they are measured.
pub(crate) const NAMES: [&str; 8] = [
    "direct", "room", "paced", "rooms", "idle", "connect", "churn", "stuck",
];

/// A piece of work.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) scenario: &'static str,
    /// What identifies it in the results.
    pub(crate) work: BTreeMap<String, u64>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Direct(Direct),
    Rooms(Rooms),
    Idle { connections: usize },
    Connect,
    Churn { members: usize },
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Less of everything, to see that it works.
    pub(crate) quick: bool,
    pub(crate) bytes: usize,
    /// How long each is measured.
    pub(crate) time: Duration,
    /// How many connections this process may have.
    pub(crate) most: usize,
    /// How many of them do nothing in `idle`, if not what is usual.
    pub(crate) idle: Option<usize>,
}

/// All pieces of work.
pub(crate) fn tasks(extent: Extent) -> Vec<Task> {
    let bytes = extent.bytes;
    let mut tasks = Vec::new();
    for window in [1, 16] {
        let work = Direct {
            users: 100,
            window,
            bytes,
        };
        tasks.push(Task::direct(work));
    }
    let sizes: &[usize] = if extent.quick {
        &[10, 100]
    } else {
        &[10, 100, 1_000, 10_000]
    };
    for &members in sizes {
        for (senders, window) in [(1, 1), (4, 16)] {
            tasks.push(Task::room(members, senders, window, bytes));
        }
    }
    let rates: &[u64] = if extent.quick {
        &[100]
    } else {
        &[100, 300, 1_000, 3_000, 10_000]
    };
    tasks.extend(rates.iter().map(|&rate| Task::paced(100, rate, bytes)));
    tasks.push(Task::rooms(
        if extent.quick { 100 } else { 1_000 },
        10,
        bytes,
    ));
    let most = extent.most / 100 * 100;
    let counts: &[usize] = match extent.idle {
        Some(count) => &[count],
        None if extent.quick => &[1_000],
        None => &[1_000, 10_000, most],
    };
    tasks.extend(counts.iter().map(|&connections| Task::idle(connections)));
    tasks.push(Task::new("connect", &[], Kind::Connect));
    let members = if extent.quick { 100 } else { 1_000 };
    let work = [("members", members as u64)];
    tasks.push(Task::new("churn", &work, Kind::Churn { members }));
    for stuck in [0, 10] {
        tasks.push(Task::stuck(members, stuck));
    }
    tasks
}

impl Task {
    fn new(scenario: &'static str, work: &[(&str, u64)], kind: Kind) -> Self {
        Self {
            scenario,
            work: work
                .iter()
                .map(|&(key, value)| (key.to_owned(), value))
                .collect(),
            kind,
        }
    }

    fn direct(direct: Direct) -> Self {
        let Direct {
            users,
            window,
            bytes,
        } = direct;
        let work = [
            ("users", users as u64),
            ("window", window.into()),
            ("bytes", bytes as u64),
        ];
        Self::new("direct", &work, Kind::Direct(direct))
    }

    fn room(members: usize, senders: usize, window: u32, bytes: usize) -> Self {
        let work = [
            ("members", members as u64),
            ("senders", senders as u64),
            ("window", window.into()),
            ("bytes", bytes as u64),
        ];
        let rooms = Rooms {
            rooms: 1,
            members,
            senders,
            pace: Pace::Window(window),
            stuck: 0,
            bytes,
        };
        Self::new("room", &work, Kind::Rooms(rooms))
    }

    fn paced(members: usize, rate: u64, bytes: usize) -> Self {
        let work = [
            ("members", members as u64),
            ("rate", rate),
            ("bytes", bytes as u64),
        ];
        let rooms = Rooms {
            rooms: 1,
            members,
            senders: 1,
            pace: Pace::Rate(rate),
            stuck: 0,
            bytes,
        };
        Self::new("paced", &work, Kind::Rooms(rooms))
    }

    fn rooms(rooms: usize, members: usize, bytes: usize) -> Self {
        let work = [
            ("rooms", rooms as u64),
            ("members", members as u64),
            ("bytes", bytes as u64),
        ];
        let rooms = Rooms {
            rooms,
            members,
            senders: 1,
            pace: Pace::Window(1),
            stuck: 0,
            bytes,
        };
        Self::new("rooms", &work, Kind::Rooms(rooms))
    }

    fn idle(connections: usize) -> Self {
        Self::new(
            "idle",
            &[("connections", connections as u64)],
            Kind::Idle { connections },
        )
    }

    /// Large messages, so that whoever does not read is stuck within seconds, and few of them, so that a server
    /// has time for the others.
    fn stuck(members: usize, stuck: usize) -> Self {
        const BYTES: usize = 2_000;
        const RATE: u64 = 40;

        let work = [("members", members as u64), ("stuck", stuck as u64)];
        let rooms = Rooms {
            rooms: 1,
            members: members - stuck,
            senders: 1,
            pace: Pace::Rate(RATE),
            stuck,
            bytes: BYTES,
        };
        Self::new("stuck", &work, Kind::Rooms(rooms))
    }

    /// How many connections it takes.
    pub(crate) fn connections(&self, dialect: Dialect) -> usize {
        match self.kind {
            Kind::Direct(direct) => direct.users * 2,
            Kind::Rooms(rooms) => rooms.connections(dialect),
            Kind::Idle { connections } => connections,
            Kind::Connect => 100,
            Kind::Churn { members } => members + 100,
        }
    }

    /// Whether it can be done in that dialect, `another` one than the peer's first.
    pub(crate) fn suits(&self, dialect: Dialect, another: bool) -> Result<(), &'static str> {
        match self.kind {
            // Each read of the server's is a request there, so that two behind each other may become a bad one.
            Kind::Direct(Direct { window: 2.., .. }) if dialect == Dialect::Seed => {
                Err("without frames there is one message in flight")
            }
            Kind::Direct(Direct { bytes, .. }) | Kind::Rooms(Rooms { bytes, .. })
                if dialect == Dialect::Irc && bytes > irc::LONGEST =>
            {
                Err("a line of IRC is 512 bytes, with all that is around the text")
            }
            Kind::Idle { .. } if another => {
                Err("what a connection takes hardly depends on the wire")
            }
            _ => Ok(()),
        }
    }

    /// Does it once, with a server that has just been started.
    pub(crate) fn measure(
        &self,
        server: &mut Running,
        sources: &mut Sources,
        extent: Extent,
        count_syscalls: bool,
    ) -> Result<Outcome, Failure> {
        let time = match self.scenario {
            // One hold of 50 ms is 1 % of 5 s; in 10 s the 99th percentile shows what is lasting.
            "stuck" if !extent.quick => extent.time.max(Duration::from_secs(10)),
            _ => extent.time,
        };
        let effort = Effort {
            warm_up: (extent.time / 5).min(Duration::from_millis(500)),
            time,
            syscalls: count_syscalls.then_some(Duration::from_millis(500)),
        };
        let mut net = Net::new(server.address, Clock::start())?;
        net.at_once = net.at_once.min(server.backlog.unwrap_or(usize::MAX));
        let outcome = match self.kind {
            Kind::Direct(direct) => direct.measure(server, &mut net, sources, effort),
            Kind::Rooms(rooms) => rooms.measure(server, &mut net, sources, effort),
            Kind::Idle { connections } => {
                idle::measure(connections, server, &mut net, sources, time)
            }
            Kind::Connect => connect::measure(server, &mut net, sources, effort),
            Kind::Churn { members } => {
                churn::measure(members, extent.bytes, server, &mut net, sources, effort)
            }
        };
        outcome.map_err(|failure| match ended(server, &failure) {
            Some(end) => Failure::Ended(format!("{end} ({failure})")),
            None => failure,
        })
    }
}

/// How the server ended, if it did. Its connections end a moment before it does.
fn ended(server: &mut Running, failure: &Failure) -> Option<String> {
    const LOOKS: usize = 20;

    let looks = if matches!(failure, Failure::Closed { .. }) {
        LOOKS
    } else {
        1
    };
    (0..looks).find_map(|look| {
        if look > 0 {
            thread::park_timeout(Duration::from_millis(10));
        }
        server.has_ended()
    })
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scenario)?;
        self.work
            .iter()
            .try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}
