//! Hooks that do all that a program should not.

use std::{
    future::pending,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chinwag_core::{
    Addr, Admission, Authenticator, Claim, Denied, Policy, RoomName, UserName, Verb, Verdict,
    WeakHub, async_trait,
};
use fastrand::Rng;

use super::line;
use crate::runtime::VirtualRuntime;

/// What a panic on purpose says.
pub(super) const ON_PURPOSE: &str = "on purpose";

/// Hooks that behave as the seed has it, until they are told to behave.
#[derive(Clone)]
pub(super) struct Hooks(Arc<State>);

struct State {
    rt: VirtualRuntime,
    rng: Mutex<Rng>,
    behaves: AtomicBool,
    hub: OnceLock<WeakHub>,
    panics: AtomicU64,
    hangs: AtomicU64,
}

impl Hooks {
    pub(super) fn new(rt: VirtualRuntime, rng: Rng) -> Self {
        Self(Arc::new(State {
            rt,
            rng: Mutex::new(rng),
            behaves: AtomicBool::new(false),
            hub: OnceLock::new(),
            panics: AtomicU64::new(0),
            hangs: AtomicU64::new(0),
        }))
    }

    /// Tells them which hub to call back into.
    pub(super) fn set_hub(&self, hub: WeakHub) {
        let _ = self.0.hub.set(hub);
    }

    /// How many of them may have failed: each that has panicked has, and one that hung if it was waited for.
    pub(super) fn failures(&self) -> RangeInclusive<u64> {
        let panics = self.0.panics.load(Ordering::Relaxed);
        panics..=panics + self.0.hangs.load(Ordering::Relaxed)
    }

    /// From now on they allow everything, at once.
    pub(super) fn behave(&self) {
        self.0.behaves.store(true, Ordering::Relaxed);
    }

    fn draw(&self, below: u8) -> u8 {
        let mut rng = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.u8(..below)
    }

    async fn decide(&self) -> Result<(), Denied> {
        if self.0.behaves.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.draw(40) {
            0 => {
                self.0.panics.fetch_add(1, Ordering::Relaxed);
                panic!("{ON_PURPOSE}")
            }
            1 => {
                self.0.hangs.fetch_add(1, Ordering::Relaxed);
                pending().await
            }
            2 => return Err(Denied::new("not today,\nor ever")),
            3 => return Err(Denied::unavailable("nobody knows")),
            4..8 => {
                let wait = Duration::from_micros(u64::from(self.draw(200)) * 100);
                self.0.rt.sleep(wait).await;
            }
            8..10 => self.call_back(),
            _ => {}
        }
        Ok(())
    }

    /// What a program might do in a hook, although it is in the middle of a connection's affairs.
    fn call_back(&self) {
        let Some(hub) = self.0.hub.get().and_then(WeakHub::upgrade) else {
            return;
        };
        let users = hub.users();
        let _ = (hub.rooms(), hub.stats());
        if !users.is_empty() && self.draw(4) == 0 {
            let whom = usize::from(self.draw(255)) % users.len();
            let _ = hub.kick(users[whom].as_str(), "by a hook");
        }
    }

    async fn rewrite(&self, text: &str) -> Result<Verdict, Denied> {
        self.decide().await?;
        if self.0.behaves.load(Ordering::Relaxed) || self.draw(8) > 0 {
            return Ok(Verdict::Allow);
        }
        Ok(Verdict::Rewrite(line::rewritten(text)))
    }
}

#[async_trait]
impl Authenticator for Hooks {
    async fn authenticate(&self, _: Claim<'_>) -> Result<(), Denied> {
        self.decide().await
    }
}

#[async_trait]
impl Policy for Hooks {
    async fn connect(&self, _: &Addr) -> Result<Admission, Denied> {
        self.decide().await.map(|()| Admission::default())
    }

    async fn register(&self, _: &Addr, _: &UserName) -> Result<(), Denied> {
        self.decide().await
    }

    async fn join(&self, _: &UserName, _: &RoomName) -> Result<(), Denied> {
        self.decide().await
    }

    async fn publish(&self, _: &UserName, _: &RoomName, text: &str) -> Result<Verdict, Denied> {
        self.rewrite(text).await
    }

    async fn direct(&self, _: &UserName, _: &UserName, text: &str) -> Result<Verdict, Denied> {
        self.rewrite(text).await
    }

    async fn text(&self, _: &UserName, _: Verb, text: &str) -> Result<Verdict, Denied> {
        self.rewrite(text).await
    }

    async fn left(&self, _: &UserName, _: &RoomName) {
        let _ = self.decide().await;
    }

    async fn disconnected(&self, _: &Addr, _: Option<&UserName>, _: chinwag_core::QuitReason) {
        let _ = self.decide().await;
    }
}
