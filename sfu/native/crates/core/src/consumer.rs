//! A track sent by us to one client: which layer, under which numbers, in which bytes.

use std::time::Duration;

use crate::codec::{red, vp8, vp9};
use crate::command::{Codec, CodecMapping, Extension};
use crate::dd;
use crate::extensions::ExtensionIds;
use crate::history::{Meta, Stored};
use crate::keyframe::ViewerThrottle;
use crate::layer::LayerSelector;
use crate::producer::Producer;
use crate::report::SenderClock;
use crate::rtp::{FixedHeader, HeaderWriter, abs_send_time};
use crate::slot::{Numbers, Slot};
use crate::stats::Drops;
use crate::time::Time;
use crate::units::{ConsumerId, Kind, PayloadType, Ssrc};

/// How a codec of the producer is sent to this client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) payload_type: PayloadType,
    pub(crate) rtx: Option<PayloadType>,
    pub(crate) clock_rate: u32,
    transform: Transform,
}

/// What happens to the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Transform {
    Keep,
    Vp8,
    Vp9,
    /// RED to RED: blocks carry the publisher's Opus payload type, the client knows its own.
    Red {
        from: PayloadType,
        to: PayloadType,
    },
    /// RED to Opus: only the primary block goes out.
    StripRed,
}

impl Route {
    /// Whether picture numbers close up over frames that are left out; see [`Slot::skip`].
    pub(crate) fn closes_pictures(&self) -> bool {
        self.transform == Transform::Vp8
    }
}

/// A track sent.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) transport: u32,
    pub(crate) producer: u32,
    /// Its place among the producer's links.
    pub(crate) link: usize,
    pub(crate) kind: Kind,
    pub(crate) mid: Option<String>,
    pub(crate) cname: String,
    pub(crate) ssrc: Ssrc,
    pub(crate) rtx_ssrc: Option<Ssrc>,
    /// Next SRTP index of the retransmission stream.
    pub(crate) rtx_index: u64,
    /// By index of the producer's codec mappings.
    pub(crate) routes: Vec<Option<Route>>,
    pub(crate) selector: LayerSelector,
    pub(crate) slot: Slot,
    pub(crate) paused: bool,
    pub(crate) viewer: ViewerThrottle,
    /// The client has reported on the stream, so it needs no mid to place it.
    pub(crate) reported: bool,
    /// Sequence number of the last FIR: a repeated one is the same command (RFC 5104 section 4.3.1.2).
    pub(crate) fir: Option<u8>,
    /// Layer that the newest packet came from.
    pub(crate) last_layer: Option<u8>,
    /// Set by a switch: the next packet of audio starts a talkspurt.
    pub(crate) fresh: bool,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) nacks: u64,
    pub(crate) resent: u64,
    pub(crate) keyframe_requests: u64,
    pub(crate) fraction_lost: u8,
    pub(crate) cumulative_lost: i32,
    pub(crate) jitter: u32,
    pub(crate) drops: Drops,
}

/// How each codec of a producer reaches a client: same codec and format, or Opus out of RED. `None`
/// where there is no way; all `None` means the client can't be sent this track.
pub(crate) fn routes(producer: &[CodecMapping], client: &[CodecMapping]) -> Vec<Option<Route>> {
    let find = |codec: Codec, format: Option<u32>| {
        client
            .iter()
            .find(|m| m.codec == codec && format.is_none_or(|f| m.format == f))
    };
    let opus_of = |mappings: &[CodecMapping]| {
        mappings
            .iter()
            .find(|m| m.codec == Codec::Opus)
            .map(|m| m.payload_type)
    };
    let route = |from: &CodecMapping| {
        let same = find(from.codec, Some(from.format));
        let (to, transform) = match (from.codec, same) {
            (Codec::OpusRed, Some(to)) => {
                let (from, own) = (opus_of(producer)?, opus_of(client)?);
                (to, Transform::Red { from, to: own })
            }
            (Codec::OpusRed, None) => (find(Codec::Opus, None)?, Transform::StripRed),
            (Codec::Vp8, Some(to)) => (to, Transform::Vp8),
            (Codec::Vp9, Some(to)) => (to, Transform::Vp9),
            (_, Some(to)) => (to, Transform::Keep),
            (_, None) => return None,
        };
        Some(Route {
            payload_type: to.payload_type,
            rtx: to.rtx,
            clock_rate: to.clock_rate,
            transform,
        })
    };
    producer.iter().map(route).collect()
}

/// What a packet is written with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dress<'a> {
    pub(crate) now: Time,
    pub(crate) extensions: &'a ExtensionIds,
    pub(crate) mid: Option<&'a str>,
    pub(crate) transport_sequence: Option<u16>,
}

/// A packet in clear, ready to be protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) len: usize,
    pub(crate) header_len: usize,
    /// Payload bytes, for the sender report.
    pub(crate) payload: usize,
}

/// Writes one packet: header, extensions, and the payload with its numbers replaced. With
/// `original` it is a retransmission that carries this sequence number (RFC 4588 section 4).
/// `None` when it does not fit or its payload is not what its codec says.
pub(crate) fn write(
    space: &mut [u8],
    dress: &Dress<'_>,
    fixed: &FixedHeader,
    route: &Route,
    numbers: &Numbers,
    original: Option<u16>,
    stored: &Stored<'_>,
) -> Option<Written> {
    let header_len = write_header(space, dress, fixed, numbers, stored)?;
    let mut at = header_len;
    if let Some(sequence) = original {
        space
            .get_mut(at..at + 2)?
            .copy_from_slice(&sequence.to_be_bytes());
        at += 2;
    }
    let source = match route.transform {
        Transform::StripRed => red::primary(stored.payload)?.1,
        _ => stored.payload,
    };
    let payload = space.get_mut(at..at + source.len())?;
    payload.copy_from_slice(source);
    let picture = stored.meta.picture.map(|_| numbers.picture);
    let tl0picidx = stored.meta.tl0picidx.map(|_| numbers.tl0picidx);
    match route.transform {
        Transform::Vp8 if picture.is_some() || tl0picidx.is_some() => {
            vp8::rewrite(payload, picture, tl0picidx)?;
        }
        Transform::Vp9 if picture.is_some() || tl0picidx.is_some() => {
            vp9::rewrite(payload, picture, tl0picidx)?;
        }
        Transform::Red { from, to } if from != to => {
            red::rewrite_payload_types(payload, |inner| (inner == from).then_some(to))?;
        }
        _ => {}
    }
    let len = at + source.len();
    Some(Written {
        len,
        header_len,
        payload: len - header_len,
    })
}

/// Writes the header and returns its length. An element that the receiver can't be given (too
/// large for one-byte headers, which are all it knows) is left out.
fn write_header(
    space: &mut [u8],
    dress: &Dress<'_>,
    fixed: &FixedHeader,
    numbers: &Numbers,
    stored: &Stored<'_>,
) -> Option<usize> {
    let Dress {
        extensions, mid, ..
    } = dress;
    let meta = stored.meta;
    let mut writer = HeaderWriter::new(space, fixed, extensions.mixed)?;
    if let (Some(id), Some(mid)) = (extensions.id(Extension::Mid), mid) {
        let _ = writer.element(id, mid.as_bytes());
    }
    if let Some(id) = extensions.id(Extension::AbsSendTime) {
        let _ = writer.element(id, &abs_send_time(dress.now));
    }
    if let (Some(id), Some(sequence)) = (
        extensions.id(Extension::TransportWideCc),
        dress.transport_sequence,
    ) {
        let _ = writer.element(id, &sequence.to_be_bytes());
    }
    if let (Some(id), Some(level)) = (extensions.id(Extension::AudioLevel), meta.audio_level) {
        let _ = writer.element(id, &[level]);
    }
    if let (Some(id), Some(orientation)) =
        (extensions.id(Extension::VideoOrientation), meta.orientation)
    {
        let _ = writer.element(id, &[orientation]);
    }
    if let (Some(id), Some(delay)) = (extensions.id(Extension::PlayoutDelay), meta.playout_delay) {
        let _ = writer.element(id, &delay);
    }
    // A descriptor with its structure needs the two-byte form; a receiver that can't be given the
    // structure can't read the descriptors that refer to it, so it gets none.
    let descriptor = extensions
        .id(Extension::DependencyDescriptor)
        .filter(|_| extensions.mixed && !stored.descriptor.is_empty())
        .and_then(|id| writer.element(id, stored.descriptor).ok());
    let header = writer.finish();
    if let Some(element) = descriptor {
        let at = header.offset(element);
        let _ =
            dd::rewrite_frame_number(&mut space[at..at + stored.descriptor.len()], numbers.frame);
    }
    Some(header.len)
}

impl Consumer {
    /// Time between the newest packet sent and the first of another layer: by the publisher's clock
    /// when sender reports tie both layers to it, else by arrival.
    pub(crate) fn elapsed(&self, producer: &Producer, layer: u8, first: &Meta) -> Duration {
        let arrival = self.slot.since_newest(first.arrival);
        let captured = || {
            let from = self.clock_before(producer)?;
            let to = producer
                .streams
                .get(usize::from(layer))?
                .live
                .as_ref()?
                .clock?;
            let input = self.slot.timestamp().newest()?.input;
            let fixed = to
                .ntp_of(first.timestamp)
                .wrapping_sub(from.ntp_of(input))
                .cast_signed();
            let nanos = (i128::from(fixed) * 1_000_000_000) >> 32;
            Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
        };
        match captured() {
            // Layers of one camera are captured together; much else is a clock that was set.
            Some(captured) if captured.abs_diff(arrival) < Duration::from_secs(2) => captured,
            _ => arrival,
        }
    }

    fn clock_before(&self, producer: &Producer) -> Option<SenderClock> {
        producer
            .streams
            .get(usize::from(self.last_layer?))?
            .live
            .as_ref()?
            .clock
    }
}
