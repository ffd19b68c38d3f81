//! What a fuzzer runs, and the tests on what it has found: each function takes any bytes, and panics if something is
//! not as it must be. `fuzz/README.md` says how to run them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "what is wrong is found by panicking"
)]

mod decode;
mod encode;
mod mailbox;
mod names;
mod program;

use std::time::Instant;

pub use decode::{line_decode, machine, seed_decode};
pub use encode::encode;
pub use mailbox::mailbox;
pub use names::names;
pub use program::program;

/// Bytes that decide something, one after the other; zeros when there are no more.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn one<T: Clone, const N: usize>(&mut self, of: [T; N]) -> T {
        of[usize::from(self.byte()) % N].clone()
    }

    /// At most so many.
    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "any moment will do")]
fn epoch() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use chinwag_testkit::fuzzing::replay;

    #[test]
    fn line_decode() {
        replay("line_decode", 20, super::line_decode);
    }

    #[test]
    fn seed_decode() {
        replay("seed_decode", 20, super::seed_decode);
    }

    #[test]
    fn machine() {
        replay("machine", 20, super::machine);
    }

    #[test]
    fn encode() {
        replay("encode", 20, super::encode);
    }

    #[test]
    fn names() {
        replay("names", 20, super::names);
    }

    #[test]
    fn mailbox() {
        replay("mailbox", 20, super::mailbox);
    }

    #[test]
    fn program() {
        replay("program", 20, super::program);
    }
}
