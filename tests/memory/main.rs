//! The whole chat, in memory and in virtual time: what users and operators see of it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod chat;
mod faults;
mod line;
mod seed;
