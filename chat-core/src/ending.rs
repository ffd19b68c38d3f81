//! The end of a hub or of a server, which anybody may begin, and many may wait for.

use std::{sync::PoisonError, time::Duration};

use futures::{
    channel::oneshot,
    future::{Future, FutureExt, Shared, pending},
};

use crate::sync::Mutex;

/// It begins once at most, with how long it may take.
pub(crate) struct Ending {
    begin: Mutex<Option<oneshot::Sender<Duration>>>,
    begun: Shared<oneshot::Receiver<Duration>>,
}

impl Ending {
    /// Begins it; a second call changes nothing.
    pub(crate) fn begin(&self, within: Duration) {
        let begin = self.begin.lock();
        if let Some(begin) = begin.unwrap_or_else(PoisonError::into_inner).take() {
            // Nobody may wait for it.
            let _ = begin.send(within);
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        let begin = self.begin.lock();
        begin.unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits until it begins.
    pub(crate) fn begun(&self) -> impl Future<Output = Duration> + Unpin + Send + use<> {
        let begun = self.begun.clone();
        Box::pin(async move {
            match begun.await {
                Ok(within) => within,
                // Nobody is left who could begin it.
                Err(oneshot::Canceled) => pending().await,
            }
        })
    }
}

impl Default for Ending {
    fn default() -> Self {
        let (begin, begun) = oneshot::channel();
        Self {
            begin: Mutex::new(Some(begin)),
            begun: begun.shared(),
        }
    }
}
