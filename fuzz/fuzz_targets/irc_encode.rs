#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chinwag_testkit::fuzzing::irc_encode(data));
