//! The file that a run writes, a line as soon as it is known.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::{machine, turn::Outcome};
use crate::{
    peer::Found,
    record::{Line, Measured},
};

/// What was measured.
#[derive(Debug)]
pub(super) struct Results {
    file: File,
    pub(super) all: Vec<Measured>,
    /// How many of them were not as they must be.
    pub(super) wrong: usize,
}

impl Results {
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let create = || -> io::Result<File> {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            File::create(path)
        };
        Ok(Self {
            file: create().map_err(|error| format!("{}: {error}", path.display()))?,
            all: Vec::new(),
            wrong: 0,
        })
    }

    /// What is known before anything is measured.
    pub(super) fn begin(&mut self, found: &[Found], rounds: usize) -> Result<(), String> {
        self.write(&Line::Machine(machine::describe(found, rounds)))?;
        for Found { peer, state } in found {
            if let Err(why) = state {
                eprintln!("absent: {}: {why}", peer.name);
                self.write(&Line::Absent {
                    peer: peer.name.to_owned(),
                    why: why.clone(),
                })?;
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, outcome: Outcome) -> Result<(), String> {
        self.wrong += usize::from(outcome.is_wrong);
        self.write(&Line::Measured(outcome.measured.clone()))?;
        self.all.push(outcome.measured);
        Ok(())
    }

    fn write(&mut self, line: &Line) -> Result<(), String> {
        let mut text = serde_json::to_string(line).map_err(|error| error.to_string())?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| format!("cannot write the results: {error}"))
    }
}
