//! The server's life, from its first listener to its last connection.

use std::{future::Future, io, pin::pin, process::ExitCode, time::SystemTime};

use chinwag::{Hub, Limits, Server, ServerError, sockets::Network, wire::Seed};
use futures::{
    channel::oneshot::{self, Canceled},
    future::{Either, select},
};
use tracing::{info, warn};

use crate::{
    accounts::Doorkeeper,
    config::Config,
    failure::Failure,
    listen::{Bound, Endpoint, Wires},
    print,
    signals::Signals,
};

/// How many files may be open that are not of connections: listeners, standard streams, and what the
/// runtime needs.
const OTHER_FILES: u64 = 64;

/// How many connections more there may be, which are being told that there is no room for them.
const REFUSED: u64 = 64;

/// Serves on `runtime` until a signal ends it.
pub(crate) fn serve<N: Network>(runtime: &N, config: &Config) -> Result<ExitCode, Failure> {
    runtime.block_on(until_a_signal(runtime, config))
}

async fn until_a_signal<N: Network>(runtime: &N, config: &Config) -> Result<ExitCode, Failure> {
    // Before anybody can know that the server is there.
    let mut signals = Signals::receive().map_err(Failure::System)?;
    let bound = match select(pin!(signals.next()), pin!(bind_all::<N>(&config.listen))).await {
        Either::Left((signal, _)) => {
            info!("{signal} before it listens: stopped");
            return Ok(ExitCode::SUCCESS);
        }
        Either::Right((bound, _)) => bound?,
    };
    for doubt in config.doubts() {
        warn!("{doubt}");
    }
    let limits = fit_file_limit(config)?;
    let announcement: String = bound
        .iter()
        .map(|bound| format!("listening {bound}\n"))
        .collect();

    let has_accounts = config.accounts.is_some();
    let wires = Wires {
        seed: match config.seed_room.clone() {
            Some(room) => Seed::default().in_room(room),
            None => Seed::default(),
        },
        irc: config.irc.wire(has_accounts, SystemTime::now())?,
    };
    let hub = open_hub(runtime, config, limits)?;
    let server = bound
        .into_iter()
        .fold(Server::new(hub.clone()), |server, bound| {
            bound.serve(server, &wires)
        });
    let (stop, stopped) = oneshot::channel::<()>();
    // The future that accepts is a task of its own. It then runs where the system tells of new connections;
    // in `block_on` it would run on the main thread, which a worker had to wake for each.
    let mut serving =
        start(runtime, server.run_until(stopped, runtime.clone())).map_err(Failure::System)?;
    info!(
        runtime = %config.runtime,
        threads = config.runtime.has_workers().then_some(config.threads.get()),
        max_connections = limits.max_connections(),
        "chinwagd {} is up",
        env!("CARGO_PKG_VERSION")
    );
    print(&announcement);

    match select(&mut serving, pin!(signals.next())).await {
        Either::Left((ended, _)) => return finish(ended),
        Either::Right((signal, _)) => {
            let connections = hub.connections();
            info!(connections, "{signal}: shutting down");
        }
    }
    // It fails only if the server has ended, which the next lines see.
    let _ = stop.send(());
    match select(serving, pin!(signals.next())).await {
        Either::Left((ended, _)) => finish(ended),
        Either::Right((signal, _)) => {
            warn!("{signal} during the shutdown: ends at once");
            Ok(ExitCode::from(signal.exit_code()))
        }
    }
}

/// The chat, with its permanent rooms.
fn open_hub<N: Network>(runtime: &N, config: &Config, limits: Limits) -> Result<Hub, Failure> {
    let mut hub = Hub::builder()
        .limits(limits)
        .timeouts(config.timeouts)
        .rates(config.rates)
        .slow_reader(config.slow_reader)
        .taken_name(config.taken_name);
    if config.accounts.is_some() || !config.opers.is_empty() {
        let accounts = config.accounts.clone();
        let clock = runtime.clone();
        let doorkeeper =
            Doorkeeper::start(accounts, config.guests, config.opers.clone(), move || {
                clock.now()
            });
        hub = hub.authenticator(doorkeeper.map_err(Failure::System)?);
    }
    let hub = hub.build();
    for room in &config.rooms {
        hub.open_room(room.as_str())
            .map_err(|source| Failure::Room {
                room: room.clone(),
                source,
            })?;
    }
    Ok(hub)
}

/// Runs `work` as a task of `runtime`. If that panics, nothing is sent and the receiver says so.
fn start<N: Network, T: Send + 'static>(
    runtime: &N,
    work: impl Future<Output = T> + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (tell, told) = oneshot::channel();
    runtime.spawn(async move {
        // Who waits for it may be gone, after a second signal.
        let _ = tell.send(work.await);
    })?;
    Ok(told)
}

/// Listens on all endpoints or, if one of them cannot be had, on none.
async fn bind_all<N: Network>(endpoints: &[Endpoint]) -> Result<Vec<Bound<N>>, Failure> {
    let mut bound = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        bound.push(endpoint.bind().await?);
    }
    Ok(bound)
}

fn finish(ended: Result<Result<(), ServerError>, Canceled>) -> Result<ExitCode, Failure> {
    ended??;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Takes as many open files as the system allows. If that is too few, it lowers max-connections where
/// that is only the default, and warns where it was asked for.
fn fit_file_limit(config: &Config) -> Result<Limits, Failure> {
    let limits = config.limits;
    let connections = limits.max_connections();
    let each = config.runtime.files_per_connection();
    let needed = files_for(connections, each);
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
    let takes = match each {
        1 => String::new(),
        _ => format!(" and each takes {each}"),
    };
    if config.max_connections_set {
        warn!(
            "max-connections is {connections}, but the system allows only {allowed} open files{takes}; \
             raise that (ulimit -Hn, LimitNOFILE=) to {needed}, or lower max-connections"
        );
        return Ok(limits);
    }
    let connections = connections_within(allowed, each);
    info!("max-connections is {connections}, as the system allows {allowed} open files{takes}");
    let lowered = config.limits_builder.clone().max_connections(connections);
    lowered
        .build()
        .map_err(|error| Failure::Unfit(error.into()))
}

/// How many files are needed for so many connections that take `each`.
fn files_for(connections: usize, each: u64) -> u64 {
    let connections = REFUSED.saturating_add(connections as u64);
    connections.saturating_mul(each).saturating_add(OTHER_FILES)
}

/// How many connections that take `each` fit beside the other files. Where hardly anything is allowed
/// they get half, as the others rarely need all of what is kept for them.
fn connections_within(files: u64, each: u64) -> usize {
    let left = files.saturating_sub(files_for(0, each)).max(files / 2);
    usize::try_from((left / each).max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    #[cfg(unix)]
    use chinwag::threads::ThreadRuntime;
    use chinwag::{async_std::AsyncStdRuntime, smol::SmolRuntime, tokio::TokioRuntime};

    use super::*;

    #[test]
    fn other_files_keep_their_room() {
        let fits = [20_000, 512, 100, 1, 0].map(|files| connections_within(files, 1));
        assert_eq!(fits, [19_872, 384, 50, 1, 1]);
        let fits = [20_000, 512, 100, 1, 0].map(|files| connections_within(files, 2));
        assert_eq!(fits, [9904, 160, 25, 1, 1]);
        for (files, each) in [(20_000, 1), (20_000, 2), (20_001, 3)] {
            let fits = connections_within(files, each);
            assert!((files - each + 1..=files).contains(&files_for(fits, each)));
        }
    }

    #[test]
    fn a_server_that_panics_ends_the_wait_for_it() {
        fn panics_on<N: Network>(runtime: &N) {
            let server = start(runtime, async { panic!("this is the test's") }).unwrap();
            let failure = finish(runtime.block_on(server)).unwrap_err();
            assert_eq!(
                failure.to_string(),
                "the server broke down: its task panicked"
            );
        }
        let tokio = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        panics_on(&TokioRuntime::from(tokio.handle().clone()));
        panics_on(&AsyncStdRuntime::with_threads(NonZeroUsize::MIN));
        panics_on(&SmolRuntime::with_threads(NonZeroUsize::MIN).unwrap());
        #[cfg(unix)]
        panics_on(&ThreadRuntime::current());
    }
}
