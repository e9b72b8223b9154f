//! Transport-wide congestion control feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1), reading side.
//!
//! The message is a list of packet status chunks (16 bit each) that give every sequence number from
//! the base on a symbol, followed by one receive delta for each packet received: one byte unsigned
//! ("small") or two bytes signed ("large"), in units of 250 us. The first delta is relative to the
//! reference time (in 64 ms), each other to the packet received before it.

use crate::rtp::bytes::{u16_at, u32_at};
use crate::units::Ssrc;

/// One tick of a receive delta, microseconds.
pub(super) const DELTA_US: i64 = 250;
/// One tick of the reference time, microseconds.
pub(super) const REFERENCE_US: i64 = 64_000;

/// Packet status symbols (section 3.1.1).
pub(super) mod symbol {
    /// Packet not received.
    pub(in crate::rtcp) const LOST: u8 = 0;
    /// Received, one-byte delta.
    pub(in crate::rtcp) const SMALL: u8 = 1;
    /// Received, two-byte delta.
    pub(in crate::rtcp) const LARGE: u8 = 2;
}

/// A feedback message, checked as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwccFeedback<'a> {
    /// Who received.
    pub sender: Ssrc,
    /// Any one of the media sources; says nothing.
    pub media: Ssrc,
    /// Transport-wide sequence number of the first packet reported.
    pub base_sequence: u16,
    /// Packets reported, lost ones included; at least 1.
    pub status_count: u16,
    /// 24 bit signed, 64 ms, in the receiver's own clock.
    pub reference_time: i32,
    /// Counts feedback messages, wrapping: a gap is a lost one.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TwccFeedback<'a> {
    /// Checks that the chunks cover the count, use no reserved symbol and that a delta is there for
    /// every packet received.
    pub(super) fn new(sender: Ssrc, media: Ssrc, control: &'a [u8]) -> Option<TwccFeedback<'a>> {
        let time = u32_at(control, 4)?;
        let body = control.get(8..)?;
        let status_count = u16_at(control, 2)?;
        let mut left = status_count;
        let mut chunks = Symbols::new(body);
        let mut deltas = 0usize;
        while left > 0 {
            let (symbol, count) = chunks.run(left)?;
            deltas += match symbol {
                symbol::LOST => 0,
                symbol::SMALL => usize::from(count),
                symbol::LARGE => 2 * usize::from(count),
                _ => return None,
            };
            left -= count;
        }
        let (chunks, rest) = body.split_at_checked(chunks.at)?;
        let deltas = rest.get(..deltas)?;
        (status_count > 0).then_some(TwccFeedback {
            sender,
            media,
            base_sequence: u16_at(control, 0)?,
            status_count,
            reference_time: time as i32 >> 8,
            feedback_count: time as u8,
            chunks,
            deltas,
        })
    }

    /// Every packet reported: (sequence number, arrival). The arrival is in microseconds of the
    /// receiver's clock, which wraps with the reference time after 2^24 x 64 ms; `None` when lost.
    pub fn arrivals(&self) -> TwccArrivals<'a> {
        TwccArrivals {
            symbols: Symbols::new(self.chunks),
            left: self.status_count,
            sequence: self.base_sequence,
            clock_us: i64::from(self.reference_time) * REFERENCE_US,
            deltas: self.deltas,
        }
    }
}

/// Iterator of [`TwccFeedback::arrivals`].
#[derive(Clone, Debug)]
pub struct TwccArrivals<'a> {
    symbols: Symbols<'a>,
    left: u16,
    sequence: u16,
    clock_us: i64,
    deltas: &'a [u8],
}

impl Iterator for TwccArrivals<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let (ticks, len) = match self.symbols.next()? {
            symbol::SMALL => (i64::from(*self.deltas.first()?), 1),
            symbol::LARGE => (i64::from(u16_at(self.deltas, 0)? as i16), 2),
            _ => return Some((sequence, None)),
        };
        self.deltas = self.deltas.get(len..)?;
        self.clock_us += ticks * DELTA_US;
        Some((sequence, Some(self.clock_us)))
    }
}

/// Walks status symbols. A chunk may reach beyond the status count (section 3.1.3 and 3.1.4): the
/// reader stops by counting.
#[derive(Clone, Debug)]
struct Symbols<'a> {
    chunks: &'a [u8],
    /// Bytes of chunks taken.
    at: usize,
    chunk: u16,
    /// Symbols left in the open chunk.
    left: u16,
}

impl<'a> Symbols<'a> {
    fn new(chunks: &'a [u8]) -> Symbols<'a> {
        Symbols {
            chunks,
            at: 0,
            chunk: 0,
            left: 0,
        }
    }
}

impl Symbols<'_> {
    /// The next symbol and how often it stands there, `most` times at most: a run length chunk of two
    /// bytes stands for up to 8191 packets, which are not walked one by one.
    fn run(&mut self, most: u16) -> Option<(u8, u16)> {
        // A run of length zero is legal and says nothing; the bytes of the chunks bound the loop.
        while self.left == 0 {
            self.chunk = u16_at(self.chunks, self.at)?;
            self.at += 2;
            self.left = match self.chunk >> 14 {
                0 | 1 => self.chunk & 0x1fff,
                2 => 14,
                _ => 7,
            };
        }
        if self.chunk >> 15 == 0 {
            let count = self.left.min(most);
            self.left -= count;
            return Some(((self.chunk >> 13 & 0x3) as u8, count));
        }
        self.left -= 1;
        let symbol = match self.chunk >> 14 {
            2 => self.chunk >> self.left & 0x1,
            _ => self.chunk >> (2 * self.left) & 0x3,
        };
        Some((symbol as u8, 1))
    }
}

impl Iterator for Symbols<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.run(1).map(|(symbol, _)| symbol)
    }
}
