//! The chat on [smol](https://docs.rs/smol).
//!
//! Connections run on an executor of their own, on as many threads as there are processors, unless
//! [`SmolRuntime`] is told otherwise or given the program's.
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     smol::{Runtime, TcpListener},
//!     wire::Line,
//! };
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!         let server = Server::new(Hub::new()).listen(listener, Line::default());
//!         server.run_until(std::future::pending::<()>(), Runtime::current()).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! That serves until the process ends; `examples/smol_server.rs` stops on Ctrl-C.

pub use chinwag_transport_smol::*;
