//! The server's life, from its first listener to its last connection.

use std::process::ExitCode;

use chinwag::{Hub, Server, tokio::TokioRuntime};
use tokio::{
    runtime,
    sync::oneshot,
    task::{self, JoinError},
};
use tracing::{info, warn};

use crate::{
    config::Config,
    failure::Failure,
    listen::{Bound, Endpoint},
    print,
    signals::Signals,
};

/// How many files may be open that are not connections: listeners, standard streams, what tokio needs,
/// and those being told that there is no room for them.
const OTHER_FILES: u64 = 128;

/// Serves until a signal ends it.
pub(crate) fn run(config: &Config) -> Result<ExitCode, Failure> {
    // With one thread too it is the runtime of many: a single way to run is a single way to fail, and
    // that thread is a worker, not the one that waits for signals.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(config.threads)
        .thread_name("chat")
        .enable_all()
        .build()
        .map_err(Failure::System)?;
    let outcome = runtime.block_on(serve(config));
    // The wait for connections is over, and a look-up of a host name may take very long.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: &Config) -> Result<ExitCode, Failure> {
    // Before anybody can know that the server is there.
    let mut signals = Signals::receive().map_err(Failure::System)?;
    let bound = tokio::select! {
        bound = bind_all(&config.listen) => bound?,
        signal = signals.next() => {
            info!("{signal} before it listens: stopped");
            return Ok(ExitCode::SUCCESS);
        }
    };
    raise_file_limit(config.limits.max_connections());
    let announcement: String = bound
        .iter()
        .map(|bound| format!("listening {bound}\n"))
        .collect();

    let hub = Hub::builder()
        .limits(config.limits)
        .timeouts(config.timeouts)
        .build();
    let server = bound
        .into_iter()
        .fold(Server::new(hub.clone()), |server, bound| {
            bound.serve(server)
        });
    let (stop, stopped) = oneshot::channel::<()>();
    // The future that accepts is a task of its own. It then runs on the worker that the system tells of
    // new connections; in `block_on` it would run on the main thread, which a worker had to wake for each.
    let mut serving = task::spawn(server.run_until(stopped, TokioRuntime::current()));
    info!(
        threads = config.threads,
        max_connections = config.limits.max_connections(),
        "chinwagd {} is up",
        env!("CARGO_PKG_VERSION")
    );
    print(&announcement);

    tokio::select! {
        ended = &mut serving => return finish(ended),
        signal = signals.next() => {
            let connections = hub.connections();
            info!(connections, "{signal}: shutting down");
        }
    }
    // It fails only if the server has ended, which the next lines see.
    let _ = stop.send(());
    tokio::select! {
        ended = &mut serving => finish(ended),
        signal = signals.next() => {
            warn!("{signal} during the shutdown: ends at once");
            Ok(ExitCode::from(signal.exit_code()))
        }
    }
}

/// Listens on all endpoints or, if one of them cannot be had, on none.
async fn bind_all(endpoints: &[Endpoint]) -> Result<Vec<Bound>, Failure> {
    let mut bound = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        bound.push(endpoint.bind().await?);
    }
    Ok(bound)
}

fn finish(ended: Result<Result<(), chinwag::ServerError>, JoinError>) -> Result<ExitCode, Failure> {
    ended??;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Takes as many open files as the system allows, and warns if that is too few for `connections`.
fn raise_file_limit(connections: usize) {
    let needed = OTHER_FILES.saturating_add(connections as u64);
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < needed => warn!(
            "max-connections is {connections}, but the system allows only {limit} open files; \
             raise that (ulimit -Hn, LimitNOFILE=) to {needed}, or lower max-connections"
        ),
        Ok(_) => {}
        Err(error) => warn!("cannot raise the limit of open files: {error}"),
    }
}
