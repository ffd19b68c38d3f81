//! The faults of `chinwag_testkit::conformance`, on async-std.

use chinwag_transport_async_std::AsyncStdRuntime;

chinwag_testkit::conformance!(faults: AsyncStdRuntime::current());
