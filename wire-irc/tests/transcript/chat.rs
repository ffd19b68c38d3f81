//! A hub in memory, and clients that follow a script.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use chinwag_core::{Authenticator, Claim, Denied, Hub, Server, TakenName, async_trait, wire::Line};
use chinwag_testkit::{MemoryNet, MemoryStream, VirtualRuntime, unthrottled};
use chinwag_wire_irc::{Irc, IrcBuilder};
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};

/// What is served.
pub(crate) struct Setup {
    pub(crate) irc: IrcBuilder,
    pub(crate) taken_name: TakenName,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            irc: Irc::builder().server_name("irc.example.org").sasl(true),
            taken_name: TakenName::Refuse,
        }
    }
}

/// Everybody whose secret is `sesame` is who they say, and an operator.
pub(crate) struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        match (claim.name.as_str(), claim.secret) {
            ("root", Some("sesame")) => Ok(()),
            ("root", _) => Err(Denied::new("that name has a secret")),
            _ => Ok(()),
        }
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

/// Follows a script: `ada> LINE` is sent by the client `ada`, whose connection is made when it first says something;
/// one whose name begins with `line-` speaks `line`. `wait 5` waits so many seconds. Returns what was sent and heard.
pub(crate) fn talk(setup: Setup, script: &str) -> String {
    let rt = VirtualRuntime::new(1);
    let net = MemoryNet::new();
    let hub: Hub = unthrottled()
        .authenticator(Doorman)
        .taken_name(setup.taken_name)
        .build();
    let server = Server::new(hub)
        .listen(net.listen("irc"), setup.irc.build().unwrap())
        .listen(net.listen("line"), Line::default());
    let talk = async {
        let mut clients: BTreeMap<String, MemoryStream> = BTreeMap::new();
        let mut heard = String::new();
        for step in script.lines().filter(|step| !step.is_empty()) {
            writeln!(heard, "{step}").unwrap();
            if let Some(seconds) = step.strip_prefix("wait ") {
                rt.sleep(Duration::from_secs(seconds.parse().unwrap()))
                    .await;
            } else {
                let (name, line) = step.split_once("> ").unwrap();
                let wire = if name.starts_with("line-") {
                    "line"
                } else {
                    "irc"
                };
                let client = clients
                    .entry(name.to_owned())
                    .or_insert_with(|| net.connect(wire));
                let line = line.replace("\\n", "\r\n");
                client
                    .write_all(format!("{line}\r\n").as_bytes())
                    .await
                    .unwrap();
                client.flush().await.unwrap();
            }
            rt.settle().await;
            clients.retain(|name, client| hear(name, client, &mut heard));
        }
        heard
    };
    let mut heard = String::new();
    let done = async { heard = talk.await };
    let stopped = server.run_until(done, rt.clone());
    rt.block_on(stopped).unwrap();
    heard
}

/// Writes down what a client hears. `false` if that is the last of it.
fn hear(name: &str, client: &mut MemoryStream, heard: &mut String) -> bool {
    let mut bytes = Vec::new();
    let mut buf = [0; 4096];
    let mut closed = false;
    while let Some(count) = client.read(&mut buf).now_or_never() {
        match count {
            Ok(0) | Err(_) => {
                closed = true;
                break;
            }
            Ok(count) => bytes.extend_from_slice(&buf[..count]),
        }
    }
    for line in String::from_utf8(bytes).unwrap().lines() {
        writeln!(heard, "  {name}< {line}").unwrap();
    }
    if closed {
        writeln!(heard, "  {name}| closed").unwrap();
    }
    !closed
}
