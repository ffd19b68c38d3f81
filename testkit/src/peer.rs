//! A client that does as it is told, mistakes included.

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A raw peer: it sends exactly the bytes that a test gives it, and checks what comes back.
///
/// Every method panics when the connection fails, because the test then has failed.
#[derive(Debug)]
pub struct Peer<Io> {
    io: Io,
    unread: Vec<u8>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Peer<Io> {
    /// A peer at the end of `io`.
    pub fn new(io: Io) -> Self {
        Self {
            io,
            unread: Vec::new(),
        }
    }

    /// A peer of the `line` protocol that has registered as `name`.
    pub async fn registered(io: Io, name: &str) -> Self {
        let mut peer = Self::new(io);
        peer.ask(&format!("register,{name}"), "ack").await;
        peer
    }

    /// Sends `bytes` as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.expect("a write");
        self.io.flush().await.expect("a flush");
    }

    /// Sends `line` and its line end.
    pub async fn say(&mut self, line: &str) {
        self.send(format!("{line}\n")).await;
    }

    /// Sends `line` and expects `answer`, or an answer that begins with it where it ends in `*`.
    pub async fn ask(&mut self, line: &str, answer: &str) {
        self.say(line).await;
        self.hears(answer).await;
    }

    /// Expects the line `expected`, or one that begins with it where it ends in `*`.
    pub async fn hears(&mut self, expected: &str) {
        let line = self.line().await;
        let as_expected = match expected.strip_suffix('*') {
            Some(start) => line.starts_with(start),
            None => line == expected,
        };
        assert!(as_expected, "heard {line:?} instead of {expected:?}");
    }

    /// The next line, without its line end.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line = self.unread.drain(..=end).collect::<Vec<_>>();
                return String::from_utf8(line[..end].to_vec()).expect("UTF-8");
            }
            assert!(self.read().await, "closed instead of a line");
        }
    }

    /// The next `count` bytes.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.read().await, "closed instead of {count} bytes");
        }
        self.unread.drain(..count).collect()
    }

    /// Expects that the server closes the connection, with nothing left to read.
    pub async fn is_closed(&mut self) {
        if self.unread.is_empty() && !self.read().await {
            return;
        }
        let unread = String::from_utf8_lossy(&self.unread).into_owned();
        panic!("heard {unread:?} instead of the end");
    }

    /// Everything up to the end of the connection.
    pub async fn rest(&mut self) -> String {
        while self.read().await {}
        String::from_utf8(std::mem::take(&mut self.unread)).expect("UTF-8")
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub async fn done_sending(&mut self) {
        self.io.close().await.expect("a close");
    }

    /// The stream itself.
    pub fn into_inner(self) -> Io {
        self.io
    }

    /// The stream, and what was read from it and not yet taken.
    pub fn into_parts(self) -> (Io, Vec<u8>) {
        (self.io, self.unread)
    }

    /// Reads once. `false` at the end.
    async fn read(&mut self) -> bool {
        let mut buf = [0; 4096];
        let count = self.io.read(&mut buf).await.expect("a read");
        self.unread.extend_from_slice(&buf[..count]);
        count > 0
    }
}
