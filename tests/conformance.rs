//! The cases of `chinwag_testkit::conformance`, in memory and on every runtime that is enabled.

#![allow(clippy::expect_used, reason = "these are tests")]

use chinwag_testkit::{conformance, conformance::Memory};

mod memory {
    use super::*;
    conformance!((0..8).map(Memory::new));
}

#[cfg(feature = "tokio")]
mod tokio {
    use std::sync::LazyLock;

    use chinwag::tokio::TokioRuntime;
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

    super::conformance!(sockets: runtime());
}

#[cfg(feature = "async-std")]
mod async_std {
    use chinwag::async_std::AsyncStdRuntime;

    super::conformance!(sockets: AsyncStdRuntime::current());
}

#[cfg(feature = "smol")]
mod smol {
    use chinwag::smol::SmolRuntime;

    super::conformance!(sockets: SmolRuntime::current());
}

#[cfg(all(feature = "threads", unix))]
mod threads {
    use chinwag::threads::ThreadRuntime;

    super::conformance!(sockets: ThreadRuntime::current());
}
