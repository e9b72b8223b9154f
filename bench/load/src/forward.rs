//! Publishers and subscribers on real sockets, all in one thread.
//!
//! Prints a line when all are connected, when measuring begins and when it has ended, so that whoever
//! started it can read the server's CPU time over the same window; then the report. After the window the
//! publishers stop and what is under way may still arrive, so that loss is exact.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Write};
use std::net::UdpSocket;

use serde::Serialize;
use sfu_core::egress::Egress;
use sfu_core::time::Time;
use sfu_core::units::{Kind, Ssrc};
use sfu_peer::histogram::Histogram;
use sfu_peer::peer::Peer;
use sfu_peer::stats::SlotStats;

use crate::scenario::Scenario;
use crate::sys::{self, Destination, Poller, Receiver, Sender};

/// All have to be connected by then.
const CONNECT_SECONDS: f64 = 10.0;
/// For what is under way when the publishers stop, repairs included.
const DRAIN_SECONDS: f64 = 0.7;
/// Messages taken from one socket before the next has its turn.
const MESSAGES_PER_TURN: usize = 16;
/// Longest wait for anything, nanoseconds.
const LONGEST_WAIT: u64 = 50_000_000;

/// Distribution of latency, microseconds.
#[derive(Serialize)]
pub(crate) struct Latency {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    samples: u64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram) -> Latency {
        let us = |q| histogram.quantile(q).as_nanos() as f64 / 1e3;
        let max = histogram.max().as_nanos() as f64 / 1e3;
        Latency {
            p50: us(0.5),
            p99: us(0.99),
            p999: us(0.999),
            max,
            samples: histogram.len(),
        }
    }
}

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    connected: usize,
    seconds: f64,
    /// Packets sent by publishers and received by subscribers in the window.
    published: u64,
    received: u64,
    /// Over the whole run: packets that subscribers should have, from the first they got on, and those
    /// they did not get.
    expected: u64,
    lost: u64,
    loss: f64,
    /// Missing at first, by sequence number, and what came by RTX.
    gaps: u64,
    repaired: u64,
    duplicates: u64,
    /// Slots that got nothing.
    silent_slots: usize,
    freezes: u64,
    frames: u64,
    keyframe_requests: u64,
    rejected: u64,
    /// Datagrams the kernel did not take from the publishers.
    refused: u64,
    latency_us: Latency,
    audio_latency_us: Latency,
    /// Share of a core this process used in the window; near 1 its measurements are void.
    load_cpu_share: f64,
}

struct Endpoints {
    origin: u64,
    peers: Vec<Peer>,
    kinds: Vec<Vec<Kind>>,
    sockets: Vec<UdpSocket>,
    destination: [Destination; 1],
    due: Vec<Option<Time>>,
    timers: BinaryHeap<Reverse<(Time, usize)>>,
    egress: Egress,
    sender: Sender,
    receiver: Receiver,
    poller: Poller,
}

impl Endpoints {
    fn new(scenario: &Scenario) -> Result<Endpoints, Box<dyn std::error::Error>> {
        let origin = sys::monotonic();
        let (mut peers, mut kinds, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
        for (index, one) in scenario.peers.iter().enumerate() {
            let socket = sys::udp_socket(one.local)?;
            socket.connect(scenario.server)?;
            let config = one.config(
                index as u64,
                socket.local_addr()?,
                scenario.server,
                scenario.srtp,
            )?;
            kinds.push(config.slots.iter().map(|slot| slot.kind).collect());
            peers.push(Peer::new(config)?);
            sockets.push(socket);
        }
        let count = peers.len();
        Ok(Endpoints {
            origin,
            peers,
            kinds,
            poller: Poller::new(&sockets)?,
            sockets,
            destination: [Destination::new(scenario.server)],
            due: vec![None; count],
            timers: BinaryHeap::new(),
            egress: Egress::with_capacity(1 << 20, 1024),
            sender: Sender::new(1024),
            receiver: Receiver::new(),
        })
    }

    fn now(&self) -> Time {
        Time(sys::monotonic() - self.origin)
    }

    /// Sends what a peer has to send and notes when it wants to be called again.
    fn flush(&mut self, index: usize) {
        let now = self.now();
        loop {
            let more = self.peers[index].drain(now, &mut self.egress);
            for group in self.egress.groups() {
                for &(at, len) in self.egress.spans(group) {
                    self.sender.push(0, at, len);
                }
            }
            self.sender
                .flush(&self.sockets[index], &self.destination, self.egress.bytes());
            self.egress.clear();
            if !more {
                break;
            }
        }
        let next = self.peers[index].next_timeout();
        if next != self.due[index] {
            self.due[index] = next;
            self.timers.extend(next.map(|time| Reverse((time, index))));
        }
    }

    fn fire_timers(&mut self) {
        let now = self.now();
        while let Some(&Reverse((time, index))) = self.timers.peek() {
            if time > now {
                return;
            }
            self.timers.pop();
            // One that was set anew meanwhile has another entry.
            if self.due[index] == Some(time) {
                self.due[index] = None;
                self.peers[index].timeout(now);
                self.flush(index);
            }
        }
    }

    fn read(&mut self, index: usize) {
        for _ in 0..MESSAGES_PER_TURN {
            let Some((message, segment)) = self.receiver.receive(&self.sockets[index]) else {
                break;
            };
            let now = Time(sys::monotonic() - self.origin);
            for datagram in sys::datagrams(message, segment) {
                self.peers[index].receive(now, datagram);
            }
        }
        self.flush(index);
    }

    /// Turns everything for `seconds`, or until `done`.
    fn run(&mut self, seconds: f64, done: impl Fn(&[Peer]) -> bool) {
        let end = self.now() + std::time::Duration::from_secs_f64(seconds);
        let mut ready = Vec::new();
        loop {
            self.fire_timers();
            let now = self.now();
            if now >= end || done(&self.peers) {
                return;
            }
            let next = self
                .timers
                .peek()
                .map_or(end, |&Reverse((time, _))| time.min(end));
            let wait = next.since(now).as_nanos() as u64;
            ready.clear();
            ready.extend(self.poller.wait(wait.min(LONGEST_WAIT)));
            for &index in &ready {
                self.read(index);
            }
        }
    }

    fn published(&self) -> HashMap<Ssrc, u64> {
        let stats = self.peers.iter().map(Peer::stats);
        stats
            .flat_map(|stats| stats.layers)
            .map(|layer| (layer.ssrc, layer.packets))
            .collect()
    }

    fn slots(&self) -> Vec<(Kind, SlotStats)> {
        let slots = self.peers.iter().zip(&self.kinds);
        slots
            .flat_map(|(peer, kinds)| kinds.iter().copied().zip(peer.stats().slots))
            .collect()
    }
}

fn say(event: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{{\"event\": \"{event}\"}}")?;
    out.flush()
}

fn received(slots: &[(Kind, SlotStats)]) -> u64 {
    slots.iter().map(|(_, slot)| slot.packets).sum()
}

/// Runs a scenario.
pub(crate) fn run(scenario: &Scenario) -> Result<Report, Box<dyn std::error::Error>> {
    if let Some(core) = scenario.core {
        sys::pin(core)?;
    }
    sys::precise_timers();
    let mut all = Endpoints::new(scenario)?;
    for index in 0..all.peers.len() {
        all.flush(index);
    }
    all.run(CONNECT_SECONDS, |peers| {
        peers.iter().all(Peer::is_connected)
    });
    let connected = all.peers.iter().filter(|peer| peer.is_connected()).count();
    if connected < all.peers.len() {
        return Err(format!("{connected} of {} peers connected", all.peers.len()).into());
    }
    say("connected")?;
    all.run(scenario.warmup, |_| false);

    all.peers.iter_mut().for_each(Peer::clear_latency);
    let (published_before, received_before) = (
        all.published().values().sum::<u64>(),
        received(&all.slots()),
    );
    let (cpu_before, begin) = (sys::cpu_nanos(), sys::monotonic());
    say("measuring")?;
    all.run(scenario.seconds, |_| false);
    say("measured")?;
    let elapsed = sys::monotonic() - begin;
    let load_cpu_share = (sys::cpu_nanos() - cpu_before) as f64 / elapsed as f64;
    let published_after = all.published();
    let slots_after = all.slots();

    let now = all.now();
    for (peer, one) in all.peers.iter_mut().zip(&scenario.peers) {
        (0..one.track_count()).for_each(|track| peer.set_active(now, track, None, false));
    }
    let in_window = published_after.values().sum::<u64>() - published_before;
    let report = Report {
        connected,
        seconds: elapsed as f64 / 1e9,
        published: in_window,
        received: received(&slots_after) - received_before,
        load_cpu_share,
        ..summary(&mut all, &slots_after)
    };
    Ok(report)
}

/// Lets the network run empty, then counts.
fn summary(all: &mut Endpoints, in_window: &[(Kind, SlotStats)]) -> Report {
    all.run(DRAIN_SECONDS, |_| false);
    let published = all.published();
    let slots = all.slots();
    let (mut expected, mut lost) = (0, 0);
    for (_, slot) in &slots {
        if let Some((stream, first, count)) = slot.source {
            let sent = published
                .get(&stream)
                .copied()
                .unwrap_or(0)
                .saturating_sub(u64::from(first));
            expected += sent;
            lost += sent.saturating_sub(count);
        }
    }
    let (mut latency, mut audio) = (Histogram::default(), Histogram::default());
    for (kind, slot) in in_window {
        let of_kind = if *kind == Kind::Audio {
            &mut audio
        } else {
            &mut latency
        };
        of_kind.merge(&slot.latency);
        of_kind.merge(&slot.repaired_latency);
    }
    let sum = |count: fn(&SlotStats) -> u64| slots.iter().map(|(_, slot)| count(slot)).sum::<u64>();
    Report {
        connected: 0,
        seconds: 0.0,
        published: 0,
        received: 0,
        expected,
        lost,
        loss: lost as f64 / expected.max(1) as f64,
        gaps: sum(|slot| slot.gaps),
        repaired: sum(|slot| slot.repaired),
        duplicates: sum(|slot| slot.duplicates),
        silent_slots: slots.iter().filter(|(_, slot)| slot.packets == 0).count(),
        freezes: sum(|slot| slot.freezes),
        frames: sum(|slot| slot.frames),
        keyframe_requests: sum(|slot| slot.keyframe_requests),
        rejected: all.peers.iter().map(|peer| peer.stats().rejected).sum(),
        refused: all.sender.refused,
        latency_us: Latency::of(&latency),
        audio_latency_us: Latency::of(&audio),
        load_cpu_share: 0.0,
    }
}
