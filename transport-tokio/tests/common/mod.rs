//! The runtime that the tests run on.

use std::sync::LazyLock;

use chinwag_transport_tokio::TokioRuntime;
use tokio::runtime::{Builder, Runtime};

pub(crate) fn runtime() -> TokioRuntime {
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
