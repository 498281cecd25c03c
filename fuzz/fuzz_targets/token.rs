//! See [`relay_fuzz::token::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::token::token(data));
