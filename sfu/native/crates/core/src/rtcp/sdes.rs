//! Source descriptions and goodbyes (RFC 3550 sections 6.5 and 6.6).

use super::feedback::Ssrcs;
use crate::rtp::bytes::{u8_at, u32_at};
use crate::units::Ssrc;

/// Item type of the canonical name (RFC 3550 section 6.5.1).
pub(super) const CNAME: u8 = 1;

/// Iterator over (source, CNAME); sources without a CNAME give an empty one. The bytes are what the
/// sender wrote: RFC 3550 wants UTF-8 and nobody enforces it.
#[derive(Clone, Debug)]
pub struct SdesChunks<'a> {
    rest: &'a [u8],
    left: u8,
}

impl<'a> SdesChunks<'a> {
    /// Checks all chunks once, so that iterating cannot fail.
    pub(super) fn new(body: &'a [u8], count: u8) -> Option<SdesChunks<'a>> {
        let mut rest = body;
        for _ in 0..count {
            rest = chunk(rest)?.2;
        }
        Some(SdesChunks {
            rest: body,
            left: count,
        })
    }
}

impl<'a> Iterator for SdesChunks<'a> {
    type Item = (Ssrc, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (ssrc, cname, rest) = chunk(self.rest)?;
        self.rest = rest;
        Some((ssrc, cname))
    }
}

/// Source, its CNAME and the bytes after the chunk. Items end with a zero byte, padded to a word.
fn chunk(bytes: &[u8]) -> Option<(Ssrc, &[u8], &[u8])> {
    let ssrc = Ssrc(u32_at(bytes, 0)?);
    let mut cname: &[u8] = &[];
    let mut at = 4;
    loop {
        let kind = u8_at(bytes, at)?;
        if kind == 0 {
            let end = (at + 1).next_multiple_of(4);
            return Some((ssrc, cname, bytes.get(end..)?));
        }
        let len = usize::from(u8_at(bytes, at + 1)?);
        let text = bytes.get(at + 2..at + 2 + len)?;
        if kind == CNAME && cname.is_empty() {
            cname = text;
        }
        at += 2 + len;
    }
}

/// Sources that leave.
#[derive(Clone, Debug)]
pub struct Bye<'a> {
    /// The sources.
    pub ssrcs: Ssrcs<'a>,
    /// Why, as text; empty when not said.
    pub reason: &'a [u8],
}

impl<'a> Bye<'a> {
    pub(super) fn new(body: &'a [u8], count: u8) -> Option<Bye<'a>> {
        let (ssrcs, rest) = body.split_at_checked(4 * usize::from(count))?;
        let reason = match rest.split_first() {
            None => rest,
            Some((&len, text)) => text.get(..usize::from(len))?,
        };
        Some(Bye {
            ssrcs: Ssrcs::new(ssrcs),
            reason,
        })
    }
}
