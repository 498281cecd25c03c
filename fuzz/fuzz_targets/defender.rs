//! See [`relay_fuzz::answers::defender::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::answers::defender::check(data));
