//! A chat in one process: a server and its users, over real TCP on this machine.
//!
//! ```console
//! $ cargo run --release --example simulation                 # four users, until ctrl-c
//! $ cargo run --release --example simulation -- --users 200 --rounds 20 --interval 50ms --quiet
//! sent 4000 messages, received 4000
//! ```
//!
//! Each user registers, lists its friends, and from then on says hi to one of them, or to itself, at every
//! interval. At the end everything that was sent must have arrived; if not, the exit status is 1.

use std::{
    error::Error,
    fmt,
    future::Future,
    io::{self, Write},
    net::SocketAddr,
    pin::pin,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use chinwag::{
    Client, Hub, Received, Server,
    tokio::{TcpListener, TokioIo, TokioRuntime, connect},
    wire::Line,
};
use clap::Parser;
use fastrand::Rng;
use tokio::{
    net::TcpStream,
    signal::ctrl_c,
    sync::Barrier,
    task::JoinSet,
    time::{sleep, timeout},
    try_join,
};

/// Users that say hi to each other through a server in the same process.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// How many users there are
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,
    /// How often each of them says hi; until ctrl-c unless given
    #[arg(long)]
    rounds: Option<u64>,
    /// How long each of them waits before it says hi (again)
    #[arg(long, default_value = "3s")]
    interval: humantime::Duration,
    /// Makes the choice of friends repeatable
    #[arg(long)]
    seed: Option<u64>,
    /// Print nothing but the summary
    #[arg(long)]
    quiet: bool,
}

/// How long anything that does not wait for the interval may take. On one machine, more is a failure.
const LIMIT: Duration = Duration::from_secs(10);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match serve(&args).await {
        Ok(Tally { sent, received }) => {
            match print(format_args!("sent {sent} messages, received {received}")) {
                Ok(()) if sent == received => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("simulation: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a server for as long as the users need it.
async fn serve(args: &Args) -> Result<Tally, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let mut tally = Ok(Tally::default());
    let users = async { tally = run(addr, args).await };
    Server::new(Hub::new())
        .listen(listener, Line::default())
        .run_until(users, TokioRuntime::current())
        .await?;
    tally
}

/// Runs all users, and sums up what they sent and received.
async fn run(addr: SocketAddr, args: &Args) -> Result<Tally, Failure> {
    let mut rng = args.seed.map_or_else(Rng::new, Rng::with_seed);
    let finish = Arc::new(Barrier::new(args.users as usize));
    let mut users = Vec::new();
    // One after the other, so that everybody lists everybody, and in the same order every time.
    for number in 1..=args.users {
        let name = name(number);
        let client = within(&format!("{name} connects"), connect(addr)).await?;
        within(&format!("{name} registers"), client.register(&name)).await?;
        users.push(User {
            client,
            name,
            rng: rng.fork(),
            finish: finish.clone(),
            args: args.clone(),
        });
    }
    let mut tasks: JoinSet<_> = users.into_iter().map(User::live).collect();
    let mut total = Tally::default();
    // The first failure ends it all: dropping the set ends its tasks.
    while let Some(user) = tasks.join_next().await {
        let Tally { sent, received } = user??;
        total.sent += sent;
        total.received += received;
    }
    Ok(total)
}

/// How many messages were sent, and how many arrived.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    received: u64,
}

struct User {
    client: Client<TokioIo<TcpStream>>,
    name: String,
    rng: Rng,
    /// Where everybody meets before anybody leaves.
    finish: Arc<Barrier>,
    args: Args,
}

impl User {
    async fn live(self) -> Result<Tally, Failure> {
        let Self { client, name, .. } = &self;
        let friends = within(&format!("{name} lists"), client.list()).await?;
        if friends.len() != self.args.users as usize {
            return Err(format!("{name} sees {} users", friends.len()).into());
        }
        if !self.args.quiet {
            print(format_args!("{name}'s friends: {}", friends.join(", ")))?;
        }
        let (sent, received) = try_join!(self.talk(&friends), self.listen())?;
        Ok(Tally { sent, received })
    }

    /// Says hi until it has done so often enough, or until ctrl-c, and then leaves.
    async fn talk(&self, friends: &[String]) -> Result<u64, Failure> {
        let mut rng = self.rng.clone();
        let mut stop = pin!(ctrl_c());
        let mut sent = 0;
        while self.args.rounds.is_none_or(|rounds| sent < rounds) {
            tokio::select! {
                () = sleep(*self.args.interval) => {}
                _ = &mut stop => break,
            }
            let friend = &friends[rng.usize(..friends.len())];
            self.client.send(friend, "hi").await?;
            sent += 1;
        }
        let leave = async {
            // When the server answers, all that was sent waits for its readers. Once that is so for
            // everybody, nobody can leave too early.
            self.client.ping().await?;
            self.finish.wait().await;
            self.client.quit().await
        };
        within(&format!("{} leaves", self.name), leave).await?;
        Ok(sent)
    }

    /// Prints and counts what arrives, to the last message before the server's good-bye.
    async fn listen(&self) -> Result<u64, Failure> {
        let mut incoming = self.client.incoming();
        let mut received = 0;
        while let Some(news) = incoming.next().await {
            match news? {
                Received::Message { from, text } => {
                    received += 1;
                    if !self.args.quiet {
                        print(format_args!("{} <- {from} says {text}", self.name))?;
                    }
                }
                other => return Err(format!("{} was told {other:?}", self.name).into()),
            }
        }
        Ok(received)
    }
}

fn name(number: u32) -> String {
    match number {
        1 => "ada".into(),
        2 => "bob".into(),
        3 => "cleo".into(),
        4 => "dan".into(),
        _ => format!("user{number}"),
    }
}

/// Prints a line, whole. It fails, where `println!` would panic, when nobody reads the output any more.
fn print(line: impl fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Waits for `work`, but no longer than [`LIMIT`].
async fn within<T, E: fmt::Display>(
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout(LIMIT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(format!("{what}: {error}").into()),
        Err(_) => Err(format!("{what}: not done after {LIMIT:?}").into()),
    }
}
