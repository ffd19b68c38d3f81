//! An embeddable chat server: names, direct messages, rooms and presence over wire protocols that a person can
//! type, on the async runtime that the program already has.
//!
//! A program makes a [`Hub`], gives it listeners, and has a chat:
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     tokio::{Runtime, TcpListener},
//!     wire::{Line, Seed},
//! };
//!
//! # #[cfg(feature = "tokio")]
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let hub = Hub::new();
//!     Server::new(hub.clone())
//!         .listen(TcpListener::bind("127.0.0.1:4000").await?, Line::default())
//!         .listen(TcpListener::bind("127.0.0.1:4001").await?, Seed::default())
//!         .run_until(tokio::signal::ctrl_c(), Runtime::current())
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! Then anybody can talk to it: `nc 127.0.0.1 4000`, and type `register,ada`, `list,friends`,
//! `chat,ada,hello`, `join,#lobby`, `say,#lobby,hello`.
//!
//! The program takes part without a socket ([`Hub::connect`], [`Hub::publish`]), says who may have which name and
//! do what ([`Authenticator`], [`Policy`]), and moderates ([`Hub::room`]); `docs/embedding.md` in the repository is
//! a guide to all of it. Another program is a [`Client`]:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use chinwag::{Hub, Server, tokio::{Runtime, TcpListener}, wire::Line};
//! # let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let addr = listener.local_addr()?;
//! # let server = Server::new(Hub::new()).listen(listener, Line::default());
//! # tokio::spawn(server.run_until(std::future::pending::<()>(), Runtime::current()));
//! use chinwag::Received;
//!
//! let ada = chinwag::tokio::connect(addr).await?;
//! ada.register("ada").await?;
//! ada.send("ada", "a note to myself").await?;
//! if let Some(Received::Message { from, text }) = ada.incoming().next().await.transpose()? {
//!     println!("{from} says {text}");
//! }
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # What is promised
//!
//! - What one user sends to another arrives whole, once and in order, as long as the reader's connection
//!   lasts. All members of a room see its messages in one order, the sender too. A reader that stays behind is
//!   disconnected and told how much it lost, or misses some and is told where ([`SlowReader`]). One that gets through half
//!   a mailbox in half a second is never cut, however fast others talk. A message to nobody is refused (on `line`) or logged (on `seed`).
//! - Every queue and buffer has a bound, in bytes, and every wait has an end; see [`Limits`],
//!   [`Rates`] and [`Timeouts`]. A reader that is slow, stuck or gone costs nobody else a message.
//! - No `unsafe` code in any crate of this project, and nothing that a peer sends can make it panic.
//!
//! # Features
//!
//! Features only add; turning one on changes nothing else.
//!
//! - `tokio` (default): the module [`tokio`], with listeners, a runtime and a client for it.
//! - `smol`, `threads`, `async-std`: the modules `smol`, `threads` and `async_std`, with the same things in
//!   them. A program moves from one runtime to another by changing the feature and the name of the module.
//!   `threads` is for Unix only.
//! - `irc`: the wire [`Irc`](wire), for clients of IRC.
//! - `sockets`: the module `sockets`, with what the runtimes have in common; each of them turns it on.
//! - `tracing` (default): events are logged through the [`tracing`](https://docs.rs/tracing) facade, under
//!   the targets `chinwag::server`, `chinwag::connection`, `chinwag::room` and `chinwag::hook`.
//! - `metrics`: what a hub counts is recorded through the [`metrics`](https://docs.rs/metrics) facade.
//!
//! # Elsewhere
//!
//! The wires are specified in `docs/protocol.md`. To bring a runtime, a transport or a wire of your
//! own, implement [`Runtime`], [`Listener`] or [`wire::Wire`]; for a runtime that has sockets, turn on the
//! feature `sockets`, implement `sockets::Network`, and have the listeners as well.

#![forbid(unsafe_code)]

pub use chinwag_core::*;

#[cfg(feature = "async-std")]
pub mod async_std;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(all(feature = "threads", unix))]
pub mod threads;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod wire;

// The README shows more than one runtime.
#[cfg(all(doctest, unix, feature = "tokio", feature = "threads"))]
#[doc = include_str!("../README.md")]
struct ReadmeDocTests;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../docs/embedding.md")]
struct EmbeddingDocTests;

#[cfg(all(doctest, feature = "tokio", feature = "irc"))]
#[doc = include_str!("../docs/irc.md")]
struct IrcDocTests;
