#![no_main]

#[path = "../walks/rtcp.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|data: &[u8]| walk::run(data));
