#![no_main]
//! Runs the property `peers`: see `tests/corpus/property`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| rs2p_fuzz::hold("peers", data));
