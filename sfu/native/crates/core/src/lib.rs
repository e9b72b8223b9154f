//! The media core: everything a packet goes through between two sockets, sans-IO.
//!
//! No socket, no clock, no thread, no `unsafe` in here: time, randomness and datagrams are arguments.
//! Input is one of (datagram | command | timeout, now); output is drained: datagrams into an
//! [`egress::Egress`] arena, events by [`worker::Worker::poll_event`], until
//! [`worker::Worker::next_timeout`] says when to come back.
//!
//! Follow a packet from [`worker::Worker::receive`]; the small algorithms it meets have a file each.
#![forbid(unsafe_code)]

pub mod codec;
pub mod command;
pub mod dd;
pub mod egress;
pub mod event;
pub mod ice;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod stats;
pub mod stun;
pub mod time;
pub mod units;
pub mod worker;

mod consumer;
mod extensions;
mod history;
mod keyframe;
mod layer;
mod nack;
mod outbox;
mod producer;
mod random;
mod report;
mod retransmit;
mod rewrite;
mod router;
mod slab;
mod slot;
mod speaker;
mod stream;
mod timers;
mod transport;
mod twcc;
