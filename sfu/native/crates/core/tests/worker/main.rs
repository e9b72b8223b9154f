//! The worker as a whole, from datagram to datagram, in virtual time.

mod harness;

mod forwarding;
mod gate;
mod lifecycle;
mod repair;
mod reports;
mod simulcast;
