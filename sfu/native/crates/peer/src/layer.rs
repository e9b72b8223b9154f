//! One stream sent: frames paced by its profile, valid VP8 or Opus payloads, history for RTX.

use sfu_core::codec::{PictureId, vp8};
use sfu_core::rtp::{FixedHeader, HeaderWriter, abs_send_time};
use sfu_core::srtp::SrtpSender;
use sfu_core::time::Time;
use sfu_core::units::{Kind, PayloadType, Ssrc};
use sfu_netem::Rng;

use crate::config::{ExtensionIds, LayerConfig};
use crate::probe::{self, Probe};
use crate::stats::LayerStats;

/// Packets kept for retransmission; at 270 packets a second nearly 4 s.
const HISTORY: usize = 1024;
/// The same for a stream without RTX, which is audio: over 2 s.
const PLAIN_HISTORY: usize = 128;
/// VP8 frame header of a keyframe (RFC 6386 section 9.1): tag, start code, 1280x720.
const KEYFRAME_HEADER: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];
/// Frame tag of an interframe: the P bit set.
const DELTA_HEADER: [u8; 3] = [0x11, 0x02, 0x00];
/// TOC byte of a 20 ms fullband CELT packet, mono, one frame (RFC 6716 section 3.1).
const OPUS_TOC: u8 = 31 << 3;

/// What all streams of an endpoint share on their way out.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) srtp: SrtpSender,
    pub(crate) extensions: ExtensionIds,
    pub(crate) transport_sequence: u16,
    /// Noise that payloads are filled from: a server must not find them compressible or constant.
    pub(crate) noise: Box<[u8]>,
}

/// What the streams of one track share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) kind: Kind,
    pub(crate) mid: Option<String>,
    pub(crate) payload_type: PayloadType,
    pub(crate) rtx_payload_type: Option<PayloadType>,
    pub(crate) temporal_layers: u8,
    /// RFC 6464 value: voice bit and level.
    pub(crate) audio_level: u8,
}

impl Shared {
    pub(crate) fn clock_rate(&self) -> u32 {
        match self.kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }
}

#[derive(Debug, Default)]
struct Stored {
    sequence: Option<u16>,
    marker: bool,
    timestamp: u32,
    sent: Time,
    /// The payload, or the protected datagram of a stream without RTX.
    payload: Vec<u8>,
}

/// A stream at work.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) config: LayerConfig,
    /// SRTP packet index of the next packet; its low 16 bits are the sequence number.
    index: u64,
    rtx_index: u64,
    timestamp_base: u32,
    picture_id: u16,
    tl0picidx: u8,
    /// Frames and packets since the stream began, and the place in the open frame.
    frame: u64,
    packet: usize,
    number: u32,
    keyframe: bool,
    keyframe_wanted: bool,
    pub(crate) active: bool,
    /// The server reported on the stream, so it knows its mid and rid (libwebrtc stops sending them then).
    known: bool,
    /// Sequence number of the last FIR command obeyed.
    fir: Option<u8>,
    history: Vec<Stored>,
    pub(crate) stats: LayerStats,
}

impl Layer {
    pub(crate) fn new(config: LayerConfig, rng: &mut Rng) -> Layer {
        let history = if config.rtx_ssrc.is_some() {
            HISTORY
        } else {
            PLAIN_HISTORY
        };
        Layer {
            // RFC 3550 asks for random starts; below 2^15 the receiver's first guess of the rollover
            // counter can't be wrong (libsrtp's rule).
            index: rng.range(0, 1 << 15),
            rtx_index: rng.range(0, 1 << 15),
            timestamp_base: rng.next_u64() as u32,
            picture_id: rng.range(0, 1 << 15) as u16,
            tl0picidx: rng.next_u64() as u8,
            frame: 0,
            packet: 0,
            number: 0,
            keyframe: true,
            keyframe_wanted: false,
            active: true,
            known: false,
            fir: None,
            history: std::iter::repeat_with(Stored::default)
                .take(history)
                .collect(),
            stats: LayerStats {
                ssrc: config.ssrc,
                ..LayerStats::default()
            },
            config,
        }
    }

    /// When the next packet is due for a track that began at `epoch`.
    pub(crate) fn due(&self, epoch: Time) -> Option<Time> {
        let plan = self.config.profile.frame(self.frame, self.keyframe);
        let offset = plan.packets[self.packet].offset;
        self.active
            .then(|| epoch + self.config.profile.start_of(self.frame) + offset)
    }

    /// Stops or starts the stream; it starts with a keyframe, at the frame that is due now.
    pub(crate) fn set_active(&mut self, now: Time, epoch: Time, active: bool) {
        if active && !self.active {
            while epoch + self.config.profile.start_of(self.frame) < now {
                self.frame += 1;
            }
            self.packet = 0;
            self.keyframe = true;
        }
        self.active = active;
    }

    /// A PLI came.
    pub(crate) fn on_pli(&mut self) {
        self.stats.keyframe_requests += 1;
        self.keyframe_wanted = true;
    }

    /// A FIR came; a repeated sequence number is the same command (RFC 5104 section 4.3.1.1).
    pub(crate) fn on_fir(&mut self, sequence: u8) {
        if self.fir.replace(sequence) != Some(sequence) {
            self.on_pli();
        }
    }

    /// The server's report on the stream.
    pub(crate) fn on_report(&mut self, cumulative_lost: i32) {
        self.known = true;
        self.stats.reported_lost = cumulative_lost;
    }

    /// Media timestamp at a moment of a track that began at `epoch`.
    pub(crate) fn timestamp_at(&self, now: Time, epoch: Time, clock_rate: u32) -> u32 {
        let ticks =
            u128::from(now.since(epoch).as_nanos() as u64) * u128::from(clock_rate) / 1_000_000_000;
        self.timestamp_base.wrapping_add(ticks as u32)
    }

    fn frame_timestamp(&self, clock_rate: u32) -> u32 {
        self.timestamp_at(
            Time::ZERO + self.config.profile.start_of(self.frame),
            Time::ZERO,
            clock_rate,
        )
    }

    /// Writes the packet that is due; its protected length, `None` when it does not fit.
    pub(crate) fn write(
        &mut self,
        now: Time,
        shared: &Shared,
        wire: &mut Wire,
        out: &mut [u8],
    ) -> Option<usize> {
        let plan = self.config.profile.frame(self.frame, self.keyframe);
        let (size, first) = (
            usize::from(plan.packets[self.packet].payload),
            self.packet == 0,
        );
        let last = self.packet + 1 == plan.packets.len();
        // RFC 7587 section 4.2: an audio marker begins a talkspurt; video's ends a frame.
        let marker = if shared.kind == Kind::Video {
            last
        } else {
            self.number == 0
        };
        let fixed = FixedHeader {
            marker,
            payload_type: shared.payload_type,
            sequence: self.index as u16,
            timestamp: self.frame_timestamp(shared.clock_rate()),
            ssrc: self.config.ssrc,
        };
        let header_len = self.write_header(now, shared, wire, &fixed, false, out)?;
        let payload = out.get_mut(header_len..header_len + size)?;
        self.fill(now, shared, wire, payload, first)?;
        let rtx = self.config.rtx_ssrc.is_some();
        if rtx {
            self.store(now, &fixed, payload);
        }
        let end = header_len + size;
        let len = wire
            .srtp
            .protect_indexed(out, end, header_len, self.index)
            .ok()?;
        if !rtx {
            self.store(now, &fixed, &out[..len]);
        }
        self.advance(first, last, size);
        Some(len)
    }

    fn advance(&mut self, first: bool, last: bool, size: usize) {
        self.stats.packets += 1;
        self.stats.bytes += size as u64;
        self.stats.frames += u64::from(first);
        self.stats.keyframes += u64::from(first && self.keyframe);
        self.index += 1;
        self.number = self.number.wrapping_add(1);
        self.packet += 1;
        if last {
            self.frame += 1;
            self.packet = 0;
            self.picture_id = (self.picture_id + 1) & 0x7fff;
            self.keyframe = std::mem::take(&mut self.keyframe_wanted);
        }
    }

    fn write_header(
        &self,
        now: Time,
        shared: &Shared,
        wire: &mut Wire,
        fixed: &FixedHeader,
        repair: bool,
        out: &mut [u8],
    ) -> Option<usize> {
        let ids = wire.extensions;
        let mut header = HeaderWriter::new(out, fixed, false)?;
        let mut element = |id: Option<u8>, value: &[u8]| {
            // An element that doesn't fit its form is left out, as a browser does.
            let _ = id.map(|id| header.element(id, value));
        };
        if !self.known || repair {
            if let Some(mid) = &shared.mid {
                element(ids.mid, mid.as_bytes());
            }
            if let Some(rid) = &self.config.rid {
                element(
                    if repair { ids.repaired_rid } else { ids.rid },
                    rid.as_bytes(),
                );
            }
        }
        if shared.kind == Kind::Audio {
            element(ids.audio_level, &[shared.audio_level]);
        }
        element(ids.abs_send_time, &abs_send_time(now));
        element(
            ids.transport_wide_cc,
            &wire.transport_sequence.to_be_bytes(),
        );
        wire.transport_sequence = wire.transport_sequence.wrapping_add(1);
        Some(header.finish().len)
    }

    fn fill(
        &mut self,
        now: Time,
        shared: &Shared,
        wire: &Wire,
        payload: &mut [u8],
        first: bool,
    ) -> Option<()> {
        let from = self.number as usize % (wire.noise.len() - payload.len());
        payload.copy_from_slice(&wire.noise[from..from + payload.len()]);
        match shared.kind {
            Kind::Audio => *payload.first_mut()? = OPUS_TOC,
            Kind::Video => self.fill_video(shared, payload, first)?,
        }
        let probe = Probe {
            stream: self.config.ssrc.0,
            number: self.number,
            sent: now,
        };
        probe::write(payload, &probe);
        Some(())
    }

    fn fill_video(&mut self, shared: &Shared, payload: &mut [u8], first: bool) -> Option<()> {
        let temporal = temporal_of(self.frame, shared.temporal_layers, self.keyframe);
        if first && temporal == 0 {
            self.tl0picidx = self.tl0picidx.wrapping_add(1);
        }
        let highest = shared.temporal_layers.saturating_sub(1);
        let descriptor = vp8::Descriptor {
            non_reference: highest > 0 && temporal == highest,
            start: first,
            picture_id: Some(PictureId {
                value: self.picture_id,
                long: true,
            }),
            tl0picidx: Some(self.tl0picidx),
            temporal: Some(temporal),
            layer_sync: temporal > 0 && temporal == highest,
            key_index: Some(0),
            ..vp8::Descriptor::default()
        };
        let at = vp8::write(payload, &descriptor)?;
        if first {
            let header: &[u8] = if self.keyframe {
                &KEYFRAME_HEADER
            } else {
                &DELTA_HEADER
            };
            let end = payload.len().min(at + header.len());
            payload[at..end].copy_from_slice(&header[..end - at]);
        }
        Some(())
    }

    fn store(&mut self, now: Time, fixed: &FixedHeader, payload: &[u8]) {
        let place = usize::from(fixed.sequence) % self.history.len();
        let slot = &mut self.history[place];
        slot.sequence = Some(fixed.sequence);
        slot.marker = fixed.marker;
        slot.timestamp = fixed.timestamp;
        slot.sent = now;
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
    }

    /// Whether a NACKed packet can be sent again.
    pub(crate) fn has(&self, sequence: u16) -> bool {
        self.history
            .get(usize::from(sequence) % self.history.len())
            .is_some_and(|stored| stored.sequence == Some(sequence))
    }

    /// Writes a retransmission (RFC 4588 section 4), or the same datagram again without RTX; `None` when there is none to give.
    pub(crate) fn write_repair(
        &mut self,
        now: Time,
        shared: &Shared,
        wire: &mut Wire,
        sequence: u16,
        out: &mut [u8],
    ) -> Option<usize> {
        if !self.has(sequence) {
            return None;
        }
        let stored = &self.history[usize::from(sequence) % self.history.len()];
        if self.config.rtx_ssrc.is_none() {
            // The datagram as it was: sealing it again with other header extensions would use its
            // index for a second message (RFC 7714 section 8.1).
            out.get_mut(..stored.payload.len())?
                .copy_from_slice(&stored.payload);
            self.stats.retransmitted += 1;
            return Some(stored.payload.len());
        }
        let fixed = FixedHeader {
            marker: stored.marker,
            payload_type: shared.rtx_payload_type?,
            sequence: self.rtx_index as u16,
            timestamp: stored.timestamp,
            ssrc: self.config.rtx_ssrc?,
        };
        let header_len = self.write_header(now, shared, wire, &fixed, true, out)?;
        let len = header_len + 2 + stored.payload.len();
        out.get_mut(header_len..header_len + 2)?
            .copy_from_slice(&sequence.to_be_bytes());
        out.get_mut(header_len + 2..len)?
            .copy_from_slice(&stored.payload);
        let len = wire
            .srtp
            .protect_indexed(out, len, header_len, self.rtx_index)
            .ok()?;
        self.rtx_index += 1;
        self.stats.retransmitted += 1;
        Some(len)
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.config.ssrc
    }
}

/// Temporal layer of a frame in libwebrtc's patterns for one, two or three layers; a keyframe is in the base.
fn temporal_of(frame: u64, layers: u8, keyframe: bool) -> u8 {
    let pattern: &[u8] = match layers {
        0 | 1 => &[0],
        2 => &[0, 1],
        _ => &[0, 2, 1, 2],
    };
    if keyframe {
        0
    } else {
        pattern[(frame % pattern.len() as u64) as usize]
    }
}
