//! What can be set, and where it comes from: a flag wins over the environment, that over the file, and
//! that over the default.

mod doubts;
mod file;
mod help;
mod irc;
mod settings;
mod values;

use std::{env, ffi::OsString, path::PathBuf};

use chinwag::UserName;
use clap::{
    Command, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue, Error as ClapError, ErrorKind},
    parser::ValueSource,
};

use self::settings::Settings;
pub(crate) use self::{
    settings::{Config, Unfit},
    values::Guests,
};
use crate::{accounts::AccountsFile, failure::Failure};

/// What the process was started for.
#[derive(Debug)]
pub(crate) enum Order {
    /// To serve.
    Serve(Box<Config>),
    /// To make the hash of a password, and of that the line for a name.
    HashPassword(Option<UserName>),
    /// To print this and end.
    Print(String),
}

/// Reads the command line, the environment, and the files that they name.
pub(crate) fn load() -> Result<Order, Failure> {
    let args: Vec<_> = env::args_os().collect();
    let line = match parse(&args) {
        Ok(line) => line,
        Err(error) => return not_parsed(&error, &args),
    };
    if let Some(Task::HashPassword { name }) = line.task {
        return Ok(Order::HashPassword(name));
    }
    if let Some(name) = line.hash_secret {
        return Ok(Order::HashPassword(Some(name)));
    }
    // Each layer is checked by itself, so that a mistake is told with where it was made, even when
    // another layer covers it.
    line.settings.resolve().map_err(Failure::Unfit)?;
    let file = match &line.config {
        Some(path) => file::read(path)?,
        None => Settings::default(),
    };
    let settings = line.settings.or(file);
    let mut config = settings.resolve_all().map_err(Failure::Unfit)?;
    if let Some(path) = &settings.accounts {
        config.accounts = Some(AccountsFile::read(path)?);
    }
    if let Some(path) = &settings.motd {
        config.irc.motd = Some(irc::read_motd(path)?);
    }
    config.password_is_seen = line.password_is_seen;
    config.unknown_variables = doubts::unknown_variables();
    Ok(match line.check_config {
        true => {
            let doubts = config.doubts().into_iter();
            let doubts: String = doubts.map(|doubt| format!("warning: {doubt}\n")).collect();
            Order::Print(doubts + "configuration ok\n")
        }
        false => Order::Serve(Box::new(config)),
    })
}

/// A chat server: names, rooms and direct messages, over TCP and Unix sockets.
#[derive(Debug, Parser)]
#[command(name = "chinwagd", version, after_long_help = help::EXAMPLES)]
#[command(after_help = "Try --help for examples, the files and the exit codes.")]
#[command(next_line_help = true, mut_args = |arg| arg.hide_env_values(true))]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct CommandLine {
    #[command(flatten)]
    settings: Settings,

    #[command(subcommand)]
    task: Option<Task>,

    #[arg(skip)]
    password_is_seen: bool,

    /// What `hash-password` was called.
    #[arg(long, value_name = "NAME", hide = true)]
    hash_secret: Option<UserName>,

    /// A TOML file with the settings below
    #[arg(long, value_name = "FILE", env = "CHINWAG_CONFIG")]
    config: Option<PathBuf>,

    /// Check all settings, warn of what is odd, say `configuration ok`, and end; the addresses are not tried
    #[arg(long)]
    check_config: bool,
}

/// What there is to do but to serve.
#[derive(Debug, Subcommand)]
enum Task {
    /// Read a password from stdin, print NAME:HASH for --accounts or --oper, and end
    HashPassword {
        /// Whose password it is; without, only HASH is printed
        name: Option<UserName>,
    },
}

/// Variables of other names that settings have or had, with what they set. They count if the usual one is not there.
const OTHER_VARIABLES: [(&str, &str); 2] = [
    ("CHINWAG_SECRETS", "accounts"),
    ("CHINWAG_REGISTRATION_TIMEOUT", "register_timeout"),
];

/// All that the command line and the environment may hold.
fn command() -> Command {
    OTHER_VARIABLES
        .into_iter()
        .fold(CommandLine::command(), |command, (other, arg)| {
            command.mut_arg(arg, |arg| {
                let usual = arg.get_env().and_then(env::var_os);
                match usual.is_none() && env::var_os(other).is_some() {
                    true => arg.env(other),
                    false => arg,
                }
            })
        })
}

fn parse(args: &[OsString]) -> Result<CommandLine, ClapError> {
    let matches = command().try_get_matches_from(args)?;
    let mut line = CommandLine::from_arg_matches(&matches)?;
    line.password_is_seen = matches.value_source("password") == Some(ValueSource::CommandLine);
    Ok(line)
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
            let without_value = value_kept_back(error);
            let what = without_value.as_deref().unwrap_or(what);
            Err(Failure::Usage(match variable(error, args) {
                Some(variable) => format!("{variable}: {what}"),
                None => what.to_owned(),
            }))
        }
    }
}

/// What to say of a bad value that may hold a password.
fn value_kept_back(error: &ClapError) -> Option<String> {
    let ContextValue::String(usage) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    if error.kind() != ErrorKind::ValueValidation || !is_kept_back(usage) {
        return None;
    }
    let why = std::error::Error::source(error)?;
    Some(format!("invalid value for '{usage}': {why}"))
}

fn is_kept_back(usage: &str) -> bool {
    ["--oper ", "--password "]
        .iter()
        .any(|flag| usage.starts_with(flag))
}

/// The variable that the bad value is from, unless it is from a flag: of that alone the parser speaks.
fn variable(error: &ClapError, args: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // It is like `--threads <N>` or `--no-throttle[=<BOOL>]`.
    let name = usage.split([' ', '[', '=']).next()?.strip_prefix("--")?;
    let command = command();
    let arg = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))?;
    let aliases = arg.get_all_aliases().unwrap_or_default();
    let is_given = |name: &str| {
        let flag = format!("--{name}");
        let with_value = format!("{flag}=");
        args.iter()
            .any(|arg| *arg == *flag || arg.as_encoded_bytes().starts_with(with_value.as_bytes()))
    };
    if is_given(name) || aliases.into_iter().any(is_given) {
        return None;
    }
    Some(arg.get_env()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests;
