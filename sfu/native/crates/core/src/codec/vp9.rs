//! VP9 payload descriptor (RFC 9628 section 4.2), flexible and non-flexible mode.

use super::vp8::{put_picture_id, read_picture_id};
use super::{FrameInfo, PictureId, TemporalSwitch};
use crate::rtp::bytes::{put, u8_at, u16_at};

/// Most reference indices of one frame in flexible mode.
const MAX_REFERENCES: usize = 3;

/// A payload descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Descriptor {
    /// Picture number.
    pub picture_id: Option<PictureId>,
    /// P: the layer frame is predicted from earlier pictures.
    pub inter_predicted: bool,
    /// B: first packet of a layer frame.
    pub start: bool,
    /// E: last packet of a layer frame.
    pub end: bool,
    /// Z: not a reference for higher spatial layers.
    pub not_inter_layer_reference: bool,
    /// Layer indices, when present.
    pub layer: Option<Layer>,
    /// Number of the base temporal layer picture; non-flexible mode with layer indices.
    pub tl0picidx: Option<u8>,
    /// F: flexible mode.
    pub flexible: bool,
    /// V: the scalability structure, when present.
    pub structure: Option<Structure>,
    /// Bytes of the descriptor.
    pub len: usize,
}

/// Layer indices (section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Layer {
    /// TID, 0..=7.
    pub temporal: u8,
    /// U: later pictures of higher temporal layers depend on none of theirs before this one.
    pub switching_up: bool,
    /// SID, 0..=7.
    pub spatial: u8,
    /// D: depends on the next lower spatial layer of the same picture.
    pub inter_layer_predicted: bool,
}

/// Scalability structure (section 4.2.1), what a forwarder needs of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Structure {
    /// Spatial layers, 1..=8.
    pub spatial_layers: u8,
    /// Width and height in pixels of each spatial layer, when said.
    pub resolutions: Option<[(u16, u16); 8]>,
    /// Pictures in a picture group, when described.
    pub pictures: Option<u8>,
}

impl Descriptor {
    /// The packet starts a picture a decoder can start at: not predicted from earlier pictures, lowest spatial layer.
    pub fn keyframe(&self) -> bool {
        !self.inter_predicted && self.start && self.layer.is_none_or(|layer| layer.spatial == 0)
    }

    pub(super) fn frame_info(&self) -> FrameInfo {
        let switch = match self.layer {
            Some(layer) if layer.switching_up => TemporalSwitch::UpTo(u8::MAX),
            _ => TemporalSwitch::No,
        };
        let (temporal, spatial) = (
            self.layer.map(|l| l.temporal),
            self.layer.map(|l| l.spatial),
        );
        FrameInfo::new(self.keyframe(), self.start, temporal, spatial, switch)
    }
}

/// Where the fields that are rewritten lie.
#[derive(Default)]
struct Places {
    picture_id: Option<usize>,
    tl0picidx: Option<usize>,
}

/// Parses the descriptor at the start of a payload. The payload has to hold at least a byte of VP9.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    locate(payload).map(|(descriptor, _)| descriptor)
}

fn locate(payload: &[u8]) -> Option<(Descriptor, Places)> {
    let first = u8_at(payload, 0)?;
    let flexible = first & 0x10 != 0;
    let inter_predicted = first & 0x40 != 0;
    let mut places = Places::default();
    let mut at = 1;
    let mut picture_id = None;
    if first & 0x80 != 0 {
        let id = read_picture_id(payload, at)?;
        places.picture_id = Some(at);
        picture_id = Some(id);
        at += if id.long { 2 } else { 1 };
    }
    let (mut layer, mut tl0picidx) = (None, None);
    if first & 0x20 != 0 {
        layer = Some(read_layer(u8_at(payload, at)?));
        at += 1;
        if !flexible {
            places.tl0picidx = Some(at);
            tl0picidx = Some(u8_at(payload, at)?);
            at += 1;
        }
    }
    if flexible && inter_predicted {
        at = skip_references(payload, at)?;
    }
    let mut structure = None;
    if first & 0x02 != 0 {
        let (read, end) = read_structure(payload, at)?;
        (structure, at) = (Some(read), end);
    }
    // An empty frame is no frame.
    u8_at(payload, at)?;
    let descriptor = Descriptor {
        picture_id,
        inter_predicted,
        start: first & 0x08 != 0,
        end: first & 0x04 != 0,
        not_inter_layer_reference: first & 0x01 != 0,
        layer,
        tl0picidx,
        flexible,
        structure,
        len: at,
    };
    Some((descriptor, places))
}

fn read_layer(byte: u8) -> Layer {
    Layer {
        temporal: byte >> 5,
        switching_up: byte & 0x10 != 0,
        spatial: byte >> 1 & 0x07,
        inter_layer_predicted: byte & 0x01 != 0,
    }
}

/// P_DIFF bytes: 7 bits and N, "another follows"; at most three.
fn skip_references(payload: &[u8], at: usize) -> Option<usize> {
    for n in 0..MAX_REFERENCES {
        if u8_at(payload, at + n)? & 0x01 == 0 {
            return Some(at + n + 1);
        }
    }
    None
}

/// The structure and the offset behind it.
fn read_structure(payload: &[u8], at: usize) -> Option<(Structure, usize)> {
    let head = u8_at(payload, at)?;
    let mut at = at + 1;
    let spatial_layers = (head >> 5) + 1;
    let mut resolutions = None;
    if head & 0x10 != 0 {
        let mut sizes = [(0, 0); 8];
        for size in sizes.iter_mut().take(usize::from(spatial_layers)) {
            *size = (u16_at(payload, at)?, u16_at(payload, at + 2)?);
            at += 4;
        }
        resolutions = Some(sizes);
    }
    let mut pictures = None;
    if head & 0x08 != 0 {
        let count = u8_at(payload, at)?;
        at += 1;
        for _ in 0..count {
            let references = usize::from(u8_at(payload, at)? >> 2 & 0x03);
            at += 1 + references;
        }
        pictures = Some(count);
    }
    Some((
        Structure {
            spatial_layers,
            resolutions,
            pictures,
        },
        at,
    ))
}

/// Overwrites picture number and TL0PICIDX in place, those of them that the descriptor has; a 7-bit
/// picture number takes the low 7 bits. `None`, and nothing written, when the payload is not VP9.
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
