//! What an endpoint has seen.

use std::time::Duration;

use sfu_core::units::Ssrc;

use crate::histogram::Histogram;

/// Counters of one layer sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LayerStats {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Packets sent, retransmissions not counted.
    pub packets: u64,
    /// Payload bytes sent, retransmissions not counted.
    pub bytes: u64,
    /// Frames sent.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// PLI and FIR received.
    pub keyframe_requests: u64,
    /// Sequence numbers asked for by NACK.
    pub nacked: u64,
    /// Retransmissions sent.
    pub retransmitted: u64,
    /// Cumulative loss the server reported last.
    pub reported_lost: i32,
}

/// Counters and distributions of one slot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SlotStats {
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// Different packets received, repaired ones included.
    pub packets: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// Packets that came by RTX and were missing.
    pub repaired: u64,
    /// Packets received again, by RTX or by the network.
    pub duplicates: u64,
    /// Packets given up after repair was tried.
    pub lost: u64,
    /// Packets missing now whose repair still may come.
    pub missing: u64,
    /// Packets missing when they were first noticed, repaired or not.
    pub gaps: u64,
    /// Sequence numbers asked for.
    pub nacked: u64,
    /// Keyframe requests sent.
    pub keyframe_requests: u64,
    /// Frames completed in order.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames thrown away because one before them was lost.
    pub undecodable: u64,
    /// Freezes (webrtc-stats: a gap of at least max(3 x average, average + 150 ms)).
    pub freezes: u64,
    /// Their total length.
    pub frozen: Duration,
    /// Probes that say a packet between publisher and us was never received: counted per stream by
    /// its own numbers, so a loss on the way to the server shows too.
    pub probe_lost: u64,
    /// Packets with a probe.
    pub probed: u64,
    /// The publisher's stream received last, by its SSRC there, the number of the first packet received of
    /// it, and how many were.
    pub source: Option<(Ssrc, u32, u64)>,
    /// From the publisher's sending to our receiving, of packets that came at the first try.
    pub latency: Histogram,
    /// The same of repaired packets.
    pub repaired_latency: Histogram,
    /// Sequence numbers that jumped by more than a repair window.
    pub jumps: u64,
}

impl SlotStats {
    /// Share of packets lost after repair, 0..=1; those still under repair count as lost.
    pub fn residual_loss(&self) -> f64 {
        let lost = self.lost + self.missing;
        let expected = self.packets + lost;
        if expected == 0 {
            0.0
        } else {
            lost as f64 / expected as f64
        }
    }

    /// Share of packets that did not come at the first try, 0..=1.
    pub fn raw_loss(&self) -> f64 {
        let expected = self.packets + self.lost + self.missing;
        if expected == 0 {
            0.0
        } else {
            self.gaps as f64 / expected as f64
        }
    }
}

/// Counters of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerStats {
    /// A path stands.
    pub connected: bool,
    /// Round-trip time of the last connectivity check.
    pub rtt: Option<Duration>,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that were neither STUN answers to us nor media with a valid tag on a known stream.
    pub rejected: u64,
    /// RTP of an SSRC that is no slot's.
    pub unknown_ssrc: u64,
    /// RTCP datagrams received.
    pub rtcp: u64,
    /// BYEs received.
    pub byes: u64,
    /// Connectivity checks sent.
    pub checks: u64,
    /// Answers to them.
    pub check_answers: u64,
    /// Packets the server's transport-wide feedback reported as received.
    pub feedback_received: u64,
    /// Packets it reported as lost.
    pub feedback_lost: u64,
    /// Layers of all tracks, in order.
    pub layers: Vec<LayerStats>,
    /// Slots, in order.
    pub slots: Vec<SlotStats>,
}
