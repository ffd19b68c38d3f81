//! Whatever is refused is told to who asked for it.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use chinwag_core::{
    Denied, Hub, HubBuilder, Policy, Rate, Rates, Runtime, Server, UserName, Verb, Verdict,
    async_trait,
};
use chinwag_testkit::{MemoryNet, VirtualRuntime, unthrottled};
use chinwag_wire_irc::Irc;
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

/// What a client hears that sends `script` at once.
fn heard(hub: HubBuilder, script: &str) -> String {
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::new();
    let clock = rt.clone();
    let hub = hub.clock(move || clock.now()).build();
    let server = Server::new(hub).listen(net.listen("irc"), Irc::default());
    let mut heard = Vec::new();
    let talk = async {
        let mut client = net.connect("irc");
        let hello = "NICK ada\r\nUSER a 0 * :Ada\r\nCAP REQ standard-replies\r\nJOIN #a\r\n";
        for bytes in [hello, script] {
            client.write_all(bytes.as_bytes()).await.expect("a server");
            rt.settle().await;
            heard.clear();
            let mut buf = [0; 4096];
            while let Some(Ok(count @ 1..)) = client.read(&mut buf).now_or_never() {
                heard.extend_from_slice(&buf[..count]);
            }
        }
    };
    rt.block_on(server.run_until(talk, rt.clone()))
        .expect("a listener");
    String::from_utf8(heard).expect("text")
}

/// Nobody may say why they leave.
struct NoReasons;

#[async_trait]
impl Policy for NoReasons {
    async fn text(&self, _: &UserName, what: Verb, _: &str) -> Result<Verdict, Denied> {
        match what {
            Verb::Leave => Err(Denied::new("not like that")),
            _ => Ok(Verdict::Allow),
        }
    }
}

#[test]
fn who_leaves_with_a_reason_that_is_not_allowed_is_told_so_and_stays() {
    let script = "PART #a :because\r\nPING 1\r\nPART #a\r\n";
    let heard = heard(unthrottled().policy(NoReasons), script);
    let heard: Vec<_> = heard.lines().collect();
    assert_eq!(
        heard,
        [
            ":chinwag.local FAIL PART DENIED :not like that",
            ":chinwag.local PONG chinwag.local :1",
            ":ada!~a@localhost PART #a",
        ]
    );
}

/// Everybody may do everything, and it is asked each time.
struct Asked;

#[async_trait]
impl Policy for Asked {}

#[test]
fn who_leaves_with_a_reason_does_not_hold_up_what_comes_after_it() {
    let script = "PART #a :because\r\nPING 1\r\n";
    let heard = heard(unthrottled().policy(Asked), script);
    let heard: Vec<_> = heard.lines().collect();
    assert_eq!(
        heard,
        [
            ":ada!~a@localhost PART #a :because",
            ":chinwag.local PONG chinwag.local :1",
        ]
    );
}

/// So many requests, and then one every ten seconds.
fn slow(requests: u32) -> HubBuilder {
    let rate = Rate::new(requests, Duration::from_secs(10) * requests);
    let rates = Rates::builder().messages(rate);
    Hub::builder().rates(rates.build().expect("rates"))
}

#[test]
fn a_ping_that_comes_too_fast_is_refused_and_not_lost() {
    let heard = heard(slow(5), "PING 1\r\nPING 2\r\nPING 3\r\n");
    let heard: Vec<_> = heard.lines().collect();
    assert_eq!(
        heard,
        [
            ":chinwag.local PONG chinwag.local :1",
            ":chinwag.local PONG chinwag.local :2",
            ":chinwag.local 263 ada PING :too fast: try again in 10000 ms",
        ]
    );
}

#[test]
fn what_is_refused_unread_is_not_taken_for_what_came_before() {
    let script = format!("PING 1\r\nPING 2\r\n{}\r\n", "x".repeat(5000));
    let heard = heard(slow(5), &script);
    let last = heard.lines().last().expect("lines");
    assert!(last.starts_with(":chinwag.local 263 ada * :"), "{heard}");
}
