//! The client against a server that the test plays by hand, and against random ones.

mod fake;
mod rooms;

use std::{
    cell::Cell, collections::VecDeque, error::Error, future::Future, io, rc::Rc,
    sync::atomic::Ordering,
};

use futures::{FutureExt, StreamExt, task::noop_waker_ref};

use super::*;
use fake::{FakeIo, Far, Task};

fn connect() -> (Far, Client<FakeIo>) {
    connect_with(ClientBuilder::new())
}

fn connect_with(builder: ClientBuilder) -> (Far, Client<FakeIo>) {
    let (far, io) = Far::new();
    (far, builder.build(io))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    Task::new(future).finish()
}

/// What is there to be taken right now.
fn drain(inbox: &mut Inbox<FakeIo>) -> Vec<Received> {
    let mut cx = Context::from_waker(noop_waker_ref());
    let mut events = Vec::new();
    while let Poll::Ready(Some(event)) = inbox.poll_next_unpin(&mut cx) {
        events.push(event.unwrap());
    }
    events
}

fn message(from: &str, text: &str) -> Received {
    let (from, text) = (from.to_owned(), text.to_owned());
    Received::Message { from, text }
}

fn refused(code: &str, explanation: &str) -> Received {
    let (code, explanation) = (code.to_owned(), explanation.to_owned());
    Received::Refused { code, explanation }
}

/// The code with which a request was refused.
#[track_caller]
fn code<T: fmt::Debug>(result: Result<T, ClientError>) -> String {
    match result.unwrap_err() {
        ClientError::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_request_gets_its_reply_whatever_the_pieces() {
    for chunk in [1, 2, 3, 7, 64, 8192] {
        for end in ["\n", "\r\n"] {
            let (far, client) = connect();
            far.with(|net| net.chunk = chunk);
            let mut register = Task::waiting(client.register("ada"));
            let mut nobody = Task::waiting(client.list());
            let mut ping = Task::waiting(client.ping());
            now(client.send("bob", "hi, bob")).unwrap();
            let mut all = Task::waiting(client.list());
            let mut quit = Task::waiting(client.quit());
            assert_eq!(
                far.hear(),
                "register,ada\nlist,friends\nping\nchat,bob,hi, bob\nlist,friends\nquit\n"
            );
            let replies = [
                "ack",
                "eve says pong",
                "",
                "pong",
                "error says ",
                "error,bob,ack",
                "x says error,no-such-user,x says y",
                "bye",
            ];
            far.say(replies.map(|line| format!("{line}{end}")).concat());

            assert!(quit.is_woken());
            assert!(matches!(quit.run(), Poll::Ready(Ok(()))));
            assert!(matches!(register.run(), Poll::Ready(Ok(()))));
            assert!(matches!(ping.run(), Poll::Ready(Ok(()))));
            assert!(matches!(nobody.run(), Poll::Ready(Ok(names)) if names.is_empty()));
            let Poll::Ready(Ok(names)) = all.run() else {
                panic!("no names");
            };
            assert_eq!(names, ["error", "bob", "ack"]);
            let mut inbox = client.incoming();
            assert_eq!(
                drain(&mut inbox),
                [
                    message("eve", "pong"),
                    message("error", ""),
                    message("x", "error,no-such-user,x says y"),
                ]
            );
            assert!(now(inbox.next()).is_none());
        }
    }
}

#[test]
fn an_error_goes_to_whom_it_concerns() {
    let (far, client) = connect();
    let mut inbox = client.incoming();

    for mine in ["name-taken", "bad-name", "denied", "full", "bad-arguments"] {
        let register = Task::waiting(client.register("ada"));
        far.say("error,no-such-user,nobody has that name\n");
        far.say(format!("error,{mine},not, this time\n"));
        assert_eq!(code(register.finish()), mine);
        let other = refused("no-such-user", "nobody has that name");
        assert_eq!(drain(&mut inbox), [other]);
    }

    let ping = Task::waiting(client.ping());
    let never = [
        "no-such-user",
        "not-registered",
        "too-long",
        "timed-out",
        "full",
    ];
    for code in never {
        far.say(format!("error,{code},a b\n"));
        assert_eq!(drain(&mut inbox), [refused(code, "a b")]);
    }
    far.say("error,unknown-command,what is that\n");
    assert_eq!(code(ping.finish()), "unknown-command");

    far.say("error,bad-utf8,nothing is asked\n");
    assert_eq!(drain(&mut inbox), [refused("bad-utf8", "nothing is asked")]);

    // What is refused for its rate is the chat, if there was one.
    now(client.send("bob", "hi")).unwrap();
    let first = Task::waiting(client.ping());
    let second = Task::waiting(client.ping());
    now(client.send("bob", "hi")).unwrap();
    far.say("error,rate-limited,a b\npong\nerror,rate-limited,c d\n");
    first.finish().unwrap();
    assert_eq!(code(second.finish()), "rate-limited");
    assert_eq!(drain(&mut inbox), [refused("rate-limited", "a b")]);
}

#[test]
fn a_dropped_request_is_sent_and_its_reply_thrown_away() {
    let (far, client) = connect();
    far.with(|net| net.room = 0);
    let dropped = Task::waiting(client.list());
    let also_dropped = Task::waiting(client.register("ada"));
    drop((dropped, also_dropped));
    let kept = Task::waiting(client.list());
    far.change(|net| net.room = usize::MAX);
    assert!(kept.is_woken());
    far.say("x,y\nerror,name-taken,too late\nz\n");
    assert_eq!(kept.finish().unwrap(), ["z"]);
    assert_eq!(far.hear(), "list,friends\nregister,ada\nlist,friends\n");
    assert!(drain(&mut client.incoming()).is_empty());
}

#[test]
fn a_request_that_is_dropped_while_there_is_no_room_was_never_made() {
    let (far, client) = connect_with(ClientBuilder::new().max_line(10_000));
    far.with(|net| net.room = 0);
    // Eight of them leave eight bytes of the buffer: enough for a ping, and not for a list.
    let text = "x".repeat(8191 - "chat,bob,\n".len());
    let mut sends: Vec<_> = (0..9)
        .map(|_| Task::waiting(client.send("bob", &text)))
        .collect();
    let list = Task::waiting(client.list());
    let ping = Task::waiting(client.ping());
    drop((sends.pop(), list));
    far.change(|net| net.room = usize::MAX);
    for send in sends {
        assert!(send.is_woken());
        send.finish().unwrap();
    }
    far.say("pong\n");
    ping.finish().unwrap();
    let heard = far.hear();
    assert_eq!(heard.matches("chat,bob").count(), 8);
    assert!(heard.ends_with("x\nping\n"), "the list was not queued");
}

#[test]
fn at_most_so_many_requests_are_under_way() {
    let (far, client) = connect();
    let mut pings: Vec<_> = (0..1025).map(|_| Task::waiting(client.ping())).collect();
    assert_eq!(far.hear().len(), 1024 * "ping\n".len());
    let mut last = pings.pop().unwrap();
    far.with(|net| net.input.extend(b"pong\n"));
    pings.swap_remove(0).finish().unwrap();
    assert!(last.is_woken());
    assert!(last.run().is_pending());
    assert_eq!(far.hear(), "ping\n");
}

#[test]
fn an_empty_buffer_takes_a_line_of_any_size() {
    let (far, client) = connect_with(ClientBuilder::new().max_line(100_000));
    now(client.send("bob", &"x".repeat(90_000))).unwrap();
    assert!(far.hear().len() > 90_000);
}

#[test]
fn a_sender_waits_for_room_and_for_the_flush() {
    let (far, client) = connect();
    far.with(|net| net.room = 0);
    let text = "x".repeat(4000);
    let sends: Vec<_> = (0..20)
        .map(|_| Task::waiting(client.send("bob", &text)))
        .collect();
    far.change(|net| (net.room, net.flush_blocked) = (usize::MAX, true));
    let mut sends = sends.into_iter();
    for mut send in sends.by_ref().take(16) {
        assert!(send.is_woken());
        assert!(send.run().is_pending(), "it is not flushed");
        drop(send);
    }
    for mut send in sends {
        assert!(send.is_woken(), "there is room");
        assert!(send.run().is_pending());
        far.change(|net| net.flush_blocked = false);
        assert!(send.is_woken());
        send.finish().unwrap();
        far.change(|net| net.flush_blocked = true);
    }
    assert_eq!(far.hear().matches("chat,bob").count(), 20);
}

#[test]
fn whoever_waits_to_send_is_told_of_what_another_has_written() {
    let (far, client) = connect_with(ClientBuilder::new().max_line(70_000));
    far.with(|net| net.room = 0);
    let text = "x".repeat(60_000);
    let first = Task::waiting(client.send("bob", &text));
    let others = [
        Task::waiting(client.send("bob", "there is room for this").boxed_local()),
        Task::waiting(client.send("bob", &text).boxed_local()),
        Task::waiting(client.register(&text).boxed_local()),
    ];
    // The stream has not told anybody yet.
    far.with(|net| net.room = usize::MAX);
    first.finish().unwrap();
    assert!(others.iter().all(Task::is_woken));
}

#[test]
fn what_is_written_counts_as_sent_although_more_waits() {
    let (far, client) = connect();
    far.with(|net| net.room = "chat,bob,a\nchat,b".len());
    now(client.send("bob", "a")).unwrap();
    let mut second = Task::waiting(client.send("bob", "b"));
    far.change(|net| net.room = "ob,b\n".len());
    let third = Task::waiting(client.send("bob", "c"));
    assert!(matches!(second.poll(), Poll::Ready(Ok(()))));
    drop(third);
    assert_eq!(far.hear(), "chat,bob,a\nchat,bob,b\n");
}

#[test]
fn everyone_who_waits_is_woken_and_anyone_may_drive() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    let mut receiver = Task::waiting(inbox.next());
    let mut ping = Task::waiting(client.ping());
    // The ping was polled last, so the stream would know only it.
    far.say("ada says hi\n");
    assert!(receiver.is_woken() && ping.is_woken());
    assert!(ping.run().is_pending());
    assert!(receiver.is_woken());
    assert!(
        matches!(receiver.poll(), Poll::Ready(Some(Ok(event))) if event == message("ada", "hi"))
    );
    drop(receiver);

    // The other way round, and before the stream has told anybody: the receiver reads what the ping
    // waits for.
    let mut receiver = Task::waiting(inbox.next());
    far.with(|net| net.input.extend(b"pong\n"));
    assert!(receiver.run().is_pending());
    assert!(ping.is_woken());
    assert!(matches!(ping.poll(), Poll::Ready(Ok(()))));

    // Whoever was polled last and goes away leaves nobody behind.
    let late = Task::waiting(client.ping());
    drop(late);
    far.say("pong\nada says hi\n");
    assert!(receiver.is_woken());
    assert!(receiver.run().is_ready());
}

#[test]
fn nobody_is_woken_by_what_they_do_not_wait_for() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    let receiver = Task::waiting(inbox.next());
    now(client.send("bob", "hi")).unwrap();
    let ping = Task::waiting(client.ping());
    assert!(!receiver.is_woken() && !ping.is_woken());
    assert_eq!(far.hear(), "chat,bob,hi\nping\n");
}

#[test]
fn an_inbox_that_is_not_polled_is_not_woken() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    let mut task = Task::waiting(async {
        inbox.next().await;
        std::future::pending::<()>().await;
    });
    far.say("ada says hi\n");
    assert!(task.poll().is_pending());
    assert_eq!(Arc::strong_count(&task.wakes), 1, "a waker was kept");
}

#[test]
fn nobody_who_has_left_is_woken_or_kept() {
    let (far, client) = connect();
    let mut inbox = client.incoming();
    let receiver = Task::waiting(inbox.next());
    let wakes = receiver.wakes.clone();
    drop(receiver);
    drop(inbox);
    assert_eq!(Arc::strong_count(&wakes), 1);
    far.say("ada says hi\n");
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
}

#[test]
fn a_full_inbox_holds_the_server_back_and_fails_requests() {
    let (far, client) = connect_with(ClientBuilder::new().inbox_events(3));
    let mut inbox = client.incoming();
    let ping = Task::waiting(client.ping());
    far.say("a says 1\na says 2\na says 3\n");
    far.say("a says 4\npong\na says 5\na says 6\na says 7\nx\n");
    assert!(matches!(ping.finish(), Err(ClientError::InboxFull)));
    far.hear();

    // Nothing is read, and nothing is sent that needs a reply; but a chat is.
    let reads = far.with(|net| net.reads);
    assert!(matches!(now(client.list()), Err(ClientError::InboxFull)));
    now(client.send("bob", "hi")).unwrap();
    assert_eq!(far.with(|net| net.reads), reads);
    assert_eq!(far.hear(), "chat,bob,hi\n");

    // With room again it goes on, and the old pong is nobody's.
    assert_eq!(now(inbox.next()).unwrap().unwrap(), message("a", "1"));
    assert_eq!(now(inbox.next()).unwrap().unwrap(), message("a", "2"));
    assert_eq!(now(inbox.next()).unwrap().unwrap(), message("a", "3"));
    let mut list = Task::waiting(client.list());
    assert_eq!(drain(&mut inbox).len(), 4);
    assert!(matches!(list.run(), Poll::Ready(Ok(names)) if names == ["x"]));
}

#[test]
fn a_request_gives_those_who_receive_a_turn_before_it_fails() {
    let (far, client) = connect_with(ClientBuilder::new().inbox_events(2));
    let mut inbox = client.incoming();
    let mut ping = Task::waiting(client.ping());
    far.say("a says 1\na says 2\na says 3\na says 4\na says 5\npong\n");
    for texts in [["1", "2"], ["3", "4"]] {
        assert!(ping.poll().is_pending() && ping.is_woken());
        let taken = texts.map(|_| now(inbox.next()).unwrap().unwrap());
        assert_eq!(taken, texts.map(|text| message("a", text)));
    }
    assert!(matches!(ping.run(), Poll::Ready(Ok(()))));
}

#[test]
fn the_inbox_is_bounded_in_bytes_too() {
    let (far, client) = connect();
    let text = "x".repeat(100_000);
    for _ in 0..5 {
        far.say(format!("ada says {text}\n"));
    }
    let ping = Task::new(client.ping());
    assert!(matches!(ping.finish(), Err(ClientError::InboxFull)));
    let unread = far.with(|net| net.input.len());
    assert!(unread > 150_000, "{unread} bytes were left to be read");
    assert_eq!(drain(&mut client.incoming()).len(), 5);

    // Messages without text count as well.
    let (far, client) = connect_with(ClientBuilder::new().inbox_events(usize::MAX));
    far.say("a says \n".repeat(100_000));
    assert!(matches!(now(client.ping()), Err(ClientError::InboxFull)));
    assert!(far.with(|net| net.input.len()) > 0);
}

#[test]
fn nothing_can_be_injected() {
    let (far, client) = connect_with(ClientBuilder::new().max_line(32));
    for name in ["", "a,b", "a b", "a\n", "a\r", "\0", "a\nquit"] {
        assert!(matches!(
            now(client.register(name)),
            Err(ClientError::BadName)
        ));
        assert!(matches!(
            now(client.send(name, "x")),
            Err(ClientError::BadName)
        ));
    }
    for text in ["\n", "a\nquit", "a\r", "\0"] {
        assert!(matches!(
            now(client.send("bob", text)),
            Err(ClientError::BadText)
        ));
    }
    let long = now(client.send("bob", &"x".repeat(24))).unwrap_err();
    assert_eq!(
        long.to_string(),
        "the line has 33 bytes, and the server takes 32"
    );
    assert!(now(client.register(&"x".repeat(24))).is_err());
    assert_eq!(far.hear(), "");
    now(client.send("bob", &"x".repeat(23))).unwrap();
    assert_eq!(far.hear().len(), 33);
}

/// What a request and the stream say when the server says `bytes`.
fn after(bytes: &[u8], then: impl Fn(&Far)) -> (Client<FakeIo>, String, Option<String>) {
    let (far, client) = connect_with(ClientBuilder::new().max_reply(20));
    let ping = Task::waiting(client.ping());
    far.say(bytes);
    then(&far);
    let why = |error: ClientError| match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    };
    let ping = why(ping.finish().unwrap_err());
    let mut inbox = client.incoming();
    let item = now(inbox.next()).map(|item| why(item.unwrap_err()));
    assert!(now(inbox.next()).is_none(), "the end is told once");
    assert!(far.with(|net| net.dropped), "the socket is closed");
    let later = [
        now(client.send("bob", "hi")).map_err(why),
        now(client.register("ada")).map_err(why),
    ];
    assert_eq!(later, [Err(ping.clone()), Err(ping.clone())]);
    (client, ping, item)
}

#[test]
fn a_server_that_breaks_the_protocol_is_left() {
    let unexpected = |line: &str| format!("the line {line:?} answers nothing");
    for line in [
        "",
        "ack",
        "ada",
        "ada,bob",
        "ada  says x",
        " says x",
        "a,b says x",
        "error,x,y",
        "error,no code,a b",
        "pong ",
        "#room",
        "topic,#room,text",
        "missed,5",
        "a\x1bb",
    ] {
        let (_, ping, item) = after(format!("{line}\npong\n").as_bytes(), |_| ());
        assert_eq!(ping, unexpected(line));
        assert_eq!(item, Some(ping));
    }
    let (far, client) = connect();
    far.say("ł".repeat(1000) + "\n");
    let start = "ł".repeat(80);
    assert!(matches!(
        now(client.ping()),
        Err(ClientError::Protocol(error)) if error == ProtocolError::Unexpected { start }
    ));
    for bytes in [&b"a says \xff\n"[..], b"\xc3\n"] {
        assert_eq!(after(bytes, |_| ()).1, "a line is not UTF-8");
    }
    let too_long = "a line has more than 20 bytes";
    assert_eq!(after(b"x says 34567890123456\n", |_| ()).1, too_long);
    assert_eq!(after(&[b'x'; 22], |_| ()).1, too_long);
    let unfinished = "the connection ended in the middle of a line";
    assert_eq!(after(b"pon", Far::close).1, unfinished);
    assert_eq!(after(b"\r", Far::close).1, unfinished);
}

#[test]
fn the_longest_reply_is_read() {
    for end in ["\n", "\r\n"] {
        let (far, client) = connect_with(ClientBuilder::new().max_reply(20));
        far.with(|net| net.chunk = 1);
        far.say(format!("x says 3456789012345{end}"));
        let text = "3456789012345";
        assert_eq!(drain(&mut client.incoming()), [message("x", text)]);
    }
}

#[test]
fn a_list_asks_for_names() {
    for line in ["a,,b", ",", "a,", "#a", "a,b c"] {
        let (far, client) = connect();
        let list = Task::waiting(client.list());
        far.say(format!("{line}\n"));
        let error = list.finish().unwrap_err();
        assert!(matches!(error, ClientError::Protocol(_)), "{line}");
    }
    let (far, client) = connect();
    for name in ["ack", "pong", "error"] {
        let list = Task::waiting(client.list());
        far.say(format!("{name}\n"));
        assert_eq!(list.finish().unwrap(), [name]);
    }
}

#[test]
fn a_good_bye_is_no_list_unless_one_is_called_so() {
    let (far, client) = connect();
    let list = Task::waiting(client.list());
    far.say("bye\n");
    assert!(matches!(list.finish(), Err(ClientError::Closed)));

    let (far, client) = connect();
    let register = Task::waiting(client.register("bye"));
    far.say("ack\n");
    register.finish().unwrap();
    let list = Task::waiting(client.list());
    far.say("bye\n");
    assert_eq!(list.finish().unwrap(), ["bye"]);
}

#[test]
fn a_closed_connection_says_so() {
    let (client, ping, item) = after(b"", Far::close);
    assert_eq!(ping, "the server has closed the connection");
    assert_eq!(item, None);
    now(client.quit()).unwrap();

    let reset = |far: &Far| far.change(|net| net.read_error = Some(io::ErrorKind::TimedOut));
    let (client, ping, item) = after(b"", reset);
    assert_eq!(ping, "timed out");
    assert_eq!(item, Some(ping));
    assert!(matches!(now(client.quit()), Err(ClientError::Io(_))));
}

#[test]
fn good_byes() {
    // Asked for.
    let (far, client) = connect();
    let quit = Task::waiting(client.quit());
    let ping = Task::waiting(client.ping());
    far.say("ada says wait\nbye\n");
    quit.finish().unwrap();
    assert!(matches!(ping.finish(), Err(ClientError::Closed)));
    let mut inbox = client.incoming();
    assert_eq!(drain(&mut inbox), [message("ada", "wait")]);
    assert!(now(inbox.next()).is_none());
    assert!(far.with(|net| net.dropped));

    // Not asked for.
    let (far, client) = connect();
    let ping = Task::waiting(client.ping());
    far.say("bye\n");
    assert!(matches!(ping.finish(), Err(ClientError::Closed)));
    assert_eq!(drain(&mut client.incoming()), [Received::Bye]);

    // A server that only closes.
    let (far, client) = connect();
    let quit = Task::waiting(client.quit());
    far.close();
    quit.finish().unwrap();
}

#[test]
fn what_the_server_said_last_is_heard_although_writing_fails() {
    let (far, client) = connect();
    far.say("error,full,there is no room\n");
    far.with(|net| (net.write_error, net.eof) = (Some(io::ErrorKind::BrokenPipe), true));
    assert!(matches!(
        now(client.register("ada")),
        Err(ClientError::Io(_))
    ));
    let mut inbox = client.incoming();
    let notice = refused("full", "there is no room");
    assert_eq!(now(inbox.next()).unwrap().unwrap(), notice);
    assert!(matches!(
        now(inbox.next()),
        Some(Err(ClientError::Io(error))) if error.kind() == io::ErrorKind::BrokenPipe
    ));
    assert!(now(inbox.next()).is_none());
}

#[test]
fn the_last_handle_closes_the_socket() {
    let (far, client) = connect();
    let inbox = client.clone().incoming();
    drop(client);
    assert!(!far.with(|net| net.dropped));
    drop(inbox);
    assert!(far.with(|net| net.dropped));
}

#[test]
fn a_long_line_is_searched_once() {
    let (far, client) = connect();
    let names = vec!["x".repeat(15); 1 << 16].join(",");
    let list = Task::waiting(client.list());
    far.say(&names);
    far.say("\n");
    assert_eq!(list.finish().unwrap().len(), 1 << 16);
    // One for each piece, and the one that found nothing.
    assert_eq!(far.with(|net| net.reads), names.len().div_ceil(8192) + 1);
}

#[test]
fn one_poll_ends_however_much_there_is() {
    let (far, client) = connect();
    let list = Task::waiting(client.list());
    far.say(vec!["x"; 1 << 18].join(","));
    far.say("\n");
    let mut list = list;
    assert!(list.poll().is_pending());
    assert!(list.is_woken());
    assert_eq!(list.finish().unwrap().len(), 1 << 18);
}

#[test]
fn futures_and_handles_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let (_, client) = connect();
    is_send(&client);
    is_sync(&client);
    is_send(&client.incoming());
    is_send(&client.register("ada"));
    is_send(&client.list());
    is_send(&client.send("bob", "hi"));
    is_send(&client.say("#r", "hi"));
    is_send(&client.whois("bob"));
    is_send(&client.quit());
}

/// A small generator of numbers, so that a failure is named by its seed.
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}

/// Tasks that send, ask, receive or are dropped, over a network that moves a few bytes at a time, polled
/// only when they are woken. If ever nobody is awake and the network is at rest, everyone must be done.
#[test]
fn no_wake_up_is_lost_in_any_order() {
    for seed in 1..=2000 {
        simulate(&mut Dice(0x9e37_79b9_7f4a_7c15 ^ seed), seed);
    }
}

fn simulate(dice: &mut Dice, seed: u64) {
    const CHATS: usize = 5;
    let (far, client) = connect_with(ClientBuilder::new().inbox_events(1 + dice.roll(4)));
    far.with(|net| net.room = 8);
    let received = Rc::new(Cell::new(0));
    let mut workers: Vec<Option<Task<'_, ()>>> = Vec::new();
    for _ in 0..2 {
        workers.push(Some(Task::new(async {
            for _ in 0..CHATS {
                client.send("me", "a few words").await.unwrap();
            }
        })));
        workers.push(Some(Task::new(async {
            for _ in 0..3 {
                persist(|| client.ping()).await;
                let names = persist(|| client.list()).await;
                assert_eq!(names, ["me", "you"]);
            }
        })));
        // These may be dropped at any time.
        workers.push(Some(Task::new(async {
            persist(|| client.list()).await;
            persist(|| client.ping()).await;
        })));
    }
    let mut receivers: Vec<_> = (0..1 + dice.roll(2))
        .map(|_| {
            let (mut inbox, received) = (client.incoming(), received.clone());
            Some(Task::new(async move {
                while let Some(event) = inbox.next().await {
                    assert_eq!(event.unwrap(), message("me", "a few words"));
                    received.set(received.get() + 1);
                }
            }))
        })
        .collect();
    for task in workers.iter_mut().chain(&mut receivers).flatten() {
        let _ = task.poll();
    }

    let (mut heard, mut to_say) = (String::new(), VecDeque::new());
    loop {
        let mut awake = Vec::new();
        for (list, tasks) in [&workers, &receivers].into_iter().enumerate() {
            for (i, task) in tasks.iter().enumerate() {
                if task.as_ref().is_some_and(Task::is_woken) {
                    awake.push((list, i));
                }
            }
        }
        let may_hear = far.with(|net| !net.output.is_empty());
        let may_say = !to_say.is_empty() && far.with(|net| net.input.len() < 40);
        let choices = awake.len() + usize::from(may_hear) + usize::from(may_say);
        // A reactor looks when it has time. What it would have told may have been read by then.
        if choices == 0 || dice.roll(4) == 0 {
            if !far.react() && choices == 0 {
                break;
            }
            continue;
        }
        let choice = dice.roll(choices);
        if let Some(&(list, i)) = awake.get(choice) {
            let task = &mut [&mut workers, &mut receivers][list][i];
            let may_drop = list == 0 && i % 3 == 2 && dice.roll(8) == 0;
            if may_drop || task.as_mut().is_some_and(|task| task.poll().is_ready()) {
                *task = None;
            }
        } else if may_hear && choice == awake.len() {
            let n = 1 + dice.roll(30);
            far.with(|net| {
                let n = n.min(net.output.len());
                heard.extend(net.output.drain(..n).map(char::from));
                net.room += n;
            });
            while let Some((line, rest)) = heard.split_once('\n') {
                to_say.extend(match line {
                    "ping" => "pong\n".bytes(),
                    "list,friends" => "me,you\n".bytes(),
                    "chat,me,a few words" => "me says a few words\n".bytes(),
                    other => panic!("seed {seed}: {other}"),
                });
                heard = rest.to_owned();
            }
        } else {
            let n = to_say.len().min(1 + dice.roll(30));
            far.with(|net| net.input.extend(to_say.drain(..n)));
        }
    }
    let waiting = workers.iter().flatten().count();
    assert_eq!(waiting, 0, "seed {seed}: they sleep for ever");
    assert_eq!(received.get(), 2 * CHATS, "seed {seed}: a receiver sleeps");
    far.close();
    for receiver in receivers.iter_mut().flatten() {
        assert!(receiver.is_woken(), "seed {seed}: the end is not told");
        assert!(receiver.poll().is_ready());
    }
}

/// Asks again while the inbox is full.
async fn persist<T, F: Future<Output = Result<T, ClientError>>>(ask: impl Fn() -> F) -> T {
    loop {
        match ask().await {
            Err(ClientError::InboxFull) => {}
            result => return result.unwrap(),
        }
    }
}
