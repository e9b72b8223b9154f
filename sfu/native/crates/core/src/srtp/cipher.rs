//! One session key with its transform: RTP or RTCP, one direction.

use aes::Aes128Enc;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::kdf::{Label, derive};
use super::{RTCP_HEADER_LEN, RTCP_INDEX_LEN, SrtpError, read_u32};
use crate::command::{MasterKey, SrtpProfile};

/// Octets of a GCM tag (RFC 7714 section 13.2).
const GCM_TAG: usize = 16;
/// Octets of an HMAC-SHA1-80 tag (RFC 3711 section 4.2).
const SHA1_TAG: usize = 10;
/// The E flag: payload is encrypted (RFC 3711 section 3.4).
const E_FLAG: u32 = 1 << 31;

/// AEAD: the key schedule and GHASH tables live in the context, made once.
pub(super) struct Gcm {
    key: LessSafeKey,
    /// 96-bit session salt.
    salt: u128,
}

/// AES counter mode and HMAC-SHA1: expanded round keys, and the HMAC state after its key block.
pub(super) struct CounterMode {
    aes: Aes128Enc,
    mac: Hmac<Sha1>,
    /// 112-bit session salt, shifted left by 16 (RFC 3711 section 4.1.1).
    salt: u128,
}

/// The transform of one session key.
pub(super) enum PacketCipher {
    Gcm(Gcm),
    CounterMode(Box<CounterMode>),
}

impl PacketCipher {
    /// Cipher for RTP, from the master key.
    pub(super) fn rtp(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        use Label::{RtpAuthentication, RtpEncryption, RtpSalt};
        Self::derived(profile, master, [RtpEncryption, RtpAuthentication, RtpSalt])
    }

    /// Cipher for RTCP, from the master key.
    pub(super) fn rtcp(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        use Label::{RtcpAuthentication, RtcpEncryption, RtcpSalt};
        Self::derived(
            profile,
            master,
            [RtcpEncryption, RtcpAuthentication, RtcpSalt],
        )
    }

    fn derived(
        profile: SrtpProfile,
        master: &MasterKey,
        [encryption, authentication, salting]: [Label; 3],
    ) -> Result<Self, SrtpError> {
        let (key_len, salt_len) = super::key_lengths(profile);
        if master.key.len() != key_len || master.salt.len() != salt_len {
            return Err(SrtpError::KeyLength);
        }
        let (mut key, mut salt, mut auth) = ([0; 32], [0; 14], [0; 20]);
        derive(&master.key, &master.salt, encryption, &mut key[..key_len])?;
        derive(&master.key, &master.salt, salting, &mut salt[..salt_len])?;
        derive(&master.key, &master.salt, authentication, &mut auth)?;
        Self::from_session_keys(profile, &key[..key_len], &salt[..salt_len], &auth)
    }

    /// From session keys as they are; `auth` is used by counter mode only.
    pub(super) fn from_session_keys(
        profile: SrtpProfile,
        key: &[u8],
        salt: &[u8],
        auth: &[u8],
    ) -> Result<Self, SrtpError> {
        let number = salt
            .iter()
            .fold(0u128, |number, &octet| number << 8 | u128::from(octet));
        let algorithm = match profile {
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::AeadAes128Gcm => &AES_128_GCM,
            SrtpProfile::Aes128CmSha1_80 => {
                return Ok(PacketCipher::CounterMode(Box::new(CounterMode {
                    aes: Aes128Enc::new_from_slice(key).map_err(|_| SrtpError::KeyLength)?,
                    mac: <Hmac<Sha1> as Mac>::new_from_slice(auth)
                        .map_err(|_| SrtpError::KeyLength)?,
                    salt: number << 16,
                })));
            }
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| SrtpError::KeyLength)?;
        Ok(PacketCipher::Gcm(Gcm {
            key: LessSafeKey::new(key),
            salt: number,
        }))
    }

    /// Encrypts `packet[header_len..len]` and writes the tag behind it. Returns the new length.
    #[inline]
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        len: usize,
        header_len: usize,
        index: u64,
    ) -> Result<usize, SrtpError> {
        if header_len < super::RTP_HEADER_LEN || header_len > len {
            return Err(SrtpError::Malformed);
        }
        match self {
            PacketCipher::Gcm(gcm) => {
                let end = len + GCM_TAG;
                let packet = packet.get_mut(..end).ok_or(SrtpError::NoSpace)?;
                let nonce = gcm.nonce(read_u32(packet, 8), index);
                let (header, rest) = packet.split_at_mut(header_len);
                let (payload, tag) = rest.split_at_mut(len - header_len);
                gcm.seal(nonce, header, payload, tag)?;
                Ok(end)
            }
            PacketCipher::CounterMode(cm) => {
                let end = len + SHA1_TAG;
                let packet = packet.get_mut(..end).ok_or(SrtpError::NoSpace)?;
                cm.apply(read_u32(packet, 8), index, &mut packet[header_len..len]);
                let (data, tag) = packet.split_at_mut(len);
                let mac = cm.mac.clone().chain_update(data).chain_update(roc(index));
                tag.copy_from_slice(&mac.finalize().into_bytes()[..SHA1_TAG]);
                Ok(end)
            }
        }
    }

    /// Verifies and decrypts in place. Returns the length without the tag. After an error the
    /// payload is undefined.
    #[inline]
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let tag_len = self.tag_len();
        let len = packet
            .len()
            .checked_sub(tag_len)
            .filter(|&len| len >= header_len);
        let len = len.ok_or(SrtpError::Malformed)?;
        match self {
            PacketCipher::Gcm(gcm) => {
                let nonce = gcm.nonce(read_u32(packet, 8), index);
                let (header, rest) = packet.split_at_mut(header_len);
                let (payload, tag) = rest.split_at_mut(len - header_len);
                gcm.open(nonce, header, payload, tag)?;
            }
            PacketCipher::CounterMode(cm) => {
                let (data, tag) = packet.split_at_mut(len);
                let mac = cm.mac.clone().chain_update(&*data).chain_update(roc(index));
                mac.verify_truncated_left(tag)
                    .map_err(|_| SrtpError::Authentication)?;
                cm.apply(read_u32(data, 8), index, &mut data[header_len..]);
            }
        }
        Ok(len)
    }

    /// Encrypts an RTCP compound of `len` octets and appends tag, E flag and index, in the order of
    /// the profile. Returns the new length.
    pub(super) fn seal_rtcp(
        &self,
        packet: &mut [u8],
        len: usize,
        index: u32,
    ) -> Result<usize, SrtpError> {
        if len < RTCP_HEADER_LEN {
            return Err(SrtpError::Malformed);
        }
        let end = len + self.tag_len() + RTCP_INDEX_LEN;
        let packet = packet.get_mut(..end).ok_or(SrtpError::NoSpace)?;
        let word = (E_FLAG | index).to_be_bytes();
        let ssrc = read_u32(packet, 4);
        match self {
            PacketCipher::Gcm(gcm) => {
                let nonce = gcm.nonce(ssrc, u64::from(index));
                let (header, rest) = packet.split_at_mut(RTCP_HEADER_LEN);
                let (payload, trailer) = rest.split_at_mut(len - RTCP_HEADER_LEN);
                let (tag, esrtcp) = trailer.split_at_mut(GCM_TAG);
                gcm.seal(nonce, &rtcp_aad(header, word), payload, tag)?;
                esrtcp.copy_from_slice(&word);
            }
            PacketCipher::CounterMode(cm) => {
                cm.apply(ssrc, u64::from(index), &mut packet[RTCP_HEADER_LEN..len]);
                let (data, tag) = packet.split_at_mut(len + RTCP_INDEX_LEN);
                data[len..].copy_from_slice(&word);
                let mac = cm.mac.clone().chain_update(&*data);
                tag.copy_from_slice(&mac.finalize().into_bytes()[..SHA1_TAG]);
            }
        }
        Ok(end)
    }

    /// The SRTCP index of a packet, before it is authenticated.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<u32, SrtpError> {
        if packet.len() < RTCP_HEADER_LEN + self.tag_len() + RTCP_INDEX_LEN {
            return Err(SrtpError::Malformed);
        }
        let behind = match self {
            PacketCipher::Gcm(_) => 0,
            PacketCipher::CounterMode(_) => SHA1_TAG,
        };
        let word = read_u32(packet, packet.len() - behind - RTCP_INDEX_LEN);
        if word & E_FLAG == 0 {
            Err(SrtpError::Unencrypted)
        } else {
            Ok(word & !E_FLAG)
        }
    }

    /// Verifies and decrypts an SRTCP packet whose [`PacketCipher::rtcp_index`] is `index`.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], index: u32) -> Result<usize, SrtpError> {
        let trailer = self.tag_len() + RTCP_INDEX_LEN;
        let len = packet
            .len()
            .checked_sub(trailer)
            .filter(|&len| len >= RTCP_HEADER_LEN);
        let len = len.ok_or(SrtpError::Malformed)?;
        let ssrc = read_u32(packet, 4);
        match self {
            PacketCipher::Gcm(gcm) => {
                let nonce = gcm.nonce(ssrc, u64::from(index));
                let (header, rest) = packet.split_at_mut(RTCP_HEADER_LEN);
                let aad = rtcp_aad(header, (E_FLAG | index).to_be_bytes());
                let (payload, trailer) = rest.split_at_mut(len - RTCP_HEADER_LEN);
                gcm.open(nonce, &aad, payload, &trailer[..GCM_TAG])?;
            }
            PacketCipher::CounterMode(cm) => {
                let (data, tag) = packet.split_at_mut(len + RTCP_INDEX_LEN);
                let mac = cm.mac.clone().chain_update(&*data);
                mac.verify_truncated_left(tag)
                    .map_err(|_| SrtpError::Authentication)?;
                cm.apply(ssrc, u64::from(index), &mut data[RTCP_HEADER_LEN..len]);
            }
        }
        Ok(len)
    }

    /// Octets of the authentication tag.
    pub(super) fn tag_len(&self) -> usize {
        match self {
            PacketCipher::Gcm(_) => GCM_TAG,
            PacketCipher::CounterMode(_) => SHA1_TAG,
        }
    }
}

impl Gcm {
    /// RFC 7714 sections 8.1 and 9.1: (0 || SSRC || index in 48 bits) XOR salt. The 31-bit SRTCP
    /// index sits in the low bits with zeros above it, so both kinds share the formula.
    #[inline]
    pub(super) fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let number = self.salt ^ (u128::from(ssrc) << 48) ^ u128::from(index);
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&number.to_be_bytes()[4..]);
        Nonce::assume_unique_for_key(nonce)
    }

    #[inline]
    pub(super) fn seal(
        &self,
        nonce: Nonce,
        aad: &[u8],
        payload: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), SrtpError> {
        // Fails for packets beyond GCM's own 2^36 octets only.
        self.key
            .seal_in_place_scatter(nonce, Aad::from(aad), payload, &[], tag)
            .map_err(|_| SrtpError::NoSpace)
    }

    #[inline]
    pub(super) fn open(
        &self,
        nonce: Nonce,
        aad: &[u8],
        payload: &mut [u8],
        tag: &[u8],
    ) -> Result<(), SrtpError> {
        match self
            .key
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, payload)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(SrtpError::Authentication),
        }
    }
}

impl CounterMode {
    /// XORs the keystream of RFC 3711 section 4.1.1 into `payload`: the counter block is
    /// (salt * 2^16) XOR (SSRC * 2^64) XOR (index * 2^16). Its low 16 bits count blocks, which a
    /// datagram cannot overflow, so a 32-bit counter is enough.
    #[inline]
    fn apply(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        let block = self.salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        let iv = GenericArray::from(block.to_be_bytes());
        let core = CtrCore::<&Aes128Enc, Ctr32BE>::inner_iv_init(&self.aes, &iv);
        core.apply_keystream_partial(payload.into());
    }
}

/// The rollover counter, which the tag covers though it isn't sent (RFC 3711 section 4.2).
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

/// RFC 7714 section 9.2: header and ESRTCP word are authenticated, but don't lie side by side.
fn rtcp_aad(header: &[u8], word: [u8; 4]) -> [u8; RTCP_HEADER_LEN + RTCP_INDEX_LEN] {
    let mut aad = [0; RTCP_HEADER_LEN + RTCP_INDEX_LEN];
    aad[..RTCP_HEADER_LEN].copy_from_slice(header);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&word);
    aad
}
