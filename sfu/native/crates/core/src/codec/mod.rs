//! What a forwarder has to know of payload formats: where frames start, which are keyframes, which
//! layer a packet belongs to, and the picture numbers that are rewritten on a switch.
//!
//! Nothing here decodes, allocates or panics.

pub mod av1;
pub mod h264;
pub mod red;
pub mod vp8;
pub mod vp9;

use crate::command::Codec;
use crate::dd::DependencyDescriptor;

/// A picture number of VP8 (RFC 7741) or VP9 (RFC 9628).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PictureId {
    /// The number.
    pub value: u16,
    /// 15 bits wide instead of 7; wraps there.
    pub long: bool,
}

impl PictureId {
    /// Largest value of this width.
    pub fn mask(self) -> u16 {
        if self.long { 0x7fff } else { 0x7f }
    }
}

/// Whether a receiver of fewer temporal layers may be given more at a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TemporalSwitch {
    /// No.
    No,
    /// This frame depends on the base layer only: it may be the first of its own layer that is
    /// forwarded (VP8's Y bit).
    Into,
    /// Later frames of layers up to this one depend on none of those layers before this frame, so
    /// whoever can decode this frame can decode them (VP9's U bit, a DD Switch indication, a keyframe).
    UpTo(u8),
}

/// What one packet says about its frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameInfo {
    /// The packet starts a frame that a decoder can start at.
    pub keyframe: bool,
    /// First packet of a frame. H264 without a descriptor: a guess from the slice, to be joined with
    /// a change of timestamp.
    pub start_of_frame: bool,
    /// Temporal layer, when the payload or a descriptor says it.
    pub temporal: Option<u8>,
    /// Spatial layer within the stream, when the payload or a descriptor says it.
    pub spatial: Option<u8>,
    /// The number of temporal layers may go up here; [`FrameInfo::raise`] says how far.
    pub switching_point: bool,
    /// How it may go up.
    pub switch: TemporalSwitch,
}

impl FrameInfo {
    /// Every packet is for itself and can be decoded: audio.
    pub const INDEPENDENT: FrameInfo = FrameInfo {
        keyframe: true,
        start_of_frame: true,
        temporal: None,
        spatial: None,
        switching_point: true,
        switch: TemporalSwitch::UpTo(u8::MAX),
    };

    fn new(
        keyframe: bool,
        start_of_frame: bool,
        temporal: Option<u8>,
        spatial: Option<u8>,
        switch: TemporalSwitch,
    ) -> FrameInfo {
        let switch = if keyframe {
            TemporalSwitch::UpTo(u8::MAX)
        } else {
            switch
        };
        FrameInfo {
            keyframe,
            start_of_frame,
            temporal,
            spatial,
            switching_point: switch != TemporalSwitch::No,
            switch,
        }
    }

    /// Highest temporal layer to forward from this packet on, when it was `current` before and
    /// `wanted` is to be reached. To be asked at the start of a frame; the packet itself is then
    /// forwarded if its temporal layer is not above the answer. Down is always possible.
    pub fn raise(&self, current: u8, wanted: u8) -> u8 {
        let Some(temporal) = self.temporal else {
            return wanted;
        };
        if wanted <= current {
            return wanted;
        }
        match self.switch {
            TemporalSwitch::No => current,
            // One step at a time: frames of the new layer may refer to every layer below it.
            TemporalSwitch::Into if temporal == current + 1 => temporal,
            TemporalSwitch::Into => current,
            TemporalSwitch::UpTo(highest) if temporal <= current => {
                wanted.min(highest).max(current)
            }
            TemporalSwitch::UpTo(_) => current,
        }
    }
}

/// Reads what a packet says. `dd` is its dependency descriptor, parsed, if it has one: it knows the
/// layers of every codec and tells AV1's keyframes. `None` when the payload is not the codec's.
pub fn inspect(
    codec: Codec,
    payload: &[u8],
    dd: Option<&DependencyDescriptor>,
) -> Option<FrameInfo> {
    let info = match codec {
        Codec::Opus | Codec::OpusRed => return Some(FrameInfo::INDEPENDENT),
        Codec::Vp8 => vp8::parse(payload)?.frame_info(),
        Codec::Vp9 => vp9::parse(payload)?.frame_info(),
        Codec::H264 => h264::inspect(payload)?,
        Codec::Av1 => av1::inspect(payload)?,
    };
    Some(match dd {
        Some(dd) => with_descriptor(codec, info, dd),
        None => info,
    })
}

fn with_descriptor(codec: Codec, info: FrameInfo, dd: &DependencyDescriptor) -> FrameInfo {
    let keyframe = match codec {
        Codec::Av1 => dd.start_of_frame && dd.is_keyframe(),
        // H264's parameter sets decide whether a decoder can start, and VP8 and VP9 say it themselves.
        _ => info.keyframe,
    };
    let switch = dd
        .switch_up_to
        .map_or(TemporalSwitch::No, TemporalSwitch::UpTo);
    FrameInfo::new(
        keyframe,
        dd.start_of_frame,
        Some(dd.temporal),
        Some(dd.spatial),
        switch,
    )
}

#[cfg(test)]
mod tests;
