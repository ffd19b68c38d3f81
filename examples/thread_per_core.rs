//! A chat server with one thread, one runtime and one listener for each core, and one hub for all: nothing moves from
//! core to core but what one user says to another.
//!
//! ```console
//! $ cargo run --release --example thread_per_core   # 127.0.0.1:4000
//! $ cargo run --release --example thread_per_core -- LINE_ADDR THREADS
//! ```
//!
//! All listeners have the same address, and the system gives each connection to one of them, which is for Linux and
//! Android only. It pays where accepting keeps a core busy, or where a task must not move between threads; a runtime
//! with many threads, as in `tokio_server.rs`, is simpler and does for the rest.

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::{env, error::Error, thread};

#[cfg(any(target_os = "linux", target_os = "android"))]
use chinwag::{
    Hub, Server,
    tokio::{Runtime, TcpListener},
    wire::Line,
};

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let mut addr = args.next().unwrap_or_else(|| "127.0.0.1:4000".into());
    let threads = match args.next() {
        Some(threads) => threads.parse()?,
        None => thread::available_parallelism()?.get(),
    };
    let hub = Hub::new();
    // All are bound before any of them serves, so that none fails when others have begun, and all to what port 0 became.
    let mut listeners = Vec::new();
    for number in 0..threads {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind_shared(&*addr))?;
        addr = listener.local_addr()?.to_string();
        println!("thread {number}: listening line://{addr}");
        listeners.push((runtime, listener));
    }
    let threads: Vec<_> = listeners
        .into_iter()
        .map(|(runtime, listener)| {
            let server = Server::new(hub.clone()).listen(listener, Line::default());
            thread::spawn(move || {
                runtime.block_on(async {
                    let stop = tokio::signal::ctrl_c();
                    server.run_until(stop, Runtime::current()).await
                })
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread has panicked")??;
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {
    eprintln!("only Linux and Android share one address between listeners");
}
