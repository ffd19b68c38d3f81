//! The chat on [tokio](https://docs.rs/tokio).
//!
//! The tokio runtime must have its I/O and time drivers on, as that of `#[tokio::main]` has.
//!
//! ```no_run
//! use chinwag::{
//!     Hub, Server,
//!     tokio::{Runtime, TcpListener},
//!     wire::Line,
//! };
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let listener = TcpListener::bind("127.0.0.1:4000").await?;
//!     let server = Server::new(Hub::new()).listen(listener, Line::default());
//!     server.run_until(tokio::signal::ctrl_c(), Runtime::current()).await?;
//!     Ok(())
//! }
//! ```

pub use chinwag_transport_tokio::*;
