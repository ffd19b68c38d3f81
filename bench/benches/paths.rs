//! The hot paths of `hot-paths`, in time and not in instructions: the whole server, from the bytes of a request
//! to the bytes of each delivery. What users do to check them is part of the time here.

#[path = "../hot/cases.rs"]
mod cases;
#[path = "../hot/executor.rs"]
mod executor;
#[path = "../hot/net.rs"]
mod net;
#[path = "../src/instructions/script.rs"]
mod script;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("paths");
    for (name, _, _, prepare) in cases::ALL {
        let (mut step, mut number) = (prepare(), 0);
        group.throughput(Throughput::Elements(step(number) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                step(number)
            });
        });
    }
}

criterion_group!(benches, paths);
criterion_main!(benches);
