//! What can be set, and where it comes from: a flag wins over the environment, that over the file, and
//! that over the default.

use std::{
    env,
    ffi::OsString,
    fmt, fs,
    num::{IntErrorKind, NonZeroUsize, ParseIntError},
    path::{Path, PathBuf},
    str::FromStr,
    thread,
    time::Duration,
};

use chinwag::{ConfigError, Limits, Timeouts};
use clap::{
    Args, CommandFactory, Parser, ValueEnum,
    error::{ContextKind, ContextValue, Error as ClapError, ErrorKind},
};
use serde::Deserialize;

use crate::{failure::Failure, listen::Endpoint, runtime::RuntimeKind};

/// What the process was started for.
#[derive(Debug)]
pub(crate) enum Order {
    /// To serve.
    Serve(Config),
    /// To print this and end.
    Print(String),
}

/// How to serve. All of it is in range.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where to listen; at least one.
    pub(crate) listen: Vec<Endpoint>,
    pub(crate) limits: Limits,
    /// Whether somebody asked for that many connections, or it is the default, which may be lowered.
    pub(crate) max_connections_set: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) runtime: RuntimeKind,
    /// How many threads serve connections, at most 1,024, if the runtime has that many of them.
    pub(crate) threads: NonZeroUsize,
    /// Whether somebody asked for that many threads.
    pub(crate) threads_set: bool,
}

/// Reads the command line, the environment, and the file that they name.
pub(crate) fn load() -> Result<Order, Failure> {
    let args: Vec<_> = env::args_os().collect();
    let line = match CommandLine::try_parse_from(&args) {
        Ok(line) => line,
        Err(error) => return not_parsed(&error, &args),
    };
    // Each layer is checked by itself, so that a mistake is told with where it was made, even when
    // another layer covers it.
    line.settings.resolve().map_err(Failure::OutOfRange)?;
    let file = match &line.config {
        Some(path) => read(path)?,
        None => Settings::default(),
    };
    let config = line
        .settings
        .or(file)
        .resolve()
        .map_err(Failure::OutOfRange)?;
    Ok(match line.check_config {
        true => Order::Print("configuration ok\n".to_owned()),
        false => Order::Serve(config),
    })
}

const EXAMPLES: &str = "\
Start it, and talk to it:
  chinwagd
  nc 127.0.0.1 4000
then type, each on its own line:
  register,ada
  list,friends
  chat,ada,hello
  quit

Listen elsewhere:
  chinwagd --listen line://0.0.0.0:4000 --listen line+unix:///run/chinwag.sock

A scheme is `line` (what a person can type) or `seed` (the original, unframed protocol), and `+unix`
puts it on a Unix socket. Port 0 takes a free port. Once all listeners accept, stdout gets a line
`listening SCHEME://ADDR` for each, in their order, and nothing else.

Settings: a flag wins over CHINWAG_* in the environment, that over the --config file, and that over the
default. The file is TOML, its keys are the flags without the dashes:
  listen = [\"line://0.0.0.0:4000\", \"seed://[::1]:4001\"]
  max-connections = 10000
  idle-timeout = \"30m\"

Logs go to stderr. RUST_LOG says how much: error, warn, info (the default), debug or trace.

SIGTERM and SIGINT shut it down: everybody gets what waits for them and a good-bye, which takes less
than 5 s. A second signal ends it at once.

Exit codes: 0 after a shutdown; 1 for a bad file or an address that cannot be had; 2 for a bad flag or
environment variable; 130 and 143 after a second SIGINT or SIGTERM.

More is in the source: README.md, chinwagd/chinwag.example.toml for a file with all settings, and
docs/protocol.md for what clients say.
";

/// A chat server: names and direct messages, over TCP and Unix sockets.
#[derive(Debug, Parser)]
#[command(name = "chinwagd", version, after_long_help = EXAMPLES)]
#[command(after_help = "Try --help for examples, the file and the exit codes.")]
#[command(next_line_help = true, mut_args = |arg| arg.hide_env_values(true))]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,

    /// A TOML file with the settings above
    #[arg(long, value_name = "FILE", env = "CHINWAG_CONFIG")]
    config: Option<PathBuf>,

    /// Check all settings, say `configuration ok`, and end; the addresses are not tried
    #[arg(long)]
    check_config: bool,
}

/// What one layer sets. Field, flag, variable and key of the file are one name.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Settings {
    #[arg(
        long,
        value_name = "SCHEME://ADDR",
        env = "CHINWAG_LISTEN",
        value_delimiter = ','
    )]
    #[arg(help = format!(
        "Where to listen; may be repeated, or hold several with commas between\n[default: {}]",
        Endpoint::defaults().iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    ))]
    listen: Option<Vec<Endpoint>>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_CONNECTIONS", value_parser = whole_number)]
    #[arg(help = format!(
        "The most connections at once; one more is told `full`\n[default: {}]",
        default_connections()
    ))]
    max_connections: Option<usize>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_MAX_LINE", value_parser = whole_number)]
    #[arg(help = format!(
        "The longest line that a client may send\n[default: {}]",
        Limits::default().max_line()
    ))]
    max_line: Option<usize>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_MAILBOX_BYTES", value_parser = whole_number)]
    #[arg(help = format!(
        "How much may wait for a client that reads slowly, before it is disconnected\n[default: {}]",
        Limits::default().mailbox_bytes()
    ))]
    mailbox_bytes: Option<usize>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_IDLE_TIMEOUT")]
    #[arg(help = format!(
        "How long a client may send nothing, like 30s or 1h; `off` or `never` is for ever\n[default: {}]",
        Wait(Timeouts::default().idle())
    ))]
    idle_timeout: Option<Wait>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_REGISTER_TIMEOUT")]
    #[arg(help = format!(
        "How long a client may have no name, like 30s or 1h; `off` or `never` is for ever\n[default: {}]",
        Wait(Timeouts::default().register())
    ))]
    register_timeout: Option<Wait>,

    #[arg(long, value_name = "RUNTIME", env = "CHINWAG_RUNTIME", value_enum)]
    #[arg(help = format!("What runs the connections\n[default: {}]", RuntimeKind::default()))]
    runtime: Option<RuntimeKind>,

    #[arg(long, value_name = "N", env = "CHINWAG_THREADS", value_parser = whole_number)]
    #[arg(
        help = "How many threads serve, from 1 to 1024; --runtime threads does not heed it\n[default: as many as there are processors]"
    )]
    threads: Option<usize>,
}

/// The default for the default runtime, and those of runtimes that have another.
fn default_connections() -> String {
    let most = RuntimeKind::default().default_max_connections();
    let others = RuntimeKind::value_variants().iter();
    others
        .filter(|runtime| runtime.default_max_connections() != most)
        .map(|runtime| {
            format!(
                "; with --runtime {runtime} {}",
                runtime.default_max_connections()
            )
        })
        .fold(most.to_string(), |all, other| all + &other)
}

/// Each thread costs memory and a place in the system's tables; no machine gains from more.
const MAX_THREADS: usize = 1024;

impl Settings {
    /// These, and those of `under` where these say nothing.
    fn or(self, under: Self) -> Self {
        Self {
            listen: self.listen.or(under.listen),
            max_connections: self.max_connections.or(under.max_connections),
            max_line: self.max_line.or(under.max_line),
            mailbox_bytes: self.mailbox_bytes.or(under.mailbox_bytes),
            idle_timeout: self.idle_timeout.or(under.idle_timeout),
            register_timeout: self.register_timeout.or(under.register_timeout),
            runtime: self.runtime.or(under.runtime),
            threads: self.threads.or(under.threads),
        }
    }

    /// These, and the defaults where they say nothing.
    fn resolve(&self) -> Result<Config, ConfigError> {
        let runtime = self.runtime.unwrap_or_default();
        let connections = self.max_connections;
        let mut limits = Limits::builder()
            .max_connections(connections.unwrap_or_else(|| runtime.default_max_connections()));
        if let Some(bytes) = self.max_line {
            limits = limits.max_line(bytes);
        }
        if let Some(bytes) = self.mailbox_bytes {
            limits = limits.mailbox_bytes(bytes);
        }
        let mut timeouts = Timeouts::builder();
        if let Some(Wait(wait)) = self.idle_timeout {
            timeouts = timeouts.idle(wait);
        }
        if let Some(Wait(wait)) = self.register_timeout {
            timeouts = timeouts.register(wait);
        }
        Ok(Config {
            listen: self.endpoints()?,
            limits: limits.build()?,
            max_connections_set: connections.is_some(),
            timeouts: timeouts.build()?,
            runtime,
            threads: self.thread_count()?,
            threads_set: self.threads.is_some(),
        })
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, ConfigError> {
        let endpoints = self.listen.clone().unwrap_or_else(Endpoint::defaults);
        in_range("the number of addresses in listen", endpoints.len(), 1024)?;
        Ok(endpoints)
    }

    fn thread_count(&self) -> Result<NonZeroUsize, ConfigError> {
        let threads = match self.threads {
            Some(threads) => in_range("threads", threads, MAX_THREADS)?,
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        Ok(NonZeroUsize::new(threads.min(MAX_THREADS)).unwrap_or(NonZeroUsize::MIN))
    }
}

fn in_range(key: &'static str, value: usize, max: usize) -> Result<usize, ConfigError> {
    match value {
        _ if (1..=max).contains(&value) => Ok(value),
        _ => Err(ConfigError::OutOfRange {
            key,
            value,
            min: 1,
            max,
        }),
    }
}

fn whole_number(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => "it is too large",
            _ => "it is no whole number",
        })
}

/// How long to wait; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Wait(Option<Duration>);

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" | "never" => Ok(Self(None)),
            wait => match humantime::parse_duration(wait) {
                Ok(wait) => Ok(Self(Some(wait))),
                Err(error) => Err(format!("{error}; it is a time like 30s or 1h, or off")),
            },
        }
    }
}

impl TryFrom<String> for Wait {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map_err(|error: String| format!("{text:?}: {error}"))
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(wait) => humantime::format_duration(wait).fmt(f),
            None => f.write_str("off"),
        }
    }
}

/// Reads the settings in the file at `path`.
fn read(path: &Path) -> Result<Settings, Failure> {
    let text = fs::read_to_string(path).map_err(|source| Failure::NoFile {
        path: path.to_owned(),
        source,
    })?;
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        let line = line_at(&text, error.span().map_or(0, |span| span.start));
        let content = text.lines().nth(line - 1).unwrap_or_default();
        Failure::BadFile {
            path: path.to_owned(),
            line,
            message: advise(error.message(), content),
        }
    })?;
    settings
        .resolve()
        .map_err(|source| Failure::OutOfRangeInFile {
            path: path.to_owned(),
            source,
        })?;
    Ok(settings)
}

/// The number of the line of `text` that holds the byte at `position`, counted from 1.
fn line_at(text: &str, position: usize) -> usize {
    let before = text.bytes().take(position);
    1 + before.filter(|&byte| byte == b'\n').count()
}

/// What the parser said of this line, and what should stand there if the parser cannot know.
fn advise(message: &str, line: &str) -> String {
    if let Some((key, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'))
    {
        let meant = key.replace('_', "-");
        return match known.contains(&format!("`{meant}`")) {
            true => format!("unknown field `{key}`; did you mean {meant}?"),
            false => message.to_owned(),
        };
    }
    let (key, value) = line.split_once('=').unwrap_or_default();
    let value = value.trim_start();
    match key.trim() {
        "idle-timeout" | "register-timeout" if !value.starts_with(['"', '\'']) => {
            format!("{message}; it is a time like \"30s\" or \"1h\", or \"off\", in quotes")
        }
        "runtime" if !value.starts_with(['"', '\'']) => {
            format!("{message}; it is a name like \"tokio\", in quotes")
        }
        "listen" if !value.starts_with('[') => {
            format!("{message}; it is a list like [\"line://127.0.0.1:4000\"]")
        }
        "threads" | "max-connections" | "max-line" | "mailbox-bytes" => {
            "it is a whole number, without quotes".to_owned()
        }
        _ => message.to_owned(),
    }
}

/// What to do with a command line that sets nothing: it asks for help, or is wrong.
fn not_parsed(error: &ClapError, args: &[OsString]) -> Result<Order, Failure> {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Order::Print(text)),
        _ => {
            let advice = ["\n\n  tip:", "\n\nUsage:", "\n\nFor more information"];
            let end = advice.iter().filter_map(|advice| text.find(advice)).min();
            let what = &text[..end.unwrap_or(text.len())];
            let what = what.strip_prefix("error: ").unwrap_or(what);
            Err(Failure::Usage(match variable(error, args) {
                Some(variable) => format!("{variable}: {what}"),
                None => what.to_owned(),
            }))
        }
    }
}

/// The variable that the bad value is from, unless it is from a flag: of that alone the parser speaks.
fn variable(error: &ClapError, args: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = usage.split(' ').next()?;
    let with_value = format!("{flag}=");
    let is_given =
        |arg: &OsString| arg == flag || arg.as_encoded_bytes().starts_with(with_value.as_bytes());
    if args.iter().any(is_given) {
        return None;
    }
    let command = CommandLine::command();
    let name = flag.strip_prefix("--")?;
    let arg = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))?;
    Some(arg.get_env()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn flags(flags: &[&str]) -> Result<Settings, String> {
        let line = ["chinwagd"].into_iter().chain(flags.iter().copied());
        let line: Vec<_> = line.map(OsString::from).collect();
        match CommandLine::try_parse_from(&line) {
            Ok(line) => Ok(line.settings),
            Err(error) => Err(not_parsed(&error, &line).unwrap_err().to_string()),
        }
    }

    fn listen(config: &Config) -> Vec<String> {
        config.listen.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_flags_are_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn nothing_set_is_the_defaults_of_the_library() {
        let config = Settings::default().resolve().unwrap();
        assert_eq!(
            listen(&config),
            ["line://127.0.0.1:4000", "seed://127.0.0.1:4001"]
        );
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.timeouts, Timeouts::default());
        assert_eq!(config.runtime.to_string(), "tokio");
        assert!(!config.max_connections_set && !config.threads_set);
    }

    #[test]
    fn a_layer_covers_the_one_under_it_key_by_key() {
        let over = flags(&["--max-line", "100", "--listen", "line://[::1]:1"]).unwrap();
        let under = file("max-line = 200\nthreads = 3\nlisten = ['seed://[::1]:2']");
        let config = over.or(under).resolve().unwrap();
        assert_eq!(config.limits.max_line(), 100);
        assert_eq!(config.threads.get(), 3);
        assert_eq!(listen(&config), ["line://[::1]:1"]);
    }

    #[test]
    fn every_key_of_the_file() {
        let settings = file(
            r#"
            listen = ["line://0.0.0.0:0", "seed://localhost:1"]
            max-connections = 5
            max-line = 64
            mailbox-bytes = 2048
            idle-timeout = "off"
            register-timeout = "1m 30s"
            runtime = "smol"
            threads = 2
            "#,
        );
        let config = settings.resolve().unwrap();
        assert_eq!(listen(&config), ["line://0.0.0.0:0", "seed://localhost:1"]);
        assert_eq!(config.limits.max_connections(), 5);
        assert_eq!(config.limits.max_line(), 64);
        assert_eq!(config.limits.mailbox_bytes(), 2048);
        assert_eq!(config.timeouts.idle(), None);
        let minute_and_half = Some(Duration::from_secs(90));
        assert_eq!(config.timeouts.register(), minute_and_half);
        assert_eq!(config.runtime.to_string(), "smol");
        assert_eq!(config.threads.get(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn threads_have_room_for_fewer_unless_more_are_asked_for() {
        let config = file("runtime = 'threads'").resolve().unwrap();
        assert_eq!(config.limits.max_connections(), 4096);
        assert!(!config.max_connections_set);
        // A default of one layer does not cover what another says.
        let asked = flags(&["--runtime", "threads"]).unwrap();
        let asked = asked.or(file("max-connections = 70000")).resolve().unwrap();
        assert_eq!(asked.limits.max_connections(), 70_000);
    }

    #[test]
    fn flags_file_and_log_know_the_runtimes_by_the_same_names() {
        for runtime in RuntimeKind::value_variants() {
            let name = runtime.to_string();
            let by_flag = flags(&["--runtime", &name]).unwrap();
            let by_file = file(&format!("runtime = '{name}'"));
            assert_eq!(by_flag.runtime, Some(*runtime));
            assert_eq!(by_file.runtime, Some(*runtime));
        }
    }

    #[test]
    fn the_example_file_holds_the_defaults() {
        let example = file(include_str!("../chinwag.example.toml"));
        assert!(example.max_line.is_some() && example.listen.is_some());
        let connections = Limits::default().max_connections();
        let unset = format!("\n# max-connections = {connections}\n");
        assert!(include_str!("../chinwag.example.toml").contains(&unset));
        let example = example.resolve().unwrap();
        let defaults = Settings::default().resolve().unwrap();
        assert_eq!(format!("{example:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn endpoints_are_repeated_or_separated_by_commas() {
        let one_by_one = flags(&["--listen", "line://a:1", "--listen", "seed://b:2"]);
        let at_once = flags(&["--listen", "line://a:1, seed://b:2"]);
        for settings in [one_by_one, at_once] {
            let config = settings.unwrap().resolve().unwrap();
            assert_eq!(listen(&config), ["line://a:1", "seed://b:2"]);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_key() {
        for (settings, said) in [
            ("threads = 0", "threads is 0, but must be from 1 to 1024"),
            ("max-line = 1", "max-line is 1, but must be from 64 to"),
            ("max-connections = 0", "max-connections is 0"),
            ("mailbox-bytes = 0", "mailbox-bytes is 0"),
            ("idle-timeout = '0s'", "idle-timeout is zero"),
            ("register-timeout = '0s'", "register-timeout is zero"),
            ("listen = []", "the number of addresses in listen is 0"),
        ] {
            let error = file(settings).resolve().unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_mistake_on_the_command_line_is_told_without_the_advice() {
        for (line, said) in [
            (
                &["--max-lines", "1"][..],
                "unexpected argument '--max-lines' found",
            ),
            (&["serve"], "unexpected argument 'serve' found"),
            (
                &["--max-line"],
                "a value is required for '--max-line <BYTES>'",
            ),
            (
                &["--max-line", "x"],
                "invalid value 'x' for '--max-line <BYTES>': it is no whole number;",
            ),
            (
                &["--max-line", "99999999999999999999"],
                "invalid value '99999999999999999999' for '--max-line <BYTES>': it is too large",
            ),
            (
                &["--max-line=-1"],
                "invalid value '-1' for '--max-line <BYTES>'",
            ),
            (
                &["--idle-timeout", "5"],
                "invalid value '5' for '--idle-timeout <TIME>': time unit",
            ),
            (
                &["--listen", "x"],
                "invalid value 'x' for '--listen <SCHEME://ADDR>': it is SCHEME",
            ),
        ] {
            let error = flags(line).unwrap_err();
            assert!(error.starts_with(said), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_help_is_not_too_wide() {
        let mut command = CommandLine::command();
        for help in [command.render_help(), command.render_long_help()] {
            for line in help.to_string().lines() {
                assert!(line.chars().count() <= 104, "{line}");
            }
        }
    }

    #[test]
    fn a_line_of_the_file_is_found_by_its_bytes() {
        let text = "a\nbc\n";
        let lines = [0, 1, 2, 3, 4, 5, 99].map(|position| line_at(text, position));
        assert_eq!(lines, [1, 1, 2, 2, 2, 3, 3]);
    }
}
