//! The chat on [tokio](https://docs.rs/tokio).
//!
//! The tokio runtime must have its I/O and time drivers on, as that of `#[tokio::main]` has.
//!
//! All of a program, which Ctrl-C and SIGTERM stop:
//!
//! ```toml
//! [dependencies]
//! chinwag = { path = "…/chinwag" }
//! ctrlc = { version = "3", features = ["termination"] }
//! futures = "0.3"
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     tokio::{Runtime, TcpListener},
//!     wire::Line,
//! };
//! use futures::{StreamExt, channel::mpsc};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (mut stop, mut stopped) = mpsc::channel(0);
//!     ctrlc::set_handler(move || drop(stop.try_send(())))?;
//!     let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!     Server::new(Hub::new())
//!         .listen(listener, Line::default())
//!         .run_until(stopped.next(), Runtime::current())
//!         .await?;
//!     Ok(())
//! }
//! ```

pub use chinwag_transport_tokio::*;
