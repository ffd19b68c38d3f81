//! How a case is run.

use std::{
    env,
    panic::resume_unwind,
    process::Command,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use super::Harness;

/// How long a case may take. On a busy machine the longest takes a few seconds; what takes longer hangs.
pub const TIME_LIMIT: Duration = Duration::from_secs(100);

/// Runs `case` on each of `harnesses`.
///
/// # Panics
///
/// If the case does, or if it hangs.
pub fn run<H: Harness, F: Future<Output = ()>>(
    harnesses: impl IntoIterator<Item = H> + Send + 'static,
    case: impl Fn(H) -> F + Send + 'static,
) {
    // Some cases have more than 2,000 files open.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    in_time(move || {
        let mut runs = 0;
        for harness in harnesses {
            harness.clone().block_on(case(harness));
            runs += 1;
        }
        assert!(runs > 0, "it was run on nothing");
    });
}

/// Runs `test`, for at most [`TIME_LIMIT`].
///
/// # Panics
///
/// If the test does, or if it hangs.
pub fn in_time(test: impl FnOnce() + Send + 'static) {
    let (tell, told) = sync_channel::<()>(0);
    let test = thread::spawn(move || {
        let _tell_at_the_end = tell;
        test();
    });
    // Nothing is ever sent: the end of the thread closes the channel.
    if told.recv_timeout(TIME_LIMIT) == Err(RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    if let Err(panic) = test.join() {
        resume_unwind(panic);
    }
}

/// Runs `test`, whose whole path is `path`, in a process of its own: this test program, started for
/// nothing else.
///
/// # Panics
///
/// If it fails there.
pub fn alone(path: &str, test: impl Fn()) {
    const ALONE: &str = "CHINWAG_TEST_ALONE";
    if env::var(ALONE).is_ok_and(|alone| alone == path) {
        return test();
    }
    // The test program does not write its own name before that of a test.
    let (_, name) = path.split_once("::").expect("a test in a module");
    let program = env::current_exe().expect("a program");
    let output = Command::new(program)
        .args([name, "--exact", "--nocapture"])
        .env(ALONE, path)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let cried = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{cried}");
    assert!(said.contains("1 passed"), "it was not run: {said}");
    print!("{said}");
}
