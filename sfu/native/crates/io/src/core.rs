//! The seam between a worker thread and the sans-IO core it turns.

use sfu_core::command::Command;
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::time::Time;
use sfu_core::units::Tuple;
use sfu_core::worker::Worker;

/// What a worker thread needs of a core: `sfu_core::worker::Worker`, or a test's own.
pub trait PacketCore {
    /// A datagram arrived; it may be decrypted in place.
    fn receive(&mut self, now: Time, tuple: Tuple, datagram: &mut [u8]);
    /// The control plane wants something; the answer comes by [`PacketCore::poll_event`].
    fn command(&mut self, now: Time, command: Command);
    /// [`PacketCore::next_timeout`] is due.
    fn timeout(&mut self, now: Time);
    /// When to be called again if nothing arrives before.
    fn next_timeout(&self) -> Option<Time>;
    /// Writes what is to be sent; `true`: the arena is full, send it, clear it and call again.
    fn drain(&mut self, now: Time, egress: &mut Egress) -> bool;
    /// What the control plane is to be told.
    fn poll_event(&mut self) -> Option<Event>;
}

impl PacketCore for Worker {
    fn receive(&mut self, now: Time, tuple: Tuple, datagram: &mut [u8]) {
        Worker::receive(self, now, tuple, datagram);
    }

    fn command(&mut self, now: Time, command: Command) {
        Worker::command(self, now, command);
    }

    fn timeout(&mut self, now: Time) {
        Worker::timeout(self, now);
    }

    fn next_timeout(&self) -> Option<Time> {
        Worker::next_timeout(self)
    }

    fn drain(&mut self, now: Time, egress: &mut Egress) -> bool {
        Worker::drain(self, now, egress)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Worker::poll_event(self)
    }
}
