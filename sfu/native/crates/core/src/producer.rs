//! A track sent to us: its codecs, its streams and who is sent it.

use crate::command::{CodecMapping, Encoding};
use crate::layer::MOST_LAYERS;
use crate::speaker::Loudness;
use crate::stats::Drops;
use crate::stream::Stream;
use crate::units::{Kind, PayloadType, ProducerId};

/// Most codec mappings of a producer or consumer.
pub(crate) const MOST_CODECS: usize = 32;

/// What a payload type of a producer's transport means for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PayloadKind {
    /// Media of this codec mapping.
    Media(u8),
    /// Retransmissions (RFC 4588) of it.
    Rtx(u8),
}

/// One consumer of a producer, as much of it as every packet needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) consumer: u32,
    pub(crate) transport: u32,
    /// Layers that it has to see, a bit each; 0 when paused.
    pub(crate) interest: u8,
    pub(crate) paused: bool,
    /// The layer left at the last switch: only its late packets are of use.
    pub(crate) left: Option<u8>,
    /// Packets it did not see.
    pub(crate) ignored: u64,
    pub(crate) ignored_paused: u64,
}

/// A track received.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) id: ProducerId,
    pub(crate) transport: u32,
    pub(crate) router: u32,
    pub(crate) kind: Kind,
    pub(crate) mid: Option<String>,
    pub(crate) codecs: Vec<CodecMapping>,
    payload_types: [Option<PayloadKind>; 128],
    pub(crate) streams: Vec<Stream>,
    pub(crate) links: Vec<Link>,
    pub(crate) paused: bool,
    pub(crate) loudness: Loudness,
    pub(crate) drops: Drops,
    pub(crate) bye_told: bool,
}

impl Producer {
    /// # Errors
    /// The name of the argument that is out of range.
    #[allow(clippy::too_many_arguments)] // the fields of one command
    pub(crate) fn new(
        id: ProducerId,
        transport: u32,
        router: u32,
        kind: Kind,
        mid: Option<String>,
        codecs: Vec<CodecMapping>,
        encodings: Vec<Encoding>,
        paused: bool,
    ) -> Result<Producer, &'static str> {
        if codecs.is_empty() || codecs.len() > MOST_CODECS {
            return Err("codecs");
        }
        if encodings.is_empty() || encodings.len() > MOST_LAYERS {
            return Err("encodings");
        }
        let mut payload_types = [None; 128];
        for (index, mapping) in codecs.iter().enumerate() {
            if mapping.clock_rate == 0 {
                return Err("clock rate");
            }
            let media = slot(&mut payload_types, mapping.payload_type).ok_or("payload type")?;
            *media = Some(PayloadKind::Media(index as u8));
            if let Some(rtx) = mapping.rtx {
                let entry = slot(&mut payload_types, rtx).ok_or("payload type")?;
                *entry = Some(PayloadKind::Rtx(index as u8));
            }
        }
        let stream = |encoding: Encoding| Stream {
            rid: encoding.rid,
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            live: None,
            taken_over: None,
        };
        Ok(Producer {
            id,
            transport,
            router,
            kind,
            mid,
            codecs,
            payload_types,
            streams: encodings.into_iter().map(stream).collect(),
            links: Vec::new(),
            paused,
            loudness: Loudness::default(),
            drops: Drops::default(),
            bye_told: false,
        })
    }

    /// Meaning of a payload type.
    pub(crate) fn payload_kind(&self, payload_type: PayloadType) -> Option<PayloadKind> {
        self.payload_types[usize::from(payload_type.0 & 0x7f)]
    }

    /// Layers that send, a bit each.
    pub(crate) fn active(&self) -> u8 {
        self.streams
            .iter()
            .enumerate()
            .fold(0, |bits, (layer, stream)| {
                let active = stream.live.as_ref().is_some_and(|live| live.active);
                bits | u8::from(active) << layer
            })
    }
}

/// Entry of a payload type that isn't taken yet.
fn slot(
    table: &mut [Option<PayloadKind>; 128],
    payload_type: PayloadType,
) -> Option<&mut Option<PayloadKind>> {
    let entry = table.get_mut(usize::from(payload_type.0))?;
    (entry.is_none() && is_usable(payload_type)).then_some(entry)
}

/// Whether a payload type may stand in RTP: with the marker bit 64..=95 look like RTCP (RFC 5761
/// section 4).
pub(crate) fn is_usable(payload_type: PayloadType) -> bool {
    matches!(payload_type.0, 0..=63 | 96..=127)
}

/// Finds the stream that a packet of an unknown SSRC belongs to (RFC 8843 section 9.2, RFC 8852):
/// by mid and rid when it says them, else by payload type when that leaves one choice. Returns the
/// producer's index among those given, the layer, and whether it is the retransmission stream.
pub(crate) fn find_stream<'a>(
    producers: impl Iterator<Item = (u32, &'a Producer)> + Clone,
    mid: Option<&[u8]>,
    rid: Option<&[u8]>,
    repaired_rid: Option<&[u8]>,
    payload_type: PayloadType,
) -> Option<(u32, u8, bool)> {
    let named = |producer: &Producer| match (mid, &producer.mid) {
        (Some(mid), Some(own)) => own.as_bytes() == mid,
        (Some(_), None) | (None, _) => mid.is_none(),
    };
    let mut candidates = producers
        .filter(|(_, producer)| named(producer) && producer.payload_kind(payload_type).is_some());
    let (index, producer) = candidates.next()?;
    if candidates.next().is_some() {
        return None;
    }
    let rtx = matches!(producer.payload_kind(payload_type)?, PayloadKind::Rtx(_));
    let by_rid = |rid: &[u8]| {
        let of = |stream: &Stream| stream.rid.as_ref().is_some_and(|own| own.as_bytes() == rid);
        producer.streams.iter().position(of)
    };
    let layer = match (repaired_rid.filter(|_| rtx), rid) {
        (Some(rid), _) | (None, Some(rid)) => by_rid(rid)?,
        // Without a rid only a producer of one stream is unambiguous; its signalled SSRC may have
        // changed (a sender that restarted), so it is taken over.
        (None, None) if producer.streams.len() == 1 => 0,
        (None, None) => return None,
    };
    Some((index, layer as u8, rtx))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Codec;
    use crate::units::Ssrc;

    fn mapping(payload_type: u8, rtx: Option<u8>) -> CodecMapping {
        CodecMapping {
            codec: Codec::Vp8,
            payload_type: PayloadType(payload_type),
            rtx: rtx.map(PayloadType),
            clock_rate: 90_000,
            format: 0,
        }
    }

    fn producer(mid: Option<&str>, payload_type: u8, rids: &[&str]) -> Producer {
        let encoding = |rid: &&str| Encoding {
            rid: (!rid.is_empty()).then(|| (*rid).to_owned()),
            ssrc: Some(Ssrc(9)),
            rtx_ssrc: None,
        };
        let codecs = vec![mapping(payload_type, Some(payload_type + 1))];
        let encodings = rids.iter().map(encoding).collect();
        let mid = mid.map(str::to_owned);
        Producer::new(
            ProducerId(1),
            0,
            0,
            Kind::Video,
            mid,
            codecs,
            encodings,
            false,
        )
        .unwrap()
    }

    #[test]
    fn an_unknown_ssrc_is_found_by_mid_and_rid_else_by_payload_type() {
        let a = producer(Some("a"), 96, &["l", "h"]);
        let b = producer(Some("b"), 96, &[""]);
        let c = producer(None, 100, &[""]);
        type Text = Option<&'static str>;
        type Row = ((Text, Text, Text, u8), Option<(u32, u8, bool)>);
        let table: [Row; 9] = [
            ((Some("a"), Some("h"), None, 96), Some((0, 1, false))),
            ((Some("a"), None, Some("h"), 97), Some((0, 1, true))),
            ((Some("a"), Some("x"), None, 96), None),
            ((Some("a"), None, None, 96), None),
            ((Some("b"), None, None, 97), Some((1, 0, true))),
            ((None, None, None, 96), None), // a or b
            ((None, None, None, 100), Some((2, 0, false))),
            ((Some("z"), None, None, 96), None),
            ((Some("b"), None, None, 100), None),
        ];
        let all = [&a, &b, &c];
        for ((mid, rid, repaired, payload_type), expected) in table {
            let producers = all.iter().enumerate().map(|(i, p)| (i as u32, *p));
            let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
            let found = find_stream(
                producers,
                bytes(mid),
                bytes(rid),
                bytes(repaired),
                PayloadType(payload_type),
            );
            assert_eq!(
                found, expected,
                "{mid:?} {rid:?} {repaired:?} {payload_type}"
            );
        }
    }

    #[test]
    fn payload_types_are_unique_and_seven_bits() {
        let new = |codecs| {
            let encodings = vec![Encoding::default()];
            Producer::new(
                ProducerId(1),
                0,
                0,
                Kind::Video,
                None,
                codecs,
                encodings,
                false,
            )
            .err()
        };
        assert_eq!(new(vec![mapping(96, Some(96))]), Some("payload type"));
        assert_eq!(new(vec![mapping(128, None)]), Some("payload type"));
        assert_eq!(new(vec![mapping(72, None)]), Some("payload type"));
        assert_eq!(new(vec![]), Some("codecs"));
        assert_eq!(new(vec![mapping(96, Some(97))]), None);
    }
}
