#![no_main]
//! Runs the property `rsa_records`: see `tests/corpus/property`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| rs2p_fuzz::hold("rsa_records", data));
