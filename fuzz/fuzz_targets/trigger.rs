//! See [`relay_fuzz::bodies::trigger`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::bodies::trigger(data));
