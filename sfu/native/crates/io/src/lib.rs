//! Sockets, worker threads and the clock: what turns the core's crank in real time.
//!
//! A worker thread owns one [`core::PacketCore`] and its sockets and shares nothing on the packet
//! path. One turn of it is
//!
//! ```text
//! ppoll -> commands, if their eventfd fired -> timeout, if due
//!       -> recvmmsg/GRO batch -> receive each segment -> drain -> sendmmsg/GSO
//!       -> again while full batches come (bounded) -> events up, one eventfd write
//! ```
//!
//! All `unsafe` of the native tree is in [`sys`]; the only clock reads are in [`clock`].

pub mod clock;
pub mod config;
pub mod core;
pub mod counters;
pub mod engine;
pub mod queue;
pub mod segments;
pub mod sys;
mod worker;
