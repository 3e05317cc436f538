#![no_main]
//! Runs the property `frame_chunks`: see `tests/corpus/property`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| rs2p_fuzz::hold("frame_chunks", data));
