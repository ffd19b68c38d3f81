//! The threads that compare passwords with hashes.
//!
//! To hash one takes tens of milliseconds of a processor and some 20 MB, so it is done by two threads for that,
//! and never by one that serves connections. What they have no time for is refused.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

use argon2::{
    Argon2,
    password_hash::{PasswordVerifier, phc::PasswordHash},
};
use async_channel::{Receiver, Sender};
use chinwag::Denied;
use futures::channel::oneshot;

/// How many passwords are hashed at once. Each is as much work as thousands of messages.
const THREADS: usize = 2;

/// How many passwords may wait to be hashed: a few seconds of work, which is less than a request may take.
const MAX_WAITING: usize = 256;

/// Says whether passwords are right. Its threads end when it is gone.
pub(super) struct Judges(Sender<Attempt>);

/// A password that somebody has given, and the hash that it should have.
struct Attempt {
    password: String,
    hash: Arc<PasswordHash>,
    answer: oneshot::Sender<bool>,
}

impl Judges {
    /// Starts the threads.
    pub(super) fn start() -> io::Result<Self> {
        let (attempts, waiting) = async_channel::bounded(MAX_WAITING);
        for _ in 0..THREADS {
            start(waiting.clone())?;
        }
        Ok(Self(attempts))
    }

    /// Whether the password has this hash.
    ///
    /// # Errors
    ///
    /// There is too much to do.
    pub(super) async fn verify(
        &self,
        password: &str,
        hash: &Arc<PasswordHash>,
    ) -> Result<bool, Denied> {
        let busy = || Denied::unavailable("the server is busy, try again");
        let (answer, answered) = oneshot::channel();
        let attempt = Attempt {
            password: password.to_owned(),
            hash: hash.clone(),
            answer,
        };
        self.0.try_send(attempt).map_err(|_| busy())?;
        // Without an answer the thread is gone, which only a panic does.
        answered.await.map_err(|_| busy())
    }
}

/// Starts a thread that looks at what waits, until nobody can add to it.
fn start(waiting: Receiver<Attempt>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new()
        .name("passwords".to_owned())
        .spawn(move || {
            while let Ok(attempt) = waiting.recv_blocking() {
                attempt.judge();
            }
        })
}

impl Attempt {
    /// Hashes the password, unless who gave it has left.
    fn judge(self) {
        if self.answer.is_canceled() {
            return;
        }
        let hash: &PasswordHash = &self.hash;
        let verified = Argon2::default().verify_password(self.password.as_bytes(), hash);
        // They may have left meanwhile.
        let _ = self.answer.send(verified.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{
        hashes::{Hashes, tests::line},
        tests::block_on,
    };

    fn xyzzy() -> Arc<PasswordHash> {
        let hashes = Hashes::parse(&line("ada", "xyzzy")).unwrap();
        hashes.decoy().unwrap().clone()
    }

    fn attempt(password: &str) -> (Attempt, oneshot::Receiver<bool>) {
        let (answer, answered) = oneshot::channel();
        let attempt = Attempt {
            password: password.to_owned(),
            hash: xyzzy(),
            answer,
        };
        (attempt, answered)
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
        let hash = xyzzy();
        let (attempts, _waiting) = async_channel::bounded(1);
        let judges = Judges(attempts);
        let first = judges.verify("xyzzy", &hash);
        let second = judges.verify("xyzzy", &hash);
        // The first never gets an answer, so the second must.
        let either = block_on(futures::future::select(Box::pin(first), Box::pin(second)));
        let futures::future::Either::Right((refused, _)) = either else {
            panic!("the first was answered");
        };
        let reason = refused.unwrap_err();
        assert_eq!(reason.reason(), "the server is busy, try again");
    }

    #[test]
    fn the_threads_end_with_their_owner() {
        let judges = Judges::start().unwrap();
        let attempts = judges.0.downgrade();
        assert!(attempts.upgrade().is_some());
        drop(judges);
        assert!(attempts.upgrade().is_none());
    }
}
