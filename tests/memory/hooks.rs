//! Hooks: what the program has a say in, and that one that hangs or panics costs nobody else anything.

use std::{
    future::pending,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chinwag::{
    Addr, Admission, Authenticator, Claim, Denied, Hub, Moment, Policy, QuitReason, RoomName,
    Sleep, SlowReader, TakenName, UserName, Verb, Verdict, WeakHub, async_trait,
};
use chinwag_testkit::VirtualRuntime;

use crate::chat::Chat;

/// Knows one user's secret, hangs for one name and panics for another.
struct Doorkeeper {
    cancelled: Arc<AtomicUsize>,
}

/// Counts what is dropped before it is done.
struct Cancelled(Arc<AtomicUsize>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Authenticator for Doorkeeper {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        match claim.name.as_str() {
            "slow" => {
                let cancelled = Cancelled(self.cancelled.clone());
                pending::<()>().await;
                drop(cancelled);
            }
            "down" => return Err(Denied::unavailable("the table of users is away")),
            "panic" => panic!("the doorkeeper has had enough"),
            _ => {}
        }
        match (claim.name == "ada", claim.secret) {
            (true, Some("sesame, open")) | (false, _) => Ok(()),
            (true, _) => Err(Denied::new("ada has\nanother secret")),
        }
    }
}

fn guarded(cancelled: &Arc<AtomicUsize>) -> Hub {
    let cancelled = cancelled.clone();
    Hub::builder()
        .authenticator(Doorkeeper { cancelled })
        .build()
}

#[test]
fn a_secret_is_asked_for() {
    Chat::run(
        || guarded(&Arc::default()),
        async |chat| {
            let mut ada = chat.line();
            ada.ask("register,ada", "error,denied,ada has another secret")
                .await;
            ada.ask("register,ada,guess", "error,denied,*").await;
            ada.ask("register,ada,sesame, open", "ack").await;
            let mut bob = chat.user("bob").await;
            bob.ask("register,ADA,guess", "error,denied,*").await;
            bob.ask("list,friends", "ada,bob").await;
        },
    );
}

#[test]
fn an_authenticator_that_hangs_costs_its_own_connection_only() {
    Chat::run(
        || guarded(&Arc::default()),
        async |chat| {
            let mut slow = chat.line();
            slow.say("register,slow\nping").await;
            let mut bob = chat.user("bob").await;
            bob.ask("ping", "pong").await;
            let from = chat.rt.elapsed();
            slow.hears("error,unavailable,the check took too long")
                .await;
            assert_eq!(chat.rt.elapsed() - from, Duration::from_secs(10));
            slow.hears("pong").await;
            slow.ask("register,other", "ack").await;
            let stats = chat.hub.stats();
            assert_eq!((stats.hook_calls, stats.hook_failures), (3, 1));
            assert_eq!(stats.hook_time, Duration::from_secs(10));
        },
    );
}

#[test]
fn an_authenticator_that_panics_costs_its_own_connection_only() {
    Chat::run(
        || guarded(&Arc::default()),
        async |chat| {
            let mut bob = chat.user("bob").await;
            let mut unlucky = chat.line();
            unlucky
                .ask("register,panic", "error,unavailable,the check has failed")
                .await;
            unlucky.ask("register,lucky", "ack").await;
            bob.ask("list,friends", "bob,lucky").await;
            assert_eq!(chat.rt.panics(), 0);
            assert_eq!(chat.hub.stats().hook_failures, 1);
        },
    );
}

#[test]
fn an_authenticator_is_cancelled_when_its_peer_leaves() {
    let cancelled = Arc::default();
    Chat::run(
        || guarded(&cancelled),
        async |chat| {
            let before = cancelled.load(Ordering::Relaxed);
            let mut slow = chat.line();
            slow.say("register,slow").await;
            chat.rt.settle().await;
            assert_eq!(cancelled.load(Ordering::Relaxed), before);
            slow.done_sending().await;
            chat.rt.settle().await;
            assert_eq!(cancelled.load(Ordering::Relaxed), before + 1);

            let mut slow = chat.line();
            slow.say("register,slow").await;
            chat.rt.settle().await;
            slow.into_inner().reset();
            chat.rt.settle().await;
            assert_eq!(cancelled.load(Ordering::Relaxed), before + 2);
            assert_eq!(chat.hub.connections(), 0);
        },
    );
}

/// A policy that rewrites, denies, waits, and writes down what it hears.
struct Keeper {
    rt: VirtualRuntime,
    log: Arc<Mutex<Vec<String>>>,
}

impl Keeper {
    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

#[async_trait]
impl Policy for Keeper {
    async fn connect(&self, _peer: &Addr) -> Result<Admission, Denied> {
        self.note("connect".to_owned());
        Ok(Admission::default().slow_reader(SlowReader::DropOldest))
    }

    async fn register(&self, _peer: &Addr, name: &UserName) -> Result<(), Denied> {
        match name == "root" {
            true => Err(Denied::new("that name is reserved")),
            false => Ok(()),
        }
    }

    async fn join(&self, name: &UserName, room: &RoomName) -> Result<(), Denied> {
        match room == "#staff" {
            true => Err(Denied::new(format!("{name} is not on the staff"))),
            false => Ok(()),
        }
    }

    async fn publish(
        &self,
        _from: &UserName,
        _room: &RoomName,
        text: &str,
    ) -> Result<Verdict, Denied> {
        match text {
            "spam" => Err(Denied::new("no advertisements")),
            "damn" => Ok(Verdict::Rewrite("d\r\nn".to_owned())),
            "wait" => {
                use chinwag::Runtime;
                let until = self.rt.now() + Duration::from_secs(3);
                let mut sleep = Box::pin(self.rt.sleep_until(until));
                sleep.as_mut().reset(until);
                sleep.await;
                Ok(Verdict::Allow)
            }
            "hang" => pending().await,
            _ => Ok(Verdict::Allow),
        }
    }

    async fn direct(&self, from: &UserName, to: &UserName, _text: &str) -> Result<Verdict, Denied> {
        match to == "shy" && from != "friend" {
            true => Err(Denied::new("shy takes no messages")),
            false => Ok(Verdict::Allow),
        }
    }

    async fn text(&self, _by: &UserName, what: Verb, text: &str) -> Result<Verdict, Denied> {
        match text {
            "spam" => Err(Denied::new("no advertisements")),
            _ => Ok(Verdict::Rewrite(format!("{text} ({what:?})"))),
        }
    }

    async fn left(&self, name: &UserName, room: &RoomName) {
        self.note(format!("{name} left {room}"));
    }

    async fn disconnected(&self, _peer: &Addr, name: Option<&UserName>, reason: QuitReason) {
        let name = name.map_or("nobody", UserName::as_str);
        self.note(format!("{name} disconnected: {reason}"));
    }
}

fn kept(test: impl AsyncFn(Chat, Arc<Mutex<Vec<String>>>)) {
    Chat::run_with(
        |rt| {
            let log = Arc::<Mutex<Vec<String>>>::default();
            let keeper = Keeper {
                rt: rt.clone(),
                log: log.clone(),
            };
            (Hub::builder().policy(keeper).build(), log)
        },
        test,
    );
}

#[test]
fn a_policy_allows_denies_and_rewrites() {
    kept(async |chat, log| {
        let mut ada = chat.line();
        ada.ask("register,root", "error,denied,that name is reserved")
            .await;
        ada.ask("register,ada", "ack").await;
        ada.ask("join,#staff", "error,denied,ada is not on the staff")
            .await;
        ada.ask("join,#a", "ack").await;
        let mut bob = chat.user("bob").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        ada.say("say,#a,spam\nsay,#a,damn\nsay,#a,fine").await;
        ada.hears("error,denied,no advertisements").await;
        for peer in [&mut ada, &mut bob] {
            peer.hears("#a ada says d  n").await;
            peer.hears("#a ada says fine").await;
        }
        let mut shy = chat.user("shy").await;
        ada.ask("chat,shy,hi", "error,denied,shy takes no messages")
            .await;
        let mut friend = chat.user("friend").await;
        friend.say("chat,shy,hi").await;
        shy.hears("friend says hi").await;
        bob.ask("leave,#a", "ack").await;
        ada.hears("#a bob left").await;
        ada.ask("quit", "bye").await;
        drop(ada);
        chat.rt.sleep(Duration::from_secs(2)).await;
        let log = log.lock().unwrap().clone();
        let notes: Vec<_> = log.iter().filter(|note| *note != "connect").collect();
        assert_eq!(notes, ["bob left #a", "ada disconnected: closed"]);
        assert_eq!(log.len(), 6);
    });
}

#[test]
fn a_policy_sees_every_text() {
    kept(async |chat, _| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        ada.ask("join,#a", "ack").await;
        bob.ask("join,#a", "ack").await;
        ada.hears("#a bob joined").await;
        for request in ["topic,#a,spam", "away,spam", "kick,#a,bob,spam"] {
            ada.ask(request, "error,denied,no advertisements").await;
        }
        ada.ask("topic,#a,tea", "#a ada topic tea (Topic)").await;
        ada.hears("ack").await;
        bob.hears("#a ada topic tea (Topic)").await;
        ada.ask("away,lunch", "ack").await;
        bob.hears("ada is away lunch (Away)").await;
        ada.ask("kick,#a,bob,bye", "#a ada kicked bob bye (Kick)")
            .await;
        ada.hears("ack").await;
        bob.hears("#a ada kicked bob bye (Kick)").await;
    });
}

/// The order of one sender's requests holds, and others do not wait.
#[test]
fn a_policy_that_waits_holds_up_its_own_connection_only() {
    kept(async |chat, _| {
        let mut ada = chat.user("ada").await;
        let mut bob = chat.user("bob").await;
        for peer in [&mut ada, &mut bob] {
            peer.ask("join,#a", "ack").await;
        }
        ada.hears("#a bob joined").await;
        let from = chat.rt.elapsed();
        ada.say("say,#a,wait\nsay,#a,second\nping").await;
        bob.say("say,#a,meanwhile").await;
        for peer in [&mut ada, &mut bob] {
            peer.hears("#a bob says meanwhile").await;
        }
        assert_eq!(chat.rt.elapsed(), from);
        for peer in [&mut ada, &mut bob] {
            peer.hears("#a ada says wait").await;
            assert_eq!(chat.rt.elapsed() - from, Duration::from_secs(3));
            peer.hears("#a ada says second").await;
        }
        ada.hears("pong").await;

        ada.say("say,#a,hang\nping").await;
        ada.hears("error,unavailable,the check took too long").await;
        assert_eq!(chat.rt.elapsed() - from, Duration::from_secs(13));
        ada.hears("pong").await;
    });
}

/// Who sends and then closes its sending end is heard, although the policy takes its time.
#[test]
fn what_was_said_before_the_end_is_said() {
    kept(async |chat, _| {
        let mut bob = chat.user("bob").await;
        bob.ask("join,#a", "ack").await;
        let mut ada = chat.line();
        ada.send("register,ada\njoin,#a\nsay,#a,wait\nsay,#a,last\n")
            .await;
        bob.hears("#a ada joined").await;
        ada.done_sending().await;
        bob.hears("#a ada says wait").await;
        bob.hears("#a ada says last").await;
        bob.hears("ada quit closed").await;
        assert_eq!(
            ada.rest().await,
            "ack\nack\n#a ada says wait\n#a ada says last\n"
        );
    });
}

/// What a peer sends ahead while a hook is awaited is bounded.
#[test]
fn who_floods_while_a_hook_is_awaited_is_not_read() {
    kept(async |chat, _| {
        let mut ada = chat.user("ada").await;
        ada.ask("join,#a", "ack").await;
        ada.say("say,#a,hang").await;
        let flood = "ping\n".repeat(1 << 20);
        let write = std::pin::pin!(ada.send(&flood));
        let patience = std::pin::pin!(chat.rt.sleep(Duration::from_secs(5)));
        let ended = futures::future::select(write, patience).await;
        assert!(matches!(ended, futures::future::Either::Right(_)));
    });
}

/// Asked whether it wants to be asked, it panics.
#[test]
fn a_policy_that_panics_at_once_costs_one_request() {
    struct Hasty(Moment);

    #[async_trait]
    impl Policy for Hasty {
        fn wants(&self, moment: Moment) -> bool {
            assert_ne!(moment, self.0, "on purpose");
            false
        }
    }

    let hub = |moment| Hub::builder().policy(Hasty(moment)).build();
    Chat::run(
        || hub(Moment::Join),
        async |chat| {
            let mut ada = chat.user("ada").await;
            ada.ask("join,#a", "error,unavailable,the check has failed")
                .await;
            ada.ask("ping", "pong").await;
            assert_eq!(chat.rt.panics(), 0);
        },
    );
    Chat::run(
        || hub(Moment::Connect),
        async |chat| {
            for _ in 0..3 {
                let mut ada = chat.line();
                ada.hears("error,unavailable,the check has failed").await;
                ada.is_closed().await;
            }
            assert_eq!(chat.rt.panics(), 0);
        },
    );
}

/// Its future panics when it is dropped.
#[test]
fn a_hook_that_panics_when_it_is_given_up_costs_nothing_more() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    struct Fused;

    #[async_trait]
    impl Authenticator for Fused {
        async fn authenticate(&self, _: Claim<'_>) -> Result<(), Denied> {
            let _bomb = Bomb;
            pending().await
        }
    }

    Chat::run(
        || Hub::builder().authenticator(Fused).build(),
        async |chat| {
            let mut ada = chat.line();
            ada.ask("register,ada", "error,unavailable,the check took too long")
                .await;
            ada.ask("ping", "pong").await;
            ada.say("register,ada").await;
            ada.done_sending().await;
            ada.hears("error,unavailable,given up: *").await;
            assert_eq!(chat.rt.panics(), 0);
        },
    );
}

/// What was allowed goes out under the name that its sender has by then.
#[test]
fn a_message_that_waited_has_its_senders_name() {
    Chat::run_with(
        |rt| {
            struct Slow(VirtualRuntime);

            #[async_trait]
            impl Policy for Slow {
                async fn direct(
                    &self,
                    _: &UserName,
                    _: &UserName,
                    _: &str,
                ) -> Result<Verdict, Denied> {
                    self.0.sleep(Duration::from_secs(5)).await;
                    Ok(Verdict::Allow)
                }
            }

            let hub = Hub::builder().taken_name(TakenName::Share);
            (hub.policy(Slow(rt.clone())).build(), ())
        },
        async |chat, ()| {
            let mut bob = chat.user("bob").await;
            let mut desk = chat.user("ada").await;
            let mut phone = chat.user("ada").await;
            desk.say("chat,bob,it is me").await;
            chat.rt.sleep(Duration::from_secs(1)).await;
            phone.ask("register,countess", "ack").await;
            let mut stranger = chat.user("ada").await;
            bob.hears("countess says it is me").await;
            stranger.ask("ping", "pong").await;
        },
    );
}

/// One who is let in without rates is one without rates.
#[test]
fn a_policy_may_free_a_connection_from_rates() {
    struct Free;

    #[async_trait]
    impl Policy for Free {
        fn wants(&self, moment: Moment) -> bool {
            moment == Moment::Connect
        }

        async fn connect(&self, _: &Addr) -> Result<Admission, Denied> {
            Ok(Admission::default().unthrottled())
        }
    }

    Chat::run(
        || Hub::builder().policy(Free).build(),
        async |chat| {
            let mut ada = chat.user("ada").await;
            ada.send("ping\n".repeat(1000)).await;
            for _ in 0..1000 {
                ada.hears("pong").await;
            }
        },
    );
}

/// Nobody is told of the end of a connection that never was let in.
#[test]
fn who_is_turned_away_is_not_disconnected() {
    Chat::run_with(
        |rt| {
            let log = Arc::<Mutex<Vec<String>>>::default();
            let keeper = Keeper {
                rt: rt.clone(),
                log: log.clone(),
            };
            let limits = chinwag::Limits::builder()
                .max_connections(1)
                .build()
                .unwrap();
            (Hub::builder().limits(limits).policy(keeper).build(), log)
        },
        async |chat, log| {
            let mut ada = chat.user("ada").await;
            for _ in 0..3 {
                let mut late = chat.line();
                late.hears("error,full,*").await;
                late.is_closed().await;
            }
            ada.ask("quit", "bye").await;
            drop(ada);
            chat.rt.sleep(Duration::from_secs(5)).await;
            let log = log.lock().unwrap().clone();
            assert_eq!(log, ["connect", "ada disconnected: closed"]);
        },
    );
}

#[test]
fn a_policy_is_only_asked_what_it_wants_to_be() {
    struct Joins;

    #[async_trait]
    impl Policy for Joins {
        fn wants(&self, moment: Moment) -> bool {
            moment == Moment::Join
        }
    }

    Chat::run(
        || Hub::builder().policy(Joins).build(),
        async |chat| {
            let mut ada = chat.user("ada").await;
            ada.ask("join,#a", "ack").await;
            ada.say("say,#a,hi").await;
            ada.hears("#a ada says hi").await;
            assert_eq!(chat.hub.stats().hook_calls, 1);
        },
    );
}

/// What they asked for meanwhile is not done, and gets no answer that would be of no use.
#[test]
fn who_is_put_out_is_told_that_and_nothing_else() {
    #[derive(Clone, Default)]
    struct Strict(Arc<OnceLock<WeakHub>>);

    #[async_trait]
    impl Policy for Strict {
        fn wants(&self, moment: Moment) -> bool {
            moment == Moment::Direct
        }

        async fn direct(&self, from: &UserName, _: &UserName, _: &str) -> Result<Verdict, Denied> {
            let hub = self.0.get().and_then(WeakHub::upgrade).unwrap();
            hub.kick(from.as_str(), "enough").unwrap();
            Ok(Verdict::Allow)
        }
    }

    Chat::run_with(
        |_| {
            let strict = Strict::default();
            let hub = Hub::builder().policy(strict.clone()).build();
            strict.0.set(hub.downgrade()).unwrap();
            (hub, ())
        },
        async |chat, ()| {
            let mut ada = chat.user("ada").await;
            ada.ask("join,#a", "ack").await;
            ada.say("chat,ada\nsay,#a,one\nsay,#a,two\njoin,#b\nping")
                .await;
            ada.hears("error,kicked,you were put out: enough").await;
            ada.is_closed().await;
        },
    );
}
