//! The chat on [async-std](https://docs.rs/async-std), which is discontinued
//! ([RUSTSEC-2025-0052](https://rustsec.org/advisories/RUSTSEC-2025-0052.html)): it gets no more fixes.
//!
//! This module is for programs that are on it still. New ones should use `chinwag::smol`, to which a program
//! moves by changing a feature and the name of a module. Sockets and timers are smol's already, because
//! both stand on the same reactor.
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     async_std::{Runtime, TcpListener},
//!     wire::Line,
//! };
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     async_std::task::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!         let server = Server::new(Hub::new()).listen(listener, Line::default());
//!         server.run_until(std::future::pending::<()>(), Runtime::current()).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! That serves until the process ends; `examples/async_std_server.rs` stops on Ctrl-C.

pub use chinwag_transport_async_std::*;
