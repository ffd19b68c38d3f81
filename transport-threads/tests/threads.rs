//! What is particular to threads.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use chinwag_core::{Hub, Listener, Runtime, Server, sockets::Network, wire::Line};
use chinwag_testkit::Peer;
use chinwag_transport_threads::{TcpListener, ThreadRuntime, block_on};
use futures::{AsyncRead, AsyncReadExt, future::select};

/// Runs `test` beside a server whose runtime has so many threads.
fn with_threads(threads: usize, test: impl AsyncFnOnce(ThreadRuntime, SocketAddr)) {
    let rt = ThreadRuntime::builder().max_threads(threads).build();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = Server::new(Hub::new()).listen(listener, Line::default());
        let test = test(rt.clone(), addr);
        server.run_until(test, rt.clone()).await.unwrap();
        threads_left(&rt, 0).await;
    });
}

/// Waits until so many threads are left.
async fn threads_left(rt: &ThreadRuntime, count: usize) {
    while rt.threads() > count {
        rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
    }
}

#[test]
fn there_are_no_more_connections_than_threads() {
    with_threads(8, async |rt, addr| {
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
            threads_left(&rt, 7).await;
        }
        let mut leaver = users.pop().unwrap();
        leaver.ask("quit", "bye").await;
        drop(leaver);
        threads_left(&rt, 6).await;
        Peer::registered(connect().await.into_inner(), "next").await;
    });
}

#[test]
fn a_task_that_gets_no_thread_is_dropped_and_told() {
    let rt = ThreadRuntime::builder().max_threads(1).build();
    let (tell, told) = futures::channel::oneshot::channel::<()>();
    rt.spawn(async {
        let _ = told.await;
    })
    .unwrap();
    let refused = rt.spawn(std::future::pending()).unwrap_err();
    assert_eq!(refused.to_string(), "1 threads run, the most allowed");
    drop(tell);
}

/// A thread that watches a stream, and then sees to something else, does not keep it open.
#[test]
fn a_stream_that_another_thread_drops_is_closed() {
    block_on(async {
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

/// One `block_on` inside another has sockets and timers of its own, and takes none from the outer one.
#[test]
fn block_on_nests() {
    #[expect(clippy::disallowed_methods, reason = "it is the clock of the runtime")]
    let before = Instant::now();
    let rt = ThreadRuntime::current();
    let wait = Duration::from_millis(20);
    block_on(async {
        let outer = pin!(rt.sleep_until(before + 2 * wait));
        let inner = pin!(async {
            block_on(rt.sleep_until(before + wait));
        });
        let first = select(inner, outer).await;
        match first {
            futures::future::Either::Left(((), outer)) => outer.await,
            futures::future::Either::Right(((), inner)) => inner.await,
        }
    });
    assert!(rt.now() >= before + 2 * wait);
}
