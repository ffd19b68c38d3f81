#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chinwag_wire_irc::fuzzing::irc_encode(data));
