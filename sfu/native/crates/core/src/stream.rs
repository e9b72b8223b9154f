//! One received stream: a simulcast layer of a producer, or all of it.

use std::time::Duration;

use crate::codec::{self, FrameInfo};
use crate::command::{Codec, CodecMapping};
use crate::dd;
use crate::extensions::Elements;
use crate::history::{History, Meta};
use crate::keyframe::SourceThrottle;
use crate::nack::{Arrival, NackGenerator};
use crate::report::{ReceiveStatistics, SenderClock};
use crate::rewrite::Extender;
use crate::stats::{DropReason, Limits};
use crate::time::Time;
use crate::units::{Kind, Ssrc};

/// A simulcast layer that sent nothing for so long is taken as stopped.
pub(crate) const INACTIVE: Duration = Duration::from_secs(2);

/// An SSRC keeps its stream so long before another may take it over: a sender restarts now and then,
/// but one that sends under two at once would have everything behind it start over at each packet.
pub(crate) const TAKE_OVER: Duration = Duration::from_secs(1);
/// A codec is told of at most this often.
const CODEC_TOLD: Duration = Duration::from_millis(500);

/// What the offer said of a stream, and what was learned after authentication.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) rid: Option<String>,
    pub(crate) ssrc: Option<Ssrc>,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    /// From the first packet on.
    pub(crate) live: Option<Box<Live>>,
    /// When another SSRC took it over last.
    pub(crate) taken_over: Option<Time>,
}

/// A packet that was taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) position: u32,
    /// It fills a hole.
    pub(crate) late: bool,
    /// A decoder can start at this packet.
    pub(crate) starts_keyframe: bool,
    pub(crate) codec_changed: bool,
    /// So much is missing that only a keyframe helps.
    pub(crate) outage: bool,
}

/// A stream that has been heard.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) history: History,
    pub(crate) nack: NackGenerator,
    pub(crate) statistics: ReceiveStatistics,
    pub(crate) clock: Option<SenderClock>,
    pub(crate) throttle: SourceThrottle,
    pub(crate) last: Time,
    pub(crate) active: bool,
    pub(crate) ended: bool,
    /// Index of the codec mapping of the last packet.
    pub(crate) mapping: u8,
    /// The one that was told of last, and when.
    told: Option<(u8, Time)>,
    pictures: Extender<15>,
    short_pictures: Extender<7>,
    frames: Extender<16>,
    structure: dd::DdStructure,
    keyframe_at: Option<u32>,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) nacks: u64,
    pub(crate) retransmissions: u64,
    pub(crate) keyframes: u64,
    pub(crate) requests: u64,
}

impl Live {
    pub(crate) fn new(kind: Kind, nack: bool, limits: &Limits) -> Live {
        let capacity = match kind {
            Kind::Audio => limits.history_audio,
            Kind::Video => limits.history_video,
        };
        Live {
            history: History::with_capacity(capacity),
            nack: NackGenerator::new(limits.retries, nack),
            statistics: ReceiveStatistics::default(),
            clock: None,
            throttle: SourceThrottle::new(limits.keyframe_source),
            last: Time::ZERO,
            active: false,
            ended: false,
            mapping: u8::MAX,
            told: None,
            pictures: Extender::default(),
            short_pictures: Extender::default(),
            frames: Extender::default(),
            structure: dd::DdStructure::default(),
            keyframe_at: None,
            packets: 0,
            bytes: 0,
            nacks: 0,
            retransmissions: 0,
            keyframes: 0,
            requests: 0,
        }
    }
    /// Takes a media packet in. `repaired` when it came as a retransmission; its sequence number is
    /// then the original one.
    ///
    /// # Errors
    /// The counter of a packet that goes no further.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        packet: &Incoming<'_>,
        codecs: &[CodecMapping],
    ) -> Result<Taken, DropReason> {
        let mapping = codecs[usize::from(packet.mapping)];
        let arrival = self.nack.on_packet(now, packet.sequence);
        if packet.repaired {
            self.retransmissions += 1;
        } else {
            let clock_rate = mapping.clock_rate;
            self.statistics
                .on_packet(now, packet.sequence, packet.timestamp, clock_rate);
        }
        match arrival {
            Arrival::Duplicate => return Err(DropReason::Duplicate),
            Arrival::TooOld => return Err(DropReason::TooOld),
            Arrival::Filled if packet.repaired => self.statistics.on_repaired(),
            _ => {}
        }
        let meta = self.inspect(now, packet, mapping.codec);
        let stored = if packet.payload.is_empty() {
            &[]
        } else {
            packet.elements.descriptor
        };
        let position = self
            .history
            .push(meta, stored, packet.payload)
            .ok_or(DropReason::TooLarge)?;
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        let mut codec_changed = false;
        if !packet.payload.is_empty() {
            self.mapping = packet.mapping;
            codec_changed = self.told.is_none_or(|(mapping, at)| {
                mapping != packet.mapping && now.since(at) >= CODEC_TOLD
            });
        }
        if codec_changed {
            self.told = Some((packet.mapping, now));
        }
        let starts_keyframe = meta.frame_info.keyframe && !packet.payload.is_empty();
        if starts_keyframe && self.keyframe_at != Some(meta.timestamp) {
            self.keyframe_at = Some(meta.timestamp);
            self.keyframes += 1;
        }
        Ok(Taken {
            position,
            late: arrival == Arrival::Filled,
            starts_keyframe,
            codec_changed,
            outage: arrival == Arrival::Outage,
        })
    }

    fn inspect(&mut self, now: Time, packet: &Incoming<'_>, codec: Codec) -> Meta {
        let mut meta = Meta {
            sequence: packet.sequence,
            arrival: now,
            timestamp: packet.timestamp,
            mapping: packet.mapping,
            marker: packet.marker,
            frame_info: OPAQUE,
            audio_level: packet.elements.audio_level,
            orientation: packet.elements.orientation,
            playout_delay: packet.elements.playout_delay,
            picture: None,
            tl0picidx: None,
            frame: None,
        };
        if packet.payload.is_empty() {
            return meta;
        }
        let descriptor = packet.elements.descriptor;
        let parsed = (!descriptor.is_empty())
            .then(|| dd::parse(descriptor, &mut self.structure).ok())
            .flatten();
        if let Some(mandatory) = dd::mandatory(descriptor) {
            meta.frame = Some(self.frames.extend(u64::from(mandatory.frame_number)));
        }
        if let Some(info) = codec::inspect(codec, packet.payload, parsed.as_ref()) {
            meta.frame_info = info;
        }
        let (picture, tl0picidx) = match codec {
            Codec::Vp8 => codec::vp8::parse(packet.payload)
                .map_or((None, None), |d| (d.picture_id, d.tl0picidx)),
            Codec::Vp9 => codec::vp9::parse(packet.payload)
                .map_or((None, None), |d| (d.picture_id, d.tl0picidx)),
            _ => (None, None),
        };
        meta.tl0picidx = tl0picidx;
        meta.picture = picture.map(|id| {
            let value = u64::from(id.value);
            if id.long {
                self.pictures.extend(value)
            } else {
                self.short_pictures.extend(value)
            }
        });
        meta
    }
}

/// What is assumed of a payload that its codec's parser does not understand.
const OPAQUE: FrameInfo = FrameInfo {
    keyframe: false,
    ..FrameInfo::INDEPENDENT
};

/// A media packet after authentication, its retransmission wrapping taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    /// Extended.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Index of the codec mapping.
    pub(crate) mapping: u8,
    pub(crate) repaired: bool,
    pub(crate) elements: Elements<'a>,
    /// Without padding; empty when the packet was padding only.
    pub(crate) payload: &'a [u8],
}
