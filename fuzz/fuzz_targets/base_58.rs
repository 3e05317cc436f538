#![no_main]
//! Runs the property `base_58`: see `tests/corpus/property`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| rs2p_fuzz::hold("base_58", data));
