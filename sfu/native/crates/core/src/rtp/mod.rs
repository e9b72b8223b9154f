//! RTP packets (RFC 3550 section 5) over slices: parsing, header extensions, header writing,
//! sequence number and timestamp extension.
//!
//! Nothing here allocates or panics; a length that does not add up is an [`RtpError`].

pub(crate) mod bytes;
mod extend;
mod extension;
mod values;
mod writer;

pub use extend::{SeqExtender, TimestampExtender};
pub use extension::{ExtensionIter, Extensions};
pub use values::{AudioLevel, abs_send_time, audio_level, original_sequence};
pub use writer::{Element, ElementError, FixedHeader, HeaderWriter, MAX_ELEMENTS, WrittenHeader};

use crate::units::{PayloadType, Ssrc};
use bytes::{u8_at, u16_at, u32_at};

/// Length of the fixed header, bytes (RFC 3550 section 5.1).
pub const FIXED_HEADER_LEN: usize = 12;

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RtpError {
    /// Shorter than the fixed header, the CSRC list or the extension block it announces.
    #[error("RTP packet is truncated")]
    Truncated,
    /// Version is not 2.
    #[error("RTP version is not 2")]
    Version,
    /// The padding count is zero or exceeds the payload (RFC 3550 section 5.1).
    #[error("RTP padding is longer than the payload or empty")]
    Padding,
}

/// A parsed packet; borrows the datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpPacket<'a> {
    /// M bit: last packet of a video frame, first of a talk spurt.
    pub marker: bool,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp in units of the codec's clock.
    pub timestamp: u32,
    /// Sender's source.
    pub ssrc: Ssrc,
    /// Header extension elements.
    pub extensions: Extensions<'a>,
    /// Media, without padding.
    pub payload: &'a [u8],
    /// Bytes of padding after the payload, its count byte included; 0 when the P bit is clear.
    pub padding: u8,
    /// Bytes before the payload: fixed header, CSRC list and extension block.
    pub header_len: usize,
}

/// Whether a datagram of the RTP/RTCP range (RFC 7983: first byte 128..=191) is RTCP: with
/// rtcp-mux the second byte, whole, is an RTCP packet type of 192..=223 (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}

/// Parses a packet in the clear.
pub fn parse(packet: &[u8]) -> Result<RtpPacket<'_>, RtpError> {
    let layout = layout(packet)?;
    let first = packet[0];
    let body = packet.get(layout.header_len..).ok_or(RtpError::Truncated)?;
    let padding = if first & 0x20 == 0 {
        0
    } else {
        body.last().copied().unwrap_or(0)
    };
    if first & 0x20 != 0 && padding == 0 {
        return Err(RtpError::Padding);
    }
    let payload_len = body
        .len()
        .checked_sub(usize::from(padding))
        .ok_or(RtpError::Padding)?;
    let second = u8_at(packet, 1).ok_or(RtpError::Truncated)?;
    Ok(RtpPacket {
        marker: second & 0x80 != 0,
        payload_type: PayloadType(second & 0x7f),
        sequence: u16_at(packet, 2).ok_or(RtpError::Truncated)?,
        timestamp: u32_at(packet, 4).ok_or(RtpError::Truncated)?,
        ssrc: Ssrc(u32_at(packet, 8).ok_or(RtpError::Truncated)?),
        extensions: layout.extensions,
        payload: &body[..payload_len],
        padding,
        header_len: layout.header_len,
    })
}

/// Bytes before the payload. Works on SRTP packets too: the header is authenticated but not
/// encrypted (RFC 3711 section 3.1), whereas the padding count at the end is.
pub fn header_len(packet: &[u8]) -> Result<usize, RtpError> {
    layout(packet).map(|layout| layout.header_len)
}

struct Layout<'a> {
    header_len: usize,
    extensions: Extensions<'a>,
}

fn layout(packet: &[u8]) -> Result<Layout<'_>, RtpError> {
    if packet.len() < FIXED_HEADER_LEN {
        return Err(RtpError::Truncated);
    }
    if packet[0] >> 6 != 2 {
        return Err(RtpError::Version);
    }
    let csrc_end = FIXED_HEADER_LEN + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 == 0 {
        if packet.len() < csrc_end {
            return Err(RtpError::Truncated);
        }
        return Ok(Layout {
            header_len: csrc_end,
            extensions: Extensions::NONE,
        });
    }
    let profile = u16_at(packet, csrc_end).ok_or(RtpError::Truncated)?;
    let words = u16_at(packet, csrc_end + 2).ok_or(RtpError::Truncated)?;
    let header_len = csrc_end + 4 + 4 * usize::from(words);
    let data = packet
        .get(csrc_end + 4..header_len)
        .ok_or(RtpError::Truncated)?;
    Ok(Layout {
        header_len,
        extensions: Extensions::new(profile, data),
    })
}

#[cfg(test)]
mod tests;
