//! See [`relay_fuzz::headers::headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::headers::headers(data));
