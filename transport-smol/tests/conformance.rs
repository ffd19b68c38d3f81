//! The cases of `chinwag_testkit::conformance`, on smol.

use chinwag_transport_smol::SmolRuntime;

chinwag_testkit::conformance!(sockets: SmolRuntime::current());
