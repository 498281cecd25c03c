//! See [`relay_fuzz::urls::urls`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::urls::urls(data));
