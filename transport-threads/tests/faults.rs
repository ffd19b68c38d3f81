//! The faults of `chinwag_testkit::conformance`, on plain threads.

#![cfg(unix)]

use chinwag_transport_threads::ThreadRuntime;

chinwag_testkit::conformance!(faults: ThreadRuntime::current());
