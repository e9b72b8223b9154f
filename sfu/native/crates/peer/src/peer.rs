//! The endpoint.

mod feedback;

use std::collections::VecDeque;
use std::net::SocketAddr;

use sfu_core::egress::Egress;
use sfu_core::rtcp::{self, ReportBlock, Rtcp};
use sfu_core::rtp::{self, original_sequence};
use sfu_core::srtp::{SrtpError, SrtpReceiver, SrtpSender};
use sfu_core::stun;
use sfu_core::time::Time;
use sfu_core::units::{Ssrc, Tuple};
use sfu_netem::Rng;

use crate::config::PeerConfig;
use crate::ice::IceAgent;
use crate::layer::Wire;
use crate::slot::Slot;
use crate::stats::PeerStats;
use crate::track::Track;
use crate::twcc::Arrivals;

/// Replay window and streams of the receiving side.
const REPLAY_WINDOW: usize = 1024;
const STREAMS: usize = 1024;
/// Retransmissions waiting to be sent.
const REPAIRS: usize = 1024;
const NOISE: usize = 4096;

/// A client endpoint. After any input, [`Peer::drain`] writes what is due, then [`Peer::next_timeout`]
/// tells when to come back.
#[derive(Debug)]
pub struct Peer {
    tuple: Tuple,
    cname: String,
    unix_nanos_at_origin: u64,
    feedback: Option<Arrivals>,
    rng: Rng,
    ice: Option<IceAgent>,
    connected: bool,
    receiver: SrtpReceiver,
    wire: Wire,
    tracks: Vec<Track>,
    slots: Vec<Slot>,
    repairs: VecDeque<(usize, usize, u16)>,
    report_due: Time,
    ask: Vec<u16>,
    stats: PeerStats,
}

impl Peer {
    /// An endpoint that begins at its first [`Peer::drain`].
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when a key does not have its profile's length.
    pub fn new(config: PeerConfig) -> Result<Peer, SrtpError> {
        let mut rng = Rng::new(config.seed);
        let keys = &config.keys;
        let noise = (0..NOISE).map(|_| rng.next_u64() as u8).collect();
        Ok(Peer {
            tuple: Tuple {
                local: config.local,
                remote: config.server,
            },
            feedback: config.transport_feedback.then(Arrivals::default),
            ice: IceAgent::new(&config.path, &mut rng),
            connected: false,
            receiver: SrtpReceiver::new(keys.profile, &keys.receive, REPLAY_WINDOW, STREAMS)?,
            wire: Wire {
                srtp: SrtpSender::new(keys.profile, &keys.send)?,
                extensions: config.extensions,
                transport_sequence: rng.next_u64() as u16,
                noise,
            },
            tracks: config
                .tracks
                .into_iter()
                .map(|track| Track::new(track, &mut rng))
                .collect(),
            slots: config.slots.into_iter().map(Slot::new).collect(),
            repairs: VecDeque::with_capacity(REPAIRS),
            report_due: Time::ZERO,
            ask: Vec::new(),
            stats: PeerStats::default(),
            rng,
            cname: config.cname,
            unix_nanos_at_origin: config.unix_nanos_at_origin,
        })
    }

    /// Our address as the peer knows it.
    pub fn local(&self) -> SocketAddr {
        self.tuple.local
    }

    /// Goes on from another address, as after a change of network; checks the new path at once.
    pub fn move_to(&mut self, now: Time, local: SocketAddr) {
        self.tuple.local = local;
        if let Some(ice) = &mut self.ice {
            ice.path_changed(now);
        }
    }

    /// Stops or starts all layers of a track, or one.
    pub fn set_active(&mut self, now: Time, track: usize, layer: Option<usize>, active: bool) {
        let Some(track) = self.tracks.get_mut(track) else {
            return;
        };
        let epoch = track.epoch.unwrap_or(now);
        for (index, one) in track.layers.iter_mut().enumerate() {
            if layer.is_none_or(|layer| layer == index) {
                one.set_active(now, epoch, active);
            }
        }
    }

    /// Level of an audio track in -dBov (0 loudest, 127 silence) and whether it is voice (RFC 6464).
    pub fn set_audio_level(&mut self, track: usize, level: u8, voice: bool) {
        if let Some(track) = self.tracks.get_mut(track) {
            track.shared.audio_level = level.min(127) | u8::from(voice) << 7;
        }
    }

    /// Adds a slot that the server was told of after the start.
    pub fn add_slot(&mut self, slot: crate::config::SlotConfig) {
        self.slots.push(Slot::new(slot));
    }

    /// Counters so far.
    pub fn stats(&self) -> PeerStats {
        PeerStats {
            connected: self.connected,
            rtt: self.ice.as_ref().and_then(IceAgent::rtt),
            layers: self
                .tracks
                .iter()
                .flat_map(|track| &track.layers)
                .map(|layer| layer.stats)
                .collect(),
            slots: self.slots.iter().map(Slot::stats).collect(),
            ..self.stats.clone()
        }
    }

    /// Starts the latency measurement of all slots anew.
    pub fn clear_latency(&mut self) {
        self.slots.iter_mut().for_each(Slot::clear_latency);
    }

    /// A datagram from the server; it is decrypted in place.
    pub fn receive(&mut self, now: Time, datagram: &mut [u8]) {
        self.stats.received += 1;
        let taken = match datagram.first() {
            Some(0..=3) => self.on_stun(now, datagram),
            Some(128..=191) if rtp::is_rtcp(datagram) => self.on_rtcp(now, datagram),
            Some(128..=191) => self.on_rtp(now, datagram),
            _ => false,
        };
        self.stats.rejected += u64::from(!taken);
    }

    fn on_stun(&mut self, now: Time, datagram: &[u8]) -> bool {
        let (Some(ice), Ok(message)) = (&mut self.ice, stun::parse(datagram)) else {
            return false;
        };
        let taken = ice.on_message(now, &message);
        self.stats.check_answers += u64::from(taken);
        taken
    }

    fn on_rtp(&mut self, now: Time, datagram: &mut [u8]) -> bool {
        let Ok(opened) = self.receiver.unprotect_rtp(datagram) else {
            return false;
        };
        let Ok(packet) = rtp::parse(&datagram[..opened.len]) else {
            return false;
        };
        if let (Some(feedback), Some(id)) =
            (&mut self.feedback, self.wire.extensions.transport_wide_cc)
            && let Some(&[high, low]) = packet.extensions.get(id)
        {
            feedback.record(now, u16::from_be_bytes([high, low]), packet.ssrc);
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.handles(packet.ssrc)) else {
            self.stats.unknown_ssrc += 1;
            return true;
        };
        if slot.config.ssrc == packet.ssrc {
            slot.on_media(now, &packet);
        } else if let Some((sequence, payload)) = original_sequence(packet.payload) {
            slot.on_repair(now, sequence, packet.marker, payload);
        }
        true
    }

    fn on_rtcp(&mut self, now: Time, datagram: &mut [u8]) -> bool {
        let Ok(len) = self.receiver.unprotect_rtcp(datagram) else {
            return false;
        };
        self.stats.rtcp += 1;
        let mut sound = true;
        for packet in rtcp::packets(&datagram[..len]) {
            match packet {
                Ok(packet) => self.on_rtcp_packet(now, &packet),
                Err(_) => sound = false,
            }
        }
        sound
    }

    fn on_rtcp_packet(&mut self, now: Time, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::SenderReport {
                ssrc, ntp, reports, ..
            } => {
                if let Some(slot) = self.slots.iter_mut().find(|slot| slot.config.ssrc == *ssrc) {
                    slot.reception.on_sender_report(now, *ntp);
                }
                self.on_reports(reports.clone());
            }
            Rtcp::ReceiverReport { reports, .. } => self.on_reports(reports.clone()),
            Rtcp::Nack { media, lost, .. } => self.on_nack(*media, lost.clone()),
            Rtcp::Pli { media, .. } => {
                if let Some((_, _, layer)) = self.layer(*media) {
                    layer.on_pli();
                }
            }
            Rtcp::Fir { entries, .. } => {
                for (ssrc, sequence) in entries.clone() {
                    if let Some((_, _, layer)) = self.layer(ssrc) {
                        layer.on_fir(sequence);
                    }
                }
            }
            Rtcp::TransportCc(feedback) => {
                for (_, arrival) in feedback.arrivals() {
                    match arrival {
                        Some(_) => self.stats.feedback_received += 1,
                        None => self.stats.feedback_lost += 1,
                    }
                }
            }
            Rtcp::Bye(_) => self.stats.byes += 1,
            Rtcp::Sdes(_) | Rtcp::Remb(_) | Rtcp::Other { .. } => {}
        }
    }

    fn on_reports(&mut self, reports: impl Iterator<Item = ReportBlock>) {
        for report in reports {
            if let Some((_, _, layer)) = self.layer(report.ssrc) {
                layer.on_report(report.cumulative_lost);
            }
        }
    }

    fn on_nack(&mut self, media: Ssrc, lost: impl Iterator<Item = u16>) {
        let Some((track, index, _)) = self.layer(media) else {
            return;
        };
        for sequence in lost {
            let layer = &mut self.tracks[track].layers[index];
            layer.stats.nacked += 1;
            let wanted = (track, index, sequence);
            if layer.has(sequence)
                && self.repairs.len() < REPAIRS
                && !self.repairs.contains(&wanted)
            {
                self.repairs.push_back(wanted);
            }
        }
    }

    fn layer(&mut self, ssrc: Ssrc) -> Option<(usize, usize, &mut crate::layer::Layer)> {
        let place = self.tracks.iter().enumerate().find_map(|(track, one)| {
            one.layers
                .iter()
                .position(|layer| layer.ssrc() == ssrc)
                .map(|layer| (track, layer))
        });
        let (track, layer) = place?;
        Some((track, layer, &mut self.tracks[track].layers[layer]))
    }

    /// Whether media may be sent.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// What is due by now is written by [`Peer::drain`]; nothing else happens by time alone.
    pub fn timeout(&mut self, _now: Time) {}

    /// When to drain again if nothing comes in before; `None` only for an endpoint without any work.
    pub fn next_timeout(&self) -> Option<Time> {
        let check = self.ice.as_ref().map(IceAgent::next_timeout);
        if !self.connected {
            // Once the nomination is answered, media starts with the next drain, not the next check.
            let stands = self.ice.as_ref().is_none_or(IceAgent::is_connected);
            return if stands { Some(Time::ZERO) } else { check };
        }
        let repair = (!self.repairs.is_empty()).then_some(Time::ZERO);
        let media = self
            .tracks
            .iter()
            .filter_map(|track| track.due().map(|(time, _)| time))
            .min();
        let rtt = self.ice.as_ref().and_then(IceAgent::rtt);
        let slots = self
            .slots
            .iter()
            .filter_map(|slot| slot.next_timeout(rtt))
            .min();
        let feedback = self.feedback.as_ref().and_then(Arrivals::next_timeout);
        [check, repair, media, slots, feedback, Some(self.report_due)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Writes what is due. `true`: the arena is full; send it, clear it and call again.
    pub fn drain(&mut self, now: Time, egress: &mut Egress) -> bool {
        if self.drain_checks(now, egress) {
            return true;
        }
        self.connected = self.ice.as_ref().is_none_or(IceAgent::is_connected);
        if !self.connected {
            return false;
        }
        self.tracks.iter_mut().for_each(|track| track.start(now));
        self.drain_reports(now, egress)
            || self.drain_requests(now, egress)
            || self.drain_media(now, egress)
    }

    /// Puts what `write` wrote into the arena; `Some(false)` when it wrote nothing, `None` when the arena is full.
    fn emit(
        &mut self,
        egress: &mut Egress,
        write: impl FnOnce(&mut Self, &mut [u8]) -> Option<usize>,
    ) -> Option<bool> {
        let len = write(self, egress.space()?);
        if let Some(len) = len {
            egress.commit(self.tuple, len);
            self.stats.sent += 1;
        }
        Some(len.is_some())
    }

    fn drain_checks(&mut self, now: Time, egress: &mut Egress) -> bool {
        let due = self
            .ice
            .as_ref()
            .is_some_and(|ice| ice.next_timeout() <= now);
        let write =
            |peer: &mut Peer, out: &mut [u8]| peer.ice.as_mut()?.check(now, &mut peer.rng, out);
        match due.then(|| self.emit(egress, write)) {
            Some(Some(written)) => {
                self.stats.checks += u64::from(written);
                false
            }
            Some(None) => true,
            None => false,
        }
    }

    fn drain_media(&mut self, now: Time, egress: &mut Egress) -> bool {
        while let Some(&(track, layer, sequence)) = self.repairs.front() {
            let written = self.emit(egress, |peer, out| {
                let track = &mut peer.tracks[track];
                track.layers[layer].write_repair(now, &track.shared, &mut peer.wire, sequence, out)
            });
            if written.is_none() {
                return true;
            }
            self.repairs.pop_front();
        }
        for track in 0..self.tracks.len() {
            while let Some((_, layer)) = self.tracks[track].due().filter(|&(due, _)| due <= now) {
                let written = self.emit(egress, |peer, out| {
                    let track = &mut peer.tracks[track];
                    track.layers[layer].write(now, &track.shared, &mut peer.wire, out)
                });
                match written {
                    None => return true,
                    // A packet that can't be written (a profile too large for a datagram) would be due
                    // for ever.
                    Some(false) => self.tracks[track].layers[layer].active = false,
                    Some(true) => {}
                }
            }
        }
        false
    }
}
