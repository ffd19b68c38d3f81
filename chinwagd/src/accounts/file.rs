//! The accounts file, which is read again when it changes.
//!
//! A thread of its own looks at the file, so that a slow disk keeps nobody waiting but the one who asked. It looks
//! when somebody claims something, and once a second at most.

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    thread,
    time::{Duration, Instant, SystemTime},
};

use async_channel::Sender;
use futures::channel::oneshot;
use tracing::{info, warn};

use super::hashes::Hashes;
use crate::failure::Failure;

/// For how long it is taken for granted that the file is as it was.
const FRESH: Duration = Duration::from_secs(1);

/// An accounts file, and what was in it.
#[derive(Clone)]
pub(crate) struct AccountsFile {
    path: PathBuf,
    stamp: Stamp,
    hashes: Hashes,
}

/// What a file that has changed does not have any more. Who writes it again within a tick of the file system's
/// clock, in its place and as long as it was, is missed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    /// Device and inode.
    #[cfg(unix)]
    id: (u64, u64),
    /// When the inode was changed, which cannot be set back.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &fs::Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            modified: file.modified().ok(),
            len: file.len(),
            #[cfg(unix)]
            id: (file.dev(), file.ino()),
            #[cfg(unix)]
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

impl AccountsFile {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let no_file = |source| Failure::NoFile {
            path: path.to_owned(),
            source,
        };
        let mut file = fs::File::open(path).map_err(no_file)?;
        // Before it is read: what is written meanwhile shows the next time.
        let stamp = Stamp::of(&file.metadata().map_err(no_file)?);
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(no_file)?;
        let hashes = Hashes::parse(&text).map_err(|(line, message)| Failure::BadFile {
            path: path.to_owned(),
            line,
            message,
        })?;
        Ok(Self {
            path: path.to_owned(),
            stamp,
            hashes,
        })
    }
}

impl fmt::Debug for AccountsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountsFile").field(&self.path).finish()
    }
}

/// The accounts as they are in the file, or were there a second ago.
pub(super) struct Accounts {
    current: Arc<RwLock<Arc<Hashes>>>,
    /// Reads the time.
    now: Box<dyn Fn() -> Instant + Send + Sync>,
    next_look: Mutex<Option<Instant>>,
    /// To the thread that looks, which ends when this is gone.
    looks: Sender<oneshot::Sender<()>>,
}

impl Accounts {
    /// Starts the thread.
    pub(super) fn watch(
        file: AccountsFile,
        now: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let current = Arc::new(RwLock::new(Arc::new(file.hashes)));
        let mut watcher = Watcher {
            path: file.path,
            seen: Ok(file.stamp),
            current: current.clone(),
        };
        let (looks, asked) = async_channel::bounded::<oneshot::Sender<()>>(1);
        thread::Builder::new()
            .name("accounts".to_owned())
            .spawn(move || {
                while let Ok(done) = asked.recv_blocking() {
                    watcher.look();
                    // Who asked may have left.
                    let _ = done.send(());
                }
            })?;
        Ok(Self {
            current,
            now: Box::new(now),
            next_look: Mutex::new(None),
            looks,
        })
    }

    /// The accounts, after a look at the file if the last was a while ago.
    pub(super) async fn latest(&self) -> Arc<Hashes> {
        if self.is_due() {
            let (done, told) = oneshot::channel();
            // If it cannot be sent, a look takes its time: then what is known has to do.
            if self.looks.try_send(done).is_ok() {
                // If nobody answers, the thread is gone, which only a panic does.
                let _ = told.await;
            }
        }
        read(&self.current)
    }

    /// Whether it is time for a look. The next is then a while away.
    fn is_due(&self) -> bool {
        let now = (self.now)();
        let next = self.next_look.lock();
        let mut next = next.unwrap_or_else(PoisonError::into_inner);
        let is_due = next.is_none_or(|next| next <= now);
        if is_due {
            *next = now.checked_add(FRESH);
        }
        is_due
    }
}

fn read(current: &RwLock<Arc<Hashes>>) -> Arc<Hashes> {
    let current = current.read();
    current.unwrap_or_else(PoisonError::into_inner).clone()
}

/// Looks after the file.
struct Watcher {
    path: PathBuf,
    /// What was seen the last time, or why it could not be.
    seen: Result<Stamp, io::ErrorKind>,
    current: Arc<RwLock<Arc<Hashes>>>,
}

impl Watcher {
    /// Reads the file if it is another than it was. What is wrong with it is said once, and nothing changes.
    fn look(&mut self) {
        let metadata = fs::metadata(&self.path);
        let found = match &metadata {
            Ok(metadata) => Ok(Stamp::of(metadata)),
            Err(error) => Err(error.kind()),
        };
        if found == self.seen {
            return;
        }
        self.seen = found;
        let file = match AccountsFile::read(&self.path) {
            Ok(file) => file,
            Err(failure) => return self.keep(&failure),
        };
        self.seen = Ok(file.stamp);
        let old = read(&self.current);
        if file.hashes == *old {
            return;
        }
        // A file that is written in its place is empty for a moment, in which all names would be free.
        if file.hashes.is_empty() {
            let path = self.path.display();
            return self.keep(&format_args!("there are no accounts in {path} any more"));
        }
        let accounts = file.hashes.len();
        info!(accounts, "read {} again", self.path.display());
        let current = self.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Arc::new(file.hashes);
    }

    fn keep(&self, problem: &dyn fmt::Display) {
        warn!(
            "{problem}; until that is mended or chinwagd restarted, the accounts are those of before"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{
        hashes::tests::line,
        tests::{File, block_on},
    };

    /// The accounts in it, and a clock that stands still until it is set.
    fn watch(file: &File) -> (Accounts, Arc<Mutex<Instant>>) {
        #[expect(clippy::disallowed_methods, reason = "any instant would do")]
        let clock = Arc::new(Mutex::new(Instant::now()));
        let now = clock.clone();
        let read = AccountsFile::read(&file.0).unwrap();
        let accounts = Accounts::watch(read, move || *now.lock().unwrap()).unwrap();
        (accounts, clock)
    }

    fn names(accounts: &Accounts) -> Vec<&'static str> {
        let latest = block_on(accounts.latest());
        let known = ["ada", "bob", "cid"].into_iter();
        known
            .filter(|name| latest.get(&name.parse().unwrap()).is_some())
            .collect()
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_once_a_second_at_most() {
        let file = File::new("changes", &line("ada", "x"));
        let (accounts, clock) = watch(&file);
        // The first look is at once.
        file.write(&format!("{}\n{}", line("ada", "x"), line("bob", "y")));
        assert_eq!(names(&accounts), ["ada", "bob"]);
        file.write(&format!("\n{}", line("cid", "z")));
        assert_eq!(names(&accounts), ["ada", "bob"]);
        *clock.lock().unwrap() += FRESH - Duration::from_nanos(1);
        assert_eq!(names(&accounts), ["ada", "bob"]);
        *clock.lock().unwrap() += Duration::from_nanos(1);
        assert_eq!(names(&accounts), ["cid"]);
    }

    #[cfg(unix)]
    #[test]
    fn another_file_in_its_place_is_read_even_if_it_looks_the_same() {
        let file = File::new("replaced", &line("ada", "x"));
        let (accounts, _) = watch(&file);
        let other = File::new("other", &line("bob", "y"));
        let [old, new] = [&file, &other].map(|file| fs::metadata(&file.0).unwrap());
        assert_eq!(old.len(), new.len());
        let copied = fs::File::options().append(true).open(&other.0).unwrap();
        copied.set_modified(old.modified().unwrap()).unwrap();
        fs::rename(&other.0, &file.0).unwrap();
        assert_eq!(names(&accounts), ["bob"]);
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let file = File::new("broken", &line("ada", "x"));
        let (accounts, clock) = watch(&file);
        let then = |change: &dyn Fn(), expected: &[&str]| {
            change();
            *clock.lock().unwrap() += FRESH;
            assert_eq!(names(&accounts), expected);
        };
        then(&|| file.write("ada:open sesame"), &["ada"]);
        then(&|| file.write(""), &["ada"]);
        then(&|| fs::remove_file(&file.0).unwrap(), &["ada"]);
        then(&|| file.write(&line("bob", "longer")), &["bob"]);
    }

    #[test]
    fn the_thread_ends_with_its_owner() {
        let file = File::new("ends", "");
        let (accounts, _) = watch(&file);
        let looks = accounts.looks.downgrade();
        assert!(looks.upgrade().is_some());
        drop(accounts);
        assert!(looks.upgrade().is_none());
    }
}
