//! What chinwag is tested with: a runtime whose time is virtual and whose order is seeded, a network in
//! memory, a small client that checks what it is told; in [`conformance`](mod@conformance) the cases that every runtime
//! must pass, and in [`simulation`] a whole chat under a storm, with a model that checks all that is seen of it.
//!
//! On the virtual runtime the same seed gives the same run. The conformance cases also run on real sockets,
//! in real time.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test kit fails by panicking"
)]

pub mod conformance;
mod cut;
pub mod fuzzing;
mod net;
mod peer;
mod runtime;
pub mod simulation;

pub use cut::{Cut, dropped_at};
pub use net::{Link, MemoryListener, MemoryNet, MemoryStream};
pub use peer::Peer;
pub use runtime::{VirtualRuntime, VirtualSleep};

/// The beginning of a hub that takes whatever comes, as fast as it comes: what a test asks for is not what a
/// person types. It is always the same day there, so that a run can be repeated to the letter.
pub fn unthrottled() -> chinwag_core::HubBuilder {
    let day =
        std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(50 * 365 * 24 * 3600);
    chinwag_core::Hub::builder()
        .rates(chinwag_core::Rates::unlimited())
        .calendar(move || day)
}
