//! Connections that have a name and do nothing.

use std::time::Duration;

use super::{stage::Outcome, users};
use crate::{
    load::{
        clock::nanos,
        error::{Failure, shown},
        irc,
        net::{Conns, Handler, Id, Net, Reader},
        sources::Sources,
    },
    peer::{Dialect, Running},
    record::Figures,
};

/// How long a server has to come to rest, before anything is compared.
const REST: Duration = Duration::from_millis(500);

/// Measures what each of so many connections adds to the memory of the server, and what they all cost while
/// nothing happens.
///
/// An operation is a connection; the CPU time is what was used for each in the time.
pub(crate) fn measure(
    connections: usize,
    server: &mut Running,
    net: &mut Net,
    sources: &mut Sources,
    time: Duration,
) -> Result<Outcome, Failure> {
    let dialect = server.dialect;
    wait(net, dialect, REST)?;
    let before = server.account()?;
    users::registered(net, dialect, connections, |conns, _| {
        conns.open(sources, Reader::Eager)
    })?;
    wait(net, dialect, REST)?;

    let start = server.account()?;
    let began = net.conns.clock.now();
    wait(net, dialect, time)?;
    let end = server.account()?;
    let spent = end.since(&start);
    let count = connections as f64;
    let added = end.resident_bytes.saturating_sub(before.resident_bytes);
    Ok(Outcome {
        figures: Figures {
            seconds: (net.conns.clock.now() - began) as f64 / 1e9,
            operations: connections as u64,
            cpu_us: Some(spent.cpu_ns as f64 / 1e3 / count),
            switches: spent.switches.map(|switches| switches as f64 / count),
            bytes_per_connection: Some(added as f64 / count),
            ..Figures::default()
        },
        notes: Vec::new(),
    })
}

fn wait(net: &mut Net, dialect: Dialect, time: Duration) -> Result<(), Failure> {
    let end = net.conns.clock.now() + nanos(time);
    loop {
        let now = net.conns.clock.now();
        if now >= end {
            return Ok(());
        }
        net.turn(Duration::from_nanos(end - now), &mut Silence(dialect))?;
    }
}

/// Nothing may come, but in IRC the question whether somebody is there.
struct Silence(Dialect);

impl Handler for Silence {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        _now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        if self.0 == Dialect::Irc
            && bytes.ends_with(b"\n")
            && let Some(pong) = irc::pong(bytes)
        {
            conns.out(id).extend_from_slice(&pong);
            return Ok(bytes.len());
        }
        Err(Failure::Refused {
            who: self.name(id),
            line: shown(bytes),
        })
    }

    fn name(&self, id: Id) -> String {
        format!("idle connection {id}")
    }
}
