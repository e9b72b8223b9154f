//! RTCP (RFC 3550 section 6, RFC 4585, RFC 5104, RFC 5506): compound and reduced-size packets over
//! slices, and writers into buffers.
//!
//! [`packets`] walks a decrypted datagram. A packet whose own length is sound but whose content is
//! not comes out as an error and the walk goes on behind it; when the framing itself is broken the
//! error is the last item. Nothing here allocates or panics.

mod build;
mod feedback;
mod report;
mod sdes;
mod twcc;
mod twcc_build;

pub use build::{
    SenderInfo, write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_remb,
    write_sdes_cname, write_sender_report,
};
pub use feedback::{FirIter, NackIter, Remb, Ssrcs};
pub use report::{ReportBlock, Reports};
pub use sdes::{Bye, SdesChunks};
pub use twcc::{TwccArrivals, TwccFeedback};
pub use twcc_build::{TwccWritten, write_transport_cc};

use crate::rtp::bytes::{u8_at, u16_at, u32_at, u64_at};
use crate::units::Ssrc;

/// RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1).
pub mod packet_type {
    /// Sender report.
    pub const SENDER_REPORT: u8 = 200;
    /// Receiver report.
    pub const RECEIVER_REPORT: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Transport-layer feedback.
    pub const TRANSPORT_FEEDBACK: u8 = 205;
    /// Payload-specific feedback.
    pub const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Feedback message types, the FMT field.
pub(crate) mod format {
    /// Generic NACK (RFC 4585 section 6.2.1).
    pub(crate) const NACK: u8 = 1;
    /// Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    pub(crate) const TRANSPORT_CC: u8 = 15;
    /// Picture loss indication (RFC 4585 section 6.3.1).
    pub(crate) const PLI: u8 = 1;
    /// Full intra request (RFC 5104 section 4.3.1).
    pub(crate) const FIR: u8 = 4;
    /// Application layer feedback, which carries REMB (draft-alvestrand-rmcat-remb-03 section 2).
    pub(crate) const APPLICATION: u8 = 15;
}

/// Why bytes are no RTCP packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RtcpError {
    /// Shorter than its header or its length field says. Ends the walk.
    #[error("RTCP packet is truncated")]
    Truncated,
    /// Version is not 2. Ends the walk.
    #[error("RTCP version is not 2")]
    Version,
    /// The padding count is zero or exceeds the packet.
    #[error("RTCP padding is wrong")]
    Padding,
    /// Counts or lengths inside contradict the packet's length.
    #[error("RTCP content does not match its length")]
    Content,
}

/// A parsed packet; borrows the datagram.
#[derive(Clone, Debug)]
pub enum Rtcp<'a> {
    /// RFC 3550 section 6.4.1.
    SenderReport {
        /// Sender.
        ssrc: Ssrc,
        /// NTP time: seconds since 1900 in the upper, fraction in the lower 32 bits.
        ntp: u64,
        /// RTP timestamp at that moment.
        rtp: u32,
        /// Packets sent since the beginning.
        packets: u32,
        /// Payload bytes sent since the beginning.
        octets: u32,
        /// What the sender receives.
        reports: Reports<'a>,
    },
    /// RFC 3550 section 6.4.2.
    ReceiverReport {
        /// Receiver.
        ssrc: Ssrc,
        /// What it receives.
        reports: Reports<'a>,
    },
    /// RFC 3550 section 6.5.
    Sdes(SdesChunks<'a>),
    /// RFC 3550 section 6.6.
    Bye(Bye<'a>),
    /// RFC 4585 section 6.2.1.
    Nack {
        /// Who lost packets.
        sender: Ssrc,
        /// Of which source.
        media: Ssrc,
        /// Lost sequence numbers.
        lost: NackIter<'a>,
    },
    /// RFC 4585 section 6.3.1.
    Pli {
        /// Who asks.
        sender: Ssrc,
        /// Which source shall send a keyframe.
        media: Ssrc,
    },
    /// RFC 5104 section 4.3.1.
    Fir {
        /// Who asks.
        sender: Ssrc,
        /// Sources with the command's sequence number; a repeated number is the same command.
        entries: FirIter<'a>,
    },
    /// Transport-wide arrival times.
    TransportCc(TwccFeedback<'a>),
    /// Receiver estimated maximum bitrate.
    Remb(Remb<'a>),
    /// A packet that the core makes no use of.
    Other {
        /// Packet type.
        packet_type: u8,
        /// Count or feedback message type: the low five bits of the first byte.
        format: u8,
    },
}

/// Walks a datagram packet by packet.
pub fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Iterator of [`packets`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Rtcp<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match split(self.rest) {
            Ok((packet, rest)) => {
                self.rest = rest;
                Some(parse(packet))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// First packet by its length field (32-bit words minus one), and what follows it.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), RtcpError> {
    if u8_at(bytes, 0).ok_or(RtcpError::Truncated)? >> 6 != 2 {
        return Err(RtcpError::Version);
    }
    let words = usize::from(u16_at(bytes, 2).ok_or(RtcpError::Truncated)?);
    bytes
        .split_at_checked(4 * (words + 1))
        .ok_or(RtcpError::Truncated)
}

/// One packet of exactly its own length.
fn parse(packet: &[u8]) -> Result<Rtcp<'_>, RtcpError> {
    let first = u8_at(packet, 0).ok_or(RtcpError::Truncated)?;
    let packet_type = u8_at(packet, 1).ok_or(RtcpError::Truncated)?;
    let body = unpad(packet, first)?;
    let format = first & 0x1f;
    content(packet_type, format, body).ok_or(RtcpError::Content)
}

/// The bytes after the header without padding. RFC 3550 section 6.4.1 wants padding in whole words
/// and in the last packet of a compound only; libwebrtc pads transport-wide feedback by 1 to 3 bytes
/// anywhere. As lengths are explicit that does no harm, so it is accepted.
fn unpad(packet: &[u8], first: u8) -> Result<&[u8], RtcpError> {
    let body = packet.get(4..).ok_or(RtcpError::Truncated)?;
    if first & 0x20 == 0 {
        return Ok(body);
    }
    let padding = usize::from(body.last().copied().ok_or(RtcpError::Padding)?);
    if padding == 0 {
        return Err(RtcpError::Padding);
    }
    let len = body.len().checked_sub(padding).ok_or(RtcpError::Padding)?;
    Ok(&body[..len])
}

fn content(packet_type: u8, format: u8, body: &[u8]) -> Option<Rtcp<'_>> {
    match packet_type {
        packet_type::SENDER_REPORT => sender_report(format, body),
        packet_type::RECEIVER_REPORT => Some(Rtcp::ReceiverReport {
            ssrc: Ssrc(u32_at(body, 0)?),
            reports: Reports::new(body.get(4..)?, format)?,
        }),
        packet_type::SDES => SdesChunks::new(body, format).map(Rtcp::Sdes),
        packet_type::BYE => Bye::new(body, format).map(Rtcp::Bye),
        packet_type::TRANSPORT_FEEDBACK | packet_type::PAYLOAD_FEEDBACK => {
            feedback(packet_type, format, body)
        }
        _ => Some(Rtcp::Other {
            packet_type,
            format,
        }),
    }
}

fn sender_report(count: u8, body: &[u8]) -> Option<Rtcp<'_>> {
    Some(Rtcp::SenderReport {
        ssrc: Ssrc(u32_at(body, 0)?),
        ntp: u64_at(body, 4)?,
        rtp: u32_at(body, 12)?,
        packets: u32_at(body, 16)?,
        octets: u32_at(body, 20)?,
        reports: Reports::new(body.get(24..)?, count)?,
    })
}

/// RFC 4585 section 6.1: sender, media source, then what the format says.
fn feedback(packet_type: u8, format: u8, body: &[u8]) -> Option<Rtcp<'_>> {
    let sender = Ssrc(u32_at(body, 0)?);
    let media = Ssrc(u32_at(body, 4)?);
    let control = body.get(8..)?;
    match (packet_type, format) {
        (packet_type::TRANSPORT_FEEDBACK, format::NACK) => {
            NackIter::new(control).map(|lost| Rtcp::Nack {
                sender,
                media,
                lost,
            })
        }
        (packet_type::TRANSPORT_FEEDBACK, format::TRANSPORT_CC) => {
            TwccFeedback::new(sender, media, control).map(Rtcp::TransportCc)
        }
        (packet_type::PAYLOAD_FEEDBACK, format::PLI) => Some(Rtcp::Pli { sender, media }),
        (packet_type::PAYLOAD_FEEDBACK, format::FIR) => {
            FirIter::new(control).map(|entries| Rtcp::Fir { sender, entries })
        }
        (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION) if control.starts_with(b"REMB") => {
            Remb::new(sender, control).map(Rtcp::Remb)
        }
        _ => Some(Rtcp::Other {
            packet_type,
            format,
        }),
    }
}

#[cfg(test)]
mod tests;
