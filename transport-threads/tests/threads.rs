//! What is particular to threads.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use chinwag_core::{Listener, Runtime, Server, sockets::Network, wire::Line};
use chinwag_testkit::{Peer, conformance::in_time};
use chinwag_transport_threads::{TcpListener, ThreadRuntime, block_on};
use futures::{
    AsyncRead, AsyncReadExt, AsyncWriteExt, StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};

/// Runs `test` on a thread of its own.
fn run(test: impl AsyncFnOnce() + Send + 'static) {
    in_time(|| block_on(test()));
}

/// Waits until so many threads are left.
async fn threads_left(rt: &ThreadRuntime, count: usize) {
    while rt.threads() > count {
        rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
    }
}

#[test]
fn there_are_no_more_connections_than_threads() {
    run(async || {
        let rt = ThreadRuntime::builder().max_threads(8).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server =
            Server::new(chinwag_testkit::unthrottled().build()).listen(listener, Line::default());
        let users = users_on_eight_threads(&rt, addr);
        server.run_until(users, rt.clone()).await.unwrap();
        threads_left(&rt, 0).await;
    });

    async fn users_on_eight_threads(rt: &ThreadRuntime, addr: SocketAddr) {
        let connect = async || Peer::new(ThreadRuntime::connect_tcp(addr).await.unwrap());
        // One thread is kept for telling others that there is no room.
        let mut users = Vec::new();
        for i in 0..7 {
            let mut user = connect().await;
            user.ask(&format!("register,user{i}"), "ack").await;
            users.push(user);
        }
        for _ in 0..20 {
            let mut refused = connect().await;
            refused
                .hears("error,full,the server has 7 connections and takes no more")
                .await;
            refused.is_closed().await;
            refused.done_sending().await;
            threads_left(rt, 7).await;
        }
        let mut leaver = users.pop().unwrap();
        leaver.ask("quit", "bye").await;
        drop(leaver);
        threads_left(rt, 6).await;
        Peer::registered(connect().await.into_inner(), "next").await;
    }
}

#[test]
fn a_task_that_gets_no_thread_is_dropped_and_told() {
    let rt = ThreadRuntime::builder().max_threads(1).build();
    let (tell, told) = futures::channel::oneshot::channel::<()>();
    rt.spawn(async {
        let _ = told.await;
    })
    .unwrap();
    let held = Arc::new(());
    let holder = held.clone();
    let refused = rt.spawn(async move { drop(holder) }).unwrap_err();
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(refused.to_string(), "all 1 threads are taken");
    drop(tell);
}

/// A thread that watches a stream, and then sees to something else, does not keep it open.
#[test]
fn a_stream_that_another_thread_drops_is_closed() {
    run(async || {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut near = ThreadRuntime::connect_tcp(addr).await.unwrap();
        let mut far = listener.accept().await.unwrap().io;
        let mut byte = [0];
        let pending =
            poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_read(cx, &mut byte).is_pending()));
        assert!(pending.await);
        let dropping = thread::spawn(move || drop(near));
        assert_eq!(far.read(&mut byte).await.unwrap(), 0);
        dropping.join().unwrap();
    });
}

/// The same of a listener: its address is free.
#[test]
fn a_listener_that_another_thread_drops_is_closed() {
    run(async || {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let waits = poll_fn(|cx| Poll::Ready(pin!(listener.accept()).poll(cx).is_pending()));
        assert!(waits.await);
        thread::spawn(move || drop(listener)).join().unwrap();
        // This thread lets go of it when it next waits.
        let rt = ThreadRuntime::current();
        while TcpListener::bind(addr).await.is_err() {
            rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
        }
    });
}

/// A waker may be the last to hold a task, which may hold a stream that the same thread watches.
#[test]
fn a_waker_that_is_replaced_may_drop_a_stream() {
    struct Task {
        _near: Mutex<Option<Box<dyn Send>>>,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    run(async || {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut one = ThreadRuntime::connect_tcp(addr).await.unwrap();
        let _far = listener.accept().await.unwrap().io;
        for replace in [true, false] {
            let mut other = ThreadRuntime::connect_tcp(addr).await.unwrap();
            let mut far = listener.accept().await.unwrap().io;
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(
                Pin::new(&mut other)
                    .poll_read(&mut nobody, &mut [0])
                    .is_pending()
            );
            let task = Waker::from(Arc::new(Task {
                _near: Mutex::new(Some(Box::new(other))),
            }));
            assert!(
                Pin::new(&mut one)
                    .poll_read(&mut Context::from_waker(&task), &mut [0])
                    .is_pending()
            );
            drop(task);
            if replace {
                assert!(
                    Pin::new(&mut one)
                        .poll_read(&mut nobody, &mut [0])
                        .is_pending()
                );
            } else {
                one = ThreadRuntime::connect_tcp(addr).await.unwrap();
            }
            assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
        }
    });
}

/// A timer that another thread drops keeps its waker until it is due, as its documentation says, and no longer.
#[test]
fn a_timer_that_another_thread_drops_is_gone_when_it_is_due() {
    struct Waits;

    impl Wake for Waits {
        fn wake(self: Arc<Self>) {}
    }

    run(async || {
        let rt = ThreadRuntime::current();
        let hour = Duration::from_secs(3600);
        for (wait, is_due) in [(Duration::from_millis(20), true), (hour, false)] {
            let deadline = rt.now() + wait;
            let waits = Arc::new(Waits);
            let waker = Waker::from(waits.clone());
            block_on(async {
                let mut sleep = rt.sleep_until(deadline);
                let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                drop(waker);
                thread::spawn(move || drop(sleep)).join().unwrap();
                assert_eq!(Arc::strong_count(&waits), 2);
                if is_due {
                    rt.sleep_until(deadline).await;
                    assert_eq!(Arc::strong_count(&waits), 1);
                }
            });
            // It is gone with what has polled it, too.
            assert_eq!(Arc::strong_count(&waits), 1);
        }
    });
}

/// One `block_on` inside another has sockets and timers of its own, and takes none from the outer one.
#[test]
fn block_on_nests() {
    run(async || {
        let rt = ThreadRuntime::current();
        let (before, wait) = (rt.now(), Duration::from_millis(20));
        let outer = pin!(rt.sleep_until(before + 2 * wait));
        let inner = pin!(async {
            block_on(rt.sleep_until(before + wait));
        });
        match select(outer, inner).await {
            Either::Left(((), inner)) => inner.await,
            Either::Right(((), outer)) => outer.await,
        }
        assert!(rt.now() >= before + 2 * wait);
    });
}

/// A thread that has watched a stream for another, and ends, tells that to watch it itself.
#[test]
fn a_thread_that_ends_hands_over_what_it_watches() {
    run(async || {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let near = ThreadRuntime::connect_tcp(addr).await.unwrap();
        let mut far = listener.accept().await.unwrap().io;
        let near = Arc::new(Mutex::new(near));
        let mut other = Some(near.clone());
        let mut byte = [0];
        let read = poll_fn(|cx| {
            let Some(other) = other.take() else {
                return Pin::new(&mut *near.lock().unwrap()).poll_read(cx, &mut byte);
            };
            let waker = cx.waker().clone();
            let watching = thread::spawn(move || {
                let mut other = other.lock().unwrap();
                block_on(async {
                    let mut cx = Context::from_waker(&waker);
                    assert!(
                        Pin::new(&mut *other)
                            .poll_read(&mut cx, &mut [0])
                            .is_pending()
                    );
                });
            });
            watching.join().unwrap();
            Poll::Pending
        });
        let write = async { far.write_all(b"!").await.unwrap() };
        // The reader is polled again only when its own waker says so.
        let mut reading: FuturesUnordered<_> = [read].into_iter().collect();
        let (read, ()) = futures::join!(reading.next(), write);
        assert_eq!(read.unwrap().unwrap(), 1);
    });
}
