//! Protecting what we send.

use super::cipher::PacketCipher;
use super::replay::estimate_index;
use super::streams::Streams;
use super::{MAX_RTCP_INDEX, MAX_RTP_INDEX, SrtpError, read_u32, rtp_header_len};
use crate::command::{MasterKey, SrtpProfile};

/// Streams of one sender that [`SrtpSender::protect_rtp`] keeps indices for.
const MAX_STREAMS: usize = 1024;
/// Replay window of our own sending: only guards against using an index twice.
const SEND_WINDOW: usize = 1024;
/// How long before the end of a key [`SrtpSender::rekey_needed`] says so: 12 days of RTCP at a packet
/// a second, 50 days of RTP at a million packets a second.
const REKEY_MARGIN_RTCP: u32 = 1 << 20;
const REKEY_MARGIN_RTP: u64 = 1 << 42;

/// Encrypts the RTP and RTCP of one transport.
pub struct SrtpSender {
    profile: SrtpProfile,
    rtp: PacketCipher,
    rtcp: PacketCipher,
    /// Packets under this key over all streams; 2^48 is its end (RFC 3711 section 9.2).
    rtp_packets: u64,
    /// One index for all sender SSRCs: each (SSRC, index) pair stays unique, receivers see gaps.
    next_rtcp_index: u32,
    streams: Streams,
}

impl SrtpSender {
    /// Derives the session keys.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when key or salt don't have the profile's
    /// [lengths](super::key_lengths).
    pub fn new(profile: SrtpProfile, master: &MasterKey) -> Result<SrtpSender, SrtpError> {
        Ok(SrtpSender {
            profile,
            rtp: PacketCipher::rtp(profile, master)?,
            rtcp: PacketCipher::rtcp(profile, master)?,
            rtp_packets: 0,
            next_rtcp_index: 0,
            streams: Streams::new(SEND_WINDOW, MAX_STREAMS),
        })
    }

    /// The negotiated profile.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Protects the RTP packet in `packet[..len]` in place, header of `header_len` octets (CSRCs and
    /// extension included) in the clear; `packet` has room for [`super::rtp_overhead`] more. Returns
    /// the new length.
    ///
    /// `index` is the caller's 48-bit packet index and has to end in the packet's sequence number.
    /// The caller MUST never use one (SSRC, index) for two different packets under one key: with GCM
    /// that reveals both and the authentication key (RFC 7714 section 8.1).
    ///
    /// # Errors
    /// [`SrtpError::NoSpace`], [`SrtpError::Malformed`] when the lengths contradict each other,
    /// [`SrtpError::KeyExhausted`].
    #[inline]
    pub fn protect_indexed(
        &mut self,
        packet: &mut [u8],
        len: usize,
        header_len: usize,
        index: u64,
    ) -> Result<usize, SrtpError> {
        if index > MAX_RTP_INDEX || self.rtp_packets > MAX_RTP_INDEX {
            return Err(SrtpError::KeyExhausted);
        }
        debug_assert!(
            packet.len() < 4 || packet[2..4] == (index as u16).to_be_bytes(),
            "the index does not end in the packet's sequence number"
        );
        let len = self.rtp.seal_rtp(packet, len, header_len, index)?;
        self.rtp_packets += 1;
        Ok(len)
    }

    /// Like [`SrtpSender::protect_indexed`] for callers that keep no index: header length and index
    /// come from the packet and what was sent before on its SSRC.
    ///
    /// # Errors
    /// Also [`SrtpError::Replay`] for a sequence number already sent, and [`SrtpError::SsrcLimit`]
    /// beyond 1024 streams.
    pub fn protect_rtp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let header_len = rtp_header_len(packet.get(..len).ok_or(SrtpError::NoSpace)?)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = read_u32(packet, 8);
        let slot = self.streams.find(ssrc);
        let index = match slot {
            None if !self.streams.has_room() => return Err(SrtpError::SsrcLimit),
            None => u64::from(sequence),
            Some(slot) => {
                let window = self.streams.window(slot);
                let index = estimate_index(window.highest(), sequence);
                if !window.is_fresh(index) {
                    return Err(SrtpError::Replay);
                }
                index
            }
        };
        let len = self.protect_indexed(packet, len, header_len, index)?;
        self.streams.accept(slot, ssrc, index)?;
        Ok(len)
    }

    /// Protects the RTCP compound in `packet[..len]` in place; `packet` has room for
    /// [`super::rtcp_overhead`] more. Returns the new length.
    ///
    /// # Errors
    /// [`SrtpError::NoSpace`], [`SrtpError::Malformed`], [`SrtpError::KeyExhausted`].
    pub fn protect_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        if self.next_rtcp_index > MAX_RTCP_INDEX {
            return Err(SrtpError::KeyExhausted);
        }
        let len = self.rtcp.seal_rtcp(packet, len, self.next_rtcp_index)?;
        self.next_rtcp_index += 1;
        Ok(len)
    }

    /// Whether the key comes near its end (RFC 7714 section 14): the client has to join again.
    pub fn rekey_needed(&self) -> bool {
        self.next_rtcp_index > MAX_RTCP_INDEX - REKEY_MARGIN_RTCP
            || self.rtp_packets > MAX_RTP_INDEX - REKEY_MARGIN_RTP
    }

    #[cfg(test)]
    pub(super) fn with_session_keys(
        profile: SrtpProfile,
        key: &[u8],
        salt: &[u8],
        auth: &[u8],
        next_rtcp_index: u32,
    ) -> SrtpSender {
        let cipher = || PacketCipher::from_session_keys(profile, key, salt, auth).unwrap();
        SrtpSender {
            profile,
            rtp: cipher(),
            rtcp: cipher(),
            rtp_packets: 0,
            next_rtcp_index,
            streams: Streams::new(SEND_WINDOW, MAX_STREAMS),
        }
    }
}

impl std::fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpSender")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
