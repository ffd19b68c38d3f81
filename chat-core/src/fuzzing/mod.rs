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

pub use decode::{line_decode, seed_decode};
pub use encode::encode;
pub use mailbox::mailbox;

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

    /// At most so many.
    fn bytes(&mut self, most: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use fastrand::Rng;

    /// Runs `target` on its corpus, and on changes of it.
    fn corpus(name: &str, target: impl Fn(&[u8])) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(name);
        if !path.parent().is_some_and(Path::exists) {
            println!("no corpus: this is not the repository");
            return;
        }
        let files = fs::read_dir(&path).expect("a corpus");
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        let mut rng = Rng::with_seed(1);
        for file in &files {
            let bytes = fs::read(file).unwrap();
            println!("{}", file.display());
            target(&bytes);
            for _ in 0..20 {
                let mut changed = bytes.clone();
                for _ in 0..rng.usize(1..6) {
                    let at = rng.usize(..=changed.len());
                    match rng.u8(..3) {
                        0 => changed.insert(at, rng.u8(..)),
                        1 if at < changed.len() => changed[at] = rng.u8(..),
                        _ => changed.truncate(at),
                    }
                }
                target(&changed);
            }
        }
    }

    #[test]
    fn line_decode() {
        corpus("line_decode", super::line_decode);
    }

    #[test]
    fn seed_decode() {
        corpus("seed_decode", super::seed_decode);
    }

    #[test]
    fn encode() {
        corpus("encode", super::encode);
    }

    #[test]
    fn mailbox() {
        corpus("mailbox", super::mailbox);
    }
}
