//! A chat client for the terminal: `cargo run --example client -- --name ada`.
//!
//! A thread of its own edits lines, one task prints what arrives, and the main task obeys commands; the
//! last two share one [`Client`]. Its input may also be a pipe:
//! `printf '/list\n' | cargo run --example client`; then it exits with 1 if anything was refused.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    net::Ipv6Addr,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use chinwag::{
    Client, ClientError, Received,
    client::Inbox,
    tokio::{TokioSocket, connect},
};
use clap::Parser;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::{
    net::TcpStream,
    select,
    sync::mpsc,
    time::{sleep, timeout},
};

const HELP: &str = "\
/list [#ROOM]        who is there
/rooms               which rooms there are
/name NEW [SECRET]   take another name
/msg TO TEXT         send TEXT to a name or a #ROOM; so do `NAME: TEXT`, `@NAME TEXT` and `#ROOM TEXT`
TEXT                 send TEXT to where the last one went
/join #ROOM          become a member of it, and send what follows there
/leave #ROOM         be a member no longer
/topic #ROOM [TEXT]  what it is, or what it shall be
/kick #ROOM NAME     put NAME out of it
/whois NAME          about whom
/away [TEXT]         be away, and without TEXT be back
/quit                leave; so do Ctrl-C and Ctrl-D";

/// How long a server may take to accept the connection, and again to answer the first request.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// Far below the hour after which a server closes a connection that only listens.
const PING_EVERY: Duration = Duration::from_secs(600);

/// How long a server may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);

type Io = TokioSocket<TcpStream>;

/// Chats with those who are connected to a chinwag server.
#[derive(Parser)]
struct Args {
    /// Where the server listens for the `line` protocol.
    #[arg(default_value = "127.0.0.1:4000")]
    addr: String,

    /// The name to take at once.
    #[arg(long)]
    name: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("client: {}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    let client = arrive(&args).await?;
    let at_terminal = io::stdin().is_terminal();

    let mut editor = DefaultEditor::with_config(Config::builder().auto_add_history(true).build())?;
    let screen = Screen::new(&mut editor);
    if at_terminal {
        screen.print(&match &args.name {
            Some(name) => format!(
                "* you are {name}; /list tells who is there, @NAME TEXT talks to one, /join #ROOM to many, \
                 /help the rest"
            ),
            None => "* take a name with /name NAME".into(),
        });
    }
    let (sender, mut commands) = mpsc::channel(16);
    let input = thread::spawn(move || read(editor, &sender));
    let mut printer = tokio::spawn(print(client.incoming(), screen.clone()));
    tokio::spawn(stay(client.clone()));

    let mut addressee = None;
    loop {
        select! {
            command = commands.recv() => match command {
                Some(command) => {
                    if let Err(error) = obey(command, &client, &mut addressee, &screen).await {
                        screen.complain(&explain(&error));
                    }
                }
                None => {
                    // The stream ends with the good-bye, when all that came before it is printed.
                    let good_bye = async {
                        client.quit().await?;
                        (&mut printer).await?.map_err(Box::<dyn Error>::from)
                    };
                    timeout(GOOD_BYE, good_bye).await??;
                    break;
                }
            },
            end = &mut printer => {
                // The thread leaves the terminal as it was only if it can finish its line.
                drop(commands);
                if at_terminal {
                    screen.complain("the connection has ended; press Enter");
                    let _ = input.join();
                }
                end??;
                break;
            }
        }
    }
    // Who sits at a terminal has read what was refused; a script looks at the exit code.
    Ok(match !at_terminal && screen.has_complained() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Connects, and takes the name if there is one.
async fn arrive(args: &Args) -> Result<Client<Io>, Box<dyn Error>> {
    let addr = &args.addr;
    if let Some(better) = with_port(addr) {
        return Err(format!("{addr} has no port; try {better}").into());
    }
    let connecting = async {
        connect(addr).await.map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("nobody listens on {addr}: connection refused")
            }
            _ => format!("cannot connect to {addr}: {error}"),
        })
    };
    let client = answered(addr, connecting).await?;
    match &args.name {
        Some(name) => answered(addr, client.register(name)).await?,
        // Only to see that somebody there speaks the protocol.
        None => answered(addr, client.ping()).await?,
    }
    Ok(client)
}

/// `addr` with the usual port, if it has none.
fn with_port(addr: &str) -> Option<String> {
    if addr.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{addr}]:4000"));
    }
    (!addr.contains(':') || addr.ends_with(']')).then(|| format!("{addr}:4000"))
}

/// What `attempt` comes to, unless the server at `addr` lets it wait too long.
async fn answered<T, E: Into<Box<dyn Error>>>(
    addr: &str,
    attempt: impl Future<Output = Result<T, E>>,
) -> Result<T, Box<dyn Error>> {
    match timeout(FIRST_ANSWER, attempt).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(format!(
            "no answer from {addr}; is that a line listener? (chinwagd's is on port 4000)"
        )
        .into()),
    }
}

/// Keeps the server from closing the connection of somebody who only listens.
async fn stay(client: Client<Io>) {
    loop {
        sleep(PING_EVERY).await;
        // Should the connection have ended, whoever prints what arrives says so.
        let _ = client.ping().await;
    }
}

/// What a line of input asks for.
enum Command {
    List,
    Members(String),
    Rooms,
    Name(String, Option<String>),
    Join(String),
    Leave(String),
    /// To ask for it, or to set it.
    Topic(String, Option<String>),
    Kick(String, String),
    Whois(String),
    Away(String),
    /// To a name, or to a room.
    Message {
        to: String,
        text: String,
    },
    /// A message to where the last one went.
    Text(String),
    Help,
    Quit,
    Nothing,
    Unknown,
    /// A command without what belongs to it; this says what that is.
    Incomplete(&'static str),
}

impl Command {
    fn parse(line: &str) -> Self {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let message = |to: &str, text: &str| Self::Message {
            to: to.into(),
            text: text.into(),
        };
        let (first, more) = match rest.split_once(' ') {
            Some((first, more)) => (first, Some(more.trim())),
            None => (rest, None),
        };
        match (word, first, more) {
            ("", ..) => Self::Nothing,
            ("/list", "", None) => Self::List,
            ("/list", room, None) => Self::Members(room.into()),
            ("/rooms", "", None) => Self::Rooms,
            ("/help", "", None) => Self::Help,
            ("/quit", "", None) => Self::Quit,
            ("/name", "", _) => Self::Incomplete("/name needs NAME"),
            ("/name", name, secret) => Self::Name(name.into(), secret.map(Into::into)),
            ("/msg", to, Some(text)) => message(to, text),
            ("/msg", ..) => Self::Incomplete("/msg needs NAME or #ROOM, and TEXT"),
            ("/join" | "/leave" | "/topic", "", _) => Self::Incomplete("it needs #ROOM"),
            ("/join", room, None) => Self::Join(room.into()),
            ("/leave", room, None) => Self::Leave(room.into()),
            ("/topic", room, text) => Self::Topic(room.into(), text.map(Into::into)),
            ("/kick", room, Some(name)) => Self::Kick(room.into(), name.into()),
            ("/kick", ..) => Self::Incomplete("/kick needs #ROOM and NAME"),
            ("/whois", "", _) => Self::Incomplete("/whois needs NAME"),
            ("/whois", name, None) => Self::Whois(name.into()),
            ("/away", ..) => Self::Away(rest.into()),
            _ if word.starts_with('/') => Self::Unknown,
            _ if rest.is_empty() => Self::Text(line.into()),
            _ if word.starts_with('#') => message(word, rest),
            _ => match (word.strip_prefix('@'), word.strip_suffix(':')) {
                (Some(to), _) | (None, Some(to)) if !to.is_empty() => message(to, rest),
                _ => Self::Text(line.into()),
            },
        }
    }
}

/// Reads commands until there is no more input, or nobody to obey them.
fn read(mut editor: DefaultEditor, commands: &mpsc::Sender<Command>) {
    // Ctrl-C and Ctrl-D are errors here.
    while let Ok(input) = editor.readline("> ") {
        // What was pasted may have several lines.
        for line in input.split(['\n', '\r']) {
            let command = match Command::parse(line.trim()) {
                Command::Quit => return,
                command => command,
            };
            if commands.blocking_send(command).is_err() {
                return;
            }
        }
    }
}

async fn obey(
    command: Command,
    client: &Client<Io>,
    addressee: &mut Option<String>,
    screen: &Screen,
) -> Result<(), ClientError> {
    match command {
        Command::List => screen.list("here", &client.list().await?),
        Command::Members(room) => {
            screen.list(&format!("in {room}"), &client.members(&room).await?);
        }
        Command::Rooms => screen.list("to join", &client.rooms().await?),
        Command::Name(name, secret) => {
            match secret {
                Some(secret) => client.register_with(&name, &secret).await?,
                None => client.register(&name).await?,
            }
            screen.print(&format!("* you are {name}"));
        }
        Command::Join(room) => {
            client.join(&room).await?;
            screen.print(&format!("* you are in {room}"));
            *addressee = Some(room);
        }
        Command::Leave(room) => {
            client.leave(&room).await?;
            screen.print(&format!("* you have left {room}"));
            addressee.take_if(|to| *to == room);
        }
        Command::Topic(room, None) => {
            let topic = client.topic(&room).await?;
            screen.print(&format!("* the topic of {room}: {topic}"));
        }
        Command::Topic(room, Some(text)) => client.set_topic(&room, &text).await?,
        Command::Kick(room, name) => client.kick(&room, &name, None).await?,
        Command::Whois(name) => {
            let user = client.whois(&name).await?;
            let (name, idle, rooms) = (&user.name, user.idle, user.rooms.join(" "));
            let away = user.away.map(|text| format!("; away {text}"));
            let away = away.unwrap_or_default();
            screen.print(&format!("* {name} {rooms}, idle for {idle:?}{away}"));
        }
        Command::Away(text) if text.is_empty() => client.back().await?,
        Command::Away(text) => client.away(&text).await?,
        Command::Message { to, text } => {
            send(client, &to, &text).await?;
            *addressee = Some(to);
        }
        Command::Text(text) => match addressee {
            Some(to) => send(client, to, &text).await?,
            None => screen.complain("to whom? Begin with NAME: or see /help"),
        },
        Command::Help => screen.print(HELP),
        Command::Quit | Command::Nothing => {}
        Command::Unknown => screen.complain("no such command; see /help"),
        Command::Incomplete(needs) => screen.complain(needs),
    }
    Ok(())
}

/// Sends to a name, or to a room.
async fn send(client: &Client<Io>, to: &str, text: &str) -> Result<(), ClientError> {
    match to.starts_with('#') {
        true => client.say(to, text).await,
        false => client.send(to, text).await,
    }
}

/// Prints what arrives, until the connection ends.
async fn print(mut incoming: Inbox<Io>, screen: Screen) -> Result<(), ClientError> {
    while let Some(received) = incoming.next().await {
        match received? {
            Received::Message { from, text } => screen.print(&format!("{from}: {text}")),
            Received::Refused { code, explanation } => screen.complain(match code.as_str() {
                // The server's words are for those who type the protocol.
                "not-registered" => "take a name first: /name NAME",
                _ => &explanation,
            }),
            other => screen.print(&describe(other)),
        }
    }
    Ok(())
}

/// What happened, in words.
fn describe(received: Received) -> String {
    match received {
        Received::Sent { to, text } => format!("* you to {to}: {text}"),
        Received::Said { room, from, text } => format!("{room} {from}: {text}"),
        Received::Joined { room, name } => format!("{room} * {name} is in"),
        Received::Left { room, name } => format!("{room} * {name} has left"),
        Received::Kicked {
            room,
            name,
            by,
            reason,
            ..
        } => {
            let reason = reason.unwrap_or_default();
            format!("{room} * {by} has put {name} out {reason}")
        }
        Received::Topic { room, by, text } => format!("{room} * {by} sets the topic: {text}"),
        Received::Role {
            room, name, role, ..
        } => format!("{room} * {name} is {role}"),
        Received::Told {
            room,
            from,
            least,
            text,
        } => format!("{room} {from} (to each {least}): {text}"),
        Received::Announced { from, text } => format!("* {from} tells everybody: {text}"),
        Received::Bans {
            room, mask, on, by, ..
        } => match on {
            true => format!("{room} * {by} keeps {mask} out"),
            false => format!("{room} * {by} lets {mask} in again"),
        },
        Received::Invited { room, name, by } => format!("* {by} invites {name} to {room}"),
        Received::Renamed { old, new } => format!("* {old} is now {new}"),
        Received::Quit { name, reason } => format!("* {name} is gone ({reason})"),
        Received::Away { name, text } => match text {
            Some(text) => format!("* {name} is away {text}"),
            None => format!("* {name} is back"),
        },
        Received::Missed { count } => format!("* {count} missed"),
        Received::Unknown { line } => format!("* {line}"),
        Received::Bye => "* the server says good-bye".into(),
        other => format!("* {other:?}"),
    }
}

/// Prints lines above the one that is being edited.
#[derive(Clone)]
struct Screen {
    printer: Arc<Mutex<Option<Box<dyn ExternalPrinter + Send>>>>,
    complained: Arc<AtomicBool>,
}

impl Screen {
    fn new(editor: &mut DefaultEditor) -> Self {
        // There is none without a terminal; then plain lines will do.
        let printer = editor.create_external_printer().ok();
        let printer = printer.map(|printer| Box::new(printer) as Box<dyn ExternalPrinter + Send>);
        Self {
            printer: Arc::new(Mutex::new(printer)),
            complained: Arc::default(),
        }
    }

    /// Prints what went wrong, and remembers that something did.
    fn complain(&self, text: &str) {
        self.complained.store(true, Ordering::Relaxed);
        self.print(&format!("! {text}"));
    }

    fn has_complained(&self) -> bool {
        self.complained.load(Ordering::Relaxed)
    }

    fn list(&self, what: &str, names: &[String]) {
        self.print(&format!("* {} {what}: {}", names.len(), names.join(", ")));
    }

    fn print(&self, text: &str) {
        let text = visible(text) + "\n";
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        let printed = match &mut *printer {
            Some(printer) => printer.print(text.clone()).is_ok(),
            None => false,
        };
        if !printed {
            // Nobody is there to be told that nobody reads.
            let _ = io::stdout().write_all(text.as_bytes());
        }
    }
}

/// `text` with everything written out that would move the cursor, change the terminal or turn the order
/// of letters around: what others say is only ever shown.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Ours: what arrives is one line.
            '\n' => out.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// An error and what caused it.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}
