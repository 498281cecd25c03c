//! See [`relay_fuzz::answers::gigamon::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::answers::gigamon::check(data));
