//! See [`relay_fuzz::settings::settings`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::settings::settings(data));
