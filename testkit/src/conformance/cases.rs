//! Cases for every runtime and every kind of stream.

use std::{
    future::{Future, pending, poll_fn},
    io::IoSlice,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use chinwag_core::{
    Client, Limits, Listener, Received, Runtime, Server, Sleep, Timeouts, wire::Line,
};
use futures::{
    channel::oneshot,
    future::{join, join_all},
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
};

use super::{
    Harness,
    chat::{
        Chat, eventually, is_pending, lost, nobody_listens, pair, patient, pause, peer, spawn,
        when_woken,
    },
    watched::Watched,
};
use crate::{Cut, MemoryNet, Peer, VirtualRuntime, dropped_at};

/// Accept and answer.
pub async fn users_register_list_and_talk<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    let mut bob = chat.user("bob").await;
    ada.ask("list,friends", "ada,bob").await;
    ada.say("chat,bob").await;
    bob.hears("ada says hi").await;
    bob.say("chat,ada,good morning").await;
    ada.hears("bob says good morning").await;
    ada.ask("chat,cleo", "error,no-such-user,*").await;
    ada.ask("quit", "bye").await;
    ada.is_closed().await;
    bob.ask("list,friends", "bob").await;
}

/// Reads of one byte, which also cut characters in two.
pub async fn a_command_in_single_bytes<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut zoe = chat.connect().await;
    for byte in "register,zoë\r\nchat,zoë,grüße, 世界\nping\n".bytes() {
        zoe.send([byte]).await;
    }
    for answer in ["ack", "zoë says grüße, 世界", "pong"] {
        zoe.hears(answer).await;
    }
}

/// Reads of as many bytes as there are.
pub async fn many_commands_in_one_segment<H: Harness>(h: H) {
    const COUNT: usize = 3000;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    // What the replies need stays below what a server holds for a peer that does not read them yet.
    ada.send("ping\n".repeat(COUNT)).await;
    for _ in 0..COUNT {
        ada.hears("pong").await;
    }
}

/// Short and blocked writes: a reply of megabytes to a peer that reads it only then.
pub async fn blocked_writes_lose_nothing<H: Harness>(h: H) {
    const USERS: usize = 100;
    let lists = H::MUCH / (33 * USERS);
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut users = Vec::new();
    for i in 0..USERS {
        users.push(chat.user(&format!("{i:0>32}")).await);
    }
    let io = chat.connect().await.into_inner();
    let (mut reading, mut writing) = io.split();
    let ask = async {
        let asked = "list,friends\n".repeat(lists);
        writing.write_all(asked.as_bytes()).await.expect("a write");
        writing.close().await.expect("a close");
    };
    let hear = async {
        // The server meets a full socket before this begins to make room.
        eventually(&h, || chat.hub.connections() > USERS).await;
        let mut heard = Vec::new();
        reading.read_to_end(&mut heard).await.expect("reads");
        heard
    };
    let ((), heard) = join(ask, hear).await;
    let list: Vec<_> = (0..USERS).map(|i| format!("{i:0>32}")).collect();
    let list = format!("{}\n", list.join(","));
    assert_eq!(heard.len(), list.len() * lists);
    assert!(heard.chunks(list.len()).all(|line| line == list.as_bytes()));
}

/// A peer that writes megabytes and one that reads none of them; then it is the other way round. Each side waits
/// for both directions at once.
pub async fn both_directions_blocked_at_once<H: Harness>(h: H) {
    let (near, far) = pair(&h).await;
    let pattern = |seed: usize| (0..H::MUCH).map(move |i| (i * 31 + i / 251 + seed) as u8);
    let exchange = |io: H::Io, ours: usize, theirs: usize| async move {
        let (mut reading, mut writing) = io.split();
        let write = async {
            let bytes: Vec<_> = pattern(ours).collect();
            writing.write_all(&bytes).await.expect("a write");
            writing.close().await.expect("a close");
        };
        let read = async {
            let mut bytes = Vec::new();
            reading.read_to_end(&mut bytes).await.expect("reads");
            assert!(bytes.into_iter().eq(pattern(theirs)), "not what was sent");
        };
        join(write, read).await;
    };
    let other = spawn(&h, exchange(far, 1, 0));
    exchange(near, 0, 1).await;
    other.await.expect("the other end is happy as well");
}

/// More slices than one system call takes (`IOV_MAX` is 1,024), empty ones among them, arrive in their
/// order; and one call takes more than the first.
pub async fn slices_are_written_in_order<H: Harness>(h: H) {
    let (mut near, mut far) = pair(&h).await;
    let frames: Vec<_> = (0..5000).map(|i| format!("{i:>0$}", i % 7)).collect();
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| &frame[frame.len() % 2..])
        .collect();
    let all: String = frames.concat();
    let write = async {
        let mut written = 0;
        while written < all.len() {
            let mut skip = written;
            let rest = frames.iter().filter_map(|frame| {
                let skipped = skip.min(frame.len());
                skip -= skipped;
                (skipped < frame.len() || frame.is_empty()).then_some(&frame[skipped..])
            });
            let rest: Vec<_> = rest.map(|frame| IoSlice::new(frame.as_bytes())).collect();
            let count = poll_fn(|cx| Pin::new(&mut near).poll_write_vectored(cx, &rest)).await;
            let count = count.expect("a write");
            assert!(count > 0 && count <= all.len() - written);
            if H::WHOLE_WRITES && written == 0 {
                assert!(
                    count > 1000,
                    "`poll_write_vectored` took only {count} bytes"
                );
            }
            written += count;
        }
        near.close().await.expect("a close");
    };
    let read = async {
        let mut read = String::new();
        far.read_to_string(&mut read).await.expect("reads");
        read
    };
    let ((), read) = join(write, read).await;
    assert_eq!(read, all);
}

/// Half-close by the peer: its commands are still done and answered.
pub async fn the_peer_closes_its_half<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    for _ in 0..20 {
        let mut half = chat.connect().await;
        half.send("register,half\nlist,friends\nchat,half,me\n")
            .await;
        half.done_sending().await;
        assert_eq!(half.rest().await, "ack\nhalf\nhalf says me\n");
        eventually(&h, || chat.hub.users().is_empty()).await;
    }
}

/// Half-close by us: the peer sees the end, and what it still says is heard.
pub async fn the_server_closes_its_half<H: Harness>(h: H) {
    let (mut near, mut far) = pair(&h).await;
    far.write_all(b"the last words").await.expect("a write");
    far.close().await.expect("a close");
    let mut read = String::new();
    near.read_to_string(&mut read).await.expect("it ends");
    assert_eq!(read, "the last words");
    near.write_all(b"still here").await.expect("a write");
    near.close().await.expect("a close");
    read.clear();
    far.read_to_string(&mut read).await.expect("it ends");
    assert_eq!(read, "still here");
    // Once more, and after the other end is gone: neither is an error that would be logged for nothing.
    drop(near);
    far.close().await.expect("a close");
}

/// A FIN comes after the last line, while the peer's own half is open.
pub async fn the_end_follows_the_good_bye<H: Harness>(h: H) {
    let chat = Chat::start(&h, patient(Duration::from_secs(3600))).await;
    let mut ada = chat.user("ada").await;
    ada.ask("quit", "bye").await;
    // The server lingers for an hour; what the peer sees of it does not.
    ada.is_closed().await;
    ada.done_sending().await;
    eventually(&h, || chat.hub.connections() == 0).await;
}

/// Closing a socket with bytes unread would reset it, and the good-bye would be lost.
pub async fn bytes_after_the_good_bye_do_no_harm<H: Harness>(h: H) {
    let chat = Chat::start(&h, patient(Duration::from_secs(3600))).await;
    for _ in 0..10 {
        let io = chat.user("ada").await.into_inner();
        let (mut reading, mut writing) = io.split();
        let write = async {
            let late = format!("quit\n{}", "late\n".repeat(10_000));
            writing.write_all(late.as_bytes()).await.expect("a write");
            writing.close().await.expect("a close");
        };
        let read = async {
            let mut heard = String::new();
            reading.read_to_string(&mut heard).await.expect("reads");
            heard
        };
        assert_eq!(join(write, read).await.1, "bye\n");
        eventually(&h, || chat.hub.connections() == 0).await;
    }
}

/// A peer that is reset, or gone in the middle of a line, is forgotten, and nobody else notices.
pub async fn a_reset_frees_the_name<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut watcher = chat.user("watcher").await;
    for _ in 0..20 {
        let mut reset = chat.user("guest").await;
        reset.say("list,friends").await;
        h.reset(reset.into_inner());
        eventually(&h, || chat.hub.users().len() == 1).await;
        let mut torn = chat.user("guest").await;
        torn.send("chat,watcher,never fin").await;
        drop(torn);
        eventually(&h, || chat.hub.connections() == 1).await;
    }
    watcher.ask("list,friends", "watcher").await;
}

/// A reader that stays behind is closed at its bound, and told how much it lost; nobody else loses
/// anything.
pub async fn only_the_slow_reader_is_closed<H: Harness>(h: H) {
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build();
    let timeouts = Timeouts::builder()
        .patience(Duration::from_millis(2))
        .build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut slow = chat.user("slow").await;
    let mut talker = chat.user("talker").await;
    let mut healthy = chat.user("healthy").await;
    let long = "x".repeat(3000);
    let mut sent = 0;
    for n in 0.. {
        let both = format!("chat,healthy,{n}\nchat,slow,{long}\nping\n");
        talker.send(both).await;
        sent += 1;
        healthy.hears(&format!("talker says {n}")).await;
        let line = talker.line().await;
        if line != "pong" {
            assert!(line.starts_with("error,no-such-user,"), "{line}");
            talker.hears("pong").await;
            break;
        }
    }
    // Its name is free when its own task has noticed.
    eventually(&h, || chat.hub.users().len() == 2).await;
    talker.ask("list,friends", "talker,healthy").await;
    healthy.ask("ping", "pong").await;
    // It reads at last what was written before, whole, and why it ends.
    let heard = slow.rest().await;
    let (messages, notice) = heard.trim_end().rsplit_once('\n').expect("two lines");
    let message = format!("talker says {long}");
    assert!(messages.lines().all(|line| line == message));
    // Nothing is missing, and nothing counted twice. The one that its sender was refused is among what it has lost.
    assert_eq!(messages.lines().count() + lost(notice), sent);
}

/// What each of four at once sends to one arrives once and in order.
pub async fn four_senders_keep_their_order<H: Harness>(h: H) {
    const COUNT: usize = 500;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut reader = chat.user("reader").await;
    let mut senders = Vec::new();
    for sender in 0..4 {
        let mut peer = chat.user(&format!("sender{sender}")).await;
        senders.push(spawn(&h, async move {
            for n in 0..COUNT {
                peer.say(&format!("chat,reader,{n}")).await;
            }
            peer.ask("ping", "pong").await;
        }));
    }
    let mut next = [0; 4];
    for _ in 0..4 * COUNT {
        let line = reader.line().await;
        let (sender, n) = line.split_once(" says ").expect("a message");
        let sender: usize = sender["sender".len()..].parse().expect("a number");
        assert_eq!(n.parse(), Ok(next[sender]));
        next[sender] += 1;
    }
    for sender in senders {
        sender.await.expect("it sends everything");
    }
    reader.ask("ping", "pong").await;
}

/// Several tasks talk to everyone at once, themselves included: what each sends arrives whole, once and in
/// order.
pub async fn everyone_talks_to_everyone<H: Harness>(h: H) {
    const USERS: usize = 6;
    const COUNT: usize = 200;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut users = Vec::new();
    for i in 0..USERS {
        users.push(chat.user(&format!("user{i}")).await);
    }
    let users: Vec<_> = users
        .into_iter()
        .map(|user| spawn(&h, talk(user)))
        .collect();
    for user in users {
        user.await.expect("it hears everything");
    }

    async fn talk<Io: AsyncRead + AsyncWrite + Unpin>(mut user: Peer<Io>) {
        let mut next = [0; USERS];
        for n in 0..COUNT {
            let to_all = (0..USERS).map(|to| format!("chat,user{to},{n}\n"));
            user.send(to_all.collect::<String>()).await;
            // Reading as much as it writes keeps everybody a healthy reader.
            for _ in 0..USERS {
                let line = user.line().await;
                let (from, n) = line.split_once(" says ").expect("a message");
                let from: usize = from["user".len()..].parse().expect("a number");
                assert_eq!(n.parse(), Ok(next[from]));
                next[from] += 1;
            }
        }
        assert_eq!(next, [COUNT; USERS]);
    }
}

/// One connection of a program is used by several tasks, on whatever threads the runtime has.
pub async fn a_client_is_used_by_several_tasks<H: Harness>(h: H) {
    const COUNT: usize = 300;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let ada = Client::new(chat.connect().await.into_inner());
    let bob = Client::new(chat.connect().await.into_inner());
    ada.register("ada").await.expect("a free name");
    bob.register("bob").await.expect("a free name");
    let sender = ada.clone();
    let sending = spawn(&h, async move {
        for i in 0..COUNT {
            sender.send("bob", &i.to_string()).await.expect("it sends");
            if i % 50 == 0 {
                sender.ping().await.expect("it answers");
            }
        }
    });
    let echo = bob.clone();
    let echoing = spawn(&h, async move {
        let mut incoming = echo.incoming();
        for i in 0..COUNT {
            let text = message(incoming.next().await, "ada");
            assert_eq!(text, i.to_string());
            echo.send("ada", &format!("got {i}"))
                .await
                .expect("it sends");
        }
    });
    let mut incoming = ada.incoming();
    for i in 0..COUNT {
        assert_eq!(message(incoming.next().await, "bob"), format!("got {i}"));
    }
    sending.await.expect("it sends everything");
    echoing.await.expect("it echoes everything");

    fn message(
        received: Option<Result<Received, chinwag_core::ClientError>>,
        from: &str,
    ) -> String {
        match received {
            Some(Ok(Received::Message { from: sender, text })) if sender == from => text,
            other => panic!("{other:?} is no message from {from}"),
        }
    }
}

/// The deadline for a name, not before its time.
pub async fn who_does_not_register_is_told<H: Harness>(h: H) {
    let wait = Duration::from_millis(200);
    let timeouts = Timeouts::builder().register(wait).build();
    let hub = crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let rt = h.runtime();
    let mut named = chat.user("named").await;
    let before = rt.now();
    let mut nobody = chat.connect().await;
    nobody.hears("error,timed-out,*").await;
    nobody.is_closed().await;
    assert!(rt.now() - before >= wait);
    named.ask("ping", "pong").await;
}

/// The deadline for a word, not before its time, which each word begins anew.
pub async fn who_is_idle_is_told<H: Harness>(h: H) {
    let wait = Duration::from_millis(200);
    let timeouts = Timeouts::builder().idle(wait).build();
    let hub = crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let rt = h.runtime();
    let mut ada = chat.user("ada").await;
    let before = rt.now();
    ada.ask("ping", "pong").await;
    ada.hears("error,timed-out,*").await;
    ada.is_closed().await;
    assert!(rt.now() - before >= wait);
    eventually(&h, || chat.hub.users().is_empty()).await;
}

/// Not before their time, also when it has passed, and again after they were moved.
pub async fn timers_fire_when_they_should<H: Harness>(h: H) {
    let rt = h.runtime();
    let hour = Duration::from_secs(3600);
    let soon = || rt.now() + Duration::from_millis(20);
    let deadline = soon();
    let mut sleep = pin!(rt.sleep_until(deadline));
    sleep.as_mut().await;
    assert!(rt.now() >= deadline);

    // After it has fired; to an earlier and to a later time; before it is polled, and afterwards.
    let deadline = soon();
    sleep.as_mut().reset(deadline);
    sleep.as_mut().await;
    assert!(rt.now() >= deadline);
    sleep.as_mut().reset(rt.now() + hour);
    assert!(is_pending(sleep.as_mut()).await);
    let deadline = soon();
    sleep.as_mut().reset(deadline);
    sleep.as_mut().await;
    assert!(rt.now() >= deadline);
    let (early, late) = (soon(), soon() + Duration::from_millis(30));
    sleep.as_mut().reset(early);
    assert!(is_pending(sleep.as_mut()).await);
    sleep.as_mut().reset(late);
    sleep.as_mut().await;
    assert!(rt.now() >= late);

    let now = rt.now();
    rt.sleep_until(now).await;
    // Many that are given up long before their time do not fire, and keep none that comes after them from firing.
    for _ in 0..1000 {
        assert!(is_pending(pin!(rt.sleep_until(now + hour))).await);
    }
    // Made in one task, polled in another.
    let moved = rt.sleep_until(soon());
    spawn(&h, moved).await.expect("it fires");
}

/// Who polled last is woken, whoever polled before.
pub async fn the_last_waker_counts<H: Harness>(h: H) {
    let mut nobody = Context::from_waker(Waker::noop());
    let rt = h.runtime();
    let mut sleep = pin!(rt.sleep_until(rt.now() + Duration::from_millis(20)));
    assert!(sleep.as_mut().poll(&mut nobody).is_pending());
    when_woken(sleep).await;

    let (mut near, mut far) = pair(&h).await;
    let mut byte = [0];
    assert!(
        Pin::new(&mut near)
            .poll_read(&mut nobody, &mut byte)
            .is_pending()
    );
    let late = pause(&rt, Duration::from_millis(5));
    let write = async {
        late.await;
        far.write_all(b"!").await.expect("a write");
    };
    join(write, async {
        when_woken(near.read_exact(&mut byte))
            .await
            .expect("a read")
    })
    .await;
    assert_eq!(&byte, b"!");

    let chunk = vec![b'x'; 64 * 1024];
    let mut written = 0;
    while let Poll::Ready(count) = Pin::new(&mut near).poll_write(&mut nobody, &chunk) {
        written += count.expect("a write");
    }
    let write = async {
        when_woken(near.write_all(b"!")).await.expect("a write");
        near.close().await.expect("a close");
    };
    let read = async {
        pause(&rt, Duration::from_millis(5)).await;
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.expect("reads");
        read.len()
    };
    assert_eq!(join(write, read).await.1, written + 1);
}

/// Dropping the future of an accept loses no connection, at whichever of its polls, before anybody connects or while
/// somebody does; nor does one that is woken and dropped before it has looked.
pub async fn a_dropped_accept_loses_nobody<H: Harness>(h: H) {
    let mut listener = h.listen(None).await.expect("it listens");
    let addr = Listener::local_addr(&listener).expect("an address");
    let mut dropped = 0;
    for number in 0..40_u8 {
        let connect = async {
            let mut near = h.connect(&addr).await.expect("it connects");
            near.write_all(&[number]).await.expect("a write");
            near
        };
        let [at_once, when_woken_again] = Cut::after(usize::from(number / 2 % 4));
        let cut = match number % 2 {
            0 => at_once,
            _ => when_woken_again,
        };
        // It is polled for its own wakes only, so that none is made up for by another.
        let accept = when_woken(dropped_at(cut, listener.accept()));
        let (accepted, _near) = join(accept, connect).await;
        dropped += usize::from(accepted.is_none());
        let incoming = match accepted {
            Some(accepted) => accepted,
            None => when_woken(listener.accept()).await,
        };
        let mut far = incoming.expect("it accepts").io;
        let mut byte = [0];
        far.read_exact(&mut byte).await.expect("a read");
        assert_eq!(byte, [number]);
    }
    assert!(dropped >= 20, "hardly any was dropped: {dropped}");
}

/// A graceful shutdown: what waits is read, then the good-bye, then the end; nobody comes in any more.
pub async fn a_shutdown_delivers_everything<H: Harness>(h: H) {
    let mut chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    let mut bob = chat.user("bob").await;
    let mut nobody = chat.connect().await;
    nobody.ask("ping", "pong").await;
    for n in 0..100 {
        bob.say(&format!("chat,ada,{n}")).await;
    }
    bob.ask("ping", "pong").await;
    chat.stop();
    for n in 0..100 {
        ada.hears(&format!("bob says {n}")).await;
    }
    for peer in [ada, bob, nobody] {
        let mut peer = peer;
        assert_eq!(peer.rest().await, "bye\n");
    }
    chat.ended().await;
    assert_eq!(chat.hub.connections(), 0);
    nobody_listens(&h, &chat.addr).await;
}

/// A peer that does not read holds a shutdown up to its deadline, and no longer.
pub async fn a_shutdown_ends_by_its_deadline<H: Harness>(h: H) {
    let wait = Duration::from_millis(300);
    let limits = Limits::builder().mailbox_bytes(1 << 26).build();
    let timeouts = Timeouts::builder()
        .shutdown(wait)
        .patience(Duration::ZERO)
        .build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let mut chat = Chat::start(&h, hub).await;
    let stuck = chat.user("stuck").await;
    let mut talker = chat.user("talker").await;
    let message = format!("chat,stuck,{}\n", "x".repeat(4000));
    for _ in 0..2 * H::MUCH / message.len() {
        talker.send(&message).await;
    }
    talker.ask("ping", "pong").await;
    let before = h.runtime().now();
    chat.stop();
    assert_eq!(talker.rest().await, "bye\n");
    drop(talker);
    chat.ended().await;
    assert!(h.runtime().now() - before >= wait, "it did not wait");
    eventually(&h, || chat.hub.connections() == 0).await;
    drop(stuck);
}

/// Dropping the future that serves ends every connection.
pub async fn a_dropped_server_closes_everything<H: Harness>(h: H) {
    let hub = crate::unthrottled().build();
    let listener = h.listen(None).await.expect("it listens");
    let addr = Listener::local_addr(&listener).expect("an address");
    let server = Server::new(hub.clone()).listen(listener, Line::default());
    let mut serving = Box::pin(server.run_until(pending::<()>(), h.runtime()));
    let users = async {
        let mut ada = peer(&h, &addr).await;
        ada.ask("register,ada", "ack").await;
        let mut nobody = peer(&h, &addr).await;
        nobody.ask("ping", "pong").await;
        [ada, nobody]
    };
    let users = match futures::future::select(serving.as_mut(), pin!(users)).await {
        futures::future::Either::Right((users, _)) => users,
        futures::future::Either::Left(_) => panic!("it has ended"),
    };
    drop(serving);
    for mut user in users {
        user.is_closed().await;
    }
    eventually(&h, || hub.connections() == 0).await;
    nobody_listens(&h, &addr).await;
}

/// A new server has the address of the last one as soon as that has ended.
pub async fn the_next_server_takes_the_address<H: Harness>(h: H) {
    let mut chat = Chat::start(&h, crate::unthrottled().build()).await;
    for _ in 0..20 {
        let mut ada = chat.user("ada").await;
        chat.stop();
        ada.hears("bye").await;
        // The side that closes first keeps the address busy for a while, and that is the server.
        ada.is_closed().await;
        drop(ada);
        chat.ended().await;
        chat = Chat::start_with(
            &h,
            crate::unthrottled().build(),
            h.runtime(),
            Some(&chat.addr),
        )
        .await;
    }
    chat.user("bob").await;
}

/// A task runs to its end although nobody holds on to it.
pub async fn spawned_tasks_are_detached<H: Harness>(h: H) {
    let (tell, told) = oneshot::channel();
    {
        let rt = h.runtime();
        let task = rt.clone();
        rt.spawn(async move {
            for _ in 0..3 {
                pause(&task, Duration::from_millis(1)).await;
            }
            let _ = tell.send(());
        })
        .expect("a task");
    }
    told.await.expect("it ran to its end");
}

/// A panic in one connection costs that one, leaves nothing of it in the hub, and the runtime is as good
/// as before.
pub async fn a_panic_harms_nobody_else<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    for n in 0..20 {
        let mut bob = chat.user("bob").await;
        bob.send(format!("chat,ada,{n}\nbreak\n")).await;
        // It may see a reset rather than an end.
        let _ = bob.into_inner().read_to_end(&mut Vec::new()).await;
        ada.hears(&format!("bob says {n}")).await;
        eventually(&h, || chat.hub.connections() == 1).await;
        ada.ask("list,friends", "ada").await;
    }
}

/// The bound on connections.
pub async fn one_connection_too_many_is_told<H: Harness>(h: H) {
    let limits = Limits::builder().max_connections(1).build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut ada = chat.user("ada").await;
    for _ in 0..10 {
        let mut refused = chat.connect().await;
        refused.hears("error,full,*").await;
        refused.is_closed().await;
    }
    ada.ask("quit", "bye").await;
    drop(ada);
    eventually(&h, || chat.hub.connections() == 0).await;
    chat.user("ada").await;
}

/// Of any number who want one name at once, one gets it.
pub async fn one_of_a_thousand_gets_the_name<H: Harness>(h: H) {
    const CLAIMS: usize = 1000;
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut peers = Vec::new();
    for _ in 0..CLAIMS {
        peers.push(chat.connect().await);
    }
    let claim = |mut peer: Peer<H::Io>| async move {
        peer.say("register,highlander").await;
        let answer = peer.line().await;
        (peer, answer)
    };
    let claimed = join_all(peers.into_iter().map(claim)).await;
    let refused = claimed
        .iter()
        .filter(|(_, answer)| answer.starts_with("error,name-taken,"));
    assert_eq!(refused.count(), CLAIMS - 1);
    let has_it = |(peer, answer): (_, String)| (answer == "ack").then_some(peer);
    let winner = claimed.into_iter().find_map(has_it);
    let mut winner = winner.expect("one winner");
    winner.ask("list,friends", "highlander").await;
}

/// Two servers with one hub, on two runtimes that know nothing of each other: tasks of each wake tasks of
/// the other.
pub async fn servers_on_two_runtimes_share_a_hub<H: Harness>(h: H) {
    const COUNT: usize = 300;
    h.expect_outside_wakes();
    // The other runtime's time flies while it has nothing to do.
    let timeouts = Timeouts::builder().register(None).idle(None).build();
    let hub = crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let chat = Chat::start(&h, hub.clone()).await;
    let mut near = chat.user("near").await;
    let (tell, told) = oneshot::channel();
    let other = thread::spawn(move || {
        let rt = VirtualRuntime::new(1);
        rt.expect_outside_wakes();
        let net = MemoryNet::new();
        let server = Server::new(hub).listen(net.listen("line"), Line::default());
        let far = async {
            let mut far = Peer::registered(net.connect("line"), "far").await;
            let _ = tell.send(());
            for n in 0..COUNT {
                far.hears(&format!("near says {n}")).await;
                far.say(&format!("chat,near,{n}")).await;
            }
            far.ask("quit", "bye").await;
        };
        rt.block_on(server.run_until(far, rt.clone()))
    });
    told.await.expect("it has a name");
    near.ask("list,friends", "near,far").await;
    for n in 0..COUNT {
        near.say(&format!("chat,far,{n}")).await;
        near.hears(&format!("far says {n}")).await;
    }
    eventually(&h, || other.is_finished()).await;
    other.join().expect("it does not panic").expect("it serves");
    near.ask("list,friends", "near").await;
}

/// Without file descriptors nobody is accepted, everybody else is served, and it goes on by itself when
/// there are some again.
pub async fn accept_survives_the_open_file_limit<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    let exhausted = h.exhaust(&chat.addr);
    let mut bob = chat.connect().await;
    bob.say("register,bob").await;
    for _ in 0..3 {
        pause(&h.runtime(), Duration::from_millis(5)).await;
        ada.ask("list,friends", "ada").await;
    }
    drop(exhausted);
    bob.hears("ack").await;
    ada.ask("list,friends", "ada,bob").await;
}

/// Servers that come and go leave no descriptor, thread or task.
pub async fn a_hundred_servers_leave_nothing_behind<H: Harness>(h: H) {
    /// The first few may leave what a runtime makes once.
    const WARM_UP: usize = 5;
    let runtime = Watched::new(h.runtime());
    let mut at_first = h.resources();
    for round in 0..100 {
        let mut chat =
            Chat::start_with(&h, crate::unthrottled().build(), runtime.clone(), None).await;
        let mut ada = chat.user("ada").await;
        let nobody = chat.connect().await;
        ada.ask("chat,ada", "ada says hi").await;
        chat.stop();
        assert_eq!(ada.rest().await, "bye\n");
        drop((ada, nobody));
        chat.ended().await;
        drop(chat);
        eventually(&h, || runtime.tasks() == 0).await;
        if round < WARM_UP {
            at_first = h.resources();
            continue;
        }
        eventually(&h, || {
            let now = h.resources();
            now.files <= at_first.files && now.threads <= at_first.threads
        })
        .await;
    }
}
