//! The chat on plain threads, one for each connection, and no async runtime. For Unix only.
//!
//! Each connection costs a thread with a small stack and two file descriptors; see [`ThreadRuntime`] for
//! the bound on them. Sockets and timers of this module, and so servers and clients, work inside of
//! [`block_on`], in tasks of the runtime too, and panic when another executor polls them.
//!
//! All of a program, which Ctrl-C and SIGTERM stop:
//!
//! ```toml
//! [dependencies]
//! chinwag = { path = "…/chinwag", default-features = false, features = ["threads", "tracing"] }
//! ctrlc = { version = "3", features = ["termination"] }
//! futures = "0.3"
//! ```
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     threads::{Runtime, TcpListener},
//!     wire::Line,
//! };
//! use futures::{StreamExt, channel::mpsc};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     chinwag::threads::block_on(async {
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

pub use chinwag_transport_threads::*;
