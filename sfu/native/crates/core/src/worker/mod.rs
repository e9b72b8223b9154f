//! The worker: the rooms of one thread, turned by datagrams, commands and time.
//!
//! A packet's way: [`Worker::receive`] (`receive.rs`: demultiplex and authenticate; `route.rs`: place) puts it into
//! its stream's history and a small entry into the queue of each interested client;
//! [`Worker::drain`] (`forward.rs`) goes client by client, so that its keys stay in the cache and
//! its datagrams lie side by side for segmentation offload, and writes header, payload and tag
//! straight into the arena. Nothing on this way allocates, and from producer to consumer to
//! transport it goes by index.

mod close;
mod command;
mod create;
mod feedback;
mod forward;
mod keyframes;
mod path;
mod receive;
mod reports;
mod route;
mod snapshot;
mod timeout;

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use crate::consumer::Consumer;
use crate::event::Event;
use crate::outbox::Outbox;
use crate::producer::Producer;
use crate::random::Random;
use crate::report::WallClock;
use crate::router::Router;
use crate::slab::Slab;
use crate::stats::{DropReason, Drops, Limits};
use crate::time::Time;
use crate::timers::{Timer, Timers};
use crate::transport::Transport;
use crate::units::{ConsumerId, ProducerId, RouterId, TransportId, Tuple};

/// What a worker is made with.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Of hash maps, first sequence numbers and report times: one seed, one run.
    pub seed: u64,
    /// Every limit.
    pub limits: Limits,
    /// Wall clock (nanoseconds since 1970) at [`Time::ZERO`], for the NTP time of sender reports.
    pub unix_nanos_at_origin: u64,
}

/// The rooms of one thread. See the module's introduction.
#[derive(Debug)]
pub struct Worker {
    limits: Limits,
    random: Random,
    wall: WallClock,
    routers: Slab<Router>,
    transports: Slab<Transport>,
    producers: Slab<Producer>,
    consumers: Slab<Consumer>,
    router_ids: HashMap<RouterId, u32, FixedState>,
    transport_ids: HashMap<TransportId, u32, FixedState>,
    producer_ids: HashMap<ProducerId, u32, FixedState>,
    consumer_ids: HashMap<ConsumerId, u32, FixedState>,
    /// Filled by authenticated checks only.
    tuples: HashMap<Tuple, u32, FixedState>,
    ufrags: HashMap<String, u32, FixedState>,
    /// Transports with packets to send, and how many of them are done.
    ready: Vec<u32>,
    ready_done: usize,
    /// Producers and layers that a client being served waits for a keyframe of.
    waiting: Vec<(u32, Option<u8>)>,
    outbox: Outbox,
    timers: Timers,
    events: VecDeque<Event>,
    drops: Drops,
    datagrams_received: u64,
    datagrams_sent: u64,
}

impl Worker {
    /// A worker without rooms.
    pub fn new(config: WorkerConfig) -> Worker {
        let state = FixedState::with_seed(config.seed);
        Worker {
            limits: config.limits,
            random: Random::new(config.seed),
            wall: WallClock::new(config.unix_nanos_at_origin),
            routers: Slab::default(),
            transports: Slab::default(),
            producers: Slab::default(),
            consumers: Slab::default(),
            router_ids: HashMap::with_hasher(state.clone()),
            transport_ids: HashMap::with_hasher(state.clone()),
            producer_ids: HashMap::with_hasher(state.clone()),
            consumer_ids: HashMap::with_hasher(state.clone()),
            tuples: HashMap::with_hasher(state.clone()),
            ufrags: HashMap::with_hasher(state.clone()),
            ready: Vec::new(),
            ready_done: 0,
            waiting: Vec::new(),
            outbox: Outbox::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            drops: Drops::default(),
            datagrams_received: 0,
            datagrams_sent: 0,
        }
    }

    /// When [`Worker::timeout`] wants to be called, if nothing else happens.
    pub fn next_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// The next thing to tell the control plane.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Wakes a transport at `at`.
    fn wake(&mut self, transport: u32, at: Time) {
        if let Some(owner) = self.transports.get_mut(transport) {
            self.timers
                .schedule(Timer::Transport(transport), at, &mut owner.scheduled);
        }
    }

    /// Queues a control datagram that belongs to a transport.
    fn post(&mut self, transport: u32, tuple: Tuple, datagram: &[u8]) {
        let Some(owner) = self.transports.get_mut(transport) else {
            return;
        };
        if self.outbox.push(tuple, datagram) {
            owner.traffic.packets_sent += 1;
            owner.traffic.bytes_sent += datagram.len() as u64;
        } else {
            owner.drops.count(DropReason::SendBufferFull);
        }
    }
}
