//! The chat on plain threads, one for each connection, and no async runtime. For Unix only.
//!
//! Each connection costs a thread with a small stack and two file descriptors; see [`ThreadRuntime`] for
//! the bound on them. Sockets and timers of this module work where [`block_on`] or a task of the runtime
//! polls them, and nowhere else.
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     threads::{Runtime, TcpListener},
//!     wire::Line,
//! };
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     chinwag::threads::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!         let server = Server::new(Hub::new()).listen(listener, Line::default());
//!         server.run_until(std::future::pending::<()>(), Runtime::current()).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! That serves until the process ends; `examples/threads_server.rs` stops on Ctrl-C.

pub use chinwag_transport_threads::*;
