//! A WebRTC client endpoint without a codec, sans-IO: for simulations and load generation.
//!
//! [`peer::Peer`] is turned by the same crank as the server's worker: `receive`, `timeout`,
//! `next_timeout`, `drain`. It checks connectivity as the controlling ICE agent, protects and opens
//! media with the keys it is given (there is no DTLS here), sends tracks whose payloads are
//! valid to a forwarder (VP8 descriptors, Opus with audio levels) and carry a [`probe`], and measures
//! what it receives: loss after repair, duplicates, latency, freezes.
//!
//! [`sim::Sim`] joins a server's worker and peers by simulated links in virtual time.
#![forbid(unsafe_code)]

pub mod config;
mod decoder;
pub mod histogram;
mod ice;
mod layer;
mod loss;
pub mod peer;
pub mod probe;
pub mod profile;
mod reports;
pub mod sim;
mod slot;
pub mod stats;
mod track;
mod twcc;
