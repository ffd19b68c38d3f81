//! The generated parts of the page.

use super::{
    goals, machine, number,
    results::{Piece, Results, Who},
    table::{Column, NONE, Show, Table},
};
use crate::record::Figures;

/// All parts, by the names of their markers.
pub(super) fn all(results: &Results) -> Vec<(&'static str, String)> {
    vec![
        ("machine", machine::part(results)),
        ("goals", goals::part(results)),
        ("fanout", fanout(results)),
        ("rooms", rooms(results)),
        ("latency", latency(results)),
        ("memory", memory(results)),
        ("throughput", throughput(results)),
        ("syscalls", syscalls(results)),
        ("connect", lives(results, "connect")),
        ("churn", lives(results, "churn")),
        ("stuck", stuck(results)),
    ]
}

/// Tables with a heading each; those without a row are left out.
fn tables(all: impl IntoIterator<Item = (&'static str, Table)>) -> String {
    let text: Vec<_> = (all.into_iter())
        .filter(|(_, table)| !table.is_empty())
        .map(|(title, table)| match title {
            "" => table.to_string(),
            title => format!("**{title}**\n\n{table}"),
        })
        .collect();
    match text.is_empty() {
        true => "Not measured in this run.".to_owned(),
        false => text.join("\n"),
    }
}

fn column(title: impl Into<String>, piece: Piece, show: Show) -> Column {
    Column {
        title: title.into(),
        piece,
        show,
    }
}

const CPU: Show = Show::Value(|figures| figures.cpu_us);
const RATE: Show = Show::Value(|figures| figures.per_second);
const CALLS: Show = Show::Value(|figures| figures.syscalls);
const SWITCHES: Show = Show::Value(|figures| figures.switches);
const EACH: Show = Show::Times(|figures| figures.latency_us);
const LAST: Show = Show::Times(|figures| figures.last_us);

/// The room of that size, with one message in flight or with several senders.
pub(super) fn room(members: u64, senders: u64, window: u64) -> Piece {
    let work = [
        ("members", members),
        ("senders", senders),
        ("window", window),
    ];
    Piece::new("room", &work)
}

fn fanout(results: &Results) -> String {
    let sizes = results.values("room", "members");
    let table = |senders, window| {
        let rooms: Vec<_> = sizes
            .iter()
            .map(|&members| room(members, senders, window))
            .collect();
        let titles = sizes.iter().map(|&members| number::whole(members));
        let head = [String::new()].into_iter().chain(titles);
        let mut table = Table::new(head.chain(["flatness".to_owned()]));
        for who in results.who(&rooms.iter().collect::<Vec<_>>()) {
            let mut row = vec![who.to_string()];
            for (room, members) in rooms.iter().zip(&sizes) {
                let work = format!("room of {}", number::whole(*members));
                row.push(table.cell(&results.turns(&who, room), CPU, &who, &work));
            }
            row.push(
                flatness(results, &who, &rooms)
                    .map_or(NONE.to_owned(), |flat| format!("{flat:.2}")),
            );
            table.row(row);
        }
        table
    };
    tables([
        (
            "CPU µs per delivery by members of the room; one sender, one message in flight",
            table(1, 1),
        ),
        (
            "The same with four senders and 16 messages in flight each",
            table(4, 16),
        ),
    ])
}

/// The largest of the medians as a multiple of the least, if there is one for each size.
fn flatness(results: &Results, who: &Who, rooms: &[Piece]) -> Option<f64> {
    let cost = |room| {
        Some(
            results
                .turns(who, room)
                .sound(|figures| figures.cpu_us)?
                .median,
        )
    };
    let costs = rooms.iter().map(cost).collect::<Option<Vec<f64>>>()?;
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = costs.iter().copied().fold(0.0, f64::max);
    (costs.len() > 1 && least > 0.0).then(|| most / least)
}

fn rooms(results: &Results) -> String {
    let all = || Piece::new("rooms", &[]);
    let columns = [
        column("CPU µs per delivery", all(), CPU),
        column("deliveries/s", all(), RATE),
        column("system calls per delivery", all(), CALLS),
        column("µs to each receiver, p50 / p99 / p99.9", all(), EACH),
    ];
    tables([("", Table::by_peer(results, &columns))])
}

fn latency(results: &Results) -> String {
    let rates = results.values("paced", "rate");
    let table = |show| {
        let columns: Vec<_> = (rates.iter())
            .map(|&rate| {
                let title = format!("{}/s", number::whole(rate));
                column(title, Piece::new("paced", &[("rate", rate)]), show)
            })
            .collect();
        Table::by_peer(results, &columns)
    };
    // A server that cannot keep up shows here, and not only in what waits in queues.
    let kept: Vec<_> = (rates.iter())
        .map(|&rate| {
            let title = format!("{}/s", number::whole(rate));
            column(title, Piece::new("paced", &[("rate", rate)]), RATE)
        })
        .collect();
    tables([
        (
            "From sending to each receipt by messages sent a second: p50 / p99 / p99.9 in µs",
            table(EACH),
        ),
        (
            "To the receipt of the last receiver: p50 / p99 / p99.9 in µs",
            table(LAST),
        ),
        (
            "Deliveries/s at these rates",
            Table::by_peer(results, &kept),
        ),
    ])
}

fn memory(results: &Results) -> String {
    let counts = results.values("idle", "connections");
    let table = |show| {
        let columns: Vec<_> = (counts.iter())
            .map(|&count| {
                let piece = Piece::new("idle", &[("connections", count)]);
                column(number::whole(count), piece, show)
            })
            .collect();
        Table::by_peer(results, &columns)
    };
    tables([
        (
            "Resident bytes per idle connection, by connections",
            table(Show::Value(|figures| figures.bytes_per_connection)),
        ),
        (
            "What they cost while nothing happens, in % of a core",
            table(Show::Value(share)),
        ),
    ])
}

/// How much of a core was in use, in percent.
fn share(figures: &Figures) -> Option<f64> {
    let micros = figures.cpu_us? * figures.operations as f64;
    (figures.seconds > 0.0).then(|| micros / figures.seconds / 1e6 * 100.0)
}

/// A column for each row of the goals.
fn of_goals(results: &Results, show: Show) -> Table {
    let columns: Vec<_> = (goals::all().into_iter())
        .map(|goal| column(goal.title, goal.piece, show))
        .collect();
    Table::by_peer(results, &columns)
}

fn throughput(results: &Results) -> String {
    tables([("", of_goals(results, RATE))])
}

fn syscalls(results: &Results) -> String {
    tables([
        ("System calls per delivery", of_goals(results, CALLS)),
        ("Context switches per delivery", of_goals(results, SWITCHES)),
    ])
}

/// What connections that come and go cost.
fn lives(results: &Results, scenario: &'static str) -> String {
    let all = || Piece::new(scenario, &[]);
    let columns = [
        column("CPU µs per connection", all(), CPU),
        column("connections/s", all(), RATE),
        column("system calls per connection", all(), CALLS),
        column("context switches per connection", all(), SWITCHES),
        column("p50 / p99 / p99.9 in µs", all(), EACH),
    ];
    // The times are of a life in one scenario, and not there in the other.
    let measured = |column: &Column| {
        let all = results.who(&[&column.piece]);
        all.iter().any(|who| {
            let turns = results.turns(who, &column.piece);
            match column.show {
                Show::Value(value) => turns.spread(value).is_some(),
                Show::Times(times) => turns.good.iter().any(|figures| times(figures).is_some()),
            }
        })
    };
    let (mut shown, hidden): (Vec<_>, Vec<_>) = columns.into_iter().partition(measured);
    if shown.is_empty() {
        shown = hidden;
    }
    tables([("", Table::by_peer(results, &shown))])
}

fn stuck(results: &Results) -> String {
    let counts = results.values("stuck", "stuck");
    let p99 = |figures: &Figures| Some(figures.latency_us?.p99);
    let piece = |count| Piece::new("stuck", &[("stuck", count)]);
    let titles = counts.iter().map(|&count| match count {
        0 => "p99 in µs, all read".to_owned(),
        count => format!("p99 in µs, {} never read", number::whole(count)),
    });
    let titles: Vec<_> = titles.collect();
    let mut head = vec![String::new()];
    head.extend(titles.iter().cloned());
    head.push("last ÷ first".to_owned());
    let mut table = Table::new(head);
    let pieces: Vec<_> = counts.iter().map(|&count| piece(count)).collect();
    for who in results.who(&pieces.iter().collect::<Vec<_>>()) {
        let mut row = vec![who.to_string()];
        for (piece, title) in pieces.iter().zip(&titles) {
            row.push(table.cell(&results.turns(&who, piece), Show::Value(p99), &who, title));
        }
        let median = |piece| Some(results.turns(&who, piece).sound(p99)?.median);
        let ratio = match &pieces[..] {
            [first, .., last] => median(last)
                .zip(median(first))
                .map(|(last, first)| last / first),
            _ => None,
        };
        row.push(ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.2}")));
        table.row(row);
    }
    tables([("", table)])
}
