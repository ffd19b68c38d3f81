//! A chat server on async-std, in one page: all that a program needs to have a chat in it.
//!
//! ```console
//! $ cargo run --features async-std --example async_std_server   # 127.0.0.1:4000 and :4001
//! $ cargo run --features async-std --example async_std_server -- LINE_ADDR SEED_ADDR
//! ```
//!
//! Talk to it with `nc 127.0.0.1 4000`; docs/protocol.md says what to type. `RUST_LOG=chinwag=debug` logs
//! more. Ctrl-c and SIGTERM say good-bye to everyone and end it.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal},
};

use async_std::task;
use chinwag::{
    Hub, Server,
    async_std::{Runtime, TcpListener},
    wire::{Line, Seed},
};
use futures::{StreamExt, channel::mpsc};
use tracing_subscriber::EnvFilter;

fn main() -> Result<(), Box<dyn Error>> {
    task::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
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
    let seed_addr = args.next().unwrap_or_else(|| "127.0.0.1:4001".into());
    let line = TcpListener::bind(line_addr).await?;
    let seed = TcpListener::bind(seed_addr).await?;
    println!("listening line://{}", line.local_addr()?);
    println!("listening seed://{}", seed.local_addr()?);

    // The program may keep a clone of the hub, and see with it who is there.
    let hub = Hub::new();
    Server::new(hub)
        .listen(line, Line::default())
        .listen(seed, Seed::default())
        .run_until(stopped.next(), Runtime::current())
        .await?;
    Ok(())
}
