//! The chat on [smol](https://docs.rs/smol).
//!
//! Connections run on an executor of their own, on as many threads as there are processors, unless
//! [`SmolRuntime`] is told otherwise or given the program's.
//!
//! All of a program, which Ctrl-C and SIGTERM stop:
//!
//! ```toml
//! [dependencies]
//! chinwag = { path = "…/chinwag", default-features = false, features = ["smol", "tracing"] }
//! ctrlc = { version = "3", features = ["termination"] }
//! futures = "0.3"
//! smol = "2"
//! ```
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     smol::{Runtime, TcpListener},
//!     wire::Line,
//! };
//! use futures::{StreamExt, channel::mpsc};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
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

pub use chinwag_transport_smol::*;
