//! A chat server on tokio, written by hand as well as one can without leaving the usual shape of a task a
//! connection: each reads all that is there, a message is made once and shared by all who hear it, and a task
//! that wakes drains its whole queue into one write.
//!
//! It knows `register`, `join`, `say` and `chat` of the protocol `line`, and no limits beside the bound on a
//! queue and on a line.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

const BACKLOG: u32 = 1 << 15;
const LINE: usize = 1 << 12;
const READ: usize = 1 << 12;

/// So many messages may wait for one receiver, which is dropped if there are more.
const QUEUE: usize = 1 << 14;

type Message = Arc<[u8]>;

#[derive(Debug, Default)]
struct Chat {
    users: Mutex<HashMap<String, Arc<Reader>>>,
    rooms: Mutex<HashMap<String, Arc<Room>>>,
}

#[derive(Debug, Default)]
struct Room {
    /// Held while something is said, so that all hear everything in one order.
    members: Mutex<Vec<Arc<Reader>>>,
}

/// How others reach the task of a connection.
#[derive(Debug)]
struct Reader {
    queue: Sender<Message>,
    /// Its queue was full.
    slow: Notify,
}

impl Reader {
    fn deliver(&self, message: &Message) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Arc::clone(message)) {
            self.slow.notify_one();
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("listening line://{}", listener.local_addr()?);
    // On a worker as all the others are, or each accept would take two threads.
    tokio::spawn(accept(listener)).await?
}

async fn accept(listener: TcpListener) -> io::Result<()> {
    let chat = Arc::new(Chat::default());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, Arc::clone(&chat)));
    }
}

async fn serve(stream: TcpStream, chat: Arc<Chat>) {
    let (queue, messages) = mpsc::channel(QUEUE);
    let reader = Reader {
        queue,
        slow: Notify::new(),
    };
    let mut user = User {
        chat,
        reader: Arc::new(reader),
        name: String::new(),
        rooms: Vec::new(),
    };
    if let Err(error) = talk(stream, messages, &mut user).await
        && error.kind() == io::ErrorKind::TimedOut
    {
        eprintln!("tokio-drain: {} is dropped: {error}", user.name);
    }
    user.leave();
}

async fn talk(
    mut stream: TcpStream,
    mut messages: Receiver<Message>,
    user: &mut User,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(READ);
    let mut output = Vec::new();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = stream.read_buf(&mut input) => {
                if count? == 0 {
                    return Ok(());
                }
                while let Some(end) = memchr::memchr(b'\n', &input) {
                    user.ask(&input[..end], &mut output)?;
                    input.advance(end + 1);
                }
                if input.len() > LINE {
                    return Err(io::Error::other("the line is too long"));
                }
                // Once it is empty this takes the same memory again.
                input.reserve(READ);
            }
            _ = messages.recv_many(&mut batch, QUEUE) => {
                for message in batch.drain(..) {
                    output.extend_from_slice(&message);
                }
            }
        }
        if output.is_empty() {
            continue;
        }
        tokio::select! {
            biased;
            written = stream.write_all(&output) => written?,
            () = user.reader.slow.notified() => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it reads too slowly"));
            }
        }
        output.clear();
    }
}

/// The one whose connection it is.
#[derive(Debug)]
struct User {
    chat: Arc<Chat>,
    reader: Arc<Reader>,
    name: String,
    rooms: Vec<Arc<Room>>,
}

impl User {
    /// Does what a line asks for; the reply goes to `output`.
    fn ask(&mut self, line: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let line = std::str::from_utf8(line).map_err(io::Error::other)?;
        let (verb, rest) = line.split_once(',').unwrap_or((line, ""));
        let reply = match verb {
            "say" => self.say(rest),
            "chat" => self.chat(rest),
            "register" => self.register(rest),
            "join" => self.join(rest),
            _ => "error,unknown-command,there are register, join, say and chat\n",
        };
        output.extend_from_slice(reply.as_bytes());
        Ok(())
    }

    fn say(&self, rest: &str) -> &'static str {
        let (name, text) = rest.split_once(',').unwrap_or((rest, ""));
        let Some(room) = lock(&self.chat.rooms).get(name).cloned() else {
            return "error,no-such-room,nobody is in a room of that name\n";
        };
        let message = Message::from(format!("{name} {} says {text}\n", self.name).into_bytes());
        for member in &*lock(&room.members) {
            member.deliver(&message);
        }
        ""
    }

    fn chat(&self, rest: &str) -> &'static str {
        let (name, text) = rest.split_once(',').unwrap_or((rest, "hi"));
        let Some(reader) = lock(&self.chat.users).get(name).cloned() else {
            return "error,no-such-user,nobody has that name\n";
        };
        let message = Message::from(format!("{} says {text}\n", self.name).into_bytes());
        reader.deliver(&message);
        ""
    }

    fn register(&mut self, name: &str) -> &'static str {
        let mut users = lock(&self.chat.users);
        if users.contains_key(name) {
            return "error,name-taken,somebody else has that name\n";
        }
        users.remove(&self.name);
        users.insert(name.to_owned(), Arc::clone(&self.reader));
        name.clone_into(&mut self.name);
        "ack\n"
    }

    fn join(&mut self, name: &str) -> &'static str {
        let room = Arc::clone(lock(&self.chat.rooms).entry(name.to_owned()).or_default());
        lock(&room.members).push(Arc::clone(&self.reader));
        self.rooms.push(room);
        "ack\n"
    }

    fn leave(&self) {
        lock(&self.chat.users).remove(&self.name);
        for room in &self.rooms {
            lock(&room.members).retain(|member| !Arc::ptr_eq(member, &self.reader));
        }
    }
}

/// A thread that panicked with a lock held has left nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
