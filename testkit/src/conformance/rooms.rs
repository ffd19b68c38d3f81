//! Cases for rooms, presence, in-process users, hooks and the end of a chat.

use std::{future::pending, thread, time::Duration};

use chinwag_core::{
    Authenticator, Claim, Denied, Event, HubError, Limits, Listener, LocalUser, Runtime, Server,
    Timeouts, async_trait, wire::Line,
};
use futures::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt, StreamExt,
    channel::oneshot,
    future::{join, join_all},
};

use super::{
    Harness,
    chat::{Chat, eventually, listen_again, lost, pause, spawn},
};
use crate::Peer;

/// Longer than any case: who waits for it hangs.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// What four members say at full speed, while they read, is the same for all fifty: nothing is lost, each
/// one's own words are in order, and talkers wait for readers as long as it takes.
pub async fn a_room_has_one_order<H: Harness>(h: H) {
    const MEMBERS: usize = 50;
    const SENDERS: usize = 4;
    // In memory it is done several times, in small pieces.
    let count = if H::WHOLE_WRITES { 500 } else { 100 };
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(endless())
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut members = Vec::new();
    for i in 0..MEMBERS {
        members.push(member(&chat, &format!("user{i}"), "#tea").await);
    }
    for member in &mut members {
        flush(member).await;
    }
    let live = |(i, member): (usize, Peer<H::Io>)| {
        let words = match i < SENDERS {
            true => (0..count).map(|n| format!("say,#tea,{n}\n")).collect(),
            false => String::new(),
        };
        spawn(&h, talk_and_listen(member, words, SENDERS * count))
    };
    let lives: Vec<_> = members.into_iter().enumerate().map(live).collect();
    let mut heard = Vec::new();
    for life in join_all(lives).await {
        heard.push(life.expect("it hears everything"));
    }
    let log = &heard[0].0;
    for (other, _) in &heard {
        assert!(other == log, "two members hear different things");
    }
    let mut next = [0; SENDERS];
    for line in log.lines() {
        let (sender, n) = line.split_once(" says ").expect("a message");
        let sender: usize = sender["#tea user".len()..].parse().expect("a number");
        assert_eq!(n.parse(), Ok(next[sender]));
        next[sender] += 1;
    }
    assert_eq!(next, [count; SENDERS]);
}

/// A member that does not read costs the others no message; it is closed and told why, and they are told
/// once, at the same place.
pub async fn a_stuck_member_costs_the_others_nothing<H: Harness>(h: H) {
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build();
    let timeouts = Timeouts::builder().patience(Duration::from_millis(2));
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(timeouts.build().expect("good timeouts"))
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut talker = member(&chat, "talker", "#tea").await;
    let mut healthy = member(&chat, "healthy", "#tea").await;
    let mut stuck = member(&chat, "stuck", "#tea").await;
    flush(&mut talker).await;
    flush(&mut healthy).await;
    let long = "x".repeat(3000);
    let mut told = [None, None];
    let mut more = 10;
    for n in 0.. {
        talker.say(&format!("say,#tea,{n} {long}")).await;
        let said = format!("#tea talker says {n} {long}");
        for (peer, told) in [&mut talker, &mut healthy].into_iter().zip(&mut told) {
            let mut line = peer.line().await;
            if line == "stuck quit slow" {
                assert_eq!(told.replace(n), None, "it is told twice");
                line = peer.line().await;
            }
            assert!(line == said, "heard {line:?} instead of number {n}");
        }
        if told.iter().any(Option::is_some) {
            more -= 1;
        }
        if more == 0 {
            break;
        }
    }
    assert!(told[0].is_some(), "nobody is told");
    assert_eq!(told[0], told[1], "it is told at two places");
    talker.ask("list,#tea", "talker,healthy").await;
    flush(&mut healthy).await;
    // What it reads at last is whole and without gaps, and then why it ends.
    let heard = stuck.rest().await;
    let (before, notice) = heard.trim_end().rsplit_once('\n').expect("two lines");
    for (n, line) in before.lines().enumerate() {
        assert!(line == format!("#tea talker says {n} {long}"), "{line}");
    }
    // What it has heard and lost is all that was said until the others were told that it is gone.
    let counted = before.lines().count() + lost(notice);
    assert_eq!(Some(counted), told[0]);
    assert_eq!(chat.hub.stats().lost, lost(notice) as u64);
}

/// What a user does is told once to each who shares a room with them, however many they share; not to the
/// user, and not to anybody else.
pub async fn presence_is_told_once<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    for room in ["#a", "#b", "#c"] {
        ada.ask(&format!("join,{room}"), "ack").await;
    }
    let mut cleo = member(&chat, "cleo", "#b").await;
    ada.hears("#b cleo joined").await;
    let mut alone = member(&chat, "alone", "#d").await;
    let mut nobody = chat.user("nobody").await;
    for n in 0..5 {
        let mut bob = chat.user("bob").await;
        for room in ["#c", "#b", "#a"] {
            bob.ask(&format!("join,{room}"), "ack").await;
            ada.hears(&format!("{room} bob joined")).await;
        }
        cleo.hears("#b bob joined").await;
        bob.ask("register,rob", "ack").await;
        bob.ask("away,for tea", "ack").await;
        bob.ask("away", "ack").await;
        bob.ask("leave,#a", "ack").await;
        for friend in [&mut ada, &mut cleo] {
            friend.hears("bob is now rob").await;
            friend.hears("rob is away for tea").await;
            friend.hears("rob is back").await;
        }
        ada.hears("#a rob left").await;
        match n % 3 {
            0 => {
                bob.ask("quit", "bye").await;
                bob.is_closed().await;
                drop(bob);
            }
            1 => h.reset(bob.into_inner()),
            _ => drop(bob),
        }
        for friend in [&mut ada, &mut cleo] {
            friend.hears("rob quit closed").await;
        }
        for peer in [&mut ada, &mut cleo, &mut alone, &mut nobody] {
            flush(peer).await;
        }
        ada.ask("list,#c", "ada").await;
        eventually(&h, || chat.hub.connections() == 4).await;
    }
}

/// An in-process user, in a task of the runtime, and users on sockets hear the same in the same order. When it
/// talks faster than a socket is read, it can wait for that, and is woken when the time has come.
pub async fn an_in_process_user_is_a_member_like_others<H: Harness>(h: H) {
    const MEMBERS: usize = 3;
    let count = if H::WHOLE_WRITES { 300 } else { 60 };
    let rt = h.runtime();
    let clock = rt.clone();
    let hub = crate::unthrottled()
        .timeouts(endless())
        .clock(move || clock.now())
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut ada = member(&chat, "ada", "#tea").await;
    let mut bot = chat.hub.connect("bot").expect("a free name");
    bot.join("#tea").expect("a room");
    ada.hears("#tea bot joined").await;
    let bob = member(&chat, "bob", "#tea").await;
    ada.hears("#tea bob joined").await;

    let (tell, told) = oneshot::channel();
    let living = spawn(&h, live(bot, rt, tell, count, MEMBERS * count));
    // Until then she does not read.
    told.await.expect("it has to wait for her");
    for n in 0.. {
        let line = ada.line().await;
        if line == "bot says so much" {
            break;
        }
        assert!(line == long_word(n), "heard {line:?} instead of number {n}");
    }
    let words: String = (0..count).map(|n| format!("say,#tea,{n}\n")).collect();
    let lives = [ada, bob].map(|peer| {
        let words = words.clone();
        spawn(&h, talk_and_listen(peer, words, MEMBERS * count))
    });
    // Everybody stays until all have heard everything.
    let (log, _bot) = living.await.expect("it hears everything");
    let mut heard = Vec::new();
    for life in lives {
        heard.push(life.await.expect("it hears everything"));
    }
    for (other, _) in &heard {
        assert!(*other == log, "a socket hears something else");
    }

    /// Writes to ada until it has had to wait, and some more; then says `count` things in the room, and
    /// listens until it has heard `all`.
    async fn live(
        mut bot: LocalUser,
        rt: impl Runtime,
        tell: oneshot::Sender<()>,
        count: usize,
        all: usize,
    ) -> (String, LocalUser) {
        let mut tell = Some(tell);
        let (mut n, mut more) = (0, 200);
        while more > 0 {
            let text = long_word(n);
            match bot.send("ada", &text["bot says ".len()..]) {
                Ok(()) => {
                    n += 1;
                    more -= usize::from(tell.is_none());
                }
                Err(error) => {
                    assert_eq!(error, HubError::Busy);
                    if let Some(tell) = tell.take() {
                        let _ = tell.send(());
                    }
                    bot.ready(&rt).await;
                }
            }
        }
        while bot.send("ada", "so much").is_err() {
            bot.ready(&rt).await;
        }
        let (mut log, mut seq) = (String::new(), 0);
        for n in 0..count {
            while let Err(error) = bot.say("#tea", &n.to_string()) {
                assert_eq!(error, HubError::Busy);
                bot.ready(&rt).await;
            }
            while let Some(Some(event)) = bot.next().now_or_never() {
                note(&event, &mut seq, &mut log);
            }
        }
        while seq < all as u64 {
            let event = bot.next().await.expect("it is not over");
            note(&event, &mut seq, &mut log);
        }
        (log, bot)
    }

    fn long_word(n: usize) -> String {
        format!("bot says {n} {}", "x".repeat(2000))
    }
}

/// Adds what is said in a room to `log`, as a line of the wire; `seq` is the number of the last one.
fn note(event: &Event, seq: &mut u64, log: &mut String) {
    match event {
        Event::Said {
            room,
            seq: number,
            from: Some(from),
            text,
            ..
        } => {
            *seq += 1;
            assert_eq!(number, seq, "a gap");
            log.push_str(&format!("{room} {from} says {text}\n"));
        }
        Event::Joined { .. } => {}
        other => panic!("{other:?}"),
    }
}

/// A check of names that takes its time, which the runtime tells it, and one that panics or never ends, hold
/// up or cost their own connection only.
pub async fn a_check_of_names_harms_nobody_else<H: Harness>(h: H) {
    const WAIT: Duration = Duration::from_millis(50);
    const LIMIT: Duration = Duration::from_millis(400);

    struct Door<R>(R);

    #[async_trait]
    impl<R: Runtime> Authenticator for Door<R> {
        async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
            match claim.name.as_str() {
                "late" => pause(&self.0, WAIT).await,
                "never" => pending().await,
                "broken" => panic!("on purpose"),
                "eve" => return Err(Denied::new("not you")),
                _ => {}
            }
            Ok(())
        }
    }

    let timeouts = Timeouts::builder().hook(LIMIT).build();
    let rt = h.runtime();
    let hub = crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .authenticator(Door(rt.clone()))
        .build();
    let chat = Chat::start(&h, hub).await;
    let mut ada = chat.user("ada").await;
    let before = rt.now();
    let mut late = chat.connect().await;
    let mut never = chat.connect().await;
    let mut broken = chat.connect().await;
    let mut eve = chat.connect().await;
    late.say("register,late\nlist,friends").await;
    never.say("register,never\nregister,ever").await;
    broken.say("register,broken\nping").await;
    eve.ask("register,eve", "error,denied,not you").await;
    broken.hears("error,unavailable,*").await;
    broken.hears("pong").await;
    for _ in 0..10 {
        ada.ask("ping", "pong").await;
    }
    late.hears("ack").await;
    assert!(rt.now() - before >= WAIT);
    late.hears("ada,late").await;
    never.hears("error,unavailable,*").await;
    assert!(rt.now() - before >= LIMIT);
    never.hears("ack").await;
    ada.ask("list,friends", "ada,late,ever").await;
    for peer in [late, never, broken, eve] {
        let mut peer = peer;
        peer.ask("quit", "bye").await;
    }
    eventually(&h, || chat.hub.connections() == 1).await;
    assert_eq!(chat.hub.stats().hook_failures, 2);
}

/// The program says something in a room from a thread of its own: every member hears all of it, in order.
pub async fn a_thread_of_the_program_reaches_everybody<H: Harness>(h: H) {
    const COUNT: u64 = 1000;
    h.expect_outside_wakes();
    let hub = crate::unthrottled().timeouts(endless()).build();
    let chat = Chat::start(&h, hub).await;
    let mut members = Vec::new();
    for i in 0..4 {
        members.push(member(&chat, &format!("user{i}"), "#news").await);
    }
    let bot = chat.hub.connect("bot").expect("a free name");
    let bot = spawn(&h, async move {
        let mut bot = bot;
        for n in 0..COUNT {
            match bot.next().await {
                Some(Event::Direct {
                    from: None, text, ..
                }) => assert_eq!(*text, n.to_string()),
                other => panic!("{other:?}"),
            }
        }
        // Nobody is to hear of the end of it in the middle.
        bot
    });
    for member in &mut members {
        flush(member).await;
    }
    let hub = chat.hub.clone();
    let publisher = thread::spawn(move || {
        for n in 0..COUNT {
            assert_eq!(hub.publish("#news", &n.to_string()), Ok(n + 1));
            assert_eq!(hub.tell("bot", &n.to_string()), Ok(()));
        }
    });
    for n in 0..COUNT {
        for member in &mut members {
            member.hears(&format!("#news * says {n}")).await;
        }
    }
    eventually(&h, || publisher.is_finished()).await;
    publisher.join().expect("it does not panic");
    drop(bot.await.expect("it hears everything"));
    for member in &mut members {
        flush(member).await;
    }
}

/// Closing a hub ends its servers, wherever they listen, and its in-process users; their addresses are free.
pub async fn closing_a_hub_ends_everything<H: Harness>(h: H) {
    // The hub's own time for it would be too long.
    let timeouts = Timeouts::builder().shutdown(FOR_EVER).linger(FOR_EVER);
    let hub = crate::unthrottled()
        .timeouts(timeouts.build().expect("good timeouts"))
        .build();
    let mut one = Chat::start(&h, hub.clone()).await;
    let mut two = Chat::start(&h, hub.clone()).await;
    let mut ada = member(&one, "ada", "#tea").await;
    let mut bob = member(&two, "bob", "#coffee").await;
    let mut bot = hub.connect("bot").expect("a free name");
    bot.send("ada", "so long").expect("she is there");
    let ended = spawn(&h, async move {
        let mut heard = Vec::new();
        while let Some(event) = bot.next().await {
            heard.push(event);
        }
        assert_eq!(bot.send("ada", "too late"), Err(HubError::Closed));
        heard.len()
    });
    bob.say("chat,bot,good night").await;
    flush(&mut bob).await;
    let before = h.runtime().now();
    let wait = Duration::from_millis(100);
    hub.close(wait);
    hub.close(FOR_EVER);
    assert_eq!(
        ended.await,
        Ok(2),
        "it hears what was sent before, and the end"
    );
    assert!(matches!(hub.connect("late"), Err(HubError::Closed)));
    assert_eq!(ada.rest().await, "bot says so long\nbye\n");
    bob.hears("bye").await;
    bob.is_closed().await;
    // Neither of them closes its end: the servers wait for that, but not for ever.
    one.ended().await;
    two.ended().await;
    assert!(h.runtime().now() - before >= wait, "they did not wait");
    eventually(&h, || hub.connections() == 0).await;
    assert!(hub.users().is_empty());
    assert!(hub.rooms().is_empty());
    // The side that closes first keeps a TCP address busy for a while, and that was the server.
    for chat in [&one, &two] {
        drop(listen_again(&h, &chat.addr).await);
    }
}

/// A handle ends its server and no other, within the time that it says, and counts the connections down.
pub async fn a_handle_ends_its_own_server<H: Harness>(h: H) {
    let timeouts = Timeouts::builder().shutdown(FOR_EVER).linger(FOR_EVER);
    let hub = crate::unthrottled()
        .timeouts(timeouts.build().expect("good timeouts"))
        .build();
    let other = Chat::start(&h, hub.clone()).await;
    let mut friend = member(&other, "friend", "#tea").await;
    let listener = h.listen(None).await.expect("it listens");
    let addr = Listener::local_addr(&listener).expect("an address");
    let server = Server::new(hub.clone()).listen(listener, Line::default());
    let handle = server.handle();
    let mut chat = Chat::serve(&h, hub.clone(), server, h.runtime(), addr);
    assert_eq!(handle.connections(), 0);
    let mut ada = member(&chat, "ada", "#tea").await;
    friend.hears("#tea ada joined").await;
    let mut nobody = chat.connect().await;
    nobody.ask("ping", "pong").await;
    assert_eq!(handle.connections(), 2);
    let before = h.runtime().now();
    let wait = Duration::from_millis(100);
    handle.shut_down(wait);
    handle.clone().shut_down(FOR_EVER);
    assert_eq!(ada.rest().await, "bye\n");
    friend.hears("ada quit shutdown").await;
    drop(ada);
    eventually(&h, || handle.connections() < 2).await;
    // One goes, and the other one does not.
    assert_eq!(nobody.rest().await, "bye\n");
    chat.ended().await;
    assert!(h.runtime().now() - before >= wait, "it did not wait");
    eventually(&h, || handle.connections() == 0).await;
    drop(nobody);
    drop(listen_again(&h, &chat.addr).await);
    handle.shut_down(wait);
    friend.ask("list,#tea", "friend").await;
    assert_eq!(hub.connections(), 1);
}

/// Nothing ends for taking long.
fn endless() -> Timeouts {
    let timeouts = Timeouts::builder()
        .patience(FOR_EVER)
        .register(None)
        .idle(None);
    timeouts.build().expect("good timeouts")
}

/// A user in a room.
async fn member<H: Harness>(chat: &Chat<H>, name: &str, room: &str) -> Peer<H::Io> {
    let mut user = chat.user(name).await;
    user.ask(&format!("join,{room}"), "ack").await;
    user
}

/// Skips who joined meanwhile, and nothing else.
async fn flush<Io: AsyncRead + AsyncWrite + Unpin>(member: &mut Peer<Io>) {
    member.say("ping").await;
    loop {
        match member.line().await {
            line if line == "pong" => return,
            line => assert!(line.ends_with(" joined"), "{line}"),
        }
    }
}

/// Sends `words` while it reads, until it has heard `count` things that somebody said in a room: these, and
/// the peer.
async fn talk_and_listen<Io: AsyncRead + AsyncWrite + Unpin>(
    peer: Peer<Io>,
    words: String,
    count: usize,
) -> (String, Io) {
    let (io, mut unread) = peer.into_parts();
    let (mut reading, mut writing) = io.split();
    let talk = async {
        writing.write_all(words.as_bytes()).await.expect("a write");
        writing.flush().await.expect("a flush");
    };
    let listen = async {
        let (mut log, mut heard) = (String::new(), 0);
        let mut buf = vec![0; 16 * 1024];
        loop {
            let whole = unread.iter().rposition(|&byte| byte == b'\n');
            let whole: Vec<u8> = unread.drain(..whole.map_or(0, |end| end + 1)).collect();
            for line in std::str::from_utf8(&whole).expect("UTF-8").lines() {
                if line.starts_with('#') && line.contains(" says ") {
                    log.push_str(line);
                    log.push('\n');
                    heard += 1;
                } else {
                    assert!(line.ends_with(" joined"), "{line}");
                }
            }
            if heard >= count {
                assert_eq!((heard, unread.len()), (count, 0), "it hears too much");
                return log;
            }
            let read = reading.read(&mut buf).await.expect("a read");
            assert!(read > 0, "closed after {heard} of {count}");
            unread.extend_from_slice(&buf[..read]);
        }
    };
    let ((), log) = join(talk, listen).await;
    let io = reading.reunite(writing).expect("its own other half");
    (log, io)
}
