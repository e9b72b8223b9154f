//! VP8 payload descriptor (RFC 7741 section 4.2).

use super::{FrameInfo, PictureId, TemporalSwitch};
use crate::rtp::bytes::{put, u8_at, u16_at};

/// A payload descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Descriptor {
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// S: the packet starts a partition.
    pub start: bool,
    /// PID: partition index, 0..=7.
    pub partition: u8,
    /// Picture number.
    pub picture_id: Option<PictureId>,
    /// Number of the base layer frame this frame belongs to.
    pub tl0picidx: Option<u8>,
    /// TID: temporal layer, 0..=3.
    pub temporal: Option<u8>,
    /// Y: depends on the base layer only. Meaningful with a temporal layer.
    pub layer_sync: bool,
    /// KEYIDX: temporal key frame index, 0..=31.
    pub key_index: Option<u8>,
    /// Bytes of the descriptor.
    pub len: usize,
    /// The packet starts a keyframe: partition 0 starts and the frame header's P bit is 0 (section 4.3).
    pub keyframe: bool,
}

impl Descriptor {
    pub(super) fn frame_info(&self) -> FrameInfo {
        let start = self.start && self.partition == 0;
        let switch = if self.layer_sync && self.temporal.is_some() {
            TemporalSwitch::Into
        } else {
            TemporalSwitch::No
        };
        FrameInfo::new(self.keyframe, start, self.temporal, None, switch)
    }
}

/// Where the fields that are rewritten lie.
struct Places {
    picture_id: Option<usize>,
    tl0picidx: Option<usize>,
}

/// Parses the descriptor at the start of a payload. The payload has to hold at least a byte of VP8.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    locate(payload).map(|(descriptor, _)| descriptor)
}

fn locate(payload: &[u8]) -> Option<(Descriptor, Places)> {
    let first = u8_at(payload, 0)?;
    let mut descriptor = Descriptor {
        non_reference: first & 0x20 != 0,
        start: first & 0x10 != 0,
        partition: first & 0x07,
        len: 1,
        ..Descriptor::default()
    };
    let mut places = Places {
        picture_id: None,
        tl0picidx: None,
    };
    if first & 0x80 != 0 {
        let present = u8_at(payload, 1)?;
        descriptor.len = 2;
        if present & 0x80 != 0 {
            places.picture_id = Some(descriptor.len);
            let id = read_picture_id(payload, descriptor.len)?;
            descriptor.picture_id = Some(id);
            descriptor.len += if id.long { 2 } else { 1 };
        }
        if present & 0x40 != 0 {
            places.tl0picidx = Some(descriptor.len);
            descriptor.tl0picidx = Some(u8_at(payload, descriptor.len)?);
            descriptor.len += 1;
        }
        if present & 0x30 != 0 {
            let layers = u8_at(payload, descriptor.len)?;
            descriptor.len += 1;
            descriptor.temporal = (present & 0x20 != 0).then_some(layers >> 6);
            descriptor.layer_sync = present & 0x20 != 0 && layers & 0x20 != 0;
            descriptor.key_index = (present & 0x10 != 0).then_some(layers & 0x1f);
        }
    }
    let header = u8_at(payload, descriptor.len)?;
    descriptor.keyframe = descriptor.start && descriptor.partition == 0 && header & 0x01 == 0;
    Some((descriptor, places))
}

/// A picture number whose first bit, M, says that it has 15 bits.
pub(super) fn read_picture_id(payload: &[u8], at: usize) -> Option<PictureId> {
    let first = u8_at(payload, at)?;
    if first & 0x80 == 0 {
        return Some(PictureId {
            value: u16::from(first),
            long: false,
        });
    }
    Some(PictureId {
        value: u16_at(payload, at)? & 0x7fff,
        long: true,
    })
}

/// Overwrites a picture number, keeping its width.
pub(super) fn put_picture_id(payload: &mut [u8], at: usize, value: u16) -> Option<()> {
    if u8_at(payload, at)? & 0x80 == 0 {
        put(payload, at, &[(value & 0x7f) as u8])
    } else {
        put(payload, at, &(value | 0x8000).to_be_bytes())
    }
}

/// Overwrites picture number and TL0PICIDX in place, those of them that the descriptor has. The
/// length stays: a 7-bit picture number takes the low 7 bits. `None`, and nothing written, when the
/// payload is not VP8.
pub fn rewrite(payload: &mut [u8], picture_id: Option<u16>, tl0picidx: Option<u8>) -> Option<()> {
    let (_, places) = locate(payload)?;
    if let (Some(at), Some(value)) = (places.picture_id, picture_id) {
        put_picture_id(payload, at, value)?;
    }
    if let (Some(at), Some(value)) = (places.tl0picidx, tl0picidx) {
        put(payload, at, &[value])?;
    }
    Some(())
}

/// Writes a descriptor (not the VP8 frame header after it) and gives its length; `len` and
/// `keyframe` are not looked at. `None` when it does not fit.
pub fn write(out: &mut [u8], descriptor: &Descriptor) -> Option<usize> {
    let picture_id = descriptor.picture_id;
    let layers = descriptor.temporal.is_some() || descriptor.key_index.is_some();
    let present = u8::from(picture_id.is_some()) << 7
        | u8::from(descriptor.tl0picidx.is_some()) << 6
        | u8::from(descriptor.temporal.is_some()) << 5
        | u8::from(descriptor.key_index.is_some()) << 4;
    let first = u8::from(present != 0) << 7
        | u8::from(descriptor.non_reference) << 5
        | u8::from(descriptor.start) << 4
        | descriptor.partition & 0x07;
    put(out, 0, &[first])?;
    if present == 0 {
        return Some(1);
    }
    put(out, 1, &[present])?;
    let mut len = 2;
    if let Some(id) = picture_id {
        if id.long {
            put(out, len, &(id.value | 0x8000).to_be_bytes())?;
        } else {
            put(out, len, &[(id.value & 0x7f) as u8])?;
        }
        len += if id.long { 2 } else { 1 };
    }
    if let Some(index) = descriptor.tl0picidx {
        put(out, len, &[index])?;
        len += 1;
    }
    if layers {
        let temporal = descriptor.temporal.unwrap_or(0) & 0x03;
        let sync = u8::from(descriptor.layer_sync && descriptor.temporal.is_some());
        put(
            out,
            len,
            &[temporal << 6 | sync << 5 | descriptor.key_index.unwrap_or(0) & 0x1f],
        )?;
        len += 1;
    }
    Some(len)
}
