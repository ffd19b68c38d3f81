//! Names that need a secret.
//!
//! A file has them with the argon2id hashes of their secrets. To hash one takes tens of milliseconds of a
//! processor and some 20 MB, so it is done by two threads for that, and never by one that serves
//! connections. What they have no time for is refused.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, fs,
    io::{self, BufRead, IsTerminal, Read, Write},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use async_channel::{Receiver, Sender};
use chinwag::{Authenticator, Claim, Denied, UserName, async_trait};
use futures::channel::oneshot;

use crate::{config::Guests, failure::Failure};

/// How many secrets are hashed at once. Each is as much work as thousands of messages.
const THREADS: usize = 2;

/// How many secrets may wait to be hashed: a few seconds of work, which is less than a request may take.
const MAX_WAITING: usize = 256;

/// The most memory that one hash may ask for, in KiB: the process ends if there is not so much.
const MAX_MEMORY: u32 = 1 << 20;

/// The most memory times passes.
const MAX_WORK: u64 = 1 << 22;

/// The longest secret to hash, in bytes; no line of a client's is longer.
const MAX_SECRET: u64 = 1 << 20;

/// The names that need a secret, with the hashes of them.
#[derive(Default)]
pub(crate) struct Secrets(HashMap<UserName, Arc<PasswordHash>>);

impl Secrets {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|source| Failure::NoFile {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|(line, message)| Failure::BadFile {
            path: path.to_owned(),
            line,
            message,
        })
    }

    /// Reads `NAME:HASH` from each line that is neither empty nor a comment. An error comes with the number
    /// of its line, and without the line itself, which may hold a secret.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut secrets: HashMap<UserName, (usize, Arc<PasswordHash>)> = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hash) = account(line).map_err(|message| (number, message))?;
            match secrets.entry(name) {
                Entry::Vacant(vacant) => {
                    vacant.insert((number, Arc::new(hash)));
                }
                Entry::Occupied(there) => {
                    let (name, before) = (there.key(), there.get().0);
                    return Err((number, format!("{name} is on line {before} already")));
                }
            }
        }
        let secrets = secrets.into_iter();
        Ok(Self(
            secrets.map(|(name, (_, hash))| (name, hash)).collect(),
        ))
    }
}

impl fmt::Debug for Secrets {
    /// Without the hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

fn account(line: &str) -> Result<(UserName, PasswordHash), String> {
    let form = "it is NAME:HASH; chinwagd --hash-secret NAME makes such a line";
    let (name, hash) = line.split_once(':').ok_or(form)?;
    let name = name.trim().parse().map_err(|error| format!("{error}"))?;
    let hash = hash.trim();
    if !hash.starts_with("$argon2id$") {
        return Err(format!("after the name there is no argon2id hash; {form}"));
    }
    let broken = || format!("the hash is broken; {form}");
    let hash = PasswordHash::new(hash).map_err(|_| broken())?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(broken());
    }
    let params = Params::try_from(&hash).map_err(|_| broken())?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MAX_MEMORY || work > MAX_WORK {
        return Err(format!(
            "the hash is too much work: m may be {MAX_MEMORY}, and m times t {MAX_WORK}"
        ));
    }
    Ok((name, hash))
}

/// Reads a secret from stdin, and makes of it the line for `name`.
pub(crate) fn hash_from_stdin(name: &UserName) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        // Only who sees it has any use for it.
        let _ = write!(io::stderr(), "The secret of {name}, which will be seen: ");
    }
    let mut line = Vec::new();
    let mut input = stdin.lock().take(MAX_SECRET);
    input
        .read_until(b'\n', &mut line)
        .map_err(Failure::System)?;
    let secret = one_line(&line).map_err(Failure::BadSecret)?;
    let hash = Argon2::default().hash_password(secret.as_bytes());
    let hash: PasswordHash = hash.map_err(|error| Failure::System(io::Error::other(error)))?;
    Ok(format!("{name}:{hash}\n"))
}

/// The secret in a line of stdin, as a client can send it.
fn one_line(line: &[u8]) -> Result<&str, &'static str> {
    let secret = str::from_utf8(line).map_err(|_| "it is no UTF-8")?;
    let secret = secret.strip_suffix('\n').unwrap_or(secret);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    match secret {
        "" => Err("it is empty; it is read from stdin, up to the end of the line"),
        _ if secret.contains(['\r', '\0']) => Err("no client could send what is in it"),
        _ => Ok(secret),
    }
}

/// A secret that somebody has given, and the hash that it should have.
struct Attempt {
    secret: String,
    hash: Arc<PasswordHash>,
    answer: oneshot::Sender<bool>,
}

/// Lets those have a name who know its secret.
pub(crate) struct Doorkeeper {
    secrets: Arc<Secrets>,
    guests: Guests,
    /// To the threads that hash; they end when it is gone.
    attempts: Sender<Attempt>,
}

impl Doorkeeper {
    /// Starts its threads.
    pub(crate) fn start(secrets: Arc<Secrets>, guests: Guests) -> io::Result<Self> {
        let (attempts, waiting) = async_channel::bounded(MAX_WAITING);
        for _ in 0..THREADS {
            start(waiting.clone())?;
        }
        Ok(Self {
            secrets,
            guests,
            attempts,
        })
    }
}

#[async_trait]
impl Authenticator for Doorkeeper {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        // Who writes their own name in another way has shown whose it is.
        if claim.current == Some(claim.name) {
            return Ok(());
        }
        let Some(hash) = self.secrets.0.get(claim.name) else {
            return match self.guests {
                Guests::Allow => Ok(()),
                Guests::Refuse => Err(Denied::new("there is no such account")),
            };
        };
        match claim.secret {
            None | Some("") => Err(Denied::new("this name needs its secret")),
            Some(secret) => ask(&self.attempts, secret, hash).await,
        }
    }
}

/// Has the secret hashed, unless there is too much to do.
async fn ask(
    attempts: &Sender<Attempt>,
    secret: &str,
    hash: &Arc<PasswordHash>,
) -> Result<(), Denied> {
    let busy = || Denied::unavailable("the server is busy, try again");
    let (answer, answered) = oneshot::channel();
    let attempt = Attempt {
        secret: secret.to_owned(),
        hash: hash.clone(),
        answer,
    };
    attempts.try_send(attempt).map_err(|_| busy())?;
    match answered.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Denied::new("wrong secret")),
        // Its thread is gone, which only a panic does.
        Err(_) => Err(busy()),
    }
}

/// Starts a thread that looks at what waits, until nobody can add to it.
fn start(waiting: Receiver<Attempt>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("secrets".to_owned())
        .spawn(move || {
            while let Ok(attempt) = waiting.recv_blocking() {
                attempt.judge();
            }
        })
}

impl Attempt {
    /// Hashes the secret, unless who gave it has left.
    fn judge(self) {
        if self.answer.is_canceled() {
            return;
        }
        let hash: &PasswordHash = &self.hash;
        let verified = Argon2::default().verify_password(self.secret.as_bytes(), hash);
        // They may have left meanwhile.
        let _ = self.answer.send(verified.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Version};
    use chinwag::Hub;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let tokio = tokio::runtime::Builder::new_current_thread().build();
        tokio.unwrap().block_on(future)
    }

    /// A line for `name`, quick to check.
    fn line(name: &str, secret: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: PasswordHash = argon2.hash_password(secret.as_bytes()).unwrap();
        format!("{name}:{hash}")
    }

    fn attempt(secret: &str) -> (Attempt, oneshot::Receiver<bool>) {
        let (_, hash) = account(&line("ada", "xyzzy")).unwrap();
        let (answer, answered) = oneshot::channel();
        let attempt = Attempt {
            secret: secret.to_owned(),
            hash: Arc::new(hash),
            answer,
        };
        (attempt, answered)
    }

    #[test]
    fn a_file_has_names_comments_and_empty_lines() {
        let text = format!(
            "# ours\n\n{}\r\n  {}  \n",
            line("Ada", "x"),
            line("bob", "y")
        );
        let secrets = Secrets::parse(&text).unwrap();
        assert_eq!(secrets.0.len(), 2);
        // Case does not count.
        assert!(secrets.0.contains_key(&"ADA".parse().unwrap()));
        let shown = format!("{secrets:?}");
        assert!(!shown.contains("argon2"), "{shown}");
    }

    #[test]
    fn what_is_wrong_in_a_file_is_told_with_its_line_but_not_the_secret() {
        let good = line("ada", "x");
        let hash = good.split_once(':').unwrap().1;
        let hash_with = |params: &str| format!("eve:{}", hash.replace("m=8,t=1,p=1", params));
        for (bad, said) in [
            (
                "eve".to_owned(),
                "it is NAME:HASH; chinwagd --hash-secret NAME makes",
            ),
            (
                "eve:open sesame".to_owned(),
                "after the name there is no argon2id hash",
            ),
            (
                good.replace("argon2id", "argon2i"),
                "after the name there is no argon2id hash",
            ),
            (format!("_:{hash}"), "a name begins with a letter"),
            (format!(":{hash}"), "a name has at least one"),
            (line("ADA", "y"), "ada is on line 2 already"),
            ("eve:$argon2id$".to_owned(), "the hash is broken"),
            (
                "eve:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ".to_owned(),
                "the hash is broken",
            ),
            (hash_with("m=1,t=1,p=1"), "the hash is broken"),
            (
                hash_with("m=2097152,t=1,p=1"),
                "the hash is too much work: m may be 1048576,",
            ),
            (hash_with("m=1048576,t=9,p=1"), "the hash is too much work"),
        ] {
            let (line, message) = Secrets::parse(&format!("#\n{good}\n{bad}")).unwrap_err();
            assert_eq!(line, 3, "{bad}");
            assert!(message.starts_with(said), "{bad}: {message}");
            assert!(!message.contains("sesame"), "{message}");
        }
    }

    #[test]
    fn a_secret_is_one_line_that_a_client_can_send() {
        for line in ["x, y", "x, y\n", "x, y\r\n"] {
            assert_eq!(one_line(line.as_bytes()), Ok("x, y"));
        }
        for line in ["", "\n", "\r\n", "a\rb\n", "a\0"] {
            assert!(one_line(line.as_bytes()).is_err(), "{line:?}");
        }
        assert_eq!(one_line(b"\xff\n"), Err("it is no UTF-8"));
    }

    #[test]
    fn who_has_left_is_not_waited_for_and_the_threads_end() {
        let (attempts, waiting) = async_channel::bounded(8);
        let (right, right_answer) = attempt("xyzzy");
        let (wrong, wrong_answer) = attempt("Xyzzy");
        let (late, late_answer) = attempt("xyzzy");
        drop(late_answer);
        assert!(late.answer.is_canceled());
        for attempt in [late, right, wrong] {
            attempts.try_send(attempt).unwrap();
        }
        let threads = [waiting.clone(), waiting].map(|waiting| start(waiting).unwrap());
        let answers = futures::future::join(right_answer, wrong_answer);
        assert_eq!(block_on(answers), (Ok(true), Ok(false)));
        drop(attempts);
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn one_more_than_may_wait_is_told_that_the_server_is_busy() {
        let (_, hash) = account(&line("ada", "xyzzy")).unwrap();
        let hash = Arc::new(hash);
        let (attempts, _waiting) = async_channel::bounded(1);
        let first = ask(&attempts, "xyzzy", &hash);
        let second = ask(&attempts, "xyzzy", &hash);
        // The first never gets an answer, so the second must.
        let either = block_on(futures::future::select(Box::pin(first), Box::pin(second)));
        let futures::future::Either::Right((refused, _)) = either else {
            panic!("the first was answered");
        };
        let reason = refused.unwrap_err();
        assert_eq!(reason.reason(), "the server is busy, try again");
    }

    #[test]
    fn the_threads_end_with_the_chat() {
        let doorkeeper = Doorkeeper::start(Arc::default(), Guests::Allow).unwrap();
        let attempts = doorkeeper.attempts.downgrade();
        let hub = Hub::builder().authenticator(doorkeeper).build();
        assert!(attempts.upgrade().is_some());
        drop(hub);
        assert!(attempts.upgrade().is_none());
    }
}
