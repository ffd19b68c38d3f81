//! The faults of `chinwag_testkit::conformance`, on tokio.

#![allow(clippy::expect_used, reason = "these are tests")]

use std::sync::LazyLock;

use chinwag_transport_tokio::TokioRuntime;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> TokioRuntime {
    static TOKIO: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = Builder::new_multi_thread();
        builder
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    });
    TOKIO.handle().clone().into()
}

chinwag_testkit::conformance!(faults: runtime());
