//! The settings in a file.

use std::{fs, path::Path};

use super::settings::Settings;
use crate::failure::Failure;

/// Reads the settings in the file at `path`.
pub(super) fn read(path: &Path) -> Result<Settings, Failure> {
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
    settings.resolve().map_err(|source| Failure::UnfitInFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(settings)
}

/// The number of the line of `text` that holds the byte at `position`, counted from 1.
pub(super) fn line_at(text: &str, position: usize) -> usize {
    let before = text.bytes().take(position);
    1 + before.filter(|&byte| byte == b'\n').count()
}

/// What the parser said of this line, and what should stand there if the parser cannot know.
fn advise(message: &str, line: &str) -> String {
    if let Some((key, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'))
    {
        let hyphens = key.replace('_', "-");
        let meant = [format!("{hyphens}s"), hyphens];
        let meant = meant
            .iter()
            .find(|meant| known.contains(&format!("`{meant}`")));
        return match meant {
            Some(meant) => format!("unknown field `{key}`; did you mean {meant}?"),
            None => format!("unknown field `{key}`; --help has all of them, without the dashes"),
        };
    }
    if message.starts_with("duplicate key") {
        return message.to_owned();
    }
    let (key, value) = line.split_once('=').unwrap_or_default();
    let key = key.trim();
    let value = value.trim_start();
    let is_text = value.starts_with(['"', '\'']);
    let text = |what| format!("{message}; it is {what}, in quotes");
    match key {
        "idle-timeout"
        | "register-timeout"
        | "registration-timeout"
        | "patience"
        | "ping-interval"
            if !is_text =>
        {
            text("a time like \"30s\" or \"1h\", or \"off\"")
        }
        "message-rate" | "byte-rate" | "join-rate" | "connection-rate" if !is_text => {
            text("a rate like \"20/s\" or \"600/min\", or \"off\"")
        }
        "runtime" if !is_text => text("a name like \"tokio\""),
        "slow-reader" if !is_text => text("a policy like \"disconnect\""),
        "taken-name" if !is_text => text("a policy like \"refuse\""),
        "guests" if !is_text => text("\"allow\" or \"refuse\""),
        "ping-timeout" if !is_text => text("a time like \"60s\""),
        "server-name" if !is_text => text("a name like \"irc.example.org\""),
        "network-name" if !is_text => text("one word"),
        "accounts" | "secrets" | "motd" if !is_text => text("the path of a file"),
        // What the parser says may have the value in it.
        "password" if !is_text => "it is text, in quotes".to_owned(),
        "opers" if message.starts_with("invalid type") => {
            "it is a list like ['root:HASH'] of what chinwagd hash-password NAME prints".to_owned()
        }
        "listen" if !value.starts_with('[') => {
            format!("{message}; it is a list like [\"line://127.0.0.1:4000\"]")
        }
        // Without quotes, the name of a room is a comment.
        "rooms" if !value.starts_with("[\"") && !value.starts_with("['") => {
            format!("{message}; it is a list like [\"#lobby\"]")
        }
        "limit-loopback" | "no-throttle" => "it is true or false, without quotes".to_owned(),
        "max-connections-per-address" => {
            "it is a whole number, without quotes, or \"off\"".to_owned()
        }
        "threads" | "mailbox-bytes" => "it is a whole number, without quotes".to_owned(),
        key if key.starts_with("max-") || key.ends_with("-burst") => {
            "it is a whole number, without quotes".to_owned()
        }
        _ => message.to_owned(),
    }
}
