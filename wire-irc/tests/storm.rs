//! Clients that send whatever there is: what they hear is in good order all the same.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use chinwag_core::{
    Authenticator, Claim, Denied, Policy, Rate, Rates, RoomName, Runtime, Server, UserName, Verb,
    Verdict, async_trait,
};
use chinwag_testkit::{MemoryNet, MemoryStream, VirtualRuntime, unthrottled};
use chinwag_wire_irc::Irc;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};
use proptest::{collection::vec, prelude::*, sample::select};

/// The most bytes of a line towards a client, and of the tags before it.
const MAX_LINE: usize = 512;
const MAX_TAGS: usize = 8191;

const COMMANDS: &[&str] = &[
    "PRIVMSG",
    "NOTICE",
    "TAGMSG",
    "PING",
    "PONG",
    "JOIN",
    "PART",
    "MODE",
    "WHO",
    "WHOIS",
    "TOPIC",
    "NAMES",
    "AWAY",
    "NICK",
    "USER",
    "PASS",
    "CAP",
    "AUTHENTICATE",
    "QUIT",
    "KICK",
    "INVITE",
    "LIST",
    "WHOWAS",
    "USERHOST",
    "ISON",
    "MONITOR",
    "SETNAME",
    "OPER",
    "KILL",
    "WALLOPS",
    "CONNECT",
    "MOTD",
    "LUSERS",
    "VERSION",
    "TIME",
    "INFO",
    "ADMIN",
    "STATS",
    "LINKS",
    "USERS",
    "SUMMON",
    "HELP",
    "NOSUCH",
    "privmsg",
    "1",
];

const PARAMS: &[&str] = &[
    "#a",
    "#b",
    "#a,#b",
    "#a,bob,ada,#b",
    "ada",
    "bob",
    "ada,bob",
    "nosuch",
    "@#a",
    "+#a",
    "*",
    "0",
    "#!",
    "+o",
    "-o+v",
    "+beI",
    "b",
    "+b",
    "+kl",
    "-kl",
    "+imnst",
    "-imnst",
    "+iwB-o",
    "LS",
    "302",
    "REQ",
    "END",
    "LIST",
    "+",
    "-",
    "C",
    "L",
    "S",
    "PLAIN",
    "YWRhAGFkYQBzZXNhbWU=",
    "sesame",
    "5",
    "*!*@*",
    "%tcuihsnfdlaor,1",
    "o",
    "<5",
    "C<5",
    "irc.example.org",
    "",
    ":",
    ":#a b",
    ":a b c",
    "x,,y",
    "\u{1}ACTION\u{1}",
    "é𝕏",
    "%n",
    ":echo-message labeled-response batch message-tags server-time account-tag extended-join",
    ":away-notify setname standard-replies sasl userhost-in-names invite-notify account-notify",
];

/// A line that has a meaning, perhaps.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let tags = select(
        &[
            "",
            "",
            "@label=x ",
            "@label=y;+typing=active ",
            "@+a=b;c ",
            "@",
            ":x ",
        ][..],
    );
    let text = prop_oneof![
        4 => Just(String::new()),
        1 => " :[^\r\n]{0,60}".prop_map(|text| text),
        1 => "x{300,600}".prop_map(|text| format!(" :{text}")),
    ];
    (tags, select(COMMANDS), vec(select(PARAMS), 0..5), text).prop_map(
        |(tags, command, params, text)| {
            let mut line = format!("{tags}{command}");
            for param in params {
                line.push(' ');
                line.push_str(param);
            }
            line.push_str(&text);
            line.into_bytes()
        },
    )
}

/// Any line at all.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => line(),
        1 => vec(any::<u8>(), 0..80),
        1 => vec(any::<u8>(), 4000..5200),
    ]
}

/// What a client does, or how its bytes are cut: who, what, and at which byte.
fn steps() -> impl Strategy<Value = Vec<(usize, Vec<u8>, usize)>> {
    vec((0..3_usize, any_line(), 0..100_usize), 1..40)
}

/// Checks all that a client has heard.
fn check(heard: &[u8]) -> Result<(), TestCaseError> {
    if heard.is_empty() {
        return Ok(());
    }
    let text = std::str::from_utf8(heard).expect("what is written is UTF-8");
    let text = text.strip_suffix("\r\n").expect("the last line has an end");
    // The batch that is open, and the labels that were answered.
    let mut batch = false;
    for line in text.split("\r\n") {
        prop_assert!(!line.contains(['\r', '\n', '\0']), "{:?}", line);
        let rest = match line.strip_prefix('@') {
            Some(tagged) => {
                let (tags, rest) = tagged.split_once(' ').expect("a space behind the tags");
                prop_assert!(tags.len() + "@ ".len() <= MAX_TAGS, "{:?}", line);
                rest
            }
            None => line,
        };
        prop_assert!(rest.len() + "\r\n".len() <= MAX_LINE, "{:?}", line);
        let mut words = rest.split(' ');
        let mut command = words.next().unwrap_or_default();
        if command.starts_with(':') {
            prop_assert!(command.len() > 1, "{:?}", line);
            command = words.next().unwrap_or_default();
        }
        let is_command = command
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        prop_assert!(is_command && !command.is_empty(), "{:?}", line);
        if command == "BATCH" {
            let begins = words.next().is_some_and(|name| name.starts_with('+'));
            prop_assert!(begins != batch, "{:?} in {}", line, text);
            batch = begins;
        }
    }
    Ok(())
}

fn hear(client: &mut MemoryStream, heard: &mut Vec<u8>) {
    let mut buf = [0; 4096];
    while let Some(Ok(count @ 1..)) = client.read(&mut buf).now_or_never() {
        heard.extend_from_slice(&buf[..count]);
    }
}

/// Everybody whose secret is `sesame` is who they say, and an operator.
struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, _: Claim<'_>) -> Result<(), Denied> {
        Ok(())
    }

    async fn log_in(&self, claim: Claim<'_>) -> Result<(), Denied> {
        self.elevate(claim).await
    }

    async fn elevate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        match claim.secret {
            Some("sesame") => Ok(()),
            _ => Err(Denied::new("wrong secret")),
        }
    }
}

/// A policy that takes its time, and does not like everything.
struct Slow(VirtualRuntime);

impl Slow {
    async fn think(&self, text: &str) -> Result<Verdict, Denied> {
        let until = self.0.now() + Duration::from_millis(1);
        self.0.sleep_until(until).await;
        match text.len() % 5 {
            0 => Err(Denied::new("not five")),
            1 => Ok(Verdict::Rewrite(format!("{text} and more\r\nQUIT"))),
            _ => Ok(Verdict::Allow),
        }
    }
}

#[async_trait]
impl Policy for Slow {
    async fn join(&self, _: &UserName, room: &RoomName) -> Result<(), Denied> {
        self.think(room.as_str()).await.map(drop)
    }

    async fn publish(&self, _: &UserName, _: &RoomName, text: &str) -> Result<Verdict, Denied> {
        self.think(text).await
    }

    async fn direct(&self, _: &UserName, _: &UserName, text: &str) -> Result<Verdict, Denied> {
        self.think(text).await
    }

    async fn text(&self, _: &UserName, _: Verb, text: &str) -> Result<Verdict, Denied> {
        self.think(text).await
    }
}

/// As fast as it takes to come in, and now and then something more.
fn strict() -> Rates {
    let rate = Rate::per_second(5).with_burst(8);
    Rates::builder().messages(rate).build().unwrap()
}

/// What is special about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Nothing.
    Quick,
    /// It thinks about everything.
    Slow,
    /// It lets nobody go fast.
    Strict,
}

/// Lets three clients do that: two that have nicks, and one that has none yet.
fn run(steps: &[(usize, Vec<u8>, usize)], mood: Mood) -> Result<(), TestCaseError> {
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::new();
    let mut hub = unthrottled().authenticator(Doorman);
    match mood {
        Mood::Quick => {}
        Mood::Slow => hub = hub.policy(Slow(rt.clone())),
        Mood::Strict => hub = hub.rates(strict()),
    }
    let hub = hub.build();
    let irc = Irc::builder().server_name("irc.example.org").sasl(true);
    let server = Server::new(hub).listen(net.listen("irc"), irc.build().unwrap());
    let mut heard = [Vec::new(), Vec::new(), Vec::new()];
    let talk = async {
        let mut clients = [(); 3].map(|()| net.connect("irc"));
        for (client, nick) in clients.iter_mut().zip(["ada", "bob"]) {
            let hello = format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\nJOIN #a\r\n");
            let _ = client.write_all(hello.as_bytes()).await;
        }
        rt.settle().await;
        for (who, line, cut) in steps {
            let mut bytes = line.clone();
            bytes.extend_from_slice(b"\r\n");
            let (first, second) = bytes.split_at((*cut).min(bytes.len()));
            for piece in [first, second] {
                // It may be closed by now.
                let _ = clients[*who].write_all(piece).await;
                let _ = clients[*who].flush().await;
                rt.settle().await;
            }
            if mood == Mood::Slow {
                rt.sleep(Duration::from_millis((*cut / 10) as u64)).await;
            }
            for (client, heard) in clients.iter_mut().zip(&mut heard) {
                hear(client, heard);
            }
        }
        rt.sleep(Duration::from_secs(100)).await;
        for (client, heard) in clients.iter_mut().zip(&mut heard) {
            hear(client, heard);
        }
    };
    rt.block_on(server.run_until(talk, rt.clone())).unwrap();
    prop_assert_eq!(rt.panics(), 0);
    heard.iter().try_for_each(|heard| check(heard))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_sent_all_that_is_heard_are_lines(steps in steps()) {
        run(&steps, Mood::Quick)?;
    }

    #[test]
    fn and_if_the_program_is_asked_about_all_of_it(steps in steps()) {
        run(&steps, Mood::Slow)?;
    }

    #[test]
    fn and_if_half_of_it_comes_too_fast(steps in steps()) {
        run(&steps, Mood::Strict)?;
    }
}
