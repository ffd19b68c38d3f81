//! The chat on [async-std](https://docs.rs/async-std), which is discontinued
//! ([RUSTSEC-2025-0052](https://rustsec.org/advisories/RUSTSEC-2025-0052.html)): it gets no more fixes.
//!
//! This module is for programs that are on it still. New ones should use `chinwag::smol`, to which a program
//! moves by changing a feature and the name of a module. Sockets and timers are smol's already, because
//! both stand on the same reactor.
//!
//! All of a program, which Ctrl-C and SIGTERM stop:
//!
//! ```toml
//! [dependencies]
//! chinwag = { path = "…/chinwag", default-features = false, features = ["async-std", "tracing"] }
//! ctrlc = { version = "3", features = ["termination"] }
//! futures = "0.3"
//! async-std = "1"
//! ```
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     async_std::{Runtime, TcpListener},
//!     wire::Line,
//! };
//! use futures::{StreamExt, channel::mpsc};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     async_std::task::block_on(async {
//!         let (mut stop, mut stopped) = mpsc::channel(0);
//!         ctrlc::set_handler(move || drop(stop.try_send(())))?;
//!         let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!         Server::new(Hub::new())
//!             .listen(listener, Line::default())
//!             .run_until(stopped.next(), Runtime::current())
//!             .await?;
//!         Ok(())
//!     })
//! }
//! ```

pub use chinwag_transport_async_std::*;
