//! Until core's Worker lands: answers every command.
use std::collections::VecDeque;

use sfu_core::command::{Command, CommandBody};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::stats::{Limits, Snapshot};
use sfu_core::time::Time;
use sfu_core::units::Tuple;

pub(crate) struct WorkerConfig {
    pub(crate) seed: u64,
    pub(crate) limits: Limits,
    pub(crate) unix_nanos_at_origin: u64,
}
pub(crate) struct Worker(VecDeque<Event>);
impl Worker {
    pub(crate) fn new(config: WorkerConfig) -> Worker {
        let _ = (config.seed, config.limits, config.unix_nanos_at_origin);
        Worker(VecDeque::new())
    }
}
impl sfu_io::core::PacketCore for Worker {
    fn receive(&mut self, _now: Time, _tuple: Tuple, _datagram: &mut [u8]) {}
    fn command(&mut self, _now: Time, command: Command) {
        let request = command.request;
        match command.body {
            CommandBody::Panic => panic!("asked to"),
            CommandBody::ReadStats => self.0.push_back(Event::Stats {
                request,
                snapshot: Box::new(Snapshot::default()),
            }),
            _ => {}
        }
        self.0.push_back(Event::Done {
            request,
            result: Ok(()),
        });
    }
    fn timeout(&mut self, _now: Time) {}
    fn next_timeout(&self) -> Option<Time> {
        None
    }
    fn drain(&mut self, _now: Time, _egress: &mut Egress) -> bool {
        false
    }
    fn poll_event(&mut self) -> Option<Event> {
        self.0.pop_front()
    }
}
