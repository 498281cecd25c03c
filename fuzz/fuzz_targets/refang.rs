//! See [`relay_fuzz::refang::refang`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::refang::refang(data));
