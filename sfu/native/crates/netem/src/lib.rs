//! A network in virtual time: delay, jitter, loss, rate, queue, reordering, all from one seed.
//!
//! Sans-IO like the core: a [`link::Link`] is one direction between two endpoints. Push a packet with
//! the time, ask [`link::Link::next_time`] when to come back, pop what has arrived. Two links with the
//! same configuration, seed and input give the same output, packet for packet.
#![forbid(unsafe_code)]

pub mod link;
pub mod loss;
pub mod rate;
pub mod rng;
pub mod seeds;

pub use link::{Link, LinkConfig, LinkStats, Queue, Reorder};
pub use loss::Loss;
pub use rate::{Rate, Trace, TraceError};
pub use rng::Rng;
