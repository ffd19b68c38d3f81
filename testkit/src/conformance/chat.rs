//! A chat on a harness, and what the cases do with it.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use chinwag_core::{
    Addr, Answer, Command, Event, Hub, Listener, Runtime, Server, ServerError, Timeouts,
    wire::{Form, Line, Reading, Wire, WireError},
};
use futures::{StreamExt, channel::oneshot, stream::FuturesUnordered};

use super::Harness;
use crate::Peer;

/// A server of the `line` protocol that runs in a task.
pub(super) struct Chat<H> {
    harness: H,
    pub(super) addr: Addr,
    pub(super) hub: Hub,
    stop: Option<oneshot::Sender<()>>,
    ended: oneshot::Receiver<Result<(), ServerError>>,
}

impl<H: Harness> Chat<H> {
    pub(super) async fn start(harness: &H, hub: Hub) -> Self {
        Self::start_with(harness, hub, harness.runtime(), None).await
    }

    pub(super) async fn start_with<R: Runtime>(
        harness: &H,
        hub: Hub,
        runtime: R,
        addr: Option<&Addr>,
    ) -> Self {
        let listener = match addr {
            Some(addr) => listen_again(harness, addr).await,
            None => harness.listen(None).await.expect("it listens"),
        };
        let addr = Listener::local_addr(&listener).expect("an address");
        let server = Server::new(hub.clone()).listen(listener, Fragile);
        Self::serve(harness, hub, server, runtime, addr)
    }

    /// Runs `server`, which listens at `addr`, and maybe elsewhere too.
    pub(super) fn serve<R: Runtime>(
        harness: &H,
        hub: Hub,
        server: Server<R>,
        runtime: R,
        addr: Addr,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = spawn(harness, server.run_until(stopped, runtime));
        Self {
            harness: harness.clone(),
            addr,
            hub,
            stop: Some(stop),
            ended,
        }
    }

    pub(super) async fn connect(&self) -> Peer<H::Io> {
        peer(&self.harness, &self.addr).await
    }

    pub(super) async fn user(&self, name: &str) -> Peer<H::Io> {
        let mut user = self.connect().await;
        user.ask(&format!("register,{name}"), "ack").await;
        user
    }

    pub(super) fn stop(&mut self) {
        let stop = self.stop.take().expect("it runs");
        stop.send(()).expect("it runs");
    }

    pub(super) async fn ended(&mut self) {
        let ended = (&mut self.ended)
            .await
            .expect("it ends, and does not panic");
        ended.expect("nothing is wrong");
    }
}

pub(super) async fn peer<H: Harness>(harness: &H, addr: &Addr) -> Peer<H::Io> {
    Peer::new(harness.connect(addr).await.expect("it connects"))
}

/// Looks again and again, until it is so.
pub(super) async fn eventually<H: Harness>(harness: &H, is_so: impl Fn() -> bool) {
    while !is_so() {
        pause(&harness.runtime(), Duration::from_millis(1)).await;
    }
}

/// Tries to connect, until that is refused.
///
/// It takes more than one try now and then: a process that another test starts has, for an instant, a copy
/// of every socket.
pub(super) async fn nobody_listens<H: Harness>(harness: &H, addr: &Addr) -> io::Error {
    loop {
        if let Err(error) = harness.connect(addr).await {
            return error;
        }
        pause(&harness.runtime(), Duration::from_millis(1)).await;
    }
}

/// Listens at `addr`, as soon as nobody else does; see [`nobody_listens`].
pub(super) async fn listen_again<H: Harness>(harness: &H, addr: &Addr) -> H::Listener {
    loop {
        match harness.listen(Some(addr)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            listening => return listening.expect("it listens"),
        }
        pause(&harness.runtime(), Duration::from_millis(1)).await;
    }
}

pub(super) async fn pause<R: Runtime>(rt: &R, wait: Duration) {
    rt.sleep_until(rt.now() + wait).await;
}

/// How many events were lost, as a connection that did not read is told last.
pub fn lost(notice: &str) -> usize {
    let count = notice
        .strip_prefix("error,full,")
        .and_then(|rest| rest.strip_suffix(" messages lost, because they were not read in time"));
    let count = count.and_then(|count| count.parse().ok());
    count.unwrap_or_else(|| panic!("{notice:?} does not say how much was lost"))
}

/// Does `work` in a task, and gives its result, or nothing if it panics.
pub(super) fn spawn<H: Harness, T: Send + 'static>(
    harness: &H,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (tell, told) = oneshot::channel();
    let task = async move {
        let _ = tell.send(work.await);
    };
    harness.runtime().spawn(task).expect("a task");
    told
}

/// The `line` protocol, in which `break` breaks the server's code.
#[derive(Debug, Clone)]
struct Fragile;

impl Wire for Fragile {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Line::default().frame_end(input)
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        assert_ne!(payload, b"break", "on purpose");
        Line::default().decode(payload, reading)
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        Line::default().answer(answer, out);
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        Line::encode(event, form, out);
    }
}

/// A connection, and its two ends.
pub(super) async fn pair<H: Harness>(h: &H) -> (H::Io, H::Io) {
    let mut listener = h.listen(None).await.expect("it listens");
    let addr = Listener::local_addr(&listener).expect("an address");
    let near = h.connect(&addr).await.expect("it connects");
    let far = listener.accept().await.expect("it accepts").io;
    (near, far)
}

/// Whether `future` is not ready when it is polled once, by this task.
pub(super) async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Runs `future`, polled again only when its own waker says so.
pub(super) async fn when_woken<F: Future>(future: F) -> F::Output {
    let mut alone: FuturesUnordered<_> = [future].into_iter().collect();
    alone.next().await.expect("it is in there")
}

/// A hub that waits so long for a peer's own good-bye.
pub(super) fn patient(linger: Duration) -> Hub {
    let timeouts = Timeouts::builder().linger(linger).build();
    crate::unthrottled()
        .timeouts(timeouts.expect("good timeouts"))
        .build()
}
