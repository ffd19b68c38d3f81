//! The simulation, on any of the runtimes that it was built with.

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
    sockets::{Network, TcpListener, connect},
    wire::Line,
};
use clap::{Parser, ValueEnum};
use fastrand::Rng;
use futures::{
    FutureExt, TryStreamExt,
    channel::oneshot,
    future::{Either, Shared, select, try_join},
    stream::FuturesUnordered,
};
use smol::lock::Barrier;

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
    /// What it all runs on; build with `--features async-std,smol,threads` for more
    #[arg(long, value_enum, default_value_t = RuntimeKind::value_variants()[0])]
    runtime: RuntimeKind,
}

/// The first is the default.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuntimeKind {
    #[cfg(feature = "tokio")]
    Tokio,
    #[cfg(feature = "async-std")]
    AsyncStd,
    #[cfg(feature = "smol")]
    Smol,
    #[cfg(all(feature = "threads", unix))]
    Threads,
}

/// How long anything that does not wait for the interval may take. On one machine, more is a failure.
const LIMIT: Duration = Duration::from_secs(10);

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    match simulate(&args) {
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

/// Runs it all on the runtime that was asked for.
fn simulate(args: &Args) -> Result<Tally, Failure> {
    match args.runtime {
        #[cfg(feature = "tokio")]
        RuntimeKind::Tokio => {
            let runtime = tokio::runtime::Runtime::new()?;
            let handle = runtime.handle().clone();
            serve(chinwag::tokio::Runtime::from(handle), args)
        }
        #[cfg(feature = "async-std")]
        RuntimeKind::AsyncStd => serve(chinwag::async_std::Runtime::current(), args),
        #[cfg(feature = "smol")]
        RuntimeKind::Smol => serve(chinwag::smol::Runtime::try_current()?, args),
        #[cfg(all(feature = "threads", unix))]
        RuntimeKind::Threads => {
            // Each user is one, and so is its connection; the server keeps a few more for itself.
            let threads = (args.users as usize).saturating_mul(2).saturating_add(64);
            let runtime = chinwag::threads::Runtime::builder().max_threads(threads);
            serve(runtime.build(), args)
        }
    }
}

/// Runs a server for as long as the users need it.
fn serve<N: Network>(runtime: N, args: &Args) -> Result<Tally, Failure> {
    let (stop, stopped) = oneshot::channel();
    let mut stop = Some(stop);
    ctrlc::set_handler(move || {
        if let Some(stop) = stop.take() {
            let _ = stop.send(());
        }
    })?;
    runtime.block_on(async {
        let listener = TcpListener::<N>::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let mut tally = Ok(Tally::default());
        let users = async { tally = run(&runtime, addr, args, stopped.shared()).await };
        Server::new(Hub::builder().rates(chinwag::Rates::unlimited()).build())
            .listen(listener, Line::default())
            .run_until(users, runtime.clone())
            .await?;
        tally
    })
}

/// Runs all users, and sums up what they sent and received.
async fn run<N: Network>(
    runtime: &N,
    addr: SocketAddr,
    args: &Args,
    stop: Stop,
) -> Result<Tally, Failure> {
    let mut rng = args.seed.map_or_else(Rng::new, Rng::with_seed);
    let mut users = Vec::new();
    // One after the other, so that everybody lists everybody, and in the same order every time.
    for number in 1..=args.users {
        let name = name(number);
        let what = format!("{name} connects");
        let client = within(runtime, &what, connect::<N>(addr)).await?;
        let what = format!("{name} registers");
        within(runtime, &what, client.register(&name)).await?;
        users.push(User {
            runtime: runtime.clone(),
            client,
            name,
            rng: rng.fork(),
            stop: stop.clone(),
            args: args.clone(),
        });
    }
    // Where everybody meets before anybody leaves.
    let finish = Arc::new(Barrier::new(users.len()));
    let mut tallies = FuturesUnordered::new();
    for user in users {
        let (tell, outcome) = oneshot::channel();
        let (name, finish) = (user.name.clone(), finish.clone());
        runtime
            .spawn(async move {
                // Nobody wants to know if somebody else has failed.
                let _ = tell.send(user.live(finish).await);
            })
            .map_err(|error| format!("{name} does not start: {error}"))?;
        tallies.push(async move {
            match outcome.await {
                Ok(outcome) => outcome,
                Err(_) => Err(format!("{name} ended without a word").into()),
            }
        });
    }
    let mut total = Tally::default();
    // The first failure ends it all: it ends the server, and the server's good-bye the other users.
    while let Some(Tally { sent, received }) = tallies.try_next().await? {
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

/// Completes at ctrl-c.
type Stop = Shared<oneshot::Receiver<()>>;

struct User<N: Network> {
    runtime: N,
    client: Client<N::TcpStream>,
    name: String,
    rng: Rng,
    stop: Stop,
    args: Args,
}

impl<N: Network> User<N> {
    async fn live(self, finish: Arc<Barrier>) -> Result<Tally, Failure> {
        let Self { client, name, .. } = &self;
        let friends = within(&self.runtime, &format!("{name} lists"), client.list()).await?;
        if friends.len() != self.args.users as usize {
            return Err(format!("{name} sees {} users", friends.len()).into());
        }
        if !self.args.quiet {
            print(format_args!("{name}'s friends: {}", friends.join(", ")))?;
        }
        let (sent, received) = try_join(self.talk(&friends, finish), self.listen()).await?;
        Ok(Tally { sent, received })
    }

    /// Says hi until it has done so often enough, or until ctrl-c, and then leaves.
    async fn talk(&self, friends: &[String], finish: Arc<Barrier>) -> Result<u64, Failure> {
        let mut rng = self.rng.clone();
        let mut stop = self.stop.clone();
        let mut sent = 0;
        while self.args.rounds.is_none_or(|rounds| sent < rounds) {
            let next = self.runtime.now() + *self.args.interval;
            let interval = pin!(self.runtime.sleep_until(next));
            // The first of the two comes first when both are ready.
            if let Either::Left(_) = select(&mut stop, interval).await {
                break;
            }
            let friend = &friends[rng.usize(..friends.len())];
            self.client.send(friend, "hi").await?;
            sent += 1;
        }
        let leave = async {
            // When the server answers, all that was sent waits for its readers. Once that is so for
            // everybody, nobody can leave too early.
            self.client.ping().await?;
            finish.wait().await;
            self.client.quit().await
        };
        within(&self.runtime, &format!("{} leaves", self.name), leave).await?;
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
async fn within<N: Network, T, E: fmt::Display>(
    runtime: &N,
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let limit = runtime.sleep_until(runtime.now() + LIMIT);
    match select(pin!(work), pin!(limit)).await {
        Either::Left((Ok(done), _)) => Ok(done),
        Either::Left((Err(error), _)) => Err(format!("{what}: {error}").into()),
        Either::Right(_) => Err(format!("{what}: not done after {LIMIT:?}").into()),
    }
}
