//! The core of the chat server chinwag: everything that needs no async runtime.
//!
//! Programs depend on the crate `chinwag`, which adds the runtimes; this crate is for those who bring a
//! runtime, a transport or a wire of their own.
//!
//! # The words
//!
//! A [`Hub`] is one chat. A *connection* is a byte stream to one peer; it belongs to a *user* once it has
//! registered a *name*, and users are *members* of *rooms*. The program that the chat is part of takes part as
//! [`LocalUser`]s, and as itself. A [`Server`] accepts connections from [`Listener`]s and serves each as one
//! future on a [`Runtime`]. A [`Wire`](wire::Wire) turns the peer's bytes into [`Command`]s and
//! [`Event`]s into bytes for the peer.
//!
//! Every connection has a *mailbox*, into which others put what they tell it. It is bounded in bytes: a
//! talker is held back while a reader is behind, and what becomes of a reader that stays behind is said by a
//! [`SlowReader`] policy.
//!
//! # A chat in memory
//!
//! ```
//! # extern crate chinwag_core as chinwag;
//! use chinwag::{Client, Hub, Received, Server, wire::Line};
//! use chinwag_testkit::{MemoryNet, VirtualRuntime};
//!
//! let rt = VirtualRuntime::new(1);
//! let net = MemoryNet::new();
//! let server = Server::new(Hub::new()).listen(net.listen("line"), Line::default());
//!
//! let chat = async {
//!     let ada = Client::new(net.connect("line"));
//!     let bob = Client::new(net.connect("line"));
//!     ada.register("ada").await?;
//!     bob.register("bob").await?;
//!     assert_eq!(ada.list().await?, ["ada", "bob"]);
//!
//!     ada.send("bob", "hello").await?;
//!     let message = bob.incoming().next().await.expect("the server is up")?;
//!     assert_eq!(message, Received::Message { from: "ada".into(), text: "hello".into() });
//!     Ok::<(), chinwag::ClientError>(())
//! };
//! let chat = async { chat.await.expect("everyone is there") };
//! rt.block_on(server.run_until(chat, rt.clone()))?;
//! # Ok::<(), chinwag::ServerError>(())
//! ```
//!
//! # Features
//!
//! - `metrics`: counts through the [`metrics`](https://docs.rs/metrics) facade, see
//!   `Hub::record_metrics`.
//! - `sockets`: the module `sockets`, with what the transports have in common.
//! - `tracing`: logs events through the [`tracing`](https://docs.rs/tracing) facade, under the targets
//!   `chinwag::server`, `chinwag::connection`, `chinwag::room` and `chinwag::hook`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "some values are only logged")
)]

mod addresses;
pub mod client;
mod config;
mod connections;
mod ending;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hub;
#[cfg(feature = "metrics")]
mod metrics;
mod model;
#[cfg(all(test, shuttle))]
mod models;
mod net;
mod plug;
mod rt;
mod server;
mod session;
#[cfg(feature = "sockets")]
pub mod sockets;
mod sync;
mod trace;
pub mod wire;

pub use async_trait::async_trait;
pub use client::{Client, ClientError, Received};
pub use config::{
    ConfigError, Limits, LimitsBuilder, Rate, Rates, RatesBuilder, SlowReader, TakenName, Timeouts,
    TimeoutsBuilder, UnknownPolicy,
};
pub use error::{HubError, ServerError};
pub use hub::{
    Hub, HubBuilder, LocalUser, LocalUserBuilder, MAX_WATCHED, RoomHandle, Stats, WeakHub,
};
pub use model::{
    Answer, Asked, Command, Credentials, Entrance, ErrorCode, Event, Kind, Mask, MaskEntry,
    MaskError, MaskList, MessageId, NameError, OwnedSecret, Past, Person, Profile, QuitReason,
    Role, RoleChange, RoomInfo, RoomName, RoomSetting, RoomSettings, Secret, Stamp, Style, Topic,
    UnknownRole, UserName, Verb, Whois, wildcard_matches,
};
pub use net::{Addr, Incoming, Listener};
pub use plug::{Admission, Authenticator, Claim, Denied, Moment, Policy, Verdict};
pub use rt::{Runtime, Sleep};
pub use server::{Server, ServerHandle};
