//! A client that knows nothing but bytes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long to wait for a server that says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Peer<S> {
    stream: BufReader<S>,
}

impl Peer<TcpStream> {
    pub(crate) fn tcp(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::new(stream)
    }
}

impl Peer<UnixStream> {
    pub(crate) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::new(stream)
    }
}

impl<S: Read> Peer<S>
where
    for<'a> &'a S: Write,
{
    fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The stream, with what was read of it and not taken.
    pub(crate) fn into_stream(self) -> BufReader<S> {
        self.stream
    }

    /// Sends exactly this.
    pub(crate) fn say(&self, text: &str) {
        self.stream.get_ref().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a line and returns the next that comes.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\n"));
        self.hear()
    }

    /// The next line, without its end.
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        match line.strip_suffix('\n') {
            Some(line) => line.to_owned(),
            None => panic!("the server closed after {line:?}"),
        }
    }

    /// Reads `text` and not a byte more, as there are no lines in the seed protocol.
    pub(crate) fn hears(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        self.stream.read_exact(&mut heard).unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// Waits for the end of the stream, before which nothing more may come.
    pub(crate) fn hears_the_end(&mut self) {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
