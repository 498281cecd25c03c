//! See [`relay_fuzz::answers::graph::check`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::answers::graph::check(data));
