//! The server's life, from its first listener to its last connection.

use std::process::ExitCode;

use chinwag::{Hub, Limits, Server, tokio::TokioRuntime};
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
    let limits = fit_file_limit(config)?;
    let announcement: String = bound
        .iter()
        .map(|bound| format!("listening {bound}\n"))
        .collect();

    let hub = Hub::builder()
        .limits(limits)
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
        max_connections = limits.max_connections(),
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

/// Takes as many open files as the system allows. If that is too few, it lowers max-connections where
/// that is only the default, and warns where it was asked for.
fn fit_file_limit(config: &Config) -> Result<Limits, Failure> {
    let limits = config.limits;
    let connections = limits.max_connections();
    let needed = OTHER_FILES.saturating_add(connections as u64);
    let allowed = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) => allowed,
        Err(error) => {
            warn!("cannot raise the limit of open files: {error}");
            return Ok(limits);
        }
    };
    if allowed >= needed {
        return Ok(limits);
    }
    if config.max_connections_set {
        warn!(
            "max-connections is {connections}, but the system allows only {allowed} open files; \
             raise that (ulimit -Hn, LimitNOFILE=) to {needed}, or lower max-connections"
        );
        return Ok(limits);
    }
    let connections = connections_within(allowed);
    info!("max-connections is {connections}, as the system allows {allowed} open files");
    Limits::builder()
        .max_connections(connections)
        .max_line(limits.max_line())
        .mailbox_bytes(limits.mailbox_bytes())
        .build()
        .map_err(Failure::OutOfRange)
}

/// How many connections fit beside the other files. Where hardly anything is allowed it is half, as
/// those rarely need all of what is kept for them.
fn connections_within(files: u64) -> usize {
    let connections = files.saturating_sub(OTHER_FILES).max(files / 2).max(1);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_keep_their_room() {
        let fits = [20_000, 512, 100, 1, 0].map(connections_within);
        assert_eq!(fits, [19_872, 384, 50, 1, 1]);
    }
}
