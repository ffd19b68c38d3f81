//! Asking the program: a hook that has not answered yet, and what it may grant.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use async_trait::async_trait;
use futures::future::{BoxFuture, Future, FutureExt};

use crate::{
    hub::Inner,
    model::{Asked, RoomName, UserName, Verb},
    net::Addr,
    plug::{Admission, Claim, Denied, Moment, Policy, Verdict, one_line},
    rt::deadline_after,
};

/// A hook that has not answered yet.
pub(super) struct Asking {
    /// `None` only while it is dropped.
    answer: Option<BoxFuture<'static, std::thread::Result<Result<Granted, Denied>>>>,
    /// What waits for it; `None` for the connection itself.
    pub(super) verb: Option<Verb>,
    pub(super) began: Instant,
    pub(super) until: Instant,
}

/// What a hook has said.
pub(super) enum Outcome {
    Granted(Granted),
    Denied(Denied),
    /// It has panicked, or taken too long.
    Failed(&'static str),
}

impl Outcome {
    /// Whether the hook failed.
    pub(super) fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// What a hook has granted, so that it can be done.
#[derive(Debug)]
pub(super) enum Granted {
    /// The connection may stay.
    Admit(Admission),
    Register(UserName),
    Join(RoomName),
    Say {
        room: RoomName,
        text: String,
    },
    Chat {
        to: UserName,
        text: String,
    },
    Topic {
        room: String,
        text: String,
    },
    Away {
        text: String,
    },
    Kick {
        room: String,
        name: String,
        reason: String,
    },
    /// There was nothing to grant.
    Noted,
}

impl Granted {
    /// The request that was granted.
    pub(super) fn asked(&self) -> Asked<'_> {
        let (verb, room, name) = match self {
            Self::Register(name) => (Verb::Register, None, Some(name.as_str())),
            Self::Join(room) => (Verb::Join, Some(room.as_str()), None),
            Self::Say { room, .. } => (Verb::Say, Some(room.as_str()), None),
            Self::Chat { to, .. } => (Verb::Chat, None, Some(to.as_str())),
            Self::Topic { room, .. } => (Verb::Topic, Some(&**room), None),
            Self::Away { .. } => (Verb::Away, None, None),
            Self::Kick { room, name, .. } => (Verb::Kick, Some(&**room), Some(&**name)),
            Self::Admit(_) | Self::Noted => (Verb::Unknown, None, None),
        };
        Asked { verb, room, name }
    }
}

/// Makes of a text that is allowed what is then done.
pub(super) type ForText = Box<dyn FnOnce(String) -> Granted + Send>;

impl Asking {
    fn new(
        hub: &Inner,
        verb: Option<Verb>,
        now: Instant,
        answer: impl Future<Output = Result<Granted, Denied>> + Send + 'static,
    ) -> Self {
        Self {
            answer: Some(AssertUnwindSafe(answer).catch_unwind().boxed()),
            verb,
            began: now,
            until: deadline_after(now, hub.timeouts.hook()),
        }
    }

    /// Whether the peer itself is in question: it need not be answered when that has left.
    pub(super) fn is_about_the_peer(&self) -> bool {
        matches!(self.verb, None | Some(Verb::Register))
    }

    /// Whether a connection may stay. `None` if nobody wants to be asked; so everywhere here.
    pub(super) fn connect(hub: &Inner, peer: &Addr, now: Instant) -> Option<Self> {
        let policy = wanted(hub, Moment::Connect)?;
        let peer = peer.clone();
        Some(Self::new(hub, None, now, async move {
            policy.connect(&peer).await.map(Granted::Admit)
        }))
    }

    /// Whether somebody may have a name.
    pub(super) fn register(
        hub: &Inner,
        peer: &Addr,
        current: Option<&UserName>,
        name: UserName,
        secret: Option<&str>,
        now: Instant,
    ) -> Option<Self> {
        let authenticator = hub.authenticator.clone();
        let policy = wanted(hub, Moment::Register);
        if authenticator.is_none() && policy.is_none() {
            return None;
        }
        let (peer, current) = (peer.clone(), current.cloned());
        let secret = secret.map(str::to_owned);
        Some(Self::new(hub, Some(Verb::Register), now, async move {
            if let Some(authenticator) = authenticator {
                let claim = Claim {
                    name: &name,
                    secret: secret.as_deref(),
                    current: current.as_ref(),
                    peer: &peer,
                };
                authenticator.authenticate(claim).await?;
            }
            if let Some(policy) = policy {
                policy.register(&peer, &name).await?;
            }
            Ok(Granted::Register(name))
        }))
    }

    /// Whether somebody may join a room.
    pub(super) fn join(hub: &Inner, name: &UserName, room: RoomName, now: Instant) -> Option<Self> {
        let policy = wanted(hub, Moment::Join)?;
        let name = name.clone();
        Some(Self::new(hub, Some(Verb::Join), now, async move {
            policy.join(&name, &room).await?;
            Ok(Granted::Join(room))
        }))
    }

    /// Whether somebody may say something in a room.
    pub(super) fn publish(
        hub: &Inner,
        from: &UserName,
        room: &RoomName,
        text: &str,
        now: Instant,
    ) -> Option<Self> {
        let policy = wanted(hub, Moment::Publish)?;
        let (from, room, text) = (from.clone(), room.clone(), text.to_owned());
        Some(Self::new(hub, Some(Verb::Say), now, async move {
            let verdict = policy.publish(&from, &room, &text).await?;
            let text = passed(verdict, text);
            Ok(Granted::Say { room, text })
        }))
    }

    /// Whether somebody may send a direct message.
    pub(super) fn direct(
        hub: &Inner,
        from: &UserName,
        to: &UserName,
        text: &str,
        now: Instant,
    ) -> Option<Self> {
        let policy = wanted(hub, Moment::Direct)?;
        let (from, to, text) = (from.clone(), to.clone(), text.to_owned());
        Some(Self::new(hub, Some(Verb::Chat), now, async move {
            let verdict = policy.direct(&from, &to, &text).await?;
            let text = passed(verdict, text);
            Ok(Granted::Chat { to, text })
        }))
    }

    /// Whether somebody may write something beside their name; `granted` makes of the text what then is done.
    pub(super) fn text(
        hub: &Inner,
        by: &UserName,
        what: Verb,
        text: &str,
        now: Instant,
        granted: ForText,
    ) -> Option<Self> {
        let policy = wanted(hub, Moment::Text)?;
        let (by, text) = (by.clone(), text.to_owned());
        Some(Self::new(hub, Some(what), now, async move {
            let verdict = policy.text(&by, what, &text).await?;
            Ok(granted(passed(verdict, text)))
        }))
    }

    /// Tells that somebody has left a room.
    pub(super) fn left(hub: &Inner, name: &UserName, room: RoomName, now: Instant) -> Option<Self> {
        let policy = wanted(hub, Moment::Left)?;
        let name = name.clone();
        Some(Self::new(hub, Some(Verb::Leave), now, async move {
            policy.left(&name, &room).await;
            Ok(Granted::Noted)
        }))
    }

    /// Tells that a connection is over.
    pub(super) fn disconnected(
        hub: &Inner,
        peer: &Addr,
        name: Option<UserName>,
        reason: crate::model::QuitReason,
        now: Instant,
    ) -> Option<Self> {
        let policy = wanted(hub, Moment::Disconnected)?;
        let peer = peer.clone();
        Some(Self::new(hub, None, now, async move {
            policy.disconnected(&peer, name.as_ref(), reason).await;
            Ok(Granted::Noted)
        }))
    }

    /// The answer, once there is one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Some(answer) = &mut self.answer else {
            return Poll::Ready(Outcome::Failed(FAILED));
        };
        answer.as_mut().poll(cx).map(|answer| match answer {
            Ok(Ok(granted)) => Outcome::Granted(granted),
            Ok(Err(denied)) => Outcome::Denied(denied),
            Err(_) => Outcome::Failed(FAILED),
        })
    }
}

/// What is said when a hook has panicked.
const FAILED: &str = "the check has failed";

impl Drop for Asking {
    /// A hook that panics when it is dropped costs nothing either.
    fn drop(&mut self) {
        let answer = self.answer.take();
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(answer)));
    }
}

/// The policy, if it wants to be asked; if it panics at that, one that refuses everything.
fn wanted(hub: &Inner, moment: Moment) -> Option<Arc<dyn Policy>> {
    let policy = hub.policy.as_ref()?;
    let wants = panic::catch_unwind(AssertUnwindSafe(|| policy.wants(moment)));
    match wants {
        Ok(wants) => wants.then(|| policy.clone()),
        Err(_) => Some(Arc::new(Broken)),
    }
}

struct Broken;

#[async_trait]
impl Policy for Broken {
    async fn connect(&self, _: &Addr) -> Result<Admission, Denied> {
        Err(Denied::unavailable(FAILED))
    }

    async fn register(&self, _: &Addr, _: &UserName) -> Result<(), Denied> {
        Err(Denied::unavailable(FAILED))
    }

    async fn join(&self, _: &UserName, _: &RoomName) -> Result<(), Denied> {
        Err(Denied::unavailable(FAILED))
    }

    async fn publish(&self, _: &UserName, _: &RoomName, _: &str) -> Result<Verdict, Denied> {
        Err(Denied::unavailable(FAILED))
    }

    async fn direct(&self, _: &UserName, _: &UserName, _: &str) -> Result<Verdict, Denied> {
        Err(Denied::unavailable(FAILED))
    }

    async fn text(&self, _: &UserName, _: Verb, _: &str) -> Result<Verdict, Denied> {
        Err(Denied::unavailable(FAILED))
    }
}

fn passed(verdict: Verdict, text: String) -> String {
    match verdict {
        Verdict::Allow => text,
        Verdict::Rewrite(text) => one_line(&text).into_owned(),
    }
}
