//! The whole chat, in memory and in virtual time: what users and operators see of it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests"
)]

use chinwag::{Hub, HubBuilder};

mod beyond;
mod cancellation;
mod chat;
mod faults;
mod hooks;
mod line;
mod local;
mod order;
mod presence;
mod rates;
mod rooms;
mod seed;
mod settings;
mod shutdown;
mod slow;
mod wakers;
mod wires;

/// A hub that takes whatever comes, as fast as it comes.
fn unthrottled() -> chinwag::Hub {
    unthrottled_with(|hub| hub)
}

/// The same, with other settings.
fn unthrottled_with(settings: impl Fn(HubBuilder) -> HubBuilder) -> Hub {
    settings(chinwag_testkit::unthrottled()).build()
}
