//! The Dependency Descriptor header extension (AV1 RTP specification 1.0, appendix A).
//!
//! A descriptor names a template of the frame dependency structure that the sender attached to the
//! first packet of the coded video sequence. The reader therefore has state: one [`DdStructure`] for
//! each received stream, which [`parse`] replaces when a descriptor brings a new one. Everything is
//! held inline (about 2 KB a stream); nothing here allocates or panics.
//!
//! Descriptors are to be parsed in the order they arrive. One that refers to a template of a structure not
//! here yet (its packet was lost or is late) gives [`DdError::NoTemplate`]; [`mandatory`] still reads what needs none.

mod bits;
mod read;
mod structure;
mod write;

pub use read::parse;
pub use structure::{ChainDiffs, DdStructure, Dti, Dtis, Template};
pub use write::write;

use crate::rtp::bytes::{put, u8_at, u16_at};

/// Bytes of the mandatory fields.
pub const MANDATORY_LEN: usize = 3;
/// Most templates: identifiers have 6 bits.
pub const MAX_TEMPLATES: usize = 64;
/// Most decode targets, and most chains: the count has 5 bits.
pub const MAX_DECODE_TARGETS: usize = 32;
/// Most spatial layers: `spatial_id` of an AV1 OBU has 2 bits.
pub const MAX_SPATIAL: usize = 4;
/// Most temporal layers: `temporal_id` of an AV1 OBU has 3 bits.
pub const MAX_TEMPORAL: usize = 8;
/// Most frames one frame refers to. AV1 has 7 reference frames, a template can say 16.
pub const MAX_REFERENCES: usize = 16;

/// Why bytes are no descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum DdError {
    /// Ends within a field.
    #[error("dependency descriptor is truncated")]
    Truncated,
    /// Names a template of a structure that is not here.
    #[error("dependency descriptor refers to an unknown template")]
    NoTemplate,
    /// More templates, layers or references than there can be.
    #[error("dependency descriptor exceeds a limit")]
    Limit,
}

/// The fields of every descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mandatory {
    /// First packet of a frame.
    pub start_of_frame: bool,
    /// Last packet of a frame.
    pub end_of_frame: bool,
    /// Template identifier, 0..=63.
    pub template_id: u8,
    /// Frame number, the same in all packets of a frame.
    pub frame_number: u16,
}

/// Frame numbers a frame refers to, as differences to its own: a set, kept in ascending order, because
/// neither order nor repetition of references carries meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameDiffs {
    count: u8,
    values: [u16; MAX_REFERENCES],
}

impl FrameDiffs {
    /// The differences, each 1..=4096.
    pub fn as_slice(&self) -> &[u16] {
        &self.values[..usize::from(self.count)]
    }

    /// Whether the frame refers to no other: it is intra coded.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds one; `None` when it is new and [`MAX_REFERENCES`] are held.
    pub fn insert(&mut self, diff: u16) -> Option<()> {
        let held = usize::from(self.count);
        let Err(at) = self.as_slice().binary_search(&diff) else {
            return Some(());
        };
        if held == MAX_REFERENCES {
            return None;
        }
        self.values.copy_within(at..held, at + 1);
        self.values[at] = diff;
        self.count += 1;
        Some(())
    }
}

/// A parsed descriptor, with what its template says filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DependencyDescriptor {
    /// First packet of a frame.
    pub start_of_frame: bool,
    /// Last packet of a frame.
    pub end_of_frame: bool,
    /// Template identifier, 0..=63.
    pub template_id: u8,
    /// Frame number.
    pub frame_number: u16,
    /// The descriptor brought a structure: first packet of a coded video sequence (A.8.3).
    pub structure_attached: bool,
    /// New set of active decode targets, bit i for target i; `None`: the last one stays valid (A.4).
    pub active_decode_targets: Option<u32>,
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// What the frame is to each decode target.
    pub dtis: Dtis,
    /// Frames it refers to.
    pub fdiffs: FrameDiffs,
    /// Distance to the previous frame of each chain, 0 when it needs none.
    pub chain_fdiffs: [u8; MAX_DECODE_TARGETS],
    /// Highest temporal layer whose decode target may be forwarded from this frame on (A.7), given
    /// that the frame itself is decodable; `None` when the frame is no switch to any.
    pub switch_up_to: Option<u8>,
}

impl DependencyDescriptor {
    /// Whether a decoder can start at this frame: intra coded, and of the packets that start a frame
    /// only the one with the structure, because intra-only frames do not reset a decoder.
    pub fn is_keyframe(&self) -> bool {
        self.fdiffs.is_empty() && (self.structure_attached || !self.start_of_frame)
    }
}

/// Reads the mandatory fields, which need no structure.
pub fn mandatory(extension: &[u8]) -> Option<Mandatory> {
    let first = u8_at(extension, 0)?;
    Some(Mandatory {
        start_of_frame: first & 0x80 != 0,
        end_of_frame: first & 0x40 != 0,
        template_id: first & 0x3f,
        frame_number: u16_at(extension, 1)?,
    })
}

/// Overwrites the frame number in place; `None`, and nothing written, when there is none.
pub fn rewrite_frame_number(extension: &mut [u8], frame_number: u16) -> Option<()> {
    put(extension, 1, &frame_number.to_be_bytes())
}

#[cfg(test)]
mod tests;
