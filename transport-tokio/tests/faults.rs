//! The faults of `chinwag_testkit::conformance`, on tokio.

#![allow(clippy::expect_used, reason = "these are tests")]

mod common;

chinwag_testkit::conformance!(faults: common::runtime());
