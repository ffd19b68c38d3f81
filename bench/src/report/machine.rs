//! Where, when and with what it was measured.

use std::collections::{BTreeMap, BTreeSet};

use super::{number, results::Results, table::Table};
use crate::record::Machine;

/// A row of the table.
type Row = (&'static str, fn(&Machine) -> String);

const ROWS: [Row; 8] = [
    ("Date", |machine| machine.date.clone()),
    ("Commit", |machine| format!("`{}`", machine.commit)),
    ("Processor", |machine| machine.processor.clone()),
    ("Cores", |machine| machine.cores.to_string()),
    ("Memory", |machine| {
        let gibibytes = machine.memory_bytes as f64 / f64::from(1 << 30);
        format!("{} GiB", number::short(gibibytes))
    }),
    ("Kernel", |machine| machine.kernel.clone()),
    ("Compiler", |machine| machine.rustc.clone()),
    ("Rounds", |machine| machine.rounds.to_string()),
];

pub(super) fn part(results: &Results) -> String {
    let mut table = Table::new(["", "Measured on"]);
    for (title, value) in ROWS {
        table.row(vec![title.to_owned(), each(results, value)]);
    }
    let mut peers = Table::new(["Peer", "Version, or why it is absent"]);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for machine in &results.machines {
        for (peer, version) in &machine.peers {
            versions.entry(peer).or_default().insert(version);
        }
    }
    for (peer, versions) in &versions {
        let versions: Vec<_> = versions.iter().copied().collect();
        peers.row(vec![(*peer).to_owned(), versions.join("; ")]);
    }
    for (peer, why) in &results.absent {
        if !versions.contains_key(peer.as_str()) {
            peers.row(vec![peer.clone(), format!("absent: {why}")]);
        }
    }
    format!("{table}\n{peers}")
}

/// What is the same in all runs once, and otherwise one after the other.
fn each(results: &Results, value: fn(&Machine) -> String) -> String {
    let mut values: Vec<String> = results.machines.iter().map(value).collect();
    values.dedup();
    values.join("; ")
}
