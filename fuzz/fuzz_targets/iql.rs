//! See [`relay_fuzz::queries::iql`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::queries::iql(data));
