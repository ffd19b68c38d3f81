//! `chinwag-bench peers`: which there are, and whether they work.

use std::error::Error as _;

use clap::Args;

use super::{Error, Found, check};

/// Which peers to look at.
#[derive(Debug, Args)]
pub(crate) struct Cli {
    /// Start each that is here, have a short conversation with it, and stop it
    #[arg(long)]
    check: bool,
    /// Build nothing; take the programs that are beside this one
    #[arg(long)]
    no_build: bool,
    /// The core on which --check starts them
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Only these
    names: Vec<String>,
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), String> {
        let mut found = if self.no_build {
            super::beside()
        } else {
            super::all()
        };
        let known: Vec<_> = found.iter().map(|found| found.peer.name).collect();
        if let Some(name) = (self.names.iter()).find(|name| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            return Err(format!("there is no peer `{name}`; there are {known}"));
        }
        found.retain(|found| {
            let name = found.peer.name;
            self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
        });

        print_table(&found);
        if self.check {
            return check_all(&found, self.core);
        }
        Ok(())
    }
}

fn print_table(found: &[Found]) {
    let names = found.iter().map(|found| found.peer.name.len());
    let name = names.max().unwrap_or_default();
    let version = |found: &Found| found.state.clone().unwrap_or_else(|_| "absent".to_owned());
    let versions = found.iter().map(|found| version(found).len());
    let width = versions.max().unwrap_or_default();
    for found in found {
        let Found { peer, state } = found;
        print!(
            "{:name$}  {:width$}  {}",
            peer.name,
            version(found),
            peer.what
        );
        match state {
            Ok(_) => println!(),
            Err(why) => println!("; absent: {why}"),
        }
    }
}

fn check_all(found: &[Found], core: usize) -> Result<(), String> {
    println!();
    let mut failed = Vec::new();
    for Found { peer, state } in found {
        if state.is_err() {
            continue;
        }
        for dialect in peer.dialects() {
            let name = format!("{} ({})", peer.name, dialect.scheme());
            match check::check(&peer.speaking(dialect), core) {
                Ok(seen) => println!("{name}: ok, {seen}"),
                Err(error) => {
                    println!("{name}: FAILED, {}", with_sources(&error));
                    failed.push(name);
                }
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("not as they must be: {}", failed.join(", ")))
}

fn with_sources(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
