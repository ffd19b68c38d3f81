//! A chat client for the terminal: `cargo run --example client -- --name ada`.
//!
//! A thread of its own edits lines, one task prints what arrives, and the main task obeys commands; the
//! last two share one [`Client`]. Its input may also be a pipe:
//! `printf '/list\n' | cargo run --example client`.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, IsTerminal, Write as _},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use chinwag::{
    Client, ClientError, Received,
    client::Inbox,
    tokio::{TokioIo, connect},
};
use clap::Parser;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::{net::TcpStream, select, sync::mpsc, time::timeout};

const HELP: &str = "\
/list            who is there
/name NEW        take another name
/msg NAME TEXT   send TEXT to NAME; so do `NAME: TEXT` and `@NAME TEXT`
TEXT             send TEXT to whom the last one went
/quit            leave; so do Ctrl-C and Ctrl-D";

/// How long a server may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);

type Io = TokioIo<TcpStream>;

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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let client = connect(&args.addr).await?;
    if let Some(name) = &args.name {
        client.register(name).await?;
    }

    let mut editor = DefaultEditor::with_config(Config::builder().auto_add_history(true).build())?;
    let screen = Screen::new(&mut editor);
    let (sender, mut commands) = mpsc::channel(16);
    let input = thread::spawn(move || read(editor, &sender));
    let mut printer = tokio::spawn(print(client.incoming(), screen.clone()));

    let mut addressee = None;
    loop {
        select! {
            command = commands.recv() => match command {
                Some(command) => {
                    if let Err(error) = obey(command, &client, &mut addressee, &screen).await {
                        screen.print(&format!("! {}", explain(&error)));
                    }
                }
                None => {
                    // The stream ends with the good-bye, when all that came before it is printed.
                    let good_bye = async {
                        client.quit().await?;
                        (&mut printer).await?.map_err(Box::<dyn Error>::from)
                    };
                    return timeout(GOOD_BYE, good_bye).await?;
                }
            },
            end = &mut printer => {
                // The thread leaves the terminal as it was only if it can finish its line.
                drop(commands);
                if io::stdin().is_terminal() {
                    screen.print("! the connection has ended; press Enter");
                    let _ = input.join();
                }
                return Ok(end??);
            }
        }
    }
}

/// What a line of input asks for.
enum Command {
    List,
    Name(String),
    Message {
        to: String,
        text: String,
    },
    /// A message to whom the last one went.
    Text(String),
    Help,
    Quit,
    Nothing,
    Unknown,
}

impl Command {
    fn parse(line: &str) -> Self {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let message = |to: &str, text: &str| Self::Message {
            to: to.into(),
            text: text.into(),
        };
        match (word, rest) {
            ("", _) => Self::Nothing,
            ("/list", "") => Self::List,
            ("/help", "") => Self::Help,
            ("/quit", "") => Self::Quit,
            ("/name", name) if !name.is_empty() => Self::Name(name.into()),
            ("/msg", rest) => match rest.split_once(' ') {
                Some((to, text)) => message(to, text.trim()),
                None => Self::Unknown,
            },
            _ if word.starts_with('/') => Self::Unknown,
            _ if rest.is_empty() => Self::Text(line.into()),
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
        Command::List => {
            let names = client.list().await?;
            screen.print(&format!("* {} here: {}", names.len(), names.join(", ")));
        }
        Command::Name(name) => {
            client.register(&name).await?;
            screen.print(&format!("* you are {name}"));
        }
        Command::Message { to, text } => {
            client.send(&to, &text).await?;
            *addressee = Some(to);
        }
        Command::Text(text) => match addressee {
            Some(to) => client.send(to, &text).await?,
            None => screen.print("! to whom? Begin with NAME: or see /help"),
        },
        Command::Help => screen.print(HELP),
        Command::Quit | Command::Nothing => {}
        Command::Unknown => screen.print("! no such command; see /help"),
    }
    Ok(())
}

/// Prints what arrives, until the connection ends.
async fn print(mut incoming: Inbox<Io>, screen: Screen) -> Result<(), ClientError> {
    while let Some(received) = incoming.next().await {
        match received? {
            Received::Message { from, text } => screen.print(&format!("{from}: {text}")),
            Received::Refused { explanation, .. } => screen.print(&format!("! {explanation}")),
            Received::Bye => screen.print("* the server says good-bye"),
            _ => {}
        }
    }
    Ok(())
}

/// Prints lines above the one that is being edited.
#[derive(Clone)]
struct Screen(Arc<Mutex<Option<Box<dyn ExternalPrinter + Send>>>>);

impl Screen {
    fn new(editor: &mut DefaultEditor) -> Self {
        // There is none without a terminal; then plain lines will do.
        let printer = editor.create_external_printer().ok();
        let printer = printer.map(|printer| Box::new(printer) as Box<dyn ExternalPrinter + Send>);
        Self(Arc::new(Mutex::new(printer)))
    }

    fn print(&self, text: &str) {
        let text = visible(text) + "\n";
        let mut printer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
