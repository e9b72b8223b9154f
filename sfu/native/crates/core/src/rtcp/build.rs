//! Writers of everything but transport-wide feedback. Each writes one packet into the front of a
//! buffer and gives its length, or `None`, when it does not fit; for a compound the next is written behind it.

use super::report::{REPORT_LEN, ReportBlock};
use super::{format, packet_type, sdes};
use crate::rtp::bytes::put;
use crate::units::{Bitrate, Ssrc};

/// Most entries the five-bit count can say.
const MAX_COUNT: usize = 31;

/// Sender information of a sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderInfo {
    /// NTP time: seconds since 1900 in the upper, fraction in the lower 32 bits.
    pub ntp: u64,
    /// RTP timestamp at that moment.
    pub rtp: u32,
    /// Packets sent since the beginning.
    pub packets: u32,
    /// Payload bytes sent since the beginning.
    pub octets: u32,
}

/// Writes the header of a packet of `len` bytes (whole words) and gives the packet's space.
pub(super) fn frame(out: &mut [u8], packet_type: u8, count: u8, len: usize) -> Option<&mut [u8]> {
    let words = u16::try_from((len / 4).checked_sub(1)?).ok()?;
    let packet = out.get_mut(..len)?;
    put(packet, 0, &[0x80 | count & 0x1f, packet_type])?;
    put(packet, 2, &words.to_be_bytes())?;
    Some(packet)
}

fn put_reports(packet: &mut [u8], at: usize, reports: &[ReportBlock]) -> Option<()> {
    reports
        .iter()
        .enumerate()
        .try_for_each(|(n, report)| put(packet, at + n * REPORT_LEN, &report.to_bytes()))
}

fn count_of<T>(entries: &[T]) -> Option<u8> {
    (entries.len() <= MAX_COUNT).then_some(entries.len() as u8)
}

/// Sender report with at most 31 blocks.
pub fn write_sender_report(
    out: &mut [u8],
    ssrc: Ssrc,
    info: &SenderInfo,
    reports: &[ReportBlock],
) -> Option<usize> {
    let len = 28 + reports.len() * REPORT_LEN;
    let packet = frame(out, packet_type::SENDER_REPORT, count_of(reports)?, len)?;
    put(packet, 4, &ssrc.0.to_be_bytes())?;
    put(packet, 8, &info.ntp.to_be_bytes())?;
    put(packet, 16, &info.rtp.to_be_bytes())?;
    put(packet, 20, &info.packets.to_be_bytes())?;
    put(packet, 24, &info.octets.to_be_bytes())?;
    put_reports(packet, 28, reports)?;
    Some(len)
}

/// Receiver report with at most 31 blocks.
pub fn write_receiver_report(out: &mut [u8], ssrc: Ssrc, reports: &[ReportBlock]) -> Option<usize> {
    let len = 8 + reports.len() * REPORT_LEN;
    let packet = frame(out, packet_type::RECEIVER_REPORT, count_of(reports)?, len)?;
    put(packet, 4, &ssrc.0.to_be_bytes())?;
    put_reports(packet, 8, reports)?;
    Some(len)
}

/// Source description of one source: its CNAME, at most 255 bytes.
pub fn write_sdes_cname(out: &mut [u8], ssrc: Ssrc, cname: &[u8]) -> Option<usize> {
    let text_len = u8::try_from(cname.len()).ok()?;
    // Item head, text, and at least one zero byte that ends the list.
    let len = (8 + 2 + cname.len() + 1).next_multiple_of(4);
    let packet = frame(out, packet_type::SDES, 1, len)?;
    put(packet, 4, &ssrc.0.to_be_bytes())?;
    put(packet, 8, &[sdes::CNAME, text_len])?;
    put(packet, 10, cname)?;
    packet.get_mut(10 + cname.len()..)?.fill(0);
    Some(len)
}

/// Goodbye of 1 to 31 sources, without a reason.
pub fn write_bye(out: &mut [u8], ssrcs: &[Ssrc]) -> Option<usize> {
    let len = 4 + 4 * ssrcs.len();
    let packet = frame(out, packet_type::BYE, count_of(ssrcs)?, len)?;
    ssrcs
        .iter()
        .enumerate()
        .try_for_each(|(n, ssrc)| put(packet, 4 + 4 * n, &ssrc.0.to_be_bytes()))?;
    Some(len)
}

/// Feedback header: RFC 4585 section 6.1.
fn frame_feedback(
    out: &mut [u8],
    kind: (u8, u8),
    sender: Ssrc,
    media: Ssrc,
    len: usize,
) -> Option<&mut [u8]> {
    let packet = frame(out, kind.0, kind.1, len)?;
    put(packet, 4, &sender.0.to_be_bytes())?;
    put(packet, 8, &media.0.to_be_bytes())?;
    Some(packet)
}

/// Generic NACK for sequence numbers in ascending (wrapping) order. Each item holds up to 17 of them.
/// `None` when `lost` is empty or does not fit as a whole.
pub fn write_nack(out: &mut [u8], sender: Ssrc, media: Ssrc, lost: &[u16]) -> Option<usize> {
    let mut len = 12;
    let (&first, rest) = lost.split_first()?;
    let (mut pid, mut bits) = (first, 0u16);
    for &sequence in rest {
        match sequence.wrapping_sub(pid) {
            0 => {}
            distance @ 1..=16 => bits |= 1 << (distance - 1),
            _ => {
                put_nack_item(out, &mut len, pid, bits)?;
                (pid, bits) = (sequence, 0);
            }
        }
    }
    put_nack_item(out, &mut len, pid, bits)?;
    frame_feedback(
        out,
        (packet_type::TRANSPORT_FEEDBACK, format::NACK),
        sender,
        media,
        len,
    )?;
    Some(len)
}

fn put_nack_item(out: &mut [u8], len: &mut usize, pid: u16, bits: u16) -> Option<()> {
    put(out, *len, &pid.to_be_bytes())?;
    put(out, *len + 2, &bits.to_be_bytes())?;
    *len += 4;
    Some(())
}

/// Picture loss indication.
pub fn write_pli(out: &mut [u8], sender: Ssrc, media: Ssrc) -> Option<usize> {
    frame_feedback(
        out,
        (packet_type::PAYLOAD_FEEDBACK, format::PLI),
        sender,
        media,
        12,
    )?;
    Some(12)
}

/// Full intra request for (source, command sequence number). The header's media source is 0
/// (RFC 5104 section 4.3.1.2). `None` when `entries` is empty.
pub fn write_fir(out: &mut [u8], sender: Ssrc, entries: &[(Ssrc, u8)]) -> Option<usize> {
    if entries.is_empty() {
        return None;
    }
    let len = 12 + 8 * entries.len();
    let packet = frame_feedback(
        out,
        (packet_type::PAYLOAD_FEEDBACK, format::FIR),
        sender,
        Ssrc(0),
        len,
    )?;
    for (n, (ssrc, sequence)) in entries.iter().enumerate() {
        put(packet, 12 + 8 * n, &ssrc.0.to_be_bytes())?;
        put(packet, 16 + 8 * n, &[*sequence, 0, 0, 0])?;
    }
    Some(len)
}

/// Receiver estimated maximum bitrate for at most 255 sources. Rounds down to 18 significant bits.
pub fn write_remb(out: &mut [u8], sender: Ssrc, bitrate: Bitrate, ssrcs: &[Ssrc]) -> Option<usize> {
    let count = u8::try_from(ssrcs.len()).ok()?;
    let len = 20 + 4 * ssrcs.len();
    let packet = frame_feedback(
        out,
        (packet_type::PAYLOAD_FEEDBACK, format::APPLICATION),
        sender,
        Ssrc(0),
        len,
    )?;
    let exponent = (64 - bitrate.0.leading_zeros()).saturating_sub(18);
    let mantissa = (bitrate.0 >> exponent) as u32 & 0x3_ffff;
    put(packet, 12, b"REMB")?;
    put(
        packet,
        16,
        &(u32::from(count) << 24 | exponent << 18 | mantissa).to_be_bytes(),
    )?;
    ssrcs
        .iter()
        .enumerate()
        .try_for_each(|(n, ssrc)| put(packet, 20 + 4 * n, &ssrc.0.to_be_bytes()))?;
    Some(len)
}
