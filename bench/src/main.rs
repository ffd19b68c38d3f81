//! Measures chinwag and the servers that it is compared with, side by side in one run.

#[cfg(target_os = "linux")]
mod instructions;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod record;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod scenario;
#[cfg(target_os = "linux")]
mod soak;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
use clap::{Parser, Subcommand};

/// Measure chinwag and its peers.
#[cfg(target_os = "linux")]
#[derive(Debug, Parser)]
#[command(name = "chinwag-bench", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[cfg(target_os = "linux")]
#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the peers that are here, side by side
    Run(run::Run),
    /// Let thousands come, go and misbehave for as long as you like, and see whether chinwagd stays flat
    Soak(soak::Soak),
    /// Count the instructions of the hot paths under valgrind, and compare them with the baseline
    Instructions(instructions::Options),
    /// Write the tables and draw the plots of `docs/performance.md` from results
    Report(report::Report),
    /// Say which peers there are, and which of them are here
    Peers(peer::Cli),
    #[command(hide = true)]
    Launch(peer::Launch),
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Soak(soak) => soak.run(),
        Command::Instructions(options) => return instructions::main(&options),
        Command::Report(report) => report.run(),
        Command::Peers(peers) => peers.run(),
        Command::Launch(launch) => Err(launch.run()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chinwag-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!(
        "chinwag-bench: it needs Linux, whose epoll it uses and whose accounts of processes it reads"
    );
    ExitCode::FAILURE
}
