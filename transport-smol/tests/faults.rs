//! The faults of `chinwag_testkit::conformance`, on smol.

use chinwag_transport_smol::SmolRuntime;

chinwag_testkit::conformance!(faults: SmolRuntime::current());
