//! A chat server on tokio in the shape of its own example and of many tutorials: lines through `LinesCodec`, an
//! unbounded channel for each client in a map behind a mutex, a copy of the text and a write for each message.
//!
//! It knows `register`, `join`, `say` and `chat` of the protocol `line`, and no limits.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io;
use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{
    Mutex,
    mpsc::{self, UnboundedSender},
};
use tokio_util::codec::{Framed, LinesCodec};

const BACKLOG: u32 = 1 << 15;

#[derive(Debug, Default)]
struct Shared {
    users: HashMap<String, UnboundedSender<String>>,
    rooms: HashMap<String, HashMap<String, UnboundedSender<String>>>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("listening line://{}", listener.local_addr()?);
    let shared = Arc::new(Mutex::new(Shared::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut client = Client::default();
            // Whatever goes wrong with a client ends it.
            let _ = serve(stream, &shared, &mut client).await;
            client.leave(&mut *shared.lock().await);
        });
    }
}

#[derive(Debug, Default)]
struct Client {
    name: String,
    rooms: HashSet<String>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the channels of the usual example are unbounded"
)]
async fn serve(
    stream: TcpStream,
    shared: &Mutex<Shared>,
    client: &mut Client,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let mut lines = Framed::new(stream, LinesCodec::new());
    let (sender, mut receiver) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            Some(message) = receiver.recv() => {
                lines.send(message).await?;
            }
            line = lines.next() => match line {
                Some(line) => {
                    let reply = client.ask(&line?, &sender, &mut *shared.lock().await);
                    if let Some(reply) = reply {
                        lines.send(reply).await?;
                    }
                }
                None => return Ok(()),
            },
        }
    }
}

impl Client {
    fn ask(
        &mut self,
        line: &str,
        sender: &UnboundedSender<String>,
        shared: &mut Shared,
    ) -> Option<&'static str> {
        let mut words = line.splitn(3, ',');
        let verb = words.next().unwrap_or_default();
        let name = words.next().unwrap_or_default();
        let text = words.next();
        match verb {
            "register" if shared.users.contains_key(name) => {
                return Some("error,name-taken,somebody else has that name");
            }
            "register" => {
                shared.users.remove(&self.name);
                shared.users.insert(name.to_owned(), sender.clone());
                name.clone_into(&mut self.name);
            }
            "join" => {
                let room = shared.rooms.entry(name.to_owned()).or_default();
                room.insert(self.name.clone(), sender.clone());
                self.rooms.insert(name.to_owned());
            }
            "say" => {
                let Some(room) = shared.rooms.get(name) else {
                    return Some("error,no-such-room,nobody is in a room of that name");
                };
                let message = format!("{name} {} says {}", self.name, text.unwrap_or_default());
                for member in room.values() {
                    let _ = member.send(message.clone());
                }
                return None;
            }
            "chat" => {
                let Some(user) = shared.users.get(name) else {
                    return Some("error,no-such-user,nobody has that name");
                };
                let _ = user.send(format!("{} says {}", self.name, text.unwrap_or("hi")));
                return None;
            }
            _ => return Some("error,unknown-command,there are register, join, say and chat"),
        }
        Some("ack")
    }

    fn leave(&self, shared: &mut Shared) {
        shared.users.remove(&self.name);
        for name in &self.rooms {
            if let Some(room) = shared.rooms.get_mut(name) {
                room.remove(&self.name);
            }
        }
    }
}
