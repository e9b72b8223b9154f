//! Control information of feedback messages: NACK, FIR, REMB.

use crate::rtp::bytes::{u8_at, u16_at, u32_at};
use crate::units::{Bitrate, Ssrc};

/// Iterator over a list of sources.
#[derive(Clone, Debug)]
pub struct Ssrcs<'a> {
    rest: &'a [u8],
}

impl<'a> Ssrcs<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Ssrcs<'a> {
        Ssrcs { rest }
    }
}

impl Iterator for Ssrcs<'_> {
    type Item = Ssrc;

    fn next(&mut self) -> Option<Ssrc> {
        let (word, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u32_at(word, 0).map(Ssrc)
    }
}

/// Iterator over the lost sequence numbers of a NACK, item by item: the packet identifier, then the
/// set bits of the bitmask of following lost packets (RFC 4585 section 6.2.1).
#[derive(Clone, Debug)]
pub struct NackIter<'a> {
    rest: &'a [u8],
    pid: u16,
    bits: u16,
}

impl<'a> NackIter<'a> {
    /// RFC 4585 section 6.2.1: at least one item.
    pub(super) fn new(control: &'a [u8]) -> Option<NackIter<'a>> {
        let whole = !control.is_empty() && control.len().is_multiple_of(4);
        whole.then_some(NackIter {
            rest: control,
            pid: 0,
            bits: 0,
        })
    }
}

impl Iterator for NackIter<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.bits != 0 {
            let bit = self.bits.trailing_zeros() as u16;
            self.bits &= self.bits - 1;
            return Some(self.pid.wrapping_add(bit + 1));
        }
        let (item, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        self.pid = u16_at(item, 0)?;
        self.bits = u16_at(item, 2)?;
        Some(self.pid)
    }
}

/// Iterator over (source, command sequence number) of a FIR (RFC 5104 section 4.3.1.1).
#[derive(Clone, Debug)]
pub struct FirIter<'a> {
    rest: &'a [u8],
}

impl<'a> FirIter<'a> {
    pub(super) fn new(control: &'a [u8]) -> Option<FirIter<'a>> {
        let whole = !control.is_empty() && control.len().is_multiple_of(8);
        whole.then_some(FirIter { rest: control })
    }
}

impl Iterator for FirIter<'_> {
    type Item = (Ssrc, u8);

    fn next(&mut self) -> Option<(Ssrc, u8)> {
        let (entry, rest) = self.rest.split_at_checked(8)?;
        self.rest = rest;
        Some((Ssrc(u32_at(entry, 0)?), u8_at(entry, 4)?))
    }
}

/// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 section 2.2).
#[derive(Clone, Debug)]
pub struct Remb<'a> {
    /// Who estimates.
    pub sender: Ssrc,
    /// The total of all sources listed.
    pub bitrate: Bitrate,
    /// The sources it is for.
    pub ssrcs: Ssrcs<'a>,
}

impl<'a> Remb<'a> {
    /// `control` starts with the unique identifier "REMB". A mantissa that the exponent shifts out
    /// of 64 bits is refused rather than saturated: no sender means 18 Ebit/s.
    pub(super) fn new(sender: Ssrc, control: &'a [u8]) -> Option<Remb<'a>> {
        let word = u32_at(control, 4)?;
        let count = (word >> 24) as usize;
        let exponent = word >> 18 & 0x3f;
        let mantissa = u64::from(word & 0x3_ffff);
        let bitrate = mantissa << exponent;
        if bitrate >> exponent != mantissa {
            return None;
        }
        let ssrcs = control.get(8..)?;
        (ssrcs.len() == 4 * count).then_some(Remb {
            sender,
            bitrate: Bitrate(bitrate),
            ssrcs: Ssrcs::new(ssrcs),
        })
    }
}
