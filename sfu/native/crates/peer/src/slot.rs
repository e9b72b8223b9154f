//! One receive slot: loss and repair, decoding, latency.

use std::time::Duration;

use sfu_core::codec::vp8;
use sfu_core::rtp::RtpPacket;
use sfu_core::time::Time;
use sfu_core::units::{Kind, Ssrc};

use crate::config::SlotConfig;
use crate::decoder::{Decoder, Piece};
use crate::loss::{Arrival, LossTracker};
use crate::probe::{self, Probe};
use crate::reports::Reception;
use crate::stats::SlotStats;

/// Least time between two keyframe requests of one slot.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(1_000);

/// A decoder without a keyframe waits this long before it asks (libwebrtc, max_wait_for_keyframe).
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(200);

/// A slot at work.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) config: SlotConfig,
    loss: LossTracker,
    decoder: Decoder,
    pub(crate) reception: Reception,
    /// Publisher's stream, first and highest number, different numbers received.
    probed: Option<(u32, u32, u32, u64)>,
    probe_lost_before: u64,
    keyframe_asked: Option<Time>,
    wants_keyframe: bool,
    /// Packets come since then, but no frame can be decoded.
    waits_since: Option<Time>,
    stats: SlotStats,
}

impl Slot {
    pub(crate) fn new(config: SlotConfig) -> Slot {
        Slot {
            loss: LossTracker::new(config.nack),
            decoder: Decoder::default(),
            reception: Reception::default(),
            probed: None,
            probe_lost_before: 0,
            keyframe_asked: None,
            wants_keyframe: false,
            waits_since: None,
            stats: SlotStats {
                ssrc: config.ssrc,
                ..SlotStats::default()
            },
            config,
        }
    }

    /// RTP clock, Hz.
    pub(crate) fn clock_rate(&self) -> u32 {
        match self.config.kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }

    /// A packet on the slot's own SSRC.
    pub(crate) fn on_media(&mut self, now: Time, packet: &RtpPacket<'_>) {
        self.reception
            .on_packet(now, packet.sequence, packet.timestamp, self.clock_rate());
        self.on_packet(now, packet.sequence, packet.marker, packet.payload, false);
    }

    /// A retransmission: original sequence number and payload.
    pub(crate) fn on_repair(&mut self, now: Time, sequence: u16, marker: bool, payload: &[u8]) {
        self.on_packet(now, sequence, marker, payload, true);
    }

    fn on_packet(&mut self, now: Time, sequence: u16, marker: bool, payload: &[u8], repair: bool) {
        if payload.is_empty() {
            return;
        }
        let (arrival, extended) = self.loss.on_packet(now, sequence);
        if arrival == Arrival::Duplicate {
            self.stats.duplicates += 1;
            return;
        }
        self.stats.packets += 1;
        self.stats.bytes += payload.len() as u64;
        self.stats.repaired += u64::from(repair);
        if let Some(probe) = probe::read(payload) {
            self.measure(now, &probe, repair);
        }
        let piece = match self.config.kind {
            Kind::Audio => Piece {
                start: true,
                end: true,
                keyframe: true,
            },
            Kind::Video => {
                let Some(descriptor) = vp8::parse(payload) else {
                    return;
                };
                let start = descriptor.start && descriptor.partition == 0;
                Piece {
                    start,
                    end: marker,
                    keyframe: descriptor.keyframe,
                }
            }
        };
        self.decoder.insert(now, extended, piece);
        if self.decoder.is_waiting() {
            self.waits_since.get_or_insert(now);
        } else {
            self.waits_since = None;
        }
    }

    fn measure(&mut self, now: Time, probe: &Probe, repair: bool) {
        let latency = now.since(probe.sent);
        let histogram = if repair {
            &mut self.stats.repaired_latency
        } else {
            &mut self.stats.latency
        };
        histogram.record(latency);
        self.stats.probed += 1;
        match &mut self.probed {
            Some((stream, first, highest, count)) if *stream == probe.stream => {
                *first = (*first).min(probe.number);
                *highest = (*highest).max(probe.number);
                *count += 1;
            }
            other => {
                // Another layer or publisher: its numbers start anew.
                self.probe_lost_before += other.as_ref().map_or(0, probe_lost);
                *other = Some((probe.stream, probe.number, probe.number, 1));
            }
        }
    }

    pub(crate) fn next_timeout(&self, rtt: Option<Duration>) -> Option<Time> {
        let keyframe = self.keyframe_due();
        let loss = self.loss.next_timeout(rtt);
        keyframe.into_iter().chain(loss).min()
    }

    /// When to ask for a keyframe, if one is wanted.
    fn keyframe_due(&self) -> Option<Time> {
        let waited = self.waits_since.map(|since| since + KEYFRAME_PATIENCE);
        let wanted = if self.wants_keyframe {
            Some(Time::ZERO)
        } else {
            waited
        };
        let allowed = self
            .keyframe_asked
            .map_or(Time::ZERO, |asked| asked + KEYFRAME_INTERVAL);
        wanted.map(|wanted| wanted.max(allowed))
    }

    /// Sequence numbers to ask for now are appended to `ask`; returns whether to ask for a keyframe.
    pub(crate) fn turn(&mut self, now: Time, rtt: Option<Duration>, ask: &mut Vec<u16>) -> bool {
        let mut lost = Vec::new();
        self.loss.turn(now, rtt, ask, &mut lost);
        self.stats.nacked += ask.len() as u64;
        self.stats.lost += lost.len() as u64;
        for sequence in lost {
            let needed = self.decoder.give_up(now, sequence);
            self.wants_keyframe |= needed && self.config.kind == Kind::Video;
        }
        if self.keyframe_due().is_none_or(|due| now < due) {
            return false;
        }
        self.wants_keyframe = false;
        self.keyframe_asked = Some(now);
        self.stats.keyframe_requests += 1;
        true
    }

    pub(crate) fn handles(&self, ssrc: Ssrc) -> bool {
        self.config.ssrc == ssrc || self.config.rtx_ssrc == Some(ssrc)
    }

    pub(crate) fn stats(&self) -> SlotStats {
        let decoded = self.decoder.decoded;
        SlotStats {
            missing: self.loss.missing(),
            gaps: self.loss.gaps,
            jumps: self.loss.jumps,
            frames: decoded.frames,
            keyframes: decoded.keyframes,
            undecodable: decoded.undecodable,
            freezes: decoded.freezes,
            frozen: decoded.frozen,
            source: self
                .probed
                .map(|(stream, first, _, count)| (Ssrc(stream), first, count)),
            probe_lost: self.probe_lost_before + self.probed.as_ref().map_or(0, probe_lost),
            ..self.stats.clone()
        }
    }

    /// Starts the latency measurement anew, counters go on.
    pub(crate) fn clear_latency(&mut self) {
        self.stats.latency.clear();
        self.stats.repaired_latency.clear();
    }
}

fn probe_lost(&(_, first, highest, count): &(u32, u32, u32, u64)) -> u64 {
    (u64::from(highest - first) + 1).saturating_sub(count)
}
