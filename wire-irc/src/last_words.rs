//! What one connection is told alone: that it has missed something, who has come and gone, and why it is closed.

use chinwag_core::{ErrorCode, Event};

use crate::{
    author::Author,
    client::Client,
    config::Config,
    numeric::{RPL_MONOFFLINE, RPL_MONONLINE},
    source::Source,
    write::Line,
};

/// Appends the line for `event`.
pub(crate) fn write(event: &Event, config: &Config, client: &mut Client, out: &mut Vec<u8>) {
    let server = &*config.server;
    match event {
        Event::Missed { count } => Line::new(out, Source::server(server), "NOTICE")
            .param(client.nick())
            .trailing_fmt(format_args!(
                "You have missed {count} messages here, because they were not read in time"
            )),
        Event::Online { name } => {
            let author = Author::of(name);
            let line = Line::numeric(out, server, RPL_MONONLINE, client.nick());
            let mut list = line.list(',');
            let Source { nick, user, host } = author.source();
            list.token(&[nick, "!", user, "@", host]);
            list.end();
        }
        Event::Offline { name } => {
            Line::numeric(out, server, RPL_MONOFFLINE, client.nick()).trailing(name.as_str())
        }
        Event::Bye => {
            let parting = client.parting.take();
            closing(
                client,
                parting.as_deref().unwrap_or("Server shutting down"),
                out,
            );
        }
        Event::Error { code, explanation } => {
            let why = client.parting.take();
            let why = why.as_deref().unwrap_or(explanation);
            match code {
                ErrorCode::TimedOut if client.is_registered() => {
                    closing(client, "Ping timeout", out);
                }
                _ => closing(client, why, out),
            }
        }
        _ => {}
    }
}

/// Says that the connection is closed.
fn closing(client: &Client, why: &str, out: &mut Vec<u8>) {
    let host = client.me.as_ref().map(|me| me.host());
    let host = host.as_deref().unwrap_or("*");
    Line::bare(out, "ERROR").trailing_fmt(format_args!("Closing link: {host} ({why})"));
}
