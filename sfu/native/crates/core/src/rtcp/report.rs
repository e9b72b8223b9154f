//! Report blocks (RFC 3550 section 6.4.1).

use crate::rtp::bytes::{u8_at, u32_at};
use crate::units::Ssrc;

/// Bytes of one report block.
pub(super) const REPORT_LEN: usize = 24;

/// How one receiver receives one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: Ssrc,
    /// Lost since the previous report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all, 24 bit signed: negative when duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// Extended highest sequence number: cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the media clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, 0 when none came.
    pub last_sr: u32,
    /// Time since that report in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    fn read(bytes: &[u8]) -> Option<ReportBlock> {
        let loss = u32_at(bytes, 4)?;
        Some(ReportBlock {
            ssrc: Ssrc(u32_at(bytes, 0)?),
            fraction_lost: u8_at(bytes, 4)?,
            // The shift left and the arithmetic shift back extend the sign of 24 bits.
            cumulative_lost: (loss << 8) as i32 >> 8,
            highest_sequence: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sr: u32_at(bytes, 16)?,
            delay_since_last_sr: u32_at(bytes, 20)?,
        })
    }

    /// Wire form; the cumulative loss is clamped to 24 bits (RFC 3550 appendix A.3).
    pub(super) fn to_bytes(self) -> [u8; REPORT_LEN] {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        let words = [
            self.ssrc.0,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        ];
        let mut out = [0; REPORT_LEN];
        for (to, word) in out.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        out
    }
}

/// Iterator over report blocks.
#[derive(Clone, Debug)]
pub struct Reports<'a> {
    rest: &'a [u8],
}

impl<'a> Reports<'a> {
    /// Profile-specific extensions behind the blocks are ignored (RFC 3550 section 6.4.3).
    pub(super) fn new(bytes: &'a [u8], count: u8) -> Option<Reports<'a>> {
        bytes
            .get(..usize::from(count) * REPORT_LEN)
            .map(|rest| Reports { rest })
    }
}

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.rest.split_at_checked(REPORT_LEN)?;
        self.rest = rest;
        ReportBlock::read(block)
    }
}
