//! A chat in one process: a server and its users, over real TCP on this machine.
//!
//! ```console
//! $ cargo run --release --example simulation                 # four users, until ctrl-c
//! $ cargo run --release --example simulation -- --users 200 --rounds 20 --interval 50ms --quiet
//! sent 4000 messages, received 4000
//! $ cargo run --release --features smol --example simulation -- --runtime smol
//! ```
//!
//! Each user registers, lists its friends, and from then on says hi to one of them, or to itself, at every
//! interval. At the end everything that was sent must have arrived; if not, the exit status is 1.

use std::process::ExitCode;

#[cfg(any(
    feature = "tokio",
    feature = "async-std",
    feature = "smol",
    all(feature = "threads", unix)
))]
mod simulation;

// `required-features` cannot say that any of them will do.
#[cfg(not(any(
    feature = "tokio",
    feature = "async-std",
    feature = "smol",
    all(feature = "threads", unix)
)))]
mod simulation {
    use std::process::ExitCode;

    pub(crate) fn main() -> ExitCode {
        eprintln!(
            "simulation: built with nothing to run on; \
             add `--features tokio`, or async-std, smol or threads"
        );
        ExitCode::FAILURE
    }
}

fn main() -> ExitCode {
    simulation::main()
}
