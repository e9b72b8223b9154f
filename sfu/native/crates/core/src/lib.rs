//! The media core: everything a packet goes through between two sockets, sans-IO.
//!
//! No socket, no clock, no thread, no `unsafe` in here: time, randomness and datagrams are arguments.
//! Input is one of (datagram | command | timeout, now); output is drained: datagrams into an
//! [`egress::Egress`] arena, events by [`worker::Worker::poll_event`], until
//! [`worker::Worker::next_timeout`] says when to come back.
#![forbid(unsafe_code)]

pub mod command;
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
