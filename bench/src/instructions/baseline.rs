//! What the hot paths cost when they were last looked at.

use std::{collections::BTreeMap, env, fmt, fs, process::Command};

use serde::Deserialize;

use super::{Error, callgrind, run};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

/// The file `instructions.toml`.
#[derive(Debug, Deserialize)]
pub(super) struct Baseline {
    counted_with: Tools,
    tolerance: Tolerance,
    cases: BTreeMap<String, f64>,
    /// What it is compared with.
    #[serde(skip)]
    now: Tools,
}

/// What decides which instructions a program has, beside its source.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Tools {
    rustc: String,
    libc: String,
    /// Libraries choose how they copy by what the processor can.
    processor: String,
    valgrind: String,
}

/// In per cent.
#[derive(Debug, Deserialize)]
struct Tolerance {
    same_tools: f64,
    other_tools: f64,
}

/// A case, then and now.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) baseline: Option<f64>,
    /// In per cent.
    pub(super) change: Option<f64>,
    pub(super) tolerance: f64,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Worse,
    Better,
    New,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "good",
            Self::Worse => "WORSE",
            Self::Better => "better",
            Self::New => "new",
        })
    }
}

impl Baseline {
    pub(super) fn read() -> Result<Self, Error> {
        let baseline = toml::from_str::<Self>(&text()?);
        let mut baseline = baseline.map_err(|error| Error::new(format!("{FILE}: {error}")))?;
        baseline.now = Tools::here()?;
        Ok(baseline)
    }

    /// With what it was counted, and is now.
    pub(super) fn describe(&self) -> String {
        let Self {
            counted_with: then,
            now,
            ..
        } = self;
        match self.has_other_tools() {
            true => format!(
                "The baseline was counted with {then}.\nHere are {now}: the tolerance is wider."
            ),
            false => format!("Counted with {now}, as the baseline was."),
        }
    }

    pub(super) fn compare(&self, case: &str, count: f64) -> Compared {
        let tolerance = match self.has_other_tools() {
            true => self.tolerance.other_tools,
            false => self.tolerance.same_tools,
        };
        let baseline = self.cases.get(case).copied();
        let change = baseline.map(|baseline| (count / baseline - 1.0) * 100.0);
        let verdict = match change {
            None => Verdict::New,
            Some(change) if change > tolerance => Verdict::Worse,
            Some(change) if change < -tolerance => Verdict::Better,
            Some(_) => Verdict::Same,
        };
        Compared {
            baseline,
            change,
            tolerance,
            verdict,
        }
    }

    fn has_other_tools(&self) -> bool {
        self.counted_with != self.now
    }

    /// Writes `counts` into the file, and with which tools they were counted. The rest of it stays.
    pub(super) fn update<'a>(counts: impl Iterator<Item = (&'a str, f64)>) -> Result<(), Error> {
        let tools = Tools::here()?;
        let mut text = text()?;
        set(&mut text, "rustc", &format!("{:?}", tools.rustc));
        set(&mut text, "libc", &format!("{:?}", tools.libc));
        set(&mut text, "processor", &format!("{:?}", tools.processor));
        set(&mut text, "valgrind", &format!("{:?}", tools.valgrind));
        for (case, count) in counts {
            set(&mut text, case, &format!("{count:.1}"));
        }
        fs::write(FILE, text).map_err(|error| Error::new(format!("{FILE}: {error}")))
    }
}

impl Tools {
    fn here() -> Result<Self, Error> {
        let line = |text: String| text.trim().to_owned();
        #[cfg(target_arch = "x86_64")]
        let wide = std::arch::is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let wide = false;
        let processor = env::consts::ARCH;
        Ok(Self {
            rustc: line(run(Command::new("rustc").arg("--version"))?),
            libc: run(Command::new("getconf").arg("GNU_LIBC_VERSION"))
                .map_or_else(|_| "another libc".to_owned(), line),
            processor: match wide {
                true => format!("{processor} with AVX2"),
                false => processor.to_owned(),
            },
            valgrind: line(callgrind::version()?),
        })
    }
}

impl fmt::Display for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rustc,
            libc,
            processor,
            valgrind,
        } = self;
        write!(f, "{rustc}, {libc}, {valgrind} and {processor}")
    }
}

fn text() -> Result<String, Error> {
    fs::read_to_string(FILE).map_err(|error| Error::new(format!("{FILE}: {error}")))
}

/// Gives `key` another value, or adds it at the end.
fn set(text: &mut String, key: &str, value: &str) {
    let line = format!("{key} = {value}");
    let is_it = |line: &str| line.split(" = ").next() == Some(key);
    match text.lines().any(is_it) {
        true => {
            let lines = text.lines().map(|there| match is_it(there) {
                true => &*line,
                false => there,
            });
            *text = lines.flat_map(|line| [line, "\n"]).collect();
        }
        false => *text += &format!("{line}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_change_and_the_rest_stays() {
        let mut text = "# why\n[cases]\nroom-1 = 5.0\n".to_owned();
        set(&mut text, "room-1", "6.0");
        set(&mut text, "wake", "7.0");
        assert_eq!(text, "# why\n[cases]\nroom-1 = 6.0\nwake = 7.0\n");
    }

    #[test]
    fn the_tolerance_is_wider_with_other_tools() {
        let text = "[counted_with]\nrustc = 'a'\nlibc = 'b'\nprocessor = 'c'\nvalgrind = 'd'\n\
            [tolerance]\nsame_tools = 2.0\nother_tools = 10.0\n[cases]\nroom-1 = 100.0\n";
        let mut baseline: Baseline = toml::from_str(text).unwrap();
        let verdict = |baseline: &Baseline, count| baseline.compare("room-1", count).verdict;
        assert_eq!(verdict(&baseline, 105.0), Verdict::Same);
        assert_eq!(verdict(&baseline, 111.0), Verdict::Worse);
        baseline.now =
            toml::from_str("rustc = 'a'\nlibc = 'b'\nprocessor = 'c'\nvalgrind = 'd'").unwrap();
        assert_eq!(verdict(&baseline, 105.0), Verdict::Worse);
        assert_eq!(verdict(&baseline, 101.0), Verdict::Same);
        assert_eq!(verdict(&baseline, 90.0), Verdict::Better);
        assert_eq!(baseline.compare("wake", 1.0).verdict, Verdict::New);
    }
}
