//! Flood control: how fast a connection may go, and what becomes of one that goes faster.

use std::{net::SocketAddr, time::Duration};

use chinwag::{Addr, Hub, Rate, Rates, Server, wire::Line};
use chinwag_testkit::{Link, MemoryNet, Peer, VirtualRuntime};

use crate::chat::Chat;

#[test]
fn the_burst_of_a_client_that_starts_passes() {
    Chat::run(Hub::new, async |chat| {
        let mut ada = chat.line();
        let start: String = (0..40).map(|i| format!("join,#room{i}\n")).collect();
        ada.send(format!("register,ada\n{start}")).await;
        for _ in 0..41 {
            ada.hears("ack").await;
        }
        ada.send("ping\n".repeat(100)).await;
        for _ in 0..100 {
            ada.hears("pong").await;
        }
    });
}

/// Waiting as long as is said is enough.
#[test]
fn who_is_too_fast_is_told_how_long_to_wait() {
    Chat::run(Hub::new, async |chat| {
        let mut ada = chat.user("ada").await;
        let mut granted = 1;
        ada.send("ping\n".repeat(220)).await;
        let mut wait = None;
        for _ in 0..220 {
            match &*ada.line().await {
                "pong" => granted += 1,
                line => {
                    let told = line.strip_prefix("error,rate-limited,").unwrap();
                    let (_, after) = told.rsplit_once(" in ").unwrap();
                    let millis = after.strip_suffix(" ms").unwrap();
                    wait = Some(millis.parse().unwrap());
                }
            }
        }
        assert_eq!(granted, 200);
        assert_eq!(chat.hub.stats().rate_limited, 21);
        chat.rt.sleep(Duration::from_millis(wait.unwrap())).await;
        ada.ask("ping", "pong").await;
        // At the rate itself it can go on for ever.
        for _ in 0..1000 {
            chat.rt.sleep(Duration::from_millis(50)).await;
            ada.ask("ping", "pong").await;
        }
    });
}

#[test]
fn who_does_not_stop_is_disconnected() {
    Chat::run(Hub::new, async |chat| {
        let mut bob = chat.user("bob").await;
        bob.ask("join,#a", "ack").await;
        let mut ada = chat.line_over(Link {
            capacity: 1 << 20,
            ..Link::default()
        });
        ada.ask("register,ada", "ack").await;
        ada.ask("join,#a", "ack").await;
        bob.hears("#a ada joined").await;
        ada.send("say,#a,x\n".repeat(10_000)).await;
        let heard = ada.rest().await;
        let said = heard
            .lines()
            .filter(|line| *line == "#a ada says x")
            .count();
        let refused = heard
            .lines()
            .filter(|line| line.starts_with("error,rate-limited,say"))
            .count();
        assert_eq!((said, refused), (198, 200));
        assert_eq!(
            heard.lines().last(),
            Some("error,rate-limited,too fast for too long")
        );
        for _ in 0..said {
            bob.hears("#a ada says x").await;
        }
        bob.hears("ada quit flooding").await;
        assert_eq!(chat.hub.stats().flooding, 1);
    });
}

/// A short request for a long answer, which is as much work as many.
#[test]
fn a_list_is_a_request_for_every_128_names() {
    let hub = || {
        let hub = Hub::new();
        for i in 0..1000 {
            hub.open_room(&format!("#{i}")).unwrap();
        }
        hub
    };
    Chat::run(hub, async |chat| {
        let mut ada = chat.user("ada").await;
        for _ in 0..24 {
            ada.ask("list,rooms", "#0,#1*").await;
        }
        // 1 and 24 times 8, of 200.
        for _ in 0..7 {
            ada.ask("ping", "pong").await;
        }
        ada.ask("list,rooms", "error,rate-limited,list: *").await;
        chat.rt.sleep(Duration::from_millis(50)).await;
        // Who may ask for one gets one, and pays for it afterwards.
        ada.ask("list,rooms", "#0,#1*").await;
        chat.rt.sleep(Duration::from_millis(350)).await;
        ada.ask("ping", "error,rate-limited,*").await;
        chat.rt.sleep(Duration::from_millis(50)).await;
        ada.ask("ping", "pong").await;
        for i in 0..1000 {
            let room = chat.hub.room(&format!("#{i}")).unwrap();
            room.set_permanent(false).unwrap();
        }
    });
}

#[test]
fn bytes_and_joins_have_rates_of_their_own() {
    let hub = || {
        let rates = Rates::builder()
            .messages(None)
            .bytes(Rate::per_second(1000).with_burst(5000))
            .joins(Rate::per_second(1).with_burst(3))
            .build();
        Hub::builder().rates(rates.unwrap()).build()
    };
    Chat::run(hub, async |chat| {
        let mut ada = chat.user("ada").await;
        for room in ["#a", "#b", "#c"] {
            ada.ask(&format!("join,{room}"), "ack").await;
        }
        ada.ask("join,#d", "error,rate-limited,*").await;
        ada.ask("ping", "pong").await;
        chat.rt.sleep(Duration::from_secs(1)).await;
        ada.ask("join,#d", "ack").await;
        chat.rt.sleep(Duration::from_secs(10)).await;
        let text = "x".repeat(2400);
        for _ in 0..2 {
            ada.ask(&format!("chat,ada,{text}"), "ada says *").await;
        }
        ada.ask(&format!("chat,ada,{text}"), "error,rate-limited,*")
            .await;
        chat.rt.sleep(Duration::from_secs(3)).await;
        ada.ask(&format!("chat,ada,{text}"), "ada says *").await;

        // A line without an end is charged for as well.
        let mut endless = chat.line();
        for _ in 0..500 {
            endless.send("x".repeat(1000)).await;
        }
        let heard = endless.rest().await;
        assert!(
            heard.ends_with("error,rate-limited,too fast for too long\n"),
            "{heard}"
        );
    });
}

/// A chat that listens where addresses count.
fn crowd(
    rates: Rates,
    test: impl AsyncFn(&VirtualRuntime, &dyn Fn(&str) -> Peer<chinwag_testkit::MemoryStream>),
) {
    let (rt, net) = (VirtualRuntime::new(1), MemoryNet::new());
    let hub = Hub::builder().rates(rates).build();
    let server = Server::new(hub).listen(net.listen("line"), Line::default());
    let connect = |from: &str| {
        let from: SocketAddr = from.parse().unwrap();
        Peer::new(net.connect_from("line", Addr::Tcp(from)))
    };
    let run = async {
        let test = async {
            rt.settle().await;
            test(&rt, &connect).await;
        };
        server.run_until(test, rt.clone()).await.unwrap();
    };
    rt.block_on(run);
}

#[test]
fn an_address_has_so_many_connections() {
    let rates = Rates::builder()
        .max_per_address(2)
        .connections(None)
        .build();
    crowd(rates.unwrap(), async |rt, connect| {
        let mut first = connect("192.0.2.1:1");
        let mut second = connect("192.0.2.1:2");
        first.ask("register,a", "ack").await;
        second.ask("register,b", "ack").await;
        let mut third = connect("192.0.2.1:3");
        third
            .hears("error,full,there are 2 connections from there already")
            .await;
        third.is_closed().await;
        let mut other = connect("192.0.2.2:1");
        other.ask("register,c", "ack").await;
        drop((first, third));
        rt.sleep(Duration::from_secs(2)).await;
        let mut again = connect("192.0.2.1:4");
        again.ask("register,d", "ack").await;

        // A network of IPv6 is one address.
        let mut six = [connect("[2001:db8::1]:1"), connect("[2001:db8::2:1]:1")];
        for (peer, name) in six.iter_mut().zip(["e", "f"]) {
            peer.ask(&format!("register,{name}"), "ack").await;
        }
        connect("[2001:db8::3]:1").hears("error,full,*").await;
        connect("[2001:db8:0:1::1]:1").ask("ping", "pong").await;
    });
}

#[test]
fn an_address_connects_so_fast() {
    let rate = Rate::per_second(1).with_burst(3);
    let rates = Rates::builder().connections(rate).build();
    crowd(rates.unwrap(), async |rt, connect| {
        for i in 0..3 {
            connect("192.0.2.1:1")
                .ask(&format!("register,a{i}"), "ack")
                .await;
        }
        let mut fast = connect("192.0.2.1:1");
        fast.hears("error,rate-limited,*").await;
        fast.is_closed().await;
        connect("192.0.2.7:1").ask("ping", "pong").await;
        rt.sleep(Duration::from_secs(1)).await;
        connect("192.0.2.1:1").ask("ping", "pong").await;
        for _ in 0..20 {
            connect("127.0.0.1:1").ask("ping", "pong").await;
        }
    });
}
