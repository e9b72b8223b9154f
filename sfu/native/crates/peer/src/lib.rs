//! A WebRTC client endpoint without a codec, sans-IO: for simulations and load generation.
#![forbid(unsafe_code)]

pub mod profile;
