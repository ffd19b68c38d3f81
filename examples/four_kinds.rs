//! One room for four kinds of users: somebody with `nc`, a client of the original protocol, a client of IRC, and a bot
//! in the program. All of them hear the same, in one order; the bot prints it.
//!
//! ```sh
//! cargo run --example four_kinds --features irc
//! nc 127.0.0.1 4000        # register,ada and join,#lobby and say,#lobby,hello
//! nc 127.0.0.1 4001        # register,old and then chat,#lobby
//! irssi -c 127.0.0.1       # /join #lobby
//! ```

use std::error::Error;

use chinwag::{
    Event, Hub, HubError, Server,
    tokio::{Runtime, TcpListener},
    wire::{Irc, Line, Seed},
};
use futures::StreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new();
    hub.open_room("#lobby")?;
    tokio::spawn(bot(hub.clone()));

    let in_lobby = Seed::default().in_room("#lobby".parse()?);
    let irc = Irc::builder().server_name("irc.example.org").build()?;
    let address =
        |default: &str, number| std::env::args().nth(number).unwrap_or(default.to_owned());
    let line = TcpListener::bind(address("127.0.0.1:4000", 1)).await?;
    let seed = TcpListener::bind(address("127.0.0.1:4001", 2)).await?;
    let for_irc = TcpListener::bind(address("127.0.0.1:6667", 3)).await?;
    println!(
        "line {} seed {} irc {}",
        line.local_addr()?,
        seed.local_addr()?,
        for_irc.local_addr()?
    );
    Server::new(hub)
        .listen(line, Line::default())
        .listen(seed, in_lobby)
        .listen(for_irc, irc)
        .run_until(tokio::signal::ctrl_c(), Runtime::current())
        .await?;
    Ok(())
}

/// Answers greetings, and prints what it hears.
async fn bot(hub: Hub) -> Result<(), HubError> {
    let mut bot = hub.connect("bot")?;
    bot.join("#lobby")?;
    while let Some(event) = bot.next().await {
        match event {
            Event::Said {
                room,
                seq,
                from: Some(from),
                text,
                ..
            } => {
                println!("{seq} {room} {from} says {text}");
                if text.contains("bot") && from != "bot" {
                    bot.say(room.as_str(), &format!("at your service, {from}"))?;
                }
            }
            Event::Joined { room, name } => println!("{room} {name} joined"),
            Event::Quit { name, .. } => println!("{name} is gone"),
            _ => {}
        }
    }
    Ok(())
}
