//! A chat with a bot in it: `bot` lives in `#lobby`, inside the server's own process, without a socket.
//!
//! ```console
//! $ cargo run --example embedded_bot   # 127.0.0.1:4000
//! $ cargo run --example embedded_bot -- ADDR
//! ```
//!
//! From another shell, `nc 127.0.0.1 4000`, and type:
//!
//! ```text
//! register,ada
//! join,#lobby
//! say,#lobby,!time      so too !who and !roll; the answer comes in the room
//! say,#lobby,!help      the answer comes as a direct message
//! chat,bot,hello        so does this one
//! ```
//!
//! Ctrl-c and SIGTERM end it: everybody is told good-bye, and the bot's stream ends.

use std::{
    env,
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chinwag::{
    Event, Hub, HubError, LocalUser, Server,
    tokio::{Runtime, TcpListener},
    wire::Line,
};
use futures::StreamExt;

const LOBBY: &str = "#lobby";
const HELP: &str = "in #lobby, say !time, !who or !roll";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:4000".into());
    let listener = TcpListener::bind(addr).await?;
    println!("listening line://{}", listener.local_addr()?);

    let hub = Hub::new();
    // It is there before the first guest is, and stays when the last one leaves.
    hub.open_room(LOBBY)?;
    let mut user = hub.connect("bot")?;
    user.join(LOBBY)?;
    let runtime = Runtime::current();
    let bot = tokio::spawn(Bot { user, runtime }.run());

    let chat = hub.clone();
    ctrlc::set_handler(move || chat.close(Duration::from_secs(3)))?;
    Server::new(hub)
        .listen(listener, Line::default())
        .run(Runtime::current())
        .await?;
    bot.await?;
    Ok(())
}

struct Bot {
    user: LocalUser,
    runtime: Runtime,
}

impl Bot {
    /// Answers until the chat is over.
    async fn run(mut self) {
        while let Some(event) = self.user.next().await {
            let done = match event {
                Event::Joined { room, name } => {
                    let hello = format!("hello {name}, say !help for help");
                    self.tell(room.as_str(), &hello).await
                }
                Event::Said {
                    room,
                    from: Some(from),
                    text,
                    ..
                } => self.obey(room.as_str(), from.as_str(), &text).await,
                Event::Direct {
                    from: Some(from), ..
                } => self.tell(from.as_str(), HELP).await,
                // What it says itself comes back as well; none of that is a command.
                _ => Ok(()),
            };
            if let Err(error) = done {
                // Such as: whoever asked has left already.
                eprintln!("the bot could not answer: {error}");
            }
        }
    }

    /// Does what `text` says, if it is a command.
    async fn obey(&mut self, room: &str, from: &str, text: &str) -> Result<(), HubError> {
        let answer = match text.trim() {
            "!help" => return self.tell(from, HELP).await,
            "!roll" => format!("{from} rolls {}", fastrand::u8(1..=6)),
            "!time" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = now.unwrap_or_default().as_secs() % 86_400;
                format!("it is {:02}:{:02} UTC", now / 3600, now / 60 % 60)
            }
            "!who" => {
                let members = self.user.hub().members(room)?;
                let names: Vec<&str> = members.iter().map(|name| name.as_str()).collect();
                format!("here are {}", names.join(", "))
            }
            _ => return Ok(()),
        };
        self.tell(room, &answer).await
    }

    /// Says `text` in a room, or to somebody.
    async fn tell(&mut self, to: &str, text: &str) -> Result<(), HubError> {
        // When somebody reads more slowly than it talks, it waits.
        let tell = |user: &mut LocalUser| match to.starts_with('#') {
            true => user.say(to, text),
            false => user.send(to, text),
        };
        self.user.when_ready(&self.runtime, tell).await
    }
}
