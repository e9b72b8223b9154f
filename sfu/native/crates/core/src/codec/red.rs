//! Redundant audio (RFC 2198): older frames in front of the primary one.

use crate::rtp::bytes::{put, u8_at};
use crate::units::PayloadType;

/// Bytes of a block header, except the primary's, which is one byte.
const BLOCK_HEADER: usize = 4;

/// One block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Payload type of the data.
    pub payload_type: PayloadType,
    /// How much older than the packet's timestamp, in units of the clock, 14 bits; 0 for the primary.
    pub timestamp_offset: u16,
    /// The frame.
    pub data: &'a [u8],
}

/// Iterator over blocks, oldest first as sent; the last is the primary.
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    headers: &'a [u8],
    data: &'a [u8],
}

/// The blocks of a payload. `None` when the lengths do not add up.
pub fn blocks(payload: &[u8]) -> Option<Blocks<'_>> {
    let mut at = 0;
    let mut redundant = 0usize;
    while u8_at(payload, at)? & 0x80 != 0 {
        redundant += block_len(payload, at)?;
        at += BLOCK_HEADER;
    }
    let (headers, data) = payload.split_at_checked(at + 1)?;
    (redundant <= data.len()).then_some(Blocks { headers, data })
}

fn block_len(payload: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u8_at(payload, at + 2)? & 0x03) << 8 | usize::from(u8_at(payload, at + 3)?))
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let first = u8_at(self.headers, 0)?;
        let payload_type = PayloadType(first & 0x7f);
        if first & 0x80 == 0 {
            self.headers = &[];
            return Some(Block {
                payload_type,
                timestamp_offset: 0,
                data: self.data,
            });
        }
        let (high, low) = (u8_at(self.headers, 1)?, u8_at(self.headers, 2)?);
        let timestamp_offset = u16::from(high) << 6 | u16::from(low >> 2);
        let (data, rest) = self.data.split_at_checked(block_len(self.headers, 0)?)?;
        self.headers = self.headers.get(BLOCK_HEADER..)?;
        self.data = rest;
        Some(Block {
            payload_type,
            timestamp_offset,
            data,
        })
    }
}

/// The primary block: what a receiver without RED is sent.
pub fn primary(payload: &[u8]) -> Option<(PayloadType, &[u8])> {
    blocks(payload)?
        .last()
        .map(|block| (block.payload_type, block.data))
}

/// Gives every block the payload type that the receiver negotiated for the block's own one. `None`,
/// and nothing written, when the payload is not RED or `map` does not know a type.
pub fn rewrite_payload_types(
    payload: &mut [u8],
    map: impl Fn(PayloadType) -> Option<PayloadType>,
) -> Option<()> {
    blocks(payload)?.try_for_each(|block| map(block.payload_type).map(|_| ()))?;
    let mut at = 0;
    loop {
        let head = u8_at(payload, at)?;
        let mapped = map(PayloadType(head & 0x7f))?;
        put(payload, at, &[head & 0x80 | mapped.0 & 0x7f])?;
        if head & 0x80 == 0 {
            return Some(());
        }
        at += BLOCK_HEADER;
    }
}

/// Writes a payload, the primary block last, and gives its length. `None` when it does not fit, when there
/// is no block, an offset needs more than 14 bits or redundant data is longer than 1023 bytes.
pub fn write(out: &mut [u8], blocks: &[Block<'_>]) -> Option<usize> {
    let (primary, redundant) = blocks.split_last()?;
    let mut at = redundant.len() * BLOCK_HEADER + 1;
    for (n, block) in redundant.iter().enumerate() {
        if block.timestamp_offset >> 14 != 0 || block.data.len() >= 1 << 10 {
            return None;
        }
        let rest = u32::from(block.timestamp_offset) << 10 | block.data.len() as u32;
        let header = u32::from(block.payload_type.0 | 0x80) << 24 | rest;
        put(out, n * BLOCK_HEADER, &header.to_be_bytes())?;
        put(out, at, block.data)?;
        at += block.data.len();
    }
    put(
        out,
        redundant.len() * BLOCK_HEADER,
        &[primary.payload_type.0 & 0x7f],
    )?;
    put(out, at, primary.data)?;
    Some(at + primary.data.len())
}
