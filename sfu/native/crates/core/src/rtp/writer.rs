//! Writes RTP headers with extension elements.
//!
//! A block is written in the one-byte form. When an element needs the two-byte form (identifier
//! above 14, value empty or above 16 bytes) and the receiver negotiated `extmap-allow-mixed`, the
//! block is turned into the two-byte form in place; otherwise that element is left out and the
//! caller told, because a packet without, say, a dependency descriptor is still of use.

use super::FIXED_HEADER_LEN;
use super::bytes::put;
use super::extension::{Form, ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
use crate::units::{PayloadType, Ssrc};

/// Most elements in one header; the core knows nine extensions.
pub const MAX_ELEMENTS: usize = 16;

/// Where the first element of a block starts: fixed header, profile and length.
const BLOCK_START: usize = FIXED_HEADER_LEN + 4;

/// The fixed header of a packet without CSRCs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FixedHeader {
    /// M bit.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp.
    pub timestamp: u32,
    /// Source.
    pub ssrc: Ssrc,
}

/// Why an element was left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum ElementError {
    /// Identifier 0, or a value above 255 bytes: no form can carry it.
    #[error("extension element cannot be encoded")]
    Unencodable,
    /// It needs the two-byte form, which the receiver did not negotiate.
    #[error("extension element needs the two-byte form")]
    NotMixed,
    /// The buffer is full.
    #[error("extension element does not fit the buffer")]
    NoRoom,
    /// [`MAX_ELEMENTS`] are written.
    #[error("too many extension elements")]
    TooMany,
}

/// A written element, to be looked up in [`WrittenHeader::offset`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element(u8);

/// Writes one header into the front of a buffer.
#[derive(Debug)]
pub struct HeaderWriter<'a> {
    out: &'a mut [u8],
    end: usize,
    form: Form,
    mixed: bool,
    count: usize,
    offsets: [u16; MAX_ELEMENTS],
}

/// A finished header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrittenHeader {
    /// Bytes of the whole header; the payload starts here.
    pub len: usize,
    offsets: [u16; MAX_ELEMENTS],
}

impl WrittenHeader {
    /// Offset of an element's value from the start of the packet, so that a value known only at the
    /// moment of sending (abs-send-time, transport-wide sequence number) can be put in its place.
    pub fn offset(&self, element: Element) -> usize {
        usize::from(self.offsets[usize::from(element.0) % MAX_ELEMENTS])
    }
}

impl<'a> HeaderWriter<'a> {
    /// Writes the fixed header; `None` when `out` is shorter. `mixed`: the two-byte form is allowed.
    pub fn new(out: &'a mut [u8], fixed: &FixedHeader, mixed: bool) -> Option<HeaderWriter<'a>> {
        let header = out.first_chunk_mut::<FIXED_HEADER_LEN>()?;
        header[0] = 0x80;
        header[1] = u8::from(fixed.marker) << 7 | fixed.payload_type.0 & 0x7f;
        header[2..4].copy_from_slice(&fixed.sequence.to_be_bytes());
        header[4..8].copy_from_slice(&fixed.timestamp.to_be_bytes());
        header[8..12].copy_from_slice(&fixed.ssrc.0.to_be_bytes());
        Some(HeaderWriter {
            out,
            end: BLOCK_START,
            form: Form::OneByte,
            mixed,
            count: 0,
            offsets: [0; MAX_ELEMENTS],
        })
    }

    /// Appends an element. On an error nothing of it is written and the header stays valid.
    pub fn element(&mut self, id: u8, value: &[u8]) -> Result<Element, ElementError> {
        if id == 0 || value.len() > 255 {
            return Err(ElementError::Unencodable);
        }
        if self.count == MAX_ELEMENTS {
            return Err(ElementError::TooMany);
        }
        let wide = self.form == Form::TwoByte || id > 14 || value.is_empty() || value.len() > 16;
        if wide && !self.mixed {
            return Err(ElementError::NotMixed);
        }
        let growth = if wide && self.form == Form::OneByte {
            self.count
        } else {
            0
        };
        let head = if wide { 2 } else { 1 };
        let end = self.end + growth + head + value.len();
        // Padding to a whole word must fit as well.
        if end.next_multiple_of(4) > self.out.len() {
            return Err(ElementError::NoRoom);
        }
        if growth > 0 {
            self.widen();
        }
        if wide {
            self.form = Form::TwoByte;
        }
        self.append(id, value, wide).ok_or(ElementError::NoRoom)
    }

    fn append(&mut self, id: u8, value: &[u8], wide: bool) -> Option<Element> {
        let len = u8::try_from(value.len()).ok()?;
        let at = if wide {
            put(self.out, self.end, &[id, len])?;
            self.end + 2
        } else {
            put(self.out, self.end, &[id << 4 | len.checked_sub(1)? & 0x0f])?;
            self.end + 1
        };
        put(self.out, at, value)?;
        *self.offsets.get_mut(self.count)? = u16::try_from(at).ok()?;
        self.end = at + value.len();
        self.count += 1;
        u8::try_from(self.count - 1).ok().map(Element)
    }

    /// Gives every element a second head byte. Element `k` moves by `k + 1` bytes, so the last goes
    /// first; the caller has checked that there is room.
    fn widen(&mut self) {
        for k in (0..self.count).rev() {
            let from = usize::from(self.offsets[k]);
            let head = self.out[from - 1];
            let len = usize::from(head & 0x0f) + 1;
            let to = from + k + 1;
            self.out.copy_within(from..from + len, to);
            self.out[to - 2] = head >> 4;
            self.out[to - 1] = (head & 0x0f) + 1;
            self.offsets[k] += k as u16 + 1;
        }
        self.end += self.count;
    }

    /// Pads the block to a whole word (RFC 3550 section 5.3.1) and fills in its length. A header
    /// without elements has no block.
    pub fn finish(self) -> WrittenHeader {
        if self.count == 0 {
            return WrittenHeader {
                len: FIXED_HEADER_LEN,
                offsets: self.offsets,
            };
        }
        let len = self.end.next_multiple_of(4);
        self.out[self.end..len].fill(0);
        let profile = match self.form {
            Form::OneByte => ONE_BYTE_PROFILE,
            Form::TwoByte => TWO_BYTE_PROFILE,
        };
        // At most 16 elements of 257 bytes: far below 65535 words.
        let words = ((len - BLOCK_START) / 4) as u16;
        self.out[FIXED_HEADER_LEN..FIXED_HEADER_LEN + 2].copy_from_slice(&profile.to_be_bytes());
        self.out[FIXED_HEADER_LEN + 2..BLOCK_START].copy_from_slice(&words.to_be_bytes());
        self.out[0] |= 0x10;
        WrittenHeader {
            len,
            offsets: self.offsets,
        }
    }
}
