//! Transport-wide congestion control feedback, writing side.

use super::build::frame;
use super::twcc::{DELTA_US, REFERENCE_US, symbol};
use super::{format, packet_type};
use crate::rtp::bytes::put;
use crate::time::Time;
use crate::units::Ssrc;

/// RTCP header, two sources, base, count, reference time and feedback count.
const HEAD_LEN: usize = 20;
/// Ticks of a delta in one tick of the reference time.
const TICKS_PER_REFERENCE: i64 = REFERENCE_US / DELTA_US;
/// Longest run of one run length chunk (13 bits).
const MAX_RUN: u16 = 0x1fff;

/// What a message took in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TwccWritten {
    /// Bytes of the packet.
    pub len: usize,
    /// How many of the arrivals it reports; the rest belongs in the next message.
    pub taken: usize,
    /// First sequence number it does not report: the base of the next message.
    pub next_base: u64,
}

/// Writes a message on `arrivals`: (extended transport-wide sequence number, arrival), ascending
/// without repeats by sequence number. `base`, at most the first of them, is the first number
/// reported; whatever is missing from there on is reported lost. Takes as many arrivals as fit into
/// `out`, as the 16-bit count reaches and as deltas can express (8.19 s apart at most). `None` when that is not one.
///
/// Chunks are chosen greedily: the longest run of equal symbols, or else a vector.
pub fn write_transport_cc(
    out: &mut [u8],
    sender: Ssrc,
    media: Ssrc,
    feedback_count: u8,
    base: u64,
    arrivals: &[(u64, Time)],
) -> Option<TwccWritten> {
    let &(_, first) = arrivals.first()?;
    let reference = ticks(first) / TICKS_PER_REFERENCE;
    let origin = reference * TICKS_PER_REFERENCE;
    let mut plan = Plan::new(out.len());
    let mut next = base;
    let mut previous = origin;
    let mut taken = 0;
    for &(sequence, arrival) in arrivals {
        let delta = ticks(arrival) - previous;
        let Some(symbol) = delta_symbol(delta) else {
            break;
        };
        let Some(lost) = sequence.checked_sub(next) else {
            break;
        };
        if sequence - base >= u64::from(u16::MAX) || !plan.take(lost, symbol) {
            break;
        }
        previous = ticks(arrival);
        next = sequence + 1;
        taken += 1;
    }
    let taken_arrivals = arrivals.get(..taken).filter(|taken| !taken.is_empty())?;
    let count = u16::try_from(next - base).ok()?;
    let chunks_end = write_chunks(out, base, origin, taken_arrivals)?;
    let len = write_deltas(out, chunks_end, origin, taken_arrivals)?;
    let packet = frame(
        out,
        packet_type::TRANSPORT_FEEDBACK,
        format::TRANSPORT_CC,
        len,
    )?;
    put(packet, 4, &sender.0.to_be_bytes())?;
    put(packet, 8, &media.0.to_be_bytes())?;
    put(packet, 12, &(base as u16).to_be_bytes())?;
    put(packet, 14, &count.to_be_bytes())?;
    put(
        packet,
        16,
        &((reference as u32) << 8 | u32::from(feedback_count)).to_be_bytes(),
    )?;
    Some(TwccWritten {
        len,
        taken,
        next_base: next,
    })
}

/// Whole delta ticks of a time. Deltas are taken between rounded times, so rounding does not add up.
fn ticks(time: Time) -> i64 {
    (time.as_micros() / DELTA_US as u64) as i64
}

fn delta_symbol(delta: i64) -> Option<u8> {
    match delta {
        0..=0xff => Some(symbol::SMALL),
        _ if i16::try_from(delta).is_ok() => Some(symbol::LARGE),
        _ => None,
    }
}

/// Size of the message while arrivals are taken in.
struct Plan {
    room: usize,
    chunks: Chunks,
    chunk_bytes: usize,
    delta_bytes: usize,
}

impl Plan {
    fn new(room: usize) -> Plan {
        Plan {
            room,
            chunks: Chunks::default(),
            chunk_bytes: 0,
            delta_bytes: 0,
        }
    }

    /// Whether `lost` lost packets and one received still fit. After a "no" the plan is void.
    fn take(&mut self, lost: u64, received: u8) -> bool {
        let Ok(lost) = u16::try_from(lost) else {
            return false;
        };
        let bytes = &mut self.chunk_bytes;
        self.chunks.push(symbol::LOST, lost, &mut |_| *bytes += 2);
        self.chunks.push(received, 1, &mut |_| *bytes += 2);
        self.delta_bytes += usize::from(received);
        // The open chunk needs two bytes more; both delta symbols equal the delta's length in bytes.
        let len = HEAD_LEN + self.chunk_bytes + 2 + self.delta_bytes;
        len.next_multiple_of(4) <= self.room
    }
}

/// Writes the chunks and gives the offset behind them.
fn write_chunks(out: &mut [u8], base: u64, origin: i64, arrivals: &[(u64, Time)]) -> Option<usize> {
    let mut chunks = Chunks::default();
    let mut at = HEAD_LEN;
    let mut fits = true;
    let mut write = |chunk: u16| {
        fits &= put(out, at, &chunk.to_be_bytes()).is_some();
        at += 2;
    };
    let (mut next, mut previous) = (base, origin);
    for &(sequence, arrival) in arrivals {
        chunks.push(
            symbol::LOST,
            u16::try_from(sequence.checked_sub(next)?).ok()?,
            &mut write,
        );
        chunks.push(delta_symbol(ticks(arrival) - previous)?, 1, &mut write);
        (next, previous) = (sequence + 1, ticks(arrival));
    }
    chunks.flush(&mut write);
    fits.then_some(at)
}

/// Writes the deltas and the zero padding and gives the length of the message.
fn write_deltas(
    out: &mut [u8],
    start: usize,
    origin: i64,
    arrivals: &[(u64, Time)],
) -> Option<usize> {
    let (mut at, mut previous) = (start, origin);
    for &(_, arrival) in arrivals {
        let delta = ticks(arrival) - previous;
        if let Ok(small) = u8::try_from(delta) {
            put(out, at, &[small])?;
            at += 1;
        } else {
            put(out, at, &i16::try_from(delta).ok()?.to_be_bytes())?;
            at += 2;
        }
        previous = ticks(arrival);
    }
    let len = at.next_multiple_of(4);
    out.get_mut(at..len)?.fill(0);
    Some(len)
}

/// Gathers symbols into chunks: as a run as long as they are equal, else as a vector of 14 one-bit
/// symbols, or of 7 two-bit ones when a large delta is among them.
#[derive(Default)]
struct Chunks {
    /// The first 14 gathered.
    symbols: [u8; 14],
    /// How many are gathered; above 14 they are all equal.
    len: u16,
}

impl Chunks {
    fn push(&mut self, symbol: u8, mut count: u16, write: &mut impl FnMut(u16)) {
        while count > 0 {
            if !self.has_room_for(symbol) {
                self.emit(write);
            }
            if self.len >= 14 {
                // A run: takes all at once, so that a sequence number far ahead costs nothing.
                let added = count.min(MAX_RUN - self.len);
                self.len += added;
                count -= added;
            } else {
                self.symbols[usize::from(self.len)] = symbol;
                self.len += 1;
                count -= 1;
            }
        }
    }

    fn gathered(&self) -> &[u8] {
        &self.symbols[..usize::from(self.len).min(14)]
    }

    fn all_equal(&self) -> bool {
        self.gathered().iter().all(|&s| s == self.symbols[0])
    }

    fn has_room_for(&self, symbol: u8) -> bool {
        let fits_vector = match self.len {
            0..7 => true,
            7..14 => symbol != symbol::LARGE && !self.gathered().contains(&symbol::LARGE),
            _ => false,
        };
        fits_vector || (self.len < MAX_RUN && symbol == self.symbols[0] && self.all_equal())
    }

    /// Writes one chunk; up to six symbols of a two-bit vector's surplus stay.
    fn emit(&mut self, write: &mut impl FnMut(u16)) {
        if self.all_equal() {
            write(u16::from(self.symbols[0]) << 13 | self.len);
            self.len = 0;
        } else if self.len == 14 {
            write(self.vector(14, 1));
            self.len = 0;
        } else {
            write(self.vector(7, 2));
            self.symbols.copy_within(7.., 0);
            self.len = self.len.saturating_sub(7);
        }
    }

    /// Writes what is left. Unused places of a vector say "lost"; the reader stops before them.
    fn flush(mut self, write: &mut impl FnMut(u16)) {
        match self.len {
            0 => {}
            8..14 if !self.all_equal() => write(self.vector(14, 1)),
            _ => self.emit(write),
        }
    }

    fn vector(&self, places: usize, bits: u16) -> u16 {
        let mut chunk = 0x8000 | (bits - 1) << 14;
        for (n, &symbol) in self.gathered().iter().take(places).enumerate() {
            chunk |= u16::from(symbol) << (bits * (places - 1 - n) as u16);
        }
        chunk
    }
}
