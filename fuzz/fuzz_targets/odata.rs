//! See [`relay_fuzz::queries::odata`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| relay_fuzz::queries::odata(data));
