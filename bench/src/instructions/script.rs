//! Prepared bytes, and whether they came. The program `hot-paths` has this file as well.

/// How many different lines a script has before it begins anew. More than are ever in flight at once, so that
/// a lost, doubled or swapped one is noticed.
const ROUND: usize = 64;

/// How many bytes a text has.
const TEXT: usize = 64;

/// Numbered lines of one length, made before anything is counted.
#[derive(Clone)]
pub(crate) struct Script {
    /// Two rounds of them, so that any window is in one piece.
    bytes: Vec<u8>,
    line: usize,
}

impl Script {
    /// Lines of `before` and a text.
    pub(crate) fn new(before: &str) -> Self {
        let texts = (0..ROUND).map(|number| format!("{number:.<TEXT$}"));
        let round = texts
            .map(|text| format!("{before}{text}\n"))
            .collect::<String>();
        Self {
            line: round.len() / ROUND,
            bytes: round.repeat(2).into_bytes(),
        }
    }

    /// The lines from number `from` on, `count` of them.
    pub(crate) fn lines(&self, from: usize, count: usize) -> &[u8] {
        let start = from % ROUND * self.line;
        &self.bytes[start..][..count * self.line]
    }
}

/// Checks that `heard` has `count` lines of each of those who have `said` something, from number `from` on, in
/// the order in which each said them, and in whatever order of speakers.
pub(crate) fn check(heard: &[u8], said: &[Script], from: usize, count: usize) {
    let line = said.first().map_or(1, |script| script.line);
    let mut next = vec![0; said.len()];
    assert!(
        heard.len() == said.len() * count * line,
        "{} bytes came",
        heard.len()
    );
    for heard in heard.chunks(line) {
        let is_next = |&speaker: &usize| said[speaker].lines(from + next[speaker], 1) == heard;
        let speaker = (0..said.len()).find(|speaker| next[*speaker] < count && is_next(speaker));
        assert!(
            speaker.is_some(),
            "{:?} came out of order",
            String::from_utf8_lossy(heard)
        );
        speaker.into_iter().for_each(|speaker| next[speaker] += 1);
    }
}
