//! The hot paths.

use std::{future::pending, hint::black_box, time::Duration};

use chinwag_core::{
    Hub, HubBuilder, Rate, Rates, Runtime, Server,
    wire::{Line, Reading, Wire},
};
use futures::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    counted,
    executor::Executor,
    net::{Net, User},
    script::{Script, check},
};

/// Does the step of that number, and says how many units of the case it was.
pub(crate) type Step = Box<dyn FnMut(usize) -> usize>;

/// What is walked: its name, how many steps make a good count, what a unit is, and how it is prepared.
pub(crate) type Case = (&'static str, usize, &'static str, fn() -> Step);

pub(crate) const ALL: [Case; 10] = [
    ("direct-1", 4000, "delivery", || direct(1, unlimited())),
    ("direct-16", 500, "delivery", || direct(16, unlimited())),
    ("direct-16-rated", 500, "delivery", || direct(16, rated())),
    ("room-1", 100, "delivery", || room(1, 1)),
    ("room-4x16", 5, "delivery", || room(4, 16)),
    ("register-quit", 1000, "visit", register_and_quit),
    ("join-leave", 50, "event", join_and_leave),
    ("decode", 500, "line", decode),
    ("wake", 100, "wake-up", wake),
    ("harness", 1000, "message", harness),
];

/// How many users there are.
const USERS: usize = 100;

/// A server, and those who have registered with it.
struct Chat {
    executor: Executor,
    net: Net,
    users: Vec<User>,
}

impl Chat {
    fn new(hub: HubBuilder) -> Self {
        let (mut executor, net) = (Executor::new(), Net::default());
        let server = Server::new(hub.build()).listen(net.clone(), Line::default());
        let serving = server.run_until(pending::<()>(), executor.handle());
        let spawned = executor.handle().spawn(async {
            let ended = serving.await;
            assert!(ended.is_ok(), "the server ended: {ended:?}");
        });
        assert!(spawned.is_ok(), "a task");
        let users = (0..USERS).map(|_| net.connect()).collect::<Vec<_>>();
        for (number, user) in users.iter().enumerate() {
            user.send(format!("register,{}\n", name(number)).as_bytes());
            executor.run();
            user.hears(b"ack\n");
        }
        Self {
            executor,
            net,
            users,
        }
    }

    /// All of them in one room.
    fn in_room(self) -> Self {
        let mut chat = self;
        for user in &chat.users {
            user.send(format!("join,{ROOM}\n").as_bytes());
            chat.executor.run();
        }
        chat.users.iter().for_each(|user| drop(user.take()));
        chat
    }

    fn run(&mut self) {
        self.executor.pass(Duration::from_micros(1));
        self.executor.run();
    }
}

const ROOM: &str = "#lounge";

fn name(number: usize) -> String {
    format!("user{number:03}")
}

fn unlimited() -> HubBuilder {
    Hub::builder().rates(Rates::unlimited())
}

/// With rates that nobody reaches, so that they are looked at.
fn rated() -> HubBuilder {
    let much = Rate::per_second(100_000_000);
    let rates = Rates::builder()
        .messages(much)
        .bytes(much)
        .joins(much)
        .build();
    assert!(rates.is_ok(), "rates");
    Hub::builder().rates(rates.unwrap_or_default())
}

/// A user sends another some messages at once; then the next pair does. A unit is a delivery.
fn direct(at_once: usize, hub: HubBuilder) -> Step {
    let mut chat = Chat::new(hub);
    let pairs = (0..USERS / 2).map(|pair| {
        let (from, to) = (name(2 * pair), name(2 * pair + 1));
        let request = Script::new(&format!("chat,{to},"));
        (request, Script::new(&format!("{from} says ")))
    });
    let pairs = pairs.collect::<Vec<_>>();
    Box::new(move |step| {
        let pair = step % pairs.len();
        let (request, reply) = &pairs[pair];
        chat.users[2 * pair].send(request.lines(step, at_once));
        chat.run();
        chat.users[2 * pair].hears(b"");
        chat.users[2 * pair + 1].hears(reply.lines(step, at_once));
        at_once
    })
}

/// Some members of a room say something, each as many times at once. A unit is a delivery.
fn room(senders: usize, at_once: usize) -> Step {
    let mut chat = Chat::new(unlimited()).in_room();
    let said = |sender| Script::new(&format!("{ROOM} {} says ", name(sender)));
    let said = (0..senders).map(said).collect::<Vec<_>>();
    let request = Script::new(&format!("say,{ROOM},"));
    Box::new(move |step| {
        for user in &chat.users[..senders] {
            user.send(request.lines(step, at_once));
        }
        chat.run();
        let first = chat.users[0].take();
        check(&first, &said, step, at_once);
        for user in &chat.users[1..] {
            user.hears(&first);
        }
        senders * at_once * USERS
    })
}

/// Somebody connects, registers, and quits. A unit is a visit.
fn register_and_quit() -> Step {
    let mut chat = Chat::new(unlimited());
    Box::new(move |_| {
        let user = chat.net.connect();
        user.send(b"register,visitor\n");
        chat.run();
        user.hears(b"ack\n");
        user.send(b"quit\n");
        chat.run();
        user.hears(b"bye\n");
        user.close();
        chat.run();
        assert!(user.is_over(), "not closed");
        1
    })
}

/// A member of a room leaves it, and joins it again. A unit is an event that one of the others is told.
fn join_and_leave() -> Step {
    let mut chat = Chat::new(unlimited()).in_room();
    let others = USERS - 1;
    let [join, leave] = ["join", "leave"].map(|verb| format!("{verb},{ROOM}\n").into_bytes());
    let [joined, left] =
        ["joined", "left"].map(|verb| format!("{ROOM} {} {verb}\n", name(others)).into_bytes());
    Box::new(move |_| {
        for (request, event) in [(&leave, &left), (&join, &joined)] {
            chat.users[others].send(request);
            chat.run();
            chat.users[others].hears(b"ack\n");
            for other in &chat.users[..others] {
                other.hears(event);
            }
        }
        2 * others
    })
}

/// Requests are read, and nothing is done. A unit is a line.
fn decode() -> Step {
    let talk = [Script::new("say,#lounge,"), Script::new("chat,user042,")];
    let mut requests = Vec::new();
    for number in 0..16 {
        requests.extend_from_slice(talk[number % 2].lines(number, 1));
    }
    requests
        .extend_from_slice(b"register,user042\njoin,#lounge\nleave,#lounge\nlist,#lounge\nping\n");
    let count = requests.iter().filter(|&&byte| byte == b'\n').count();
    Box::new(move |_| {
        let read = counted(|| read_all(black_box(&requests)));
        assert!(read == count, "{read} of {count}");
        count
    })
}

fn read_all(mut requests: &[u8]) -> usize {
    let (mut wire, mut reading, mut read) = (Line::default(), Reading::default(), 0);
    while let Some(end) = wire.frame_end(requests) {
        let (frame, behind) = requests.split_at(end);
        let payload = wire.payload(frame);
        read += usize::from(matches!(
            black_box(wire.decode(payload, &mut reading)),
            Ok(Some(_))
        ));
        requests = behind;
    }
    read
}

/// A connection is woken, and there is nothing to do. A unit is a wake-up.
fn wake() -> Step {
    let mut chat = Chat::new(unlimited());
    Box::new(move |_| {
        chat.users.iter().for_each(User::nudge);
        chat.run();
        USERS
    })
}

/// A message goes through what this program is made of, with a task in place of the server. A unit is a
/// message: a wake-up, two reads, a write and its check.
fn harness() -> Step {
    let (mut executor, mut net) = (Executor::new(), Net::default());
    let users = (0..USERS).map(|_| net.connect()).collect::<Vec<_>>();
    let handle = executor.handle();
    let accepting = executor.handle().spawn(async move {
        while let Ok(incoming) = chinwag_core::Listener::accept(&mut net).await {
            let mut io = incoming.io;
            let echo = handle.spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = io.read(&mut buffer).await {
                    let written = io.write_all(&buffer[..count]).await;
                    assert!(written.is_ok(), "a write");
                }
            });
            assert!(echo.is_ok(), "a task");
        }
    });
    assert!(accepting.is_ok(), "a task");
    executor.run();
    let script = Script::new("#lounge user042 says ");
    Box::new(move |step| {
        let user = &users[step % USERS];
        user.send(script.lines(step, 1));
        executor.run();
        user.hears(script.lines(step, 1));
        1
    })
}
