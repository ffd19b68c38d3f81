//! A chat server that IRC clients can use, on tokio, in one page. Whoever speaks `line` meets them there.
//!
//! ```console
//! $ cargo run --features irc --example irc_server   # line on 127.0.0.1:4000, IRC on :6667
//! $ cargo run --features irc --example irc_server -- LINE_ADDR IRC_ADDR
//! ```
//!
//! Come with any client that docs/irc.md names, such as `ii -s 127.0.0.1 -n ada`, or with `nc 127.0.0.1 4000`.
//! `RUST_LOG=chinwag=debug` logs more. Ctrl-c and SIGTERM say good-bye to everyone and end it.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal},
};

use chinwag::{
    Hub, Server,
    tokio::{Runtime, TcpListener},
    wire::{Irc, Line},
};
use futures::{StreamExt, channel::mpsc};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();

    let (mut stop, mut stopped) = mpsc::channel(0);
    ctrlc::set_handler(move || {
        // The second finds no room, and changes nothing.
        let _ = stop.try_send(());
    })?;

    let mut args = env::args().skip(1);
    let line_addr = args.next().unwrap_or_else(|| "127.0.0.1:4000".into());
    let irc_addr = args.next().unwrap_or_else(|| "127.0.0.1:6667".into());
    let line = TcpListener::bind(line_addr).await?;
    let irc = TcpListener::bind(irc_addr).await?;
    println!("listening line://{}", line.local_addr()?);
    println!("listening irc://{}", irc.local_addr()?);

    let wire = Irc::builder()
        .server_name("irc.example.org")
        .network_name("Example")
        .motd("Welcome.\nThe others are in #lobby.")
        .build()?;
    // It is there before anybody comes, stays when everybody has gone, and nobody owns it.
    let hub = Hub::new();
    hub.open_room("#lobby")?;
    Server::new(hub)
        .listen(line, Line::default())
        .listen(irc, wire)
        .run_until(stopped.next(), Runtime::current())
        .await?;
    Ok(())
}
