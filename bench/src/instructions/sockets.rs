//! The same for a real server that real sockets lead to. Nothing is compared with a baseline here: what is
//! batched depends on who is how fast. But these are the figures that other servers have as well.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    Error, Options, build,
    callgrind::{self, Count, Counted, Counting},
    script::{Script, check},
};

/// What is done, each step of it by all senders at once.
struct Work {
    name: &'static str,
    /// Members of one room, or pairs.
    in_room: bool,
    senders: usize,
    at_once: usize,
    /// How many make a good count.
    steps: usize,
    /// The most instructions that a delivery shall cost.
    goal: u32,
}

const WORK: [Work; 4] = [
    Work {
        name: "room-1",
        in_room: true,
        senders: 1,
        at_once: 1,
        steps: 200,
        goal: 550,
    },
    Work {
        name: "room-4x16",
        in_room: true,
        senders: 4,
        at_once: 16,
        steps: 10,
        goal: 150,
    },
    Work {
        name: "direct-1",
        in_room: false,
        senders: USERS,
        at_once: 1,
        steps: 100,
        goal: 2500,
    },
    Work {
        name: "direct-16",
        in_room: false,
        senders: USERS,
        at_once: 16,
        steps: 20,
        goal: 1100,
    },
];

const USERS: usize = 100;

const ROOM: &str = "#lounge";

/// The servers that can be asked for, beside chinwagd by the name of its runtime. The relays wait with
/// `epoll_pwait2`, which valgrind does not know everywhere.
const OTHERS: [&str; 2] = ["tokio-drain", "tokio-mpsc"];

/// A server that is counted.
struct Target {
    program: String,
    arguments: Vec<String>,
}

impl Target {
    fn build(name: &str) -> Result<Self, Error> {
        let is_other = OTHERS.contains(&name);
        let (package, program) = match is_other {
            true => ("chinwag-bench", name),
            false => ("chinwagd", "chinwagd"),
        };
        let listen = "--no-throttle --listen line://127.0.0.1:0 --threads 1 --runtime";
        let arguments = match is_other {
            true => String::new(),
            false => format!("{listen} {name}"),
        };
        Ok(Self {
            program: build(package, program)?,
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// Counts and prints. A delivery is a unit.
pub(super) fn count(options: &Options, server: &str) -> Result<(), Error> {
    let target = Target::build(server)?;
    let works = options.choose(WORK.into(), |work| work.name)?;
    println!("{server}, instructions for one delivery\n");
    println!("{:<16} {:>9} {:>9}", "work", "goal", "now");
    let mut profiles = Vec::new();
    for work in works {
        let once = work.collect(&target, work.steps)?;
        let twice = work.collect(&target, 2 * work.steps)?;
        let per_unit = Counted::between(&once, &twice)?.per_unit;
        let verdict = match per_unit <= work.goal.into() {
            true => "met",
            false => "missed",
        };
        println!(
            "{:<16} {:>9} {per_unit:>9.0}  {verdict}",
            work.name, work.goal
        );
        if options.profile {
            profiles.push((work.name, callgrind::profile(&once, &twice)?));
        }
    }
    for (name, profile) in profiles {
        print!("\n{name}, instructions for one delivery\n\n{profile}");
    }
    Ok(())
}

impl Work {
    fn collect(&self, target: &Target, steps: usize) -> Result<Count, Error> {
        let failed = |error: io::Error| Error::new(format!("{}: {error}", self.name));
        let mut counting = Counting::of(&target.program, &[]);
        counting.command.args(&target.arguments);
        let mut server = Server::start(&mut counting).map_err(failed)?;
        let mut users = self.gather(&server).map_err(failed)?;
        for step in 0..steps {
            self.step(&mut users, step).map_err(failed)?;
        }
        server.stop(users).map_err(failed)?;
        counting.finish((steps * self.deliveries()) as u64)
    }

    fn deliveries(&self) -> usize {
        let receivers = if self.in_room { USERS } else { 1 };
        self.senders * self.at_once * receivers
    }

    /// Everybody connects and registers, and joins the room.
    fn gather(&self, server: &Server) -> io::Result<Vec<User>> {
        let enter = |number| User::enter(server.address, number, self);
        let mut users = (0..USERS).map(enter).collect::<io::Result<Vec<_>>>()?;
        if self.in_room {
            for user in &mut users {
                user.ask(&format!("join,{ROOM}\n"))?;
            }
            // What they are told of each other's coming ends with something that is said.
            let last = "everybody is here\n";
            let said = format!("say,{ROOM},{last}");
            users[0].stream.write_all(said.as_bytes())?;
            for user in &mut users {
                user.skip_past(last)?;
            }
        }
        Ok(users)
    }

    fn step(&self, users: &mut [User], step: usize) -> io::Result<()> {
        for user in &mut users[..self.senders] {
            user.stream
                .write_all(user.request.lines(step, self.at_once))?;
        }
        let (speakers, said) = (self.senders, users.iter().map(|user| user.said.clone()));
        let said = said.collect::<Vec<_>>();
        for (number, user) in users.iter_mut().enumerate() {
            let said = match self.in_room {
                true => &said[..speakers],
                false => &said[partner(number)..=partner(number)],
            };
            let bytes = said.len() * said[0].lines(step, self.at_once).len();
            user.heard.resize(bytes, 0);
            user.stream.read_exact(&mut user.heard)?;
            check(&user.heard, said, step, self.at_once);
        }
        Ok(())
    }
}

/// Who talks with whom.
fn partner(number: usize) -> usize {
    number ^ 1
}

fn name(number: usize) -> String {
    format!("user{number:03}")
}

struct User {
    stream: TcpStream,
    /// What they send.
    request: Script,
    /// What others hear when they do.
    said: Script,
    heard: Vec<u8>,
}

impl User {
    fn enter(address: SocketAddr, number: usize, work: &Work) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        // A message that is lost ends the measurement.
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let said = match work.in_room {
            true => format!("{ROOM} {} says ", name(number)),
            false => format!("{} says ", name(number)),
        };
        let request = match work.in_room {
            true => format!("say,{ROOM},"),
            false => format!("chat,{},", name(partner(number))),
        };
        let mut user = Self {
            stream,
            request: Script::new(&request),
            said: Script::new(&said),
            heard: Vec::new(),
        };
        user.ask(&format!("register,{}\n", name(number)))?;
        Ok(user)
    }

    fn ask(&mut self, request: &str) -> io::Result<()> {
        self.stream.write_all(request.as_bytes())?;
        self.skip_past("ack\n")
    }

    /// Reads up to a line that ends so.
    fn skip_past(&mut self, end: &str) -> io::Result<()> {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            heard.extend(byte);
        }
        Ok(())
    }
}

/// Killed when it is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(counting: &mut Counting) -> io::Result<Self> {
        let mut child = counting
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let mut server = Self {
            child,
            address: SocketAddr::from(([0; 4], 0)),
        };
        let address = line.trim().split_once("://");
        let address = address.and_then(|(_, address)| address.parse().ok());
        server.address =
            address.ok_or_else(|| io::Error::other(format!("the server says {line:?}")))?;
        Ok(server)
    }

    /// Ends it with a signal, at which valgrind writes the counts, whether the server heeds it or not.
    fn stop(&mut self, users: Vec<User>) -> io::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("the server ended with {status}")));
        }
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            kill_process(pid, Signal::TERM)?;
        }
        drop(users);
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
