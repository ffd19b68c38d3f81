//! The cases of `chinwag_testkit::conformance`, on async-std.

use chinwag_transport_async_std::AsyncStdRuntime;

chinwag_testkit::conformance!(sockets: AsyncStdRuntime::current());
