//! Whole chats under a storm, as many as there is time for here. `cargo run --release -p chinwag-testkit --bin simulate`
//! has more.

use chinwag_testkit::simulation;

const STEPS: usize = 300;

#[test]
fn whatever_happens_everybody_sees_one_chat() {
    let mut lines = 0;
    for seed in 0..150 {
        match simulation::run(seed, STEPS, false) {
            Ok(report) => lines += report.lines,
            Err(failure) => panic!("{failure}"),
        }
    }
    // Otherwise little would have been checked.
    assert!(lines > 100_000, "{lines}");
}

#[test]
fn one_seed_is_one_run() {
    for seed in 1000..1010 {
        let run = || simulation::run(seed, STEPS, false).map_err(|failure| failure.to_string());
        assert_eq!(run(), run(), "seed {seed}");
    }
}
