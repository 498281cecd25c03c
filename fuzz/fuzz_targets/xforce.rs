//! See [`relay_fuzz::answers::xforce::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::answers::xforce::check(data));
