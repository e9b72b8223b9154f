//! SRTP and SRTCP (RFC 3711) with AES-CM/HMAC-SHA1-80 and AES-GCM (RFC 7714).
//!
//! [`SrtpSender`] protects what we send, [`SrtpReceiver`] opens what we get; one of each per
//! transport, made when DTLS hands down its keys. Neither allocates per packet. The receiver holds
//! no state of a stream before its first tag has verified, so that a stranger can't fill its map,
//! and accepts every packet index exactly once.
//!
//! The 48-bit packet index is ROC * 2^16 + SEQ (RFC 3711 section 3.3.1). A consumer keeps its own
//! and uses [`SrtpSender::protect_indexed`], which neither looks anything up nor guesses.
//! MKI and key derivation rates other than 0 don't occur in DTLS-SRTP as browsers speak it.

mod cipher;
mod kdf;
mod receiver;
mod replay;
mod sender;
mod streams;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use receiver::{SrtpReceiver, Unprotected};
pub use sender::SrtpSender;

use crate::command::SrtpProfile;
use crate::stats::DropReason;

/// Packet indices are 48 bits long (RFC 3711 section 3.3.1); the key has to change before they end.
pub const MAX_RTP_INDEX: u64 = (1 << 48) - 1;
/// SRTCP indices are 31 bits long (RFC 3711 section 3.4).
pub const MAX_RTCP_INDEX: u32 = (1 << 31) - 1;
/// Octets of the E flag and SRTCP index.
const RTCP_INDEX_LEN: usize = 4;
/// Fixed RTP header (RFC 3550 section 5.1).
const RTP_HEADER_LEN: usize = 12;
/// RTCP header and sender SSRC: what SRTCP leaves in the clear.
const RTCP_HEADER_LEN: usize = 8;

/// Octets that protection adds to an RTP packet.
pub const fn rtp_overhead(profile: SrtpProfile) -> usize {
    match profile {
        SrtpProfile::AeadAes256Gcm | SrtpProfile::AeadAes128Gcm => 16,
        SrtpProfile::Aes128CmSha1_80 => 10,
    }
}

/// Octets that protection adds to an RTCP packet: tag, E flag and index.
pub const fn rtcp_overhead(profile: SrtpProfile) -> usize {
    rtp_overhead(profile) + RTCP_INDEX_LEN
}

/// The most that protection adds to any packet, octets.
pub const fn max_overhead(profile: SrtpProfile) -> usize {
    rtcp_overhead(profile)
}

/// Lengths of master key and master salt, octets (RFC 3711 section 8.2, RFC 7714 section 12).
pub const fn key_lengths(profile: SrtpProfile) -> (usize, usize) {
    match profile {
        SrtpProfile::AeadAes256Gcm => (32, 12),
        SrtpProfile::AeadAes128Gcm => (16, 12),
        SrtpProfile::Aes128CmSha1_80 => (16, 14),
    }
}

/// Why a packet was not protected or not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SrtpError {
    /// Master key or salt has the wrong length for the profile.
    #[error("master key or salt has the wrong length")]
    KeyLength,
    /// Shorter than its header, tag and index, or no RTP version 2.
    #[error("packet is too short or its header is wrong")]
    Malformed,
    /// The space given does not hold packet and tag.
    #[error("no space for the tag")]
    NoSpace,
    /// The tag does not verify.
    #[error("authentication failed")]
    Authentication,
    /// Seen before, or older than the replay window.
    #[error("replayed, or older than the window")]
    Replay,
    /// SRTCP with the E flag clear: WebRTC allows encrypted only (RFC 8827 section 6.5).
    #[error("not encrypted")]
    Unencrypted,
    /// The map of streams is full.
    #[error("too many streams")]
    SsrcLimit,
    /// 2^48 SRTP or 2^31 SRTCP packets: the key must not be used any more (RFC 3711 section 9.2).
    #[error("key is used up")]
    KeyExhausted,
}

impl SrtpError {
    /// The counter a packet with this fate belongs to.
    pub const fn drop_reason(self) -> DropReason {
        match self {
            SrtpError::Malformed => DropReason::Truncated,
            SrtpError::NoSpace => DropReason::TooLarge,
            SrtpError::Replay => DropReason::SrtpReplay,
            SrtpError::SsrcLimit => DropReason::SsrcLimit,
            SrtpError::KeyLength => DropReason::NoKeys,
            SrtpError::Authentication | SrtpError::Unencrypted | SrtpError::KeyExhausted => {
                DropReason::SrtpAuth
            }
        }
    }
}

/// Octets before the payload, CSRCs and header extension included: what SRTP leaves in the clear.
fn rtp_header_len(packet: &[u8]) -> Result<usize, SrtpError> {
    crate::rtp::header_len(packet).map_err(|_| SrtpError::Malformed)
}

/// Big-endian u32 at `at`; the caller has checked the length.
fn read_u32(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}
