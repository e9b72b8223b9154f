//! Opening what we get.

use super::cipher::PacketCipher;
use super::replay::estimate_index;
use super::streams::{Slot, Streams};
use super::{MAX_RTP_INDEX, SrtpError, read_u32, rtp_header_len};
use crate::command::{MasterKey, SrtpProfile};
use crate::units::Ssrc;

/// An RTP packet that was opened in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unprotected {
    /// Octets of the packet, tag removed.
    pub len: usize,
    /// Octets before the payload, CSRCs and extension included.
    pub header_len: usize,
    /// Its stream.
    pub ssrc: Ssrc,
    /// Its 48-bit packet index; the low 16 bits are the sequence number.
    pub extended_sequence: u64,
}

/// Authenticates and decrypts the RTP and RTCP of one transport.
pub struct SrtpReceiver {
    profile: SrtpProfile,
    rtp: PacketCipher,
    rtcp: PacketCipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl SrtpReceiver {
    /// Derives the session keys. `replay_window` is in packets (at least 64 are kept), `ssrcs` caps
    /// the streams of RTP and of RTCP.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when key or salt don't have the profile's
    /// [lengths](super::key_lengths).
    pub fn new(
        profile: SrtpProfile,
        master: &MasterKey,
        replay_window: usize,
        ssrcs: usize,
    ) -> Result<SrtpReceiver, SrtpError> {
        Ok(SrtpReceiver {
            profile,
            rtp: PacketCipher::rtp(profile, master)?,
            rtcp: PacketCipher::rtcp(profile, master)?,
            rtp_streams: Streams::new(replay_window, ssrcs),
            rtcp_streams: Streams::new(replay_window, ssrcs),
        })
    }

    /// The negotiated profile.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Opens an SRTP packet in place. After an error the payload is undefined and nothing was
    /// remembered.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`], [`SrtpError::Replay`], [`SrtpError::Authentication`],
    /// [`SrtpError::SsrcLimit`], [`SrtpError::KeyExhausted`].
    #[inline]
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<Unprotected, SrtpError> {
        let header_len = rtp_header_len(packet)?;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = read_u32(packet, 8);
        let slot = self.rtp_streams.find(ssrc);
        // A stream starts with a rollover counter of 0 (RFC 3711 section 3.3.1).
        let highest = slot.map_or(u64::from(sequence), |slot| {
            self.rtp_streams.window(slot).highest()
        });
        let index = estimate_index(highest, sequence);
        if index > MAX_RTP_INDEX {
            return Err(SrtpError::KeyExhausted);
        }
        admit(&self.rtp_streams, slot, index)?;
        let len = self.rtp.open_rtp(packet, header_len, index)?;
        self.rtp_streams.accept(slot, ssrc, index)?;
        Ok(Unprotected {
            len,
            header_len,
            ssrc: Ssrc(ssrc),
            extended_sequence: index,
        })
    }

    /// Opens an SRTCP packet in place and returns its length without tag and index.
    ///
    /// # Errors
    /// As [`SrtpReceiver::unprotect_rtp`], and [`SrtpError::Unencrypted`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let index = self.rtcp.rtcp_index(packet)?;
        let ssrc = read_u32(packet, 4);
        let slot = self.rtcp_streams.find(ssrc);
        admit(&self.rtcp_streams, slot, u64::from(index))?;
        let len = self.rtcp.open_rtcp(packet, index)?;
        self.rtcp_streams.accept(slot, ssrc, u64::from(index))?;
        Ok(len)
    }

    #[cfg(test)]
    pub(super) fn with_session_keys(
        profile: SrtpProfile,
        key: &[u8],
        salt: &[u8],
        auth: &[u8],
    ) -> SrtpReceiver {
        let cipher = || PacketCipher::from_session_keys(profile, key, salt, auth).unwrap();
        SrtpReceiver {
            profile,
            rtp: cipher(),
            rtcp: cipher(),
            rtp_streams: Streams::new(1024, 1024),
            rtcp_streams: Streams::new(1024, 1024),
        }
    }

    #[cfg(test)]
    pub(super) fn streams(&self) -> (usize, usize) {
        (self.rtp_streams.len(), self.rtcp_streams.len())
    }
}

/// Whether a packet may be decrypted at all: cheap refusals come before the cipher.
fn admit(streams: &Streams, slot: Option<Slot>, index: u64) -> Result<(), SrtpError> {
    match slot {
        Some(slot) if !streams.window(slot).is_fresh(index) => Err(SrtpError::Replay),
        None if !streams.has_room() => Err(SrtpError::SsrcLimit),
        _ => Ok(()),
    }
}

impl std::fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpReceiver")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
