//! AV1 payloads (AV1 RTP specification 1.0, sections 4.4 and 4.5): aggregation header and OBU elements.

use super::{FrameInfo, TemporalSwitch};
use crate::rtp::bytes::u8_at;

/// OBU types (AV1 specification section 6.2.2).
pub mod obu {
    /// Sequence header.
    pub const SEQUENCE_HEADER: u8 = 1;
    /// Frame header alone.
    pub const FRAME_HEADER: u8 = 3;
    /// Frame header and tile group.
    pub const FRAME: u8 = 6;
}

/// Aggregation header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AggregationHeader {
    /// Z: the first element continues an OBU of the previous packet.
    pub continues: bool,
    /// Y: the last element goes on in the next packet.
    pub continued: bool,
    /// W: number of elements; 0 when each has a length.
    pub count: u8,
    /// N: first packet of a coded video sequence.
    pub new_sequence: bool,
}

impl AggregationHeader {
    /// From the first byte of a payload. `None` when N and Z are both set, which the specification rules out.
    pub fn parse(byte: u8) -> Option<AggregationHeader> {
        let header = AggregationHeader {
            continues: byte & 0x80 != 0,
            continued: byte & 0x40 != 0,
            count: byte >> 4 & 0x03,
            new_sequence: byte & 0x08 != 0,
        };
        (!(header.continues && header.new_sequence)).then_some(header)
    }
}

/// Iterator over OBU elements. Ends early at a length that does not fit.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    /// Elements left when the aggregation header counts them.
    counted: Option<u8>,
}

/// Header and elements of a payload.
pub fn parse(payload: &[u8]) -> Option<(AggregationHeader, Elements<'_>)> {
    let (&first, rest) = payload.split_first()?;
    let header = AggregationHeader::parse(first)?;
    if rest.is_empty() {
        return None;
    }
    Some((
        header,
        Elements {
            rest,
            counted: (header.count > 0).then_some(header.count),
        },
    ))
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        if self.counted == Some(1) {
            // The last of a counted list has no length.
            return Some(std::mem::take(&mut self.rest));
        }
        self.counted = self.counted.map(|left| left.saturating_sub(1));
        let split = leb128(self.rest).and_then(|(len, rest)| rest.split_at_checked(len));
        let (element, rest) = split.unwrap_or((&[], &[]));
        self.rest = rest;
        split.map(|_| element)
    }
}

/// Unsigned little-endian base 128 (AV1 specification section 4.10.5), at most 8 bytes and 32 bits.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (n, &byte) in bytes.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()? as usize, bytes.get(n + 1..)?));
        }
    }
    None
}

/// An OBU header (AV1 specification section 5.3).
struct Obu<'a> {
    kind: u8,
    /// (temporal, spatial) of the extension.
    layer: Option<(u8, u8)>,
    body: &'a [u8],
}

fn read_obu(element: &[u8]) -> Option<Obu<'_>> {
    let header = u8_at(element, 0)?;
    let mut body = element.get(1..)?;
    let mut layer = None;
    if header & 0x04 != 0 {
        let (&extension, rest) = body.split_first()?;
        layer = Some((extension >> 5, extension >> 3 & 0x03));
        body = rest;
    }
    if header & 0x02 != 0 {
        body = leb128(body)?.1;
    }
    Some(Obu {
        kind: header >> 3 & 0x0f,
        layer,
        body,
    })
}

/// A keyframe is told by N; for senders that leave N out, by a sequence header followed by a shown key frame.
pub(super) fn inspect(payload: &[u8]) -> Option<FrameInfo> {
    let (header, elements) = parse(payload)?;
    let mut layer = None;
    let mut sequence_header = false;
    let mut key_frame = false;
    for obu in elements
        .skip(usize::from(header.continues))
        .filter_map(read_obu)
    {
        layer = layer.or(obu.layer);
        match obu.kind {
            obu::SEQUENCE_HEADER => sequence_header = true,
            obu::FRAME | obu::FRAME_HEADER => key_frame |= is_shown_key_frame(obu.body),
            _ => {}
        }
    }
    let keyframe = header.new_sequence || (sequence_header && key_frame);
    let (temporal, spatial) = (layer.map(|l| l.0), layer.map(|l| l.1));
    Some(FrameInfo::new(
        keyframe,
        !header.continues,
        temporal,
        spatial,
        TemporalSwitch::No,
    ))
}

/// `uncompressed_header` (AV1 specification section 5.9.2): show_existing_frame 0, frame_type KEY_FRAME 0, show_frame 1.
fn is_shown_key_frame(body: &[u8]) -> bool {
    u8_at(body, 0).is_some_and(|byte| byte & 0xf0 == 0x10)
}
