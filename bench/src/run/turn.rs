//! Whose turn it is at what.

use std::{collections::BTreeSet, error::Error};

use super::progress::Progress;
use crate::{
    load::{error::Failure, sources::Sources},
    peer::{Found, Peer},
    record::{Figures, Measured},
    scenario::{Extent, Task},
};

/// One measurement that is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) task: &'a Task,
    peer: &'a Peer,
    /// Whether that is not the peer's first dialect.
    another: bool,
}

/// What came of a turn.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) measured: Measured,
    /// Whether something was not as it must be.
    pub(super) is_wrong: bool,
}

/// A peer in each of its dialects.
pub(super) fn speakers(found: &Found) -> Vec<(Peer, bool)> {
    let dialects = found.peer.dialects().into_iter().enumerate();
    dialects
        .map(|(number, dialect)| (found.peer.speaking(dialect), number > 0))
        .collect()
}

/// What is measured in each round. Says what is not, and why.
pub(super) fn all<'a>(tasks: &'a [Task], peers: &'a [(Peer, bool)], most: usize) -> Vec<Turn<'a>> {
    let mut turns = Vec::new();
    let mut said = BTreeSet::new();
    for task in tasks {
        for (peer, another) in peers {
            let turn = Turn {
                task,
                peer,
                another: *another,
            };
            match turn.can(most) {
                Ok(()) => turns.push(turn),
                // That another dialect is not measured everywhere needs no words.
                Err(_) if *another => {}
                Err(why) => {
                    let why = format!("not measured: {} with {}: {why}", task.scenario, turn.who());
                    if said.insert(why.clone()) {
                        eprintln!("{why}");
                    }
                }
            }
        }
    }
    turns
}

/// The turns of a round: all peers at one piece of work, then all at the next, and another one first in each
/// round.
pub(super) fn in_round<'a, 'b>(turns: &'b [Turn<'a>], round: usize) -> Vec<&'b Turn<'a>> {
    let same = |one: &Turn<'_>, other: &Turn<'_>| std::ptr::eq(one.task, other.task);
    let rotated = |turns: &'b [Turn<'a>]| {
        let (late, early) = turns.split_at(round % turns.len());
        early.iter().chain(late)
    };
    turns.chunk_by(same).flat_map(rotated).collect()
}

impl Turn<'_> {
    /// How the peer is called, with its dialect if that is not its first.
    pub(super) fn who(&self) -> String {
        match self.another {
            true => format!("{} ({})", self.peer.name, self.peer.dialect.scheme()),
            false => self.peer.name.to_owned(),
        }
    }

    fn can(&self, most: usize) -> Result<(), String> {
        self.peer.can(self.task.scenario)?;
        self.task.suits(self.peer.dialect, self.another)?;
        let connections = self.task.connections(self.peer.dialect);
        let most = most / self.peer.descriptors();
        if connections > most {
            return Err(format!(
                "{connections} connections, of which it can have {most} here"
            ));
        }
        Ok(())
    }

    pub(super) fn measure(
        &self,
        round: usize,
        core: usize,
        sources: &mut Sources,
        extent: Extent,
        progress: &mut Progress,
    ) -> Outcome {
        // To count system calls takes time and gives the same each time.
        let outcome = (self.peer.start(Some(core)))
            .map_err(Failure::from)
            .and_then(|mut server| self.task.measure(&mut server, sources, extent, round == 0));
        let is_wrong = outcome.as_ref().is_err_and(Failure::is_wrong);
        let (figures, failed) = match outcome {
            Ok(outcome) => {
                outcome.notes.iter().for_each(|note| progress.note(note));
                (outcome.figures, None)
            }
            Err(failure) => (Figures::default(), Some(with_sources(&failure))),
        };
        Outcome {
            measured: Measured {
                scenario: self.task.scenario.to_owned(),
                wire: self.wire(),
                work: self.task.work.clone(),
                peer: self.peer.name.to_owned(),
                round,
                figures,
                failed,
            },
            is_wrong,
        }
    }

    fn wire(&self) -> Option<String> {
        self.another.then(|| self.peer.dialect.scheme().to_owned())
    }
}

fn with_sources(error: &dyn Error) -> String {
    match error.source() {
        // Those that are passed on as they are say it themselves.
        Some(source) if !error.to_string().contains(&source.to_string()) => {
            format!("{error}: {}", with_sources(source))
        }
        _ => error.to_string(),
    }
}
