//! One client: its path (ICE), its keys (SRTP), its streams both ways, and what waits to be sent.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::command::IceCredentials;
use crate::event::PathState;
use crate::extensions::ExtensionIds;
use crate::ice::IceLite;
use crate::report::{PublisherClock, RoundTrip};
use crate::slot::Slot;
use crate::srtp::{SrtpReceiver, SrtpSender};
use crate::stats::{DropReason, Drops, Limits};
use crate::time::Time;
use crate::twcc::{SentPackets, TwccRecorder};
use crate::units::{Ssrc, TransportId, Tuple};

/// RTT assumed while none is measured: a publisher that receives nothing from us never tells.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// Packets that may wait for one receiver. A turn of the worker makes far fewer; beyond it the
/// oldest are of no use.
const PENDING: usize = 4096;

/// A received SSRC and what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StreamRef {
    pub(crate) producer: u32,
    pub(crate) layer: u8,
    pub(crate) rtx: bool,
}

/// A packet that waits for the next drain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) consumer: u32,
    /// Position in the history of the layer's stream.
    pub(crate) position: u32,
    pub(crate) layer: u8,
    /// A retransmission of this sequence number.
    pub(crate) resend: Option<u16>,
}

/// What is kept of a sent SSRC without a consumer: no index of it may be used again under this key.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) slot: Option<Box<Slot>>,
    pub(crate) next_index: u64,
}

/// Counters of datagrams on the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) packets_received: u64,
    pub(crate) bytes_received: u64,
    pub(crate) packets_sent: u64,
    pub(crate) bytes_sent: u64,
}

/// A client of a room.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) id: TransportId,
    pub(crate) router: u32,
    pub(crate) ice: IceLite,
    /// What the control plane was told last.
    pub(crate) told: (PathState, Option<Tuple>),
    /// When it was told of the last move between tuples.
    pub(crate) moved_at: Time,
    pub(crate) receiver: Option<SrtpReceiver>,
    pub(crate) sender: Option<SrtpSender>,
    pub(crate) extensions: ExtensionIds,
    /// Our SSRC in reports and feedback.
    pub(crate) ssrc: Ssrc,
    pub(crate) received: HashMap<Ssrc, StreamRef, FixedState>,
    /// Sent SSRC, retransmissions included, to consumer.
    pub(crate) sent: HashMap<Ssrc, u32, FixedState>,
    pub(crate) parked: HashMap<Ssrc, Parked, FixedState>,
    pub(crate) producers: Vec<u32>,
    pub(crate) consumers: Vec<u32>,
    pending: Vec<Pending>,
    drained: usize,
    /// It stands in the worker's list of transports with packets to send.
    pub(crate) queued: bool,
    pub(crate) recorder: Option<Box<TwccRecorder>>,
    pub(crate) feedback: Option<Box<SentPackets>>,
    pub(crate) clock: PublisherClock,
    pub(crate) round_trip: RoundTrip,
    pub(crate) next_report: Time,
    pub(crate) scheduled: Option<Time>,
    dtls: (Time, u32),
    pub(crate) rekey_told: bool,
    pub(crate) traffic: Traffic,
    pub(crate) drops: Drops,
}

impl Transport {
    pub(crate) fn new(
        id: TransportId,
        router: u32,
        local: &IceCredentials,
        limits: &Limits,
        seed: u64,
    ) -> Transport {
        let state = FixedState::with_seed(seed);
        Transport {
            id,
            router,
            ice: IceLite::new(local, limits),
            told: (PathState::New, None),
            moved_at: Time::ZERO,
            receiver: None,
            sender: None,
            extensions: ExtensionIds::default(),
            ssrc: Ssrc((seed >> 32) as u32 | 1),
            received: HashMap::with_hasher(state.clone()),
            sent: HashMap::with_hasher(state.clone()),
            parked: HashMap::with_hasher(state.clone()),
            producers: Vec::new(),
            consumers: Vec::new(),
            pending: Vec::new(),
            drained: 0,
            queued: false,
            recorder: None,
            feedback: None,
            clock: PublisherClock::default(),
            round_trip: RoundTrip::default(),
            next_report: Time::ZERO,
            scheduled: None,
            dtls: (Time::ZERO, 0),
            rekey_told: false,
            traffic: Traffic::default(),
            drops: Drops::default(),
        }
    }

    /// Whether the client can be sent media: keys, a nominated tuple, fresh consent.
    pub(crate) fn is_reachable(&self, now: Time) -> bool {
        self.sender.is_some() && self.ice.send_tuple(now).is_some()
    }

    /// Measured round-trip time, or a guess.
    pub(crate) fn rtt(&self) -> Duration {
        self.round_trip.get().unwrap_or(UNKNOWN_RTT)
    }

    /// Queues a packet; whether the transport has to be put in the worker's list.
    pub(crate) fn push(&mut self, pending: Pending) -> bool {
        if self.pending.len() >= PENDING {
            self.drops.count(DropReason::SendBufferFull);
            return false;
        }
        self.pending.push(pending);
        !std::mem::replace(&mut self.queued, true)
    }

    /// Next packet to send; takes it off.
    pub(crate) fn pop(&mut self) -> Option<Pending> {
        let next = self.pending.get(self.drained).copied();
        match next {
            Some(_) => self.drained += 1,
            None => {
                self.clear_pending();
            }
        }
        next
    }

    /// Drops everything that waits; returns how many packets that was.
    pub(crate) fn clear_pending(&mut self) -> usize {
        let left = self.pending.len() - self.drained;
        self.pending.clear();
        self.drained = 0;
        self.queued = false;
        left
    }

    /// Drops what waits of one consumer, whose index may soon stand for another.
    pub(crate) fn forget_pending(&mut self, consumer: u32) {
        self.pending.drain(..self.drained);
        self.drained = 0;
        self.pending.retain(|pending| pending.consumer != consumer);
    }

    /// Whether one more DTLS datagram may be handed up in this second.
    pub(crate) fn admit_dtls(&mut self, now: Time, rate: u32) -> bool {
        if now.since(self.dtls.0) >= Duration::from_secs(1) {
            self.dtls = (now, 0);
        }
        self.dtls.1 += 1;
        self.dtls.1 <= rate
    }
}
