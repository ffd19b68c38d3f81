//! Cases for real sockets only.

use std::{fs, future::poll_fn, io, pin::pin, task::Poll, time::Duration};

use chinwag_core::{
    Addr, Listener, Runtime, Server,
    sockets::{self, Network, TcpListener},
    wire::{Line, Seed},
};
use futures::future::select;
use socket2::SockRef;

use super::{
    Harness, Tcp,
    chat::{Chat, eventually, listen_again, nobody_listens, peer},
    watched::Watched,
};
#[cfg(unix)]
use super::{Unix, harness::free_path};
use crate::{Cut, Peer, dropped_at};

/// An address is one listener's, and is free when that is gone. With port 0 it tells the real one.
pub async fn an_address_has_one_listener<N: Network>(tcp: Tcp<N>) {
    let listener = tcp.listen(None).await.unwrap();
    let addr = listener.local_addr().unwrap();
    assert_ne!(addr.port(), 0);
    let refused = TcpListener::<N>::bind(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    let again = listen_again(&tcp, &addr.into()).await;
    assert_eq!(again.local_addr().unwrap(), addr);
    drop(again);
    let refused = nobody_listens(&tcp, &addr.into()).await;
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

/// Servers that share an address each get some of the connections, and their users meet.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub async fn an_address_is_shared_by_servers<N: Network>(tcp: Tcp<N>) {
    let Tcp(rt) = tcp;
    let hub = crate::unthrottled().build();
    let first = TcpListener::<N>::bind_shared("127.0.0.1:0").await.unwrap();
    let addr = first.local_addr().unwrap();
    let second = TcpListener::<N>::bind_shared(addr).await.unwrap();
    let refused = TcpListener::<N>::bind(addr).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    let servers = [first, second].map(|listener| {
        let server = Server::new(hub.clone()).listen(listener, Line::default());
        let handle = server.handle();
        let running = server.run(rt.clone());
        rt.spawn(async move { running.await.unwrap() }).unwrap();
        handle
    });
    let mut peers = Vec::new();
    // Which one gets a connection is drawn from its addresses: that one gets none of so many happens to nobody.
    for i in 0..64 {
        let stream = N::connect_tcp(addr).await.unwrap();
        let mut peer = Peer::registered(stream, &format!("u{i}")).await;
        peer.ask("join,#a", "ack").await;
        peers.push(peer);
    }
    assert!(servers.iter().all(|server| server.connections() > 0));
    peers[63].say("say,#a,hello").await;
    for (i, peer) in peers.iter_mut().enumerate() {
        for _ in i + 1..64 {
            peer.hears("#a u*").await;
        }
        peer.hears("#a u63 says hello").await;
    }
    for server in servers {
        server.shut_down(Duration::from_secs(2));
    }
}

/// Nothing waits for more to be written, a vanished peer is noticed, and the peer is who it is.
pub async fn accepted_sockets_are_tuned<N: Network>(tcp: Tcp<N>) {
    let mut listener = tcp.listen(None).await.unwrap();
    let near = N::connect_tcp(listener.local_addr().unwrap())
        .await
        .unwrap();
    let accepted = listener.accept().await.unwrap();
    let near = SockRef::from(&near).local_addr().unwrap().as_socket();
    assert_eq!(accepted.peer.tcp(), near);
    let socket = SockRef::from(&accepted.io);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 60);
    #[cfg(target_os = "linux")]
    assert_eq!(socket.tcp_notsent_lowat().unwrap(), 128 * 1024);
}

/// The original's client: plain sends and receives, one command each, without a terminator.
/// It depends on what a system does with small writes, and so has no meaning in memory.
pub async fn the_original_client_is_served<H: Harness>(h: H) {
    let listener = h.listen(None).await.unwrap();
    let addr = Listener::local_addr(&listener).unwrap();
    let hub = crate::unthrottled().build();
    let server = Server::new(hub.clone()).listen(listener, Seed::default());
    let chat = Chat::serve(&h, hub, server, h.runtime(), addr);
    let mut ada = chat.connect().await;
    for (command, answer) in [
        ("register,ada", "ack"),
        ("list,friends", "ada"),
        ("chat,ada", "ada says hi"),
    ] {
        ada.send(command).await;
        assert_eq!(ada.bytes(answer.len()).await, answer.as_bytes());
    }
}

/// The task of a connection, in bytes; what it serves is behind one pointer, and has a bound of its own. It may shrink.
const LARGEST_CONNECTION: usize = 240;

/// A connection costs little where there is one, and so where there are many.
pub async fn a_connection_stays_small<N: Network>(tcp: Tcp<N>) {
    let runtime = Watched::new(tcp.runtime());
    let listener = tcp.listen(None).await.unwrap();
    let addr = Listener::local_addr(&listener).unwrap();
    let server = Server::new(crate::unthrottled().build()).listen(listener, Line::default());
    let user = async {
        let mut user = peer(&tcp, &addr).await;
        user.ask("register,ada", "ack").await;
    };
    server.run_until(user, runtime.clone()).await.unwrap();
    let bytes = runtime.largest();
    assert!((1..=LARGEST_CONNECTION).contains(&bytes), "{bytes} bytes");
}

/// Beside something that is always ready, in the same task, sockets and timers have their turn.
pub async fn a_busy_task_starves_nothing<H: Harness>(h: H) {
    let chat = Chat::start(&h, crate::unthrottled().build()).await;
    let rt = h.runtime();
    let busy = poll_fn(|cx| -> Poll<()> {
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    let work = async {
        let mut ada = chat.user("ada").await;
        for _ in 0..50 {
            ada.ask("ping", "pong").await;
            rt.sleep_until(rt.now() + Duration::from_millis(1)).await;
        }
    };
    select(busy, pin!(work)).await;
}

/// A program's client finds the server, by an address, by a host's name and by a path; and is told what is
/// wrong with those that lead nowhere.
#[cfg(unix)]
pub async fn clients_connect_by_whatever_leads_there<N: Network>(unix: Unix<N>) {
    let tcp = Tcp(unix.runtime());
    let on_tcp = Chat::start(&tcp, crate::unthrottled().build()).await;
    let on_unix = Chat::start(&unix, on_tcp.hub.clone()).await;
    let addr = on_tcp.addr.tcp().unwrap();
    let by_addr = sockets::connect::<N>(addr).await.unwrap();
    by_addr.register("ada").await.unwrap();
    // The name may stand for an address of IPv6 first, where nobody listens.
    let name = format!("localhost:{}", addr.port());
    let by_name = sockets::connect::<N>(&name).await.unwrap();
    by_name.register("bob").await.unwrap();
    let Addr::Unix(Some(path)) = &on_unix.addr else {
        panic!("it has a path");
    };
    let by_path = sockets::connect_unix::<N>(path).await.unwrap();
    by_path.register("cleo").await.unwrap();
    assert_eq!(by_path.list().await.unwrap(), ["ada", "bob", "cleo"]);

    let nowhere = sockets::connect::<N>("127.0.0.1").await.unwrap_err();
    assert_eq!(nowhere.kind(), io::ErrorKind::InvalidInput);
    let nowhere = sockets::connect_unix::<N>("/nowhere").await.unwrap_err();
    assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
}

/// No future of the cases below is polled more often until it is done.
const MOST_POLLS: usize = 100;

/// A client that is given up while it connects, at whichever poll, is gone for the server too, and the next one is
/// served.
#[cfg(unix)]
pub async fn a_dropped_connect_leaves_nothing<N: Network>(unix: Unix<N>) {
    let tcp = Tcp(unix.runtime());
    let on_tcp = Chat::start(&tcp, crate::unthrottled().build()).await;
    let on_unix = Chat::start(&unix, on_tcp.hub.clone()).await;
    let addr = on_tcp.addr.tcp().unwrap();
    let Addr::Unix(Some(path)) = &on_unix.addr else {
        panic!("it has a path");
    };
    let name = format!("localhost:{}", addr.port());
    let mut all_connect = false;
    for polls in 0..MOST_POLLS {
        all_connect = true;
        for cut in Cut::after(polls) {
            // Those that complete are dropped as well.
            let by_addr = dropped_at(cut, sockets::connect::<N>(addr)).await;
            let by_name = dropped_at(cut, sockets::connect::<N>(&name)).await;
            let by_path = dropped_at(cut, sockets::connect_unix::<N>(path)).await;
            assert!(polls > 0 || (by_addr.is_none() && by_name.is_none() && by_path.is_none()));
            all_connect &= by_addr.is_some() && by_name.is_some() && by_path.is_some();
            drop((by_addr, by_name, by_path));
            let next = sockets::connect::<N>(addr).await.unwrap();
            next.register("ada").await.unwrap();
            assert_eq!(next.list().await.unwrap(), ["ada"]);
            drop(next);
            eventually(&unix, || on_tcp.hub.connections() == 0).await;
            assert!(on_tcp.hub.users().is_empty());
        }
        if all_connect {
            break;
        }
    }
    assert!(all_connect, "not after {MOST_POLLS} polls");
}

/// Who gives up listening, at whichever poll, holds no address.
pub async fn a_dropped_bind_leaves_the_address_free<N: Network>(tcp: Tcp<N>) {
    let free = tcp.listen(None).await.unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    // The name may stand for an address of IPv6 first.
    let names = [format!("localhost:{}", addr.port()), addr.to_string()];
    let mut all_listen = false;
    for polls in 0..MOST_POLLS {
        all_listen = true;
        for cut in Cut::after(polls) {
            for name in &names {
                let bound = dropped_at(cut, TcpListener::<N>::bind(name)).await;
                assert!(polls > 0 || bound.is_none());
                all_listen &= bound.is_some();
                drop(bound);
                drop(listen_again(&tcp, &addr.into()).await);
                #[cfg(any(target_os = "linux", target_os = "android"))]
                {
                    let bound = dropped_at(cut, TcpListener::<N>::bind_shared(name)).await;
                    all_listen &= bound.is_some();
                    drop(bound);
                    drop(listen_again(&tcp, &addr.into()).await);
                }
            }
        }
        if all_listen {
            break;
        }
    }
    assert!(all_listen, "not after {MOST_POLLS} polls");
}

/// What a dead server left is replaced; what somebody listens on, or is no socket, is not. Nothing is
/// removed but its own file.
#[cfg(unix)]
pub async fn a_socket_file_is_replaced_and_removed_with_care<N: Network>(unix: Unix<N>) {
    type UnixListener<N> = chinwag_core::sockets::UnixListener<N>;
    let path = free_path();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "it was left behind");
    let listener = listen_again(&unix, &Addr::from(path.clone())).await;
    let refused = UnixListener::<N>::bind(&path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    assert!(!path.exists(), "it is removed");

    let listener = UnixListener::<N>::bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    drop(listener);
    assert!(UnixListener::<N>::bind(&path).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();

    // A server removes it in the end.
    let mut chat = Chat::start(&unix, crate::unthrottled().build()).await;
    let mut ada = chat.user("ada").await;
    chat.stop();
    assert_eq!(ada.rest().await, "bye\n");
    drop(ada);
    chat.ended().await;
    let Addr::Unix(Some(path)) = &chat.addr else {
        panic!("it has a path");
    };
    eventually(&unix, || !path.exists()).await;
}

/// Users meet, whichever listener of a server they come through.
#[cfg(unix)]
pub async fn one_server_listens_on_tcp_and_unix_sockets<N: Network>(unix: Unix<N>) {
    let tcp = Tcp(unix.runtime());
    let (hub, listeners) = (
        crate::unthrottled().build(),
        (tcp.listen(None).await, unix.listen(None).await),
    );
    let (on_tcp, on_unix) = (listeners.0.unwrap(), listeners.1.unwrap());
    let tcp_addr = Listener::local_addr(&on_tcp).unwrap();
    let unix_addr = on_unix.local_addr().unwrap();
    let server = Server::new(hub.clone())
        .listen(on_tcp, Line::default())
        .listen(on_unix, Line::default());
    let mut chat = Chat::serve(&unix, hub, server, unix.runtime(), unix_addr);
    let mut ada = peer(&tcp, &tcp_addr).await;
    ada.ask("register,ada", "ack").await;
    let mut bob = chat.user("bob").await;
    ada.say("chat,bob").await;
    bob.hears("ada says hi").await;
    bob.say("chat,ada,over a socket file").await;
    ada.hears("bob says over a socket file").await;
    chat.stop();
    assert_eq!(ada.rest().await, "bye\n");
    assert_eq!(bob.rest().await, "bye\n");
    drop((ada, bob));
    chat.ended().await;
    nobody_listens(&tcp, &tcp_addr).await;
}
