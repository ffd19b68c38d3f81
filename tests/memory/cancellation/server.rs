//! The futures of a server: its own, and those of hooks, which it drops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chinwag::{
    Authenticator, Claim, Denied, Policy, RoomName, Runtime, Server, Timeouts, UserName,
    async_trait, wire::Line,
};
use chinwag_testkit::{Link, Peer, VirtualRuntime, dropped_at};
use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::{Left, at_every_poll, hub_on};
use crate::chat::Chat;

/// Hooks that take their time, and how many are at it.
#[derive(Clone)]
struct Slow {
    rt: VirtualRuntime,
    live: Arc<AtomicUsize>,
}

struct Live(Arc<AtomicUsize>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slow {
    fn new(rt: &VirtualRuntime) -> Self {
        Self {
            rt: rt.clone(),
            live: Arc::default(),
        }
    }

    async fn take_time(&self) {
        self.live.fetch_add(1, Ordering::Relaxed);
        let _live = Live(self.live.clone());
        for _ in 0..5 {
            self.rt.sleep(Duration::from_millis(1)).await;
        }
    }
}

#[async_trait]
impl Authenticator for Slow {
    async fn authenticate(&self, _: Claim<'_>) -> Result<(), Denied> {
        self.take_time().await;
        Ok(())
    }
}

#[async_trait]
impl Policy for Slow {
    async fn join(&self, _: &UserName, _: &RoomName) -> Result<(), Denied> {
        self.take_time().await;
        Ok(())
    }
}

/// Says all that it has to say, a byte at a time, and listens to the end, unless it does not read at all.
async fn visit(chat: Chat, number: u64, over: Arc<AtomicBool>) {
    chat.rt.sleep(Duration::from_millis(number)).await;
    let link = Link {
        capacity: 64,
        chunk: 8,
        ..Link::default()
    };
    if over.load(Ordering::Relaxed) {
        return;
    }
    let Ok(mut io) = chat.net.try_connect("cut", link) else {
        return;
    };
    let lines = format!("register,user{number}\njoin,#a\nsay,#a,hello\nlist,friends\n");
    if io.write_all(lines.as_bytes()).await.is_err() {
        return;
    }
    if number == 0 {
        // It has more to read than its link takes, and holds a shutdown up.
        let _ = io.write_all("ping\n".repeat(100).as_bytes()).await;
        while !over.load(Ordering::Relaxed) {
            chat.rt.sleep(Duration::from_millis(1)).await;
        }
        return;
    }
    let mut heard = Vec::new();
    let _ = io.read_to_end(&mut heard).await;
}

/// Whether it is dropped or ends, nothing is left of a server: no connection, name, room, hook or task, and its
/// address is free.
#[test]
fn nothing_is_left_of_a_dropped_server() {
    for ends_by_handle in [false, true] {
        let what = match ends_by_handle {
            true => "Server::run",
            false => "Server::run_until",
        };
        at_every_poll(what, Left::Undone, 10, hub_on, async |chat, cut| {
            let slow = Slow::new(&chat.rt);
            let timeouts = Timeouts::builder().shutdown(Duration::from_millis(500));
            let timeouts = timeouts.build().unwrap();
            let hub = chinwag_testkit::unthrottled()
                .timeouts(timeouts)
                .authenticator(slow.clone())
                .policy(slow.clone())
                .build();
            let server = Server::new(hub.clone()).listen(chat.net.listen("cut"), Line::default());
            let handle = server.handle();
            let over = Arc::new(AtomicBool::new(false));
            for number in 0..6 {
                let visiting = visit(chat.clone(), number, over.clone());
                chat.rt.spawn(visiting).unwrap();
            }
            let (rt, clock) = (chat.rt.clone(), chat.rt.clone());
            let signal = async move { clock.sleep(Duration::from_millis(30)).await };
            let done = match ends_by_handle {
                true => {
                    let handle = handle.clone();
                    let ending = async move {
                        signal.await;
                        handle.shut_down(Duration::from_millis(500));
                    };
                    chat.rt.spawn(ending).unwrap();
                    dropped_at(cut, server.run(rt)).await
                }
                false => dropped_at(cut, server.run_until(signal, rt)).await,
            };
            // No time passes: whoever has to end is woken already.
            chat.rt.settle().await;
            assert_eq!(handle.connections(), 0);
            assert_eq!(hub.connections(), 0);
            assert!(hub.users().is_empty() && hub.rooms().is_empty());
            assert_eq!(slow.live.load(Ordering::Relaxed), 0, "a hook goes on");
            assert_eq!(hub.stats().queue_bytes, 0);
            assert!(chat.net.try_connect("cut", Link::default()).is_err());
            over.store(true, Ordering::Relaxed);

            // The hub and the address are good for another server.
            let server = Server::new(hub.clone()).listen(chat.net.listen("cut"), Line::default());
            let (again, rt) = (server.handle(), chat.rt.clone());
            chat.rt
                .spawn(async move { server.run(rt).await.unwrap() })
                .unwrap();
            let mut user = Peer::registered(chat.net.connect("cut"), "user1").await;
            user.ask("join,#a", "ack").await;
            user.ask("list,friends", "user1").await;
            again.shut_down(Duration::from_secs(1));
            assert_eq!(user.rest().await, "bye\n");
            drop(user);
            chat.rt.sleep(Duration::from_secs(1)).await;
            assert_eq!((again.connections(), hub.connections()), (0, 0));
            (done.is_some(), ())
        });
    }
}
