//! Wires from elsewhere: frames that ask for several things, what a wire answers itself, and what its connections are
//! told in different forms.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chinwag::{
    Answer, Command, Denied, Event, Hub, Limits, Policy, Rate, Rates, RoomName, Runtime, Server,
    UserName, Verdict, async_trait,
    wire::{Form, Hearing, Line, Reading, Wire, WireError},
};
use chinwag_testkit::{Link, MemoryNet, Peer, VirtualRuntime};

use crate::chat::MemoryPeer;

/// `line`, with `;` between requests on one line, `free` before those that cost nothing, `echo` that it answers itself,
/// and `form` that says how one is told what others are told: `0` to `9`, `alone` or `not`.
#[derive(Debug, Clone)]
struct Several {
    hearing: Hearing,
    encoded: Arc<AtomicUsize>,
}

impl Wire for Several {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Line::default().frame_end(input)
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        let mut parts = payload.split(|&byte| byte == b';');
        let part = usize::try_from(reading.part()).unwrap();
        let part = parts.nth(part).unwrap_or_default();
        if parts.next().is_some() {
            reading.expect_more();
        }
        if let Some(text) = part.strip_prefix(b"echo ") {
            reading
                .answer()
                .extend_from_slice(&[b"= ", text, b"\n"].concat());
            return Ok(None);
        }
        if let Some(form) = part.strip_prefix(b"form ") {
            self.hearing = match form {
                b"alone" => Hearing::Alone,
                b"not" => Hearing::Nothing,
                form => Hearing::Shared(Form(form[0] - b'0')),
            };
            return Ok(None);
        }
        let (part, is_free) = match part.strip_prefix(b"free ") {
            Some(part) => (part, true),
            None => (part, false),
        };
        if is_free {
            reading.for_free();
        }
        Line::default().decode(part, reading)
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        Line::default().answer(answer, out);
    }

    fn hear(&mut self, _: &Event) -> Hearing {
        self.hearing
    }

    fn tell(&mut self, event: &Event, out: &mut Vec<u8>) {
        self.encoded.fetch_add(1, Ordering::Relaxed);
        Line::encode(event, Form::default(), out);
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        out.extend([b'0' + form.0, b' ']);
        Line::encode(event, form, out);
    }
}

/// Serves `hub` on a network of its own, in a task that runs until the test ends.
fn serve(hub: Hub, rt: &VirtualRuntime, encoded: &Arc<AtomicUsize>) -> MemoryNet {
    let net = MemoryNet::new();
    let wire = Several {
        hearing: Hearing::Shared(Form::default()),
        encoded: encoded.clone(),
    };
    let server = Server::new(hub)
        .listen(net.listen("several"), wire)
        .run_until(pending::<()>(), rt.clone());
    rt.spawn(async move { server.await.unwrap() }).unwrap();
    net
}

/// Runs `test` against such a server of `hub`, in several orders.
fn run(hub: impl Fn() -> Hub, test: impl AsyncFn(VirtualRuntime, MemoryNet, Arc<AtomicUsize>)) {
    for seed in 0..8 {
        let rt = VirtualRuntime::new(seed);
        let encoded = Arc::default();
        let net = serve(hub(), &rt, &encoded);
        rt.block_on(async {
            rt.settle().await;
            test(rt.clone(), net, encoded).await;
        });
    }
}

async fn user(net: &MemoryNet, name: &str) -> MemoryPeer {
    Peer::registered(net.connect("several"), name).await
}

/// Each request of a line is done in its order, and what the wire answers itself comes where it belongs.
#[test]
fn a_line_may_ask_for_several_things() {
    run(crate::unthrottled, async |rt, net, _| {
        let lines = "register,ada;join,#a;echo one;say,#a,hello;ping;nonsense;echo two;list,#a;echo three;;ping\nping\n";
        let whole = [lines.as_bytes()];
        let cut: Vec<_> = lines.as_bytes().chunks(7).collect();
        for pieces in [&whole[..], &cut] {
            let mut peer = Peer::new(net.connect("several"));
            for piece in pieces {
                peer.send(piece).await;
                rt.settle().await;
            }
            let heard = [
                "ack",
                "ack",
                "= one",
                "0 #a ada says hello",
                "pong",
                "error,unknown-command,try register,NAME  list,friends  chat,NAME,TEXT  join,#ROOM  say,#ROOM,TEXT  quit",
                "= two",
                "ada",
                "= three",
                "pong",
                "pong",
            ];
            for line in heard {
                peer.hears(line).await;
            }
            peer.ask("quit;ping", "bye").await;
            peer.is_closed().await;
            rt.settle().await;
        }
    });
}

/// Thinks about each text for a second.
struct Slowly(VirtualRuntime);

#[async_trait]
impl Policy for Slowly {
    async fn publish(&self, _: &UserName, _: &RoomName, _: &str) -> Result<Verdict, Denied> {
        self.0.sleep(Duration::from_secs(1)).await;
        Ok(Verdict::Allow)
    }
}

/// What comes behind a request that the program thinks about waits for it, on the same line as well, however the line
/// came.
#[test]
fn the_rest_of_a_line_waits_for_the_program() {
    for seed in 0..8 {
        let rt = VirtualRuntime::new(seed);
        let hub = chinwag_testkit::unthrottled()
            .policy(Slowly(rt.clone()))
            .build();
        let net = serve(hub, &rt, &Arc::default());
        rt.block_on(async {
            rt.settle().await;
            let mut ada = user(&net, "ada").await;
            ada.ask("join,#a", "ack").await;
            for cut in [1, 20, 40, 1000] {
                let began = rt.now();
                let line = b"say,#a,one;echo two;say,#a,three;ping\n";
                for piece in line.chunks(cut) {
                    ada.send(piece).await;
                    rt.settle().await;
                }
                for line in ["0 #a ada says one", "= two", "0 #a ada says three", "pong"] {
                    ada.hears(line).await;
                }
                assert_eq!((rt.now() - began).as_secs(), 2, "{cut}");
            }
        });
    }
}

/// Whoever is held back in the middle of a line goes on where they were, and says nothing twice.
#[test]
fn whoever_is_held_back_in_the_middle_of_a_line_says_nothing_twice() {
    let hub = || {
        let limits = Limits::builder().mailbox_bytes(4096).max_line(65_536);
        let limits = limits.build().unwrap();
        crate::unthrottled_with(|hub| hub.limits(limits))
    };
    run(hub, async |rt, net, _| {
        let mut ada = user(&net, "ada").await;
        let narrow = Link {
            capacity: 1024,
            ..Link::default()
        };
        let mut bob = Peer::new(net.try_connect("several", narrow).unwrap());
        bob.ask("register,bob", "ack").await;
        for cut in [100, 60_000] {
            let said: Vec<_> = (0..300).map(|i| format!("{i:0>40}")).collect();
            let requests = said
                .iter()
                .map(|text| format!("chat,bob,{text};echo {text}"));
            let line = requests.collect::<Vec<_>>().join(";") + ";ping\n";
            for piece in line.as_bytes().chunks(cut) {
                ada.send(piece).await;
            }
            for text in &said {
                bob.hears(&format!("ada says {text}")).await;
                rt.settle().await;
            }
            for text in &said {
                ada.hears(&format!("= {text}")).await;
            }
            ada.hears("pong").await;
        }
    });
}

/// A line that goes on after a wait has come once.
#[test]
fn the_bytes_of_a_line_are_charged_for_once_however_often_it_waits() {
    for seed in 0..8 {
        let rt = VirtualRuntime::new(seed);
        let rates = Rates::builder().bytes(Rate::per_second(1).with_burst(1000));
        let hub = Hub::builder()
            .rates(rates.build().unwrap())
            .policy(Slowly(rt.clone()))
            .build();
        let net = serve(hub, &rt, &Arc::default());
        rt.block_on(async {
            rt.settle().await;
            let mut ada = user(&net, "ada").await;
            ada.ask("join,#a", "ack").await;
            let text = "x".repeat(50);
            let line = vec![format!("say,#a,{text}"); 10].join(";");
            ada.say(&line).await;
            for _ in 0..10 {
                ada.hears(&format!("0 #a ada says {text}")).await;
            }
        });
    }
}

/// Nobody gets a request for nothing by having waited with one that costs nothing.
#[test]
fn what_costs_nothing_pays_for_nothing_else() {
    let hub = || {
        let limits = Limits::builder().mailbox_bytes(4096).build().unwrap();
        let messages = Rate::per_second(1).with_burst(10);
        let rates = Rates::builder().messages(messages).bytes(None).build();
        Hub::builder().limits(limits).rates(rates.unwrap()).build()
    };
    run(hub, async |rt, net, _| {
        let mut ada = user(&net, "ada").await;
        let narrow = Link {
            capacity: 1024,
            ..Link::default()
        };
        let mut bob = Peer::new(net.try_connect("several", narrow).unwrap());
        bob.ask("register,bob", "ack").await;
        let text = "x".repeat(1800);
        let line = format!("free chat,bob,{text}\n");
        for _ in 0..30 {
            ada.send(&line).await;
        }
        for _ in 0..30 {
            bob.hears(&format!("ada says {text}")).await;
            rt.settle().await;
        }
        // All that it has spent is paid back.
        rt.sleep(Duration::from_secs(60)).await;
        for _ in 0..10 {
            ada.ask("ping", "pong").await;
        }
        ada.ask("ping", "error,rate-limited,*").await;
    });
}

/// To read a part takes time, also if it asks for nothing.
#[test]
fn a_line_of_many_parts_that_ask_for_nothing_is_not_free() {
    let hub = || {
        let messages = Rate::per_second(1).with_burst(10);
        let rates = Rates::builder().messages(messages).bytes(None).build();
        Hub::builder().rates(rates.unwrap()).build()
    };
    run(hub, async |rt, net, _| {
        let mut ada = user(&net, "ada").await;
        rt.sleep(Duration::from_secs(60)).await;
        ada.say(&";".repeat(64)).await;
        for _ in 0..9 {
            ada.ask("ping", "pong").await;
        }
        rt.sleep(Duration::from_secs(60)).await;
        ada.say(&";".repeat(640)).await;
        ada.ask("ping", "error,rate-limited,*").await;
    });
}

/// What many are told is encoded once for each form, and whoever wants it otherwise, or not at all, gets it so.
#[test]
fn connections_of_one_wire_are_told_in_their_forms() {
    run(crate::unthrottled, async |_, net, encoded| {
        let mut peers = Vec::new();
        for name in ["bob", "cleo", "dan", "eve", "finn"] {
            let mut peer = user(&net, name).await;
            peer.ask("form not;join,#a", "ack").await;
            peers.push(peer);
        }
        for (peer, form) in peers.iter_mut().zip(["0", "3", "alone", "3", "not"]) {
            peer.ask(&format!("form {form};ping"), "pong").await;
        }
        let mut ada = user(&net, "ada").await;
        ada.ask("form not;join,#a", "ack").await;
        for (peer, prefix) in peers.iter_mut().zip(["0 ", "3 ", "", "3 "]) {
            peer.hears(&format!("{prefix}#a ada joined")).await;
        }
        let before = encoded.load(Ordering::Relaxed);
        ada.say("say,#a,one;say,#a,two").await;
        for (peer, prefix) in peers.iter_mut().zip(["0 ", "3 ", "", "3 "]) {
            for text in ["one", "two"] {
                peer.hears(&format!("{prefix}#a ada says {text}")).await;
            }
        }
        let alone = encoded.load(Ordering::Relaxed) - before;
        assert_eq!(alone, 2, "for the one who is told alone");
        peers[4].ask("ping", "pong").await;
    });
}
