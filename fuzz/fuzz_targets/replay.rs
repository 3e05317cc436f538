#![no_main]
//! Runs the property `replay`: see `tests/corpus/property`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| rs2p_fuzz::hold("replay", data));
