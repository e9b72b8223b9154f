//! One direction of a path: queue, bottleneck, loss, delay, in this order.
//!
//! Loss comes after the bottleneck, as on a last hop over radio, and as the figures we compare with
//! were taken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use sfu_core::time::Time;

use crate::loss::{Dropper, Loss};
use crate::rate::{Cursor, Rate};
use crate::rng::Rng;

/// Limits of the drop-tail queue before the bottleneck; a packet that would break one is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Queue {
    /// Longest time from entering to having left, at the rates to come. A packet that finds the queue
    /// empty is always taken.
    pub time: Option<Duration>,
    /// Most bytes standing in the queue, the packet in transmission included.
    pub bytes: Option<usize>,
}

/// Packets that are overtaken.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Reorder {
    /// Probability, 0..=1.
    pub probability: f64,
    /// How much later than in order such a packet arrives.
    pub by: Duration,
}

/// A link. The default is a perfect wire.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LinkConfig {
    /// Propagation, one way.
    pub delay: Duration,
    /// Largest extra delay, uniform in `0..=jitter`.
    pub jitter: Duration,
    /// Standard deviation of a normal extra delay, cut at 0 below; added to `jitter`.
    pub jitter_sigma: Duration,
    /// Whether jitter may reorder; otherwise a late packet holds up those behind it, as a queue does.
    pub jitter_reorders: bool,
    /// Losses after the bottleneck.
    pub loss: Loss,
    /// Capacity.
    pub rate: Rate,
    /// The queue before the bottleneck.
    pub queue: Queue,
    /// Overtaken packets.
    pub reorder: Reorder,
    /// Probability that a packet arrives twice, 0..=1.
    pub duplicate: f64,
}

/// Counters of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkStats {
    /// Packets pushed.
    pub pushed: u64,
    /// Packets popped, duplicates included.
    pub delivered: u64,
    /// Bytes popped.
    pub delivered_bytes: u64,
    /// Dropped by the loss model.
    pub lost: u64,
    /// Dropped by the queue, or never to be sent.
    pub overflowed: u64,
    /// Second copies.
    pub duplicated: u64,
    /// Longest time between entering the queue and leaving it.
    pub longest_queue: Duration,
}

struct Queued<P> {
    entered: Time,
    bytes: u64,
    packet: P,
}

struct InFlight<P> {
    arrival: Time,
    order: u64,
    bytes: u64,
    packet: P,
}

impl<P> PartialEq for InFlight<P> {
    fn eq(&self, other: &Self) -> bool {
        (self.arrival, self.order) == (other.arrival, other.order)
    }
}
impl<P> Eq for InFlight<P> {}
impl<P> PartialOrd for InFlight<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<P> Ord for InFlight<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.arrival, self.order).cmp(&(other.arrival, other.order))
    }
}

/// One direction of a path, carrying packets of type `P`.
pub struct Link<P> {
    config: LinkConfig,
    origin: Time,
    rng: Rng,
    dropper: Dropper,
    queue: VecDeque<Queued<P>>,
    queued_bytes: u64,
    /// Where the bottleneck stood when the head of the queue came to it, and where it will stand when
    /// the head has left; `None` for a head that never will, or no head.
    head_start: Cursor,
    head_end: Option<Cursor>,
    flight: BinaryHeap<Reverse<InFlight<P>>>,
    order: u64,
    latest_arrival: Time,
    stats: LinkStats,
}

impl<P: Clone> Link<P> {
    /// A link whose rate schedule or trace starts at `now`.
    pub fn new(now: Time, config: LinkConfig, seed: u64) -> Link<P> {
        Link {
            origin: now,
            rng: Rng::new(seed),
            dropper: Dropper::new(config.loss),
            queue: VecDeque::new(),
            queued_bytes: 0,
            head_start: config.rate.start(now, now),
            head_end: None,
            flight: BinaryHeap::new(),
            order: 0,
            latest_arrival: now,
            stats: LinkStats::default(),
            config,
        }
    }

    /// Changes the link under way; a new rate schedule or trace starts at `now`, also for what stands
    /// in the queue. Packets in flight are not touched.
    pub fn reconfigure(&mut self, now: Time, config: LinkConfig) {
        self.advance(now);
        if config.loss != self.config.loss {
            self.dropper = Dropper::new(config.loss);
        }
        let rate_changed = config.rate != self.config.rate;
        self.config = config;
        if rate_changed {
            self.origin = now;
            self.head_start = self.config.rate.start(now, now);
            self.serve_head();
        }
    }

    /// Puts a packet of `bytes` bytes (as the bottleneck counts them) on the link.
    pub fn push(&mut self, now: Time, bytes: usize, packet: P) {
        self.advance(now);
        self.stats.pushed += 1;
        let bytes = bytes as u64;
        if !self.admits(now, bytes) {
            self.stats.overflowed += 1;
            return;
        }
        self.queue.push_back(Queued {
            entered: now,
            bytes,
            packet,
        });
        self.queued_bytes += bytes;
        if self.queue.len() == 1 {
            self.head_start = self.config.rate.start(self.origin, now);
            self.serve_head();
            self.advance(now);
        }
    }

    /// When something happens next: a packet leaves the bottleneck or arrives.
    pub fn next_time(&self) -> Option<Time> {
        let arrival = self.flight.peek().map(|Reverse(packet)| packet.arrival);
        let departure = self.head_end.map(|cursor| cursor.time);
        match (arrival, departure) {
            (Some(a), Some(d)) => Some(a.min(d)),
            (a, d) => a.or(d),
        }
    }

    /// Takes a packet that has arrived by `now`; call until `None`.
    pub fn pop(&mut self, now: Time) -> Option<P> {
        self.advance(now);
        if self.flight.peek()?.0.arrival > now {
            return None;
        }
        let Reverse(packet) = self.flight.pop()?;
        self.stats.delivered += 1;
        self.stats.delivered_bytes += packet.bytes;
        Some(packet.packet)
    }

    /// Counters so far.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Bytes that wait for the bottleneck.
    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes
    }

    fn admits(&self, now: Time, bytes: u64) -> bool {
        let all = self.queued_bytes + bytes;
        if self
            .config
            .queue
            .bytes
            .is_some_and(|limit| all > limit as u64)
        {
            return false;
        }
        if self.queue.is_empty() {
            let start = self.config.rate.start(self.origin, now);
            return self.config.rate.finish(self.origin, start, bytes).is_some();
        }
        match self.config.rate.finish(self.origin, self.head_start, all) {
            Some(end) => self
                .config
                .queue
                .time
                .is_none_or(|limit| end.time.since(now) <= limit),
            None => false,
        }
    }

    fn serve_head(&mut self) {
        self.head_end = self.queue.front().and_then(|head| {
            self.config
                .rate
                .finish(self.origin, self.head_start, head.bytes)
        });
    }

    /// Lets leave the bottleneck what has left it by `now`.
    fn advance(&mut self, now: Time) {
        while let Some(end) = self.head_end.filter(|end| end.time <= now) {
            let Some(head) = self.queue.pop_front() else {
                return;
            };
            self.queued_bytes -= head.bytes;
            self.head_start = end;
            self.serve_head();
            let waited = end.time.since(head.entered);
            self.stats.longest_queue = self.stats.longest_queue.max(waited);
            self.launch(end.time, head.bytes, head.packet);
        }
    }

    /// Loss, duplication and delay of a packet that left the bottleneck at `at`.
    fn launch(&mut self, at: Time, bytes: u64, packet: P) {
        if self.dropper.drops(&mut self.rng) {
            self.stats.lost += 1;
            return;
        }
        let copy = self
            .rng
            .chance(self.config.duplicate)
            .then(|| packet.clone());
        self.fly(at, bytes, packet);
        if let Some(copy) = copy {
            self.stats.duplicated += 1;
            self.fly(at, bytes, copy);
        }
    }

    fn fly(&mut self, at: Time, bytes: u64, packet: P) {
        let mut arrival = at + self.config.delay + self.extra_delay();
        if self.rng.chance(self.config.reorder.probability) {
            // Those behind it are not held up, so it does not move `latest_arrival`.
            arrival = arrival.max(self.latest_arrival) + self.config.reorder.by;
        } else if !self.config.jitter_reorders {
            arrival = arrival.max(self.latest_arrival);
            self.latest_arrival = arrival;
        }
        self.order += 1;
        self.flight.push(Reverse(InFlight {
            arrival,
            order: self.order,
            bytes,
            packet,
        }));
    }

    fn extra_delay(&mut self) -> Duration {
        let mut extra = Duration::ZERO;
        if !self.config.jitter.is_zero() {
            extra += self.config.jitter.mul_f64(self.rng.uniform());
        }
        if !self.config.jitter_sigma.is_zero() {
            extra += self.config.jitter_sigma.mul_f64(self.rng.normal().max(0.0));
        }
        extra
    }
}
