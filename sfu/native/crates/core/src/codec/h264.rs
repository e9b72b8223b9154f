//! H264 payloads (RFC 6184), packetization modes 0 and 1: single NAL units, STAP-A, FU-A.

use super::{FrameInfo, TemporalSwitch};
use crate::rtp::bytes::{u8_at, u16_at};

/// NAL unit types (ITU-T H.264 table 7-1, RFC 6184 table 1).
pub mod nal {
    /// Coded slice of a non-IDR picture.
    pub const SLICE: u8 = 1;
    /// Coded slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Supplemental enhancement information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
    /// Single-time aggregation packet without decoding order number.
    pub const STAP_A: u8 = 24;
    /// Fragmentation unit without decoding order number.
    pub const FU_A: u8 = 28;
}

/// The NAL units that start in a packet: their type and their bytes after the header.
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
    aggregate: bool,
    single: Option<(u8, &'a [u8])>,
}

/// NAL units that start in this payload; none for the continuation of a fragment. `None` when the payload is
/// empty, of a type that modes 0 and 1 do not have, or an aggregate whose lengths do not add up.
pub fn nal_units(payload: &[u8]) -> Option<NalUnits<'_>> {
    let (&header, rest) = payload.split_first()?;
    match header & 0x1f {
        kind @ 1..=23 => Some(NalUnits {
            rest: &[],
            aggregate: false,
            single: Some((kind, rest)),
        }),
        nal::STAP_A => {
            check_aggregate(rest)?;
            Some(NalUnits {
                rest,
                aggregate: true,
                single: None,
            })
        }
        nal::FU_A => {
            let (&fragment, data) = rest.split_first()?;
            let starts = fragment & 0x80 != 0;
            Some(NalUnits {
                rest: &[],
                aggregate: false,
                single: starts.then_some((fragment & 0x1f, data)),
            })
        }
        _ => None,
    }
}

/// At least one unit, each with a length that fits (RFC 6184 section 5.7.1).
fn check_aggregate(mut rest: &[u8]) -> Option<()> {
    loop {
        let len = usize::from(u16_at(rest, 0)?);
        rest = rest.get(2..)?.get(len..)?;
        if len == 0 {
            return None;
        }
        if rest.is_empty() {
            return Some(());
        }
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if !self.aggregate {
            return self.single.take();
        }
        let len = usize::from(u16_at(self.rest, 0)?);
        let (unit, rest) = self.rest.get(2..)?.split_at_checked(len)?;
        self.rest = rest;
        let (&header, data) = unit.split_first()?;
        Some((header & 0x1f, data))
    }
}

/// A decoder can start where a sequence parameter set is: an IDR picture alone is of no use to one
/// that has none. Senders put SPS and PPS before every IDR picture.
pub(super) fn inspect(payload: &[u8]) -> Option<FrameInfo> {
    let mut keyframe = false;
    let mut start = false;
    for (kind, data) in nal_units(payload)? {
        keyframe |= kind == nal::SPS;
        start |= match kind {
            // first_mb_in_slice is ue(v): 0 is coded as a single one bit (H.264 section 7.3.3).
            nal::SLICE..=nal::IDR => u8_at(data, 0)? & 0x80 != 0,
            // What precedes the first slice of an access unit (H.264 section 7.4.1.2.3).
            nal::SEI | nal::SPS | nal::PPS | nal::AUD => true,
            _ => false,
        };
    }
    Some(FrameInfo::new(
        keyframe,
        start,
        None,
        None,
        TemporalSwitch::No,
    ))
}
