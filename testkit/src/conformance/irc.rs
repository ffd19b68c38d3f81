//! Cases for the IRC wire, alone and beside `line` in one chat.

use std::time::Duration;

use chinwag_core::{Addr, Hub, Limits, Listener, Server, Timeouts, wire::Line};
use chinwag_wire_irc::Irc;
use futures::future::join_all;

use super::{
    Harness,
    chat::{Chat, eventually, peer, spawn},
};
use crate::Peer;

/// A server with both wires.
struct Both<H> {
    line: Chat<H>,
    harness: H,
    irc: Addr,
}

impl<H: Harness> Both<H> {
    async fn start(harness: &H, hub: Hub, wire: Irc) -> Self {
        let listener = harness.listen(None).await.expect("it listens");
        let for_irc = harness.listen(None).await.expect("it listens");
        let addr = Listener::local_addr(&listener).expect("an address");
        let irc = Listener::local_addr(&for_irc).expect("an address");
        let server = Server::new(hub.clone())
            .listen(listener, Line::default())
            .listen(for_irc, wire);
        Self {
            line: Chat::serve(harness, hub, server, harness.runtime(), addr),
            harness: harness.clone(),
            irc,
        }
    }

    /// A client of IRC that has registered, and heard all of the welcome.
    async fn client(&self, nick: &str) -> Client<H::Io> {
        let mut client = self.connect().await;
        client.say(&format!("NICK {nick}")).await;
        client.say(&format!("USER {nick} 0 * :{nick}")).await;
        client.skips_to(" 422 ").await;
        client
    }

    /// One that is in a room as well.
    async fn member(&self, nick: &str, room: &str) -> Client<H::Io> {
        let mut client = self.client(nick).await;
        client.say(&format!("JOIN {room}")).await;
        client.skips_to(" 366 ").await;
        client
    }

    async fn connect(&self) -> Client<H::Io> {
        Client(peer(&self.harness, &self.irc).await)
    }
}

/// A client of IRC, as far as the cases need one.
struct Client<Io>(Peer<Io>);

impl<Io: futures::AsyncRead + futures::AsyncWrite + Unpin> Client<Io> {
    async fn say(&mut self, line: &str) {
        self.0.send(format!("{line}\r\n")).await;
    }

    async fn line(&mut self) -> String {
        let line = self.0.line().await;
        let line = line.strip_suffix('\r');
        line.expect("each line ends in CRLF").to_owned()
    }

    /// Skips what comes before a line that holds `part`.
    async fn skips_to(&mut self, part: &str) -> String {
        loop {
            let line = self.line().await;
            if line.contains(part) {
                return line;
            }
            assert!(!line.starts_with("ERROR"), "{line} instead of {part}");
        }
    }

    /// Expects that the next line holds `part`.
    async fn hears(&mut self, part: &str) {
        let line = self.line().await;
        assert!(line.contains(part), "heard {line:?} instead of {part:?}");
    }
}

fn endless() -> Timeouts {
    let timeouts = Timeouts::builder()
        .patience(Duration::from_secs(1_000_000))
        .register(None)
        .idle(None);
    timeouts.build().expect("good timeouts")
}

/// A registration that comes byte by byte is one, and so is what follows.
pub async fn irc_in_single_bytes<H: Harness>(h: H) {
    let both = Both::start(&h, crate::unthrottled().build(), Irc::default()).await;
    let mut ada = both.connect().await;
    for byte in "NICK ada\r\nUSER ada 0 * :Ada Lovelace\r\nPING :x y\r\n".bytes() {
        ada.0.send([byte]).await;
    }
    ada.hears(" 001 ada ").await;
    ada.skips_to(" 422 ").await;
    ada.hears(" PONG ").await;
}

/// What a client sends in one go, before it has heard anything, is all done, in its order.
pub async fn irc_in_one_burst<H: Harness>(h: H) {
    let both = Both::start(&h, crate::unthrottled().build(), Irc::default()).await;
    let mut bob = both.member("bob", "#b").await;
    let mut ada = both.connect().await;
    let lines = [
        "CAP LS 302",
        "NICK ada",
        "USER ada 0 * :Ada",
        "CAP REQ :server-time",
        "CAP END",
        "JOIN #a,#b",
        "PRIVMSG #b :here I am",
        "PRIVMSG bob :and here",
        "QUIT :that was all",
        "PRIVMSG bob :too late",
        "",
    ];
    ada.0.send(lines.join("\r\n")).await;
    let heard = ada.0.rest().await;
    let mut rest = &heard[..];
    for part in [
        " CAP * LS ",
        " CAP ",
        " ACK ",
        " 001 ada ",
        " 422 ",
        " JOIN #a",
        " 366 ada #a",
        " JOIN #b",
        " 366 ada #b",
        "ERROR ",
    ] {
        let at = rest.find(part);
        let at =
            at.unwrap_or_else(|| panic!("{part:?} is not there, or not in its place: {heard}"));
        rest = &rest[at + part.len()..];
    }
    bob.hears(" JOIN #b").await;
    bob.hears(" PRIVMSG #b :here I am").await;
    bob.hears(" PRIVMSG bob :and here").await;
    bob.hears(" QUIT ").await;
    bob.say("ISON ada bob").await;
    bob.hears(" 303 bob :bob").await;
}

/// Members on both wires, and talkers on both, hear one order.
pub async fn irc_and_line_share_one_order<H: Harness>(h: H) {
    const EACH: usize = 6;
    let count = if H::WHOLE_WRITES { 300 } else { 60 };
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build();
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(endless())
        .build();
    let both = Both::start(&h, hub, Irc::default()).await;
    let mut lives = Vec::new();
    let (mut on_line, mut on_irc) = (Vec::new(), Vec::new());
    for i in 0..EACH {
        let mut user = both.line.user(&format!("line{i}")).await;
        user.ask("join,#tea", "ack").await;
        on_line.push(user);
        on_irc.push(both.member(&format!("irc{i}"), "#tea").await);
    }
    // Two of each talk.
    let total = 4 * count;
    for (i, mut user) in on_line.into_iter().enumerate() {
        lives.push(spawn(&h, async move {
            if i < 2 {
                for n in 0..count {
                    user.say(&format!("say,#tea,{n}")).await;
                }
            }
            let mut heard = Vec::new();
            while heard.len() < total {
                let line = user.line().await;
                if let Some((from, text)) = line.split_once(" says ") {
                    let from = from.strip_prefix("#tea ").expect("the room");
                    heard.push(format!("{from} {text}"));
                }
            }
            heard
        }));
    }
    for (i, mut client) in on_irc.into_iter().enumerate() {
        lives.push(spawn(&h, async move {
            let own = if i < 2 { count } else { 0 };
            for n in 0..own {
                client.say(&format!("PRIVMSG #tea :{n}")).await;
            }
            let mut heard = Vec::new();
            // One does not hear oneself.
            while heard.len() < total - own {
                let line = client.line().await;
                if let Some((from, text)) = line.split_once(" PRIVMSG #tea :") {
                    let nick = from[1..].split('!').next().expect("a nick");
                    heard.push(format!("{nick} {text}"));
                }
            }
            heard
        }));
    }
    let heard: Vec<Vec<String>> = join_all(lives)
        .await
        .into_iter()
        .map(|life| life.expect("it hears everything"))
        .collect();
    let log = &heard[0];
    for (i, other) in heard.iter().enumerate() {
        let me = match (i.checked_sub(EACH), i) {
            (Some(i), _) if i < 2 => format!("irc{i} "),
            _ => "nobody ".to_owned(),
        };
        let expected = log.iter().filter(|line| !line.starts_with(&me));
        assert!(expected.eq(other), "two members hear different things");
    }
}

/// A client that does not read is put out, and told why; nobody else misses anything.
pub async fn irc_a_stuck_client_costs_the_others_nothing<H: Harness>(h: H) {
    let limits = Limits::builder().mailbox_bytes(16 * 1024).build();
    let timeouts = Timeouts::builder().patience(Duration::from_millis(2));
    let hub = crate::unthrottled()
        .limits(limits.expect("good limits"))
        .timeouts(timeouts.build().expect("good timeouts"))
        .build();
    let both = Both::start(&h, hub, Irc::default()).await;
    let mut talker = both.member("talker", "#tea").await;
    let mut healthy = both.member("healthy", "#tea").await;
    let mut stuck = both.member("stuck", "#tea").await;
    healthy.hears(" JOIN #tea").await;
    let long = "x".repeat(300);
    for n in 0.. {
        talker.say(&format!("PRIVMSG #tea :{n} {long}")).await;
        let line = healthy.line().await;
        if line.starts_with(":stuck!") {
            assert!(line.contains(" QUIT "), "{line}");
            healthy.hears(&format!(" PRIVMSG #tea :{n} {long}")).await;
            break;
        }
        assert!(
            line.ends_with(&format!(" PRIVMSG #tea :{n} {long}")),
            "{line}"
        );
    }
    let heard = stuck.0.rest().await;
    let last = heard.trim_end().rsplit('\n').next().expect("a line");
    assert!(last.starts_with("ERROR "), "{last}");
}

/// Who is silent is asked for a sign of life; who gives none is told, and closed.
pub async fn irc_who_is_silent_is_asked<H: Harness>(h: H) {
    let wait = Duration::from_millis(200);
    let wire = Irc::builder().keep_alive(wait, wait).build();
    let wire = wire.expect("good settings");
    let both = Both::start(&h, crate::unthrottled().build(), wire).await;
    let mut ada = both.client("ada").await;
    for _ in 0..3 {
        let ping = ada.line().await;
        let token = ping
            .strip_prefix("PING ")
            .or_else(|| ping.split_once(" PING ").map(|s| s.1));
        let token = token
            .unwrap_or_else(|| panic!("{ping:?} is no PING"))
            .to_owned();
        ada.say(&format!("PONG {token}")).await;
    }
    ada.skips_to("PING ").await;
    let last = ada.line().await;
    assert!(last.starts_with("ERROR "), "{last}");
    ada.0.is_closed().await;
    eventually(&h, || both.line.hub.users().is_empty()).await;
}

/// Who has no nick in time is told, and closed.
pub async fn irc_who_does_not_register_is_told<H: Harness>(h: H) {
    let wait = Duration::from_millis(200);
    let timeouts = Timeouts::builder().register(wait).build();
    let hub = crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .build();
    let both = Both::start(&h, hub, Irc::default()).await;
    let mut silent = both.connect().await;
    silent.say("NICK silent").await;
    let last = silent.line().await;
    assert!(last.starts_with("ERROR "), "{last}");
    silent.0.is_closed().await;
}

/// A reset frees the nick, and the others are told.
pub async fn irc_a_reset_frees_the_nick<H: Harness>(h: H) {
    let both = Both::start(&h, crate::unthrottled().build(), Irc::default()).await;
    let mut bob = both.member("bob", "#a").await;
    let ada = both.member("ada", "#a").await;
    bob.hears(" JOIN #a").await;
    h.reset(ada.0.into_inner());
    bob.hears(" QUIT ").await;
    both.client("ada").await;
}

/// A shutdown says good-bye to all.
pub async fn irc_a_shutdown_says_good_bye<H: Harness>(h: H) {
    let mut both = Both::start(&h, crate::unthrottled().build(), Irc::default()).await;
    let mut ada = both.client("ada").await;
    let mut unregistered = both.connect().await;
    unregistered.say("PING :here").await;
    unregistered.skips_to("PONG").await;
    both.line.stop();
    for client in [&mut ada, &mut unregistered] {
        let last = client.line().await;
        assert!(last.starts_with("ERROR "), "{last}");
        client.0.is_closed().await;
    }
    both.line.ended().await;
}
