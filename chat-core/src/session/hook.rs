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
    model::{Asked, Entrance, Kind, Role, RoomName, Style, UserName, Verb},
    net::Addr,
    plug::{Admission, Authenticator, Claim, Denied, Moment, Policy, Verdict, one_line},
    rt::deadline_after,
};

/// A hook that has not answered yet.
pub(super) struct Asking {
    /// `None` only while it is dropped.
    answer: Option<BoxFuture<'static, std::thread::Result<Result<Granted, Denied>>>>,
    pub(super) waits: Waits,
    pub(super) began: Instant,
    pub(super) until: Instant,
}

/// What waits for a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// The connection itself.
    Connection,
    Request(Verb),
    /// Nothing: the hook is told what has happened, and cannot refuse it any more.
    Nothing,
}

impl Waits {
    /// What was asked for, if it is a request that waits.
    #[cfg(feature = "tracing")]
    pub(super) fn verb(self) -> Option<Verb> {
        match self {
            Self::Request(verb) => Some(verb),
            Self::Connection | Self::Nothing => None,
        }
    }
}

impl From<Verb> for Waits {
    fn from(verb: Verb) -> Self {
        Self::Request(verb)
    }
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
    Enter(UserName, Box<Entrance>),
    LogIn(UserName),
    Elevate,
    Join {
        room: RoomName,
        key: Option<String>,
    },
    Leave {
        room: String,
        reason: String,
    },
    Say {
        room: RoomName,
        text: String,
        least: Role,
        kind: Kind,
        extra: Option<String>,
    },
    Chat {
        to: UserName,
        text: String,
        kind: Kind,
        extra: Option<String>,
    },
    Signal {
        to: String,
        extra: String,
    },
    Describe {
        real_name: String,
        bot: Option<bool>,
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
    /// The connection is closed, for what is said here.
    Reject(Denied),
    /// There was nothing to grant.
    Noted,
}

impl Granted {
    /// The request that was granted.
    pub(super) fn asked(&self) -> Asked<'_> {
        let (verb, room, name) = match self {
            Self::Register(name) | Self::Enter(name, _) => {
                (Verb::Register, None, Some(name.as_str()))
            }
            Self::LogIn(account) => (Verb::LogIn, None, Some(account.as_str())),
            Self::Elevate => (Verb::Elevate, None, None),
            Self::Join { room, .. } => (Verb::Join, Some(room.as_str()), None),
            Self::Leave { room, .. } => (Verb::Leave, Some(&**room), None),
            Self::Signal { to, .. } if to.starts_with('#') => (Verb::Signal, Some(&**to), None),
            Self::Signal { to, .. } => (Verb::Signal, None, Some(&**to)),
            Self::Describe { .. } => (Verb::Describe, None, None),
            Self::Say { room, .. } => (Verb::Say, Some(room.as_str()), None),
            Self::Chat { to, .. } => (Verb::Chat, None, Some(to.as_str())),
            Self::Topic { room, .. } => (Verb::Topic, Some(&**room), None),
            Self::Away { .. } => (Verb::Away, None, None),
            Self::Kick { room, name, .. } => (Verb::Kick, Some(&**room), Some(&**name)),
            Self::Admit(_) | Self::Reject(_) | Self::Noted => (Verb::Unknown, None, None),
        };
        Asked { verb, room, name }
    }
}

/// Who wants something that is about themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) peer: &'a Addr,
    pub(super) current: Option<&'a UserName>,
    pub(super) account: Option<&'a UserName>,
}

impl Asker<'_> {
    fn owned(self) -> OwnedAsker {
        OwnedAsker {
            peer: self.peer.clone(),
            current: self.current.cloned(),
            account: self.account.cloned(),
        }
    }
}

struct OwnedAsker {
    peer: Addr,
    current: Option<UserName>,
    account: Option<UserName>,
}

impl OwnedAsker {
    fn claim<'a>(&'a self, name: &'a UserName, secret: Option<&'a str>) -> Claim<'a> {
        Claim {
            name,
            secret,
            current: self.current.as_ref(),
            account: self.account.as_ref(),
            peer: &self.peer,
        }
    }
}

/// Those who have a say in who may have a name; at least one.
struct NameChecks {
    authenticator: Option<Arc<dyn Authenticator>>,
    policy: Option<Arc<dyn Policy>>,
    asker: OwnedAsker,
    secret: Option<String>,
}

impl NameChecks {
    fn new(hub: &Inner, asker: Asker<'_>, secret: Option<&str>) -> Option<Self> {
        let authenticator = hub.authenticator.clone();
        let policy = wanted(hub, Moment::Register);
        if authenticator.is_none() && policy.is_none() {
            return None;
        }
        Some(Self {
            authenticator,
            policy,
            asker: asker.owned(),
            secret: secret.map(str::to_owned),
        })
    }

    async fn pass(&self, name: &UserName) -> Result<(), Denied> {
        if let Some(authenticator) = &self.authenticator {
            let claim = self.asker.claim(name, self.secret.as_deref());
            authenticator.authenticate(claim).await?;
        }
        if let Some(policy) = &self.policy {
            policy.register(&self.asker.peer, name).await?;
        }
        Ok(())
    }
}

/// Makes of a text that is allowed what is then done.
pub(super) type ForText = Box<dyn FnOnce(String) -> Granted + Send>;

impl Asking {
    fn new(
        hub: &Inner,
        waits: impl Into<Waits>,
        now: Instant,
        answer: impl Future<Output = Result<Granted, Denied>> + Send + 'static,
    ) -> Self {
        Self {
            answer: Some(AssertUnwindSafe(answer).catch_unwind().boxed()),
            waits: waits.into(),
            began: now,
            until: deadline_after(now, hub.timeouts.hook()),
        }
    }

    /// Whether the peer itself is in question: it need not be answered when that has left.
    pub(super) fn is_about_the_peer(&self) -> bool {
        matches!(
            self.waits,
            Waits::Connection | Waits::Request(Verb::Register | Verb::LogIn | Verb::Elevate)
        )
    }

    /// Whether a connection may stay. `None` if nobody wants to be asked; so everywhere here.
    pub(super) fn connect(hub: &Inner, peer: &Addr, now: Instant) -> Option<Self> {
        let policy = wanted(hub, Moment::Connect)?;
        let peer = peer.clone();
        Some(Self::new(hub, Waits::Connection, now, async move {
            policy.connect(&peer).await.map(Granted::Admit)
        }))
    }

    /// Whether somebody may have a name.
    pub(super) fn register(
        hub: &Inner,
        asker: Asker<'_>,
        name: UserName,
        secret: Option<&str>,
        now: Instant,
    ) -> Option<Self> {
        let checks = NameChecks::new(hub, asker, secret)?;
        Some(Self::new(hub, Verb::Register, now, async move {
            checks.pass(&name).await?;
            Ok(Granted::Register(name))
        }))
    }

    /// Whether somebody may enter under a name, and be called what they say.
    pub(super) fn enter(
        hub: &Inner,
        asker: Asker<'_>,
        name: UserName,
        mut entrance: Box<Entrance>,
        now: Instant,
    ) -> Result<Self, Box<Entrance>> {
        let secret = entrance.secret.as_ref().map(|secret| &*secret.0);
        let checks = NameChecks::new(hub, asker, secret);
        let policy = wanted(hub, Moment::Text);
        if checks.is_none() && policy.is_none() {
            return Err(entrance);
        }
        Ok(Self::new(hub, Verb::Register, now, async move {
            if let Some(checks) = checks {
                checks.pass(&name).await?;
            }
            if let Some(policy) = policy
                && !entrance.real_name.is_empty()
            {
                let text = entrance.real_name.to_string();
                // They would be asked for another name if that were refused, and it is not the name that is wrong.
                match policy.text(&name, Verb::Describe, &text).await {
                    Ok(verdict) => entrance.real_name = passed(verdict, text).into(),
                    Err(denied) => return Ok(Granted::Reject(denied)),
                }
            }
            Ok(Granted::Enter(name, entrance))
        }))
    }

    /// Whether an account is somebody's. `None` if nobody knows of any.
    pub(super) fn log_in(
        hub: &Inner,
        asker: Asker<'_>,
        account: UserName,
        secret: String,
        now: Instant,
    ) -> Option<Self> {
        let authenticator = hub.authenticator.clone()?;
        let asker = asker.owned();
        Some(Self::new(hub, Verb::LogIn, now, async move {
            let claim = asker.claim(&account, Some(&secret));
            authenticator.log_in(claim).await?;
            Ok(Granted::LogIn(account))
        }))
    }

    /// Whether somebody may be an operator. `None` if nobody may.
    pub(super) fn elevate(
        hub: &Inner,
        asker: Asker<'_>,
        name: UserName,
        secret: String,
        now: Instant,
    ) -> Option<Self> {
        let authenticator = hub.authenticator.clone()?;
        let asker = asker.owned();
        Some(Self::new(hub, Verb::Elevate, now, async move {
            let claim = asker.claim(&name, Some(&secret));
            authenticator.elevate(claim).await?;
            Ok(Granted::Elevate)
        }))
    }

    /// Whether somebody may join a room.
    pub(super) fn join(
        hub: &Inner,
        name: &UserName,
        room: RoomName,
        key: Option<&str>,
        now: Instant,
    ) -> Option<Self> {
        let policy = wanted(hub, Moment::Join)?;
        let (name, key) = (name.clone(), key.map(str::to_owned));
        Some(Self::new(hub, Verb::Join, now, async move {
            policy.join(&name, &room).await?;
            Ok(Granted::Join { room, key })
        }))
    }

    /// Whether somebody may say something in a room.
    pub(super) fn publish(
        hub: &Inner,
        from: &UserName,
        room: &RoomName,
        text: &str,
        least: Role,
        style: Style<'_>,
        now: Instant,
    ) -> Option<Self> {
        let (policy, on_extra) = wanted_of_message(hub, Moment::Publish, style)?;
        let (from, room, mut text) = (from.clone(), room.clone(), text.to_owned());
        let (kind, extra) = (style.kind, style.extra.map(str::to_owned));
        Some(Self::new(hub, Verb::Say, now, async move {
            if let Some(policy) = policy {
                let verdict = policy.publish(&from, &room, &text).await?;
                text = passed(verdict, text);
            }
            let extra = passed_extra(on_extra, &from, extra).await;
            Ok(Granted::Say {
                room,
                text,
                least,
                kind,
                extra,
            })
        }))
    }

    /// Whether somebody may send a direct message.
    pub(super) fn direct(
        hub: &Inner,
        from: &UserName,
        to: &UserName,
        text: &str,
        style: Style<'_>,
        now: Instant,
    ) -> Option<Self> {
        let (policy, on_extra) = wanted_of_message(hub, Moment::Direct, style)?;
        let (from, to, mut text) = (from.clone(), to.clone(), text.to_owned());
        let (kind, extra) = (style.kind, style.extra.map(str::to_owned));
        Some(Self::new(hub, Verb::Chat, now, async move {
            if let Some(policy) = policy {
                let verdict = policy.direct(&from, &to, &text).await?;
                text = passed(verdict, text);
            }
            let extra = passed_extra(on_extra, &from, extra).await;
            Ok(Granted::Chat {
                to,
                text,
                kind,
                extra,
            })
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
        Some(Self::new(hub, what, now, async move {
            let verdict = policy.text(&by, what, &text).await?;
            Ok(granted(passed(verdict, text)))
        }))
    }

    /// Tells that somebody has left a room.
    pub(super) fn left(hub: &Inner, name: &UserName, room: RoomName, now: Instant) -> Option<Self> {
        let policy = wanted(hub, Moment::Left)?;
        let name = name.clone();
        Some(Self::new(hub, Waits::Nothing, now, async move {
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
        Some(Self::new(hub, Waits::Nothing, now, async move {
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

/// The policy, if it wants to be asked about a message, and if about what that has beside its text. `None` if about
/// neither.
#[expect(clippy::type_complexity, reason = "it is taken apart at once")]
fn wanted_of_message(
    hub: &Inner,
    moment: Moment,
    style: Style<'_>,
) -> Option<(Option<Arc<dyn Policy>>, Option<Arc<dyn Policy>>)> {
    let policy = wanted(hub, moment);
    let on_extra = style.extra.and_then(|_| wanted(hub, Moment::Text));
    (policy.is_some() || on_extra.is_some()).then_some((policy, on_extra))
}

/// What a message has beside its text is let pass only if it is allowed as it is, by whoever wants to be asked.
async fn passed_extra(
    policy: Option<Arc<dyn Policy>>,
    from: &UserName,
    extra: Option<String>,
) -> Option<String> {
    let extra = extra?;
    let Some(policy) = policy else {
        return Some(extra);
    };
    let verdict = policy.text(from, Verb::Signal, &extra).await;
    (verdict == Ok(Verdict::Allow)).then_some(extra)
}

fn passed(verdict: Verdict, text: String) -> String {
    match verdict {
        Verdict::Allow => text,
        Verdict::Rewrite(text) => one_line(&text).into_owned(),
    }
}
