//! Published test vectors: RFC 3711 appendix B, RFC 6188 section 7.2, RFC 7714 sections 16 and 17.

use hex_literal::hex;

use super::cipher::PacketCipher;
use super::kdf::{Label, derive};
use super::{SrtpError, SrtpReceiver, SrtpSender};
use crate::command::SrtpProfile;

use SrtpProfile::{AeadAes128Gcm, AeadAes256Gcm, Aes128CmSha1_80};

fn derived(key: &[u8], salt: &[u8], label: Label, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    derive(key, salt, label, &mut out).unwrap();
    out
}

#[test]
fn rfc3711_b3_key_derivation() {
    let key = hex!("e1f97a0d3e018be0d64fa32c06de4139");
    let salt = hex!("0ec675ad498afeebb6960b3aabe6");
    assert_eq!(
        derived(&key, &salt, Label::RtpEncryption, 16),
        hex!("c61e7a93744f39ee10734afe3ff7a087")
    );
    assert_eq!(
        derived(&key, &salt, Label::RtpSalt, 14),
        hex!("30cbbc08863d8c85d49db34a9ae1")
    );
    assert_eq!(
        derived(&key, &salt, Label::RtpAuthentication, 94),
        hex!(
            "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbce"
            "e049646c43d9327ad175578ef72270986371c10c9a369ac2f94a8c5fbcdddc25"
            "6d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2"
        )
    );
}

#[test]
fn rfc6188_7_2_key_derivation_with_256_bits() {
    let key = hex!("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
    let salt = hex!("3b04803de51ee7c96423ab5b78d2");
    assert_eq!(
        derived(&key, &salt, Label::RtpEncryption, 32),
        hex!("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
    );
    assert_eq!(
        derived(&key, &salt, Label::RtpSalt, 14),
        hex!("fa31791685ca444a9e07c6c64e93")
    );
    assert_eq!(
        derived(&key, &salt, Label::RtpAuthentication, 20),
        hex!("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05")
    );
}

#[test]
fn rfc3711_b2_keystream() {
    // A packet of zeros, SSRC 0 and index 0 shows the keystream.
    let key = hex!("2b7e151628aed2a6abf7158809cf4f3c");
    let salt = hex!("f0f1f2f3f4f5f6f7f8f9fafbfcfd");
    let cipher = PacketCipher::from_session_keys(Aes128CmSha1_80, &key, &salt, &[0; 20]).unwrap();
    let blocks = 0xff02;
    let mut packet = vec![0; 12 + 16 * blocks + 10];
    let len = packet.len() - 10;
    assert_eq!(cipher.seal_rtp(&mut packet, len, 12, 0), Ok(len + 10));
    let stream = &packet[12..];
    assert_eq!(
        stream[..48],
        hex!(
            "e03ead0935c95e80e166b16dd92b4eb4"
            "d23513162b02d0f72a43a2fe4a5f97ab"
            "41e95b3bb0a2e8dd477901e4fca894c0"
        )
    );
    assert_eq!(
        stream[16 * 0xfeff..16 * blocks],
        hex!(
            "ec8cdf7398607cb0f2d21675ea9ea1e4"
            "362b7c3c6773516318a077d7fc5073ae"
            "6a2cc3787889374fbeb4c81b17ba6c44"
        )
    );
}

const KEY: [u8; 32] = hex!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
/// "Quid pro quo".
const SALT: [u8; 12] = hex!("517569642070726f2071756f");
const RTP: [u8; 50] = hex!(
    "8040f17b8041f8d35501a0b2"
    "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
);
const RTCP: [u8; 52] = hex!(
    "81c8000d4d617273"
    "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
);
/// SRTCP index of all vectors in section 17.
const RTCP_INDEX: u32 = 0x5d4;

/// Protects and opens both ways, and expects the RFC's octets.
fn rtp_vector(profile: SrtpProfile, key: &[u8], expected: &[u8]) {
    let mut sender = SrtpSender::with_session_keys(profile, key, &SALT, &[], 0);
    let mut packet = [0; 66];
    packet[..RTP.len()].copy_from_slice(&RTP);
    assert_eq!(
        sender.protect_indexed(&mut packet, RTP.len(), 12, 0xf17b),
        Ok(66)
    );
    assert_eq!(packet, expected);
    let mut receiver = SrtpReceiver::with_session_keys(profile, key, &SALT, &[]);
    let opened = receiver.unprotect_rtp(&mut packet).unwrap();
    assert_eq!((opened.len, opened.extended_sequence), (RTP.len(), 0xf17b));
    assert_eq!(packet[..opened.len], RTP);
}

#[test]
fn rfc7714_16_1_srtp_aes_128_gcm() {
    rtp_vector(
        AeadAes128Gcm,
        &KEY[..16],
        &hex!(
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51"
            "c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
        ),
    );
}

#[test]
fn rfc7714_16_2_srtp_aes_256_gcm() {
    rtp_vector(
        AeadAes256Gcm,
        &KEY,
        &hex!(
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276"
            "ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13"
        ),
    );
}

fn rtcp_vector(profile: SrtpProfile, key: &[u8], expected: &[u8]) {
    let mut sender = SrtpSender::with_session_keys(profile, key, &SALT, &[], RTCP_INDEX);
    let mut packet = [0; 72];
    packet[..RTCP.len()].copy_from_slice(&RTCP);
    assert_eq!(sender.protect_rtcp(&mut packet, RTCP.len()), Ok(72));
    assert_eq!(packet, expected);
    let mut receiver = SrtpReceiver::with_session_keys(profile, key, &SALT, &[]);
    assert_eq!(receiver.unprotect_rtcp(&mut packet), Ok(RTCP.len()));
    assert_eq!(packet[..RTCP.len()], RTCP);
}

#[test]
fn rfc7714_17_1_srtcp_aes_128_gcm() {
    rtcp_vector(
        AeadAes128Gcm,
        &KEY[..16],
        &hex!(
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4c"
            "e09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
        ),
    );
}

#[test]
fn rfc7714_17_2_srtcp_aes_256_gcm() {
    rtcp_vector(
        AeadAes256Gcm,
        &KEY,
        &hex!(
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be84"
            "15f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4"
        ),
    );
}

/// Tag over associated data only: what sections 16.x.3 and 17.3/17.4 compute.
fn tag_only(profile: SrtpProfile, key: &[u8], ssrc: u32, index: u64, aad: &[u8]) -> [u8; 16] {
    let cipher = PacketCipher::from_session_keys(profile, key, &SALT, &[]).unwrap();
    let PacketCipher::Gcm(gcm) = cipher else {
        unreachable!("GCM profiles only")
    };
    let mut tag = [0; 16];
    gcm.seal(gcm.nonce(ssrc, index), aad, &mut [], &mut tag)
        .unwrap();
    gcm.open(gcm.nonce(ssrc, index), aad, &mut [], &tag)
        .unwrap();
    tag
}

#[test]
fn rfc7714_16_and_17_tags_without_encryption() {
    assert_eq!(
        tag_only(AeadAes256Gcm, &KEY, 0x5501_a0b2, 0xf17b, &RTP),
        hex!("a866d5910f887463067ceefec45215d4")
    );
    let mut aad = RTCP.to_vec();
    aad.extend(RTCP_INDEX.to_be_bytes());
    assert_eq!(
        tag_only(
            AeadAes128Gcm,
            &KEY[..16],
            0x4d61_7273,
            u64::from(RTCP_INDEX),
            &aad
        ),
        hex!("841dd9683dd78ec92ae58790125f62b3")
    );
    assert_eq!(
        tag_only(
            AeadAes256Gcm,
            &KEY,
            0x4d61_7273,
            u64::from(RTCP_INDEX),
            &aad
        ),
        hex!("91db4afbfeee5a978fab4393ed2615fe")
    );
}

#[test]
fn srtcp_with_the_e_flag_clear_is_refused() {
    // RFC 7714 section 17.3 as a packet: right by SRTP, not allowed in WebRTC.
    let mut packet = RTCP.to_vec();
    packet.extend(hex!("841dd9683dd78ec92ae58790125f62b3"));
    packet.extend(RTCP_INDEX.to_be_bytes());
    let mut receiver = SrtpReceiver::with_session_keys(AeadAes128Gcm, &KEY[..16], &SALT, &[]);
    assert_eq!(
        receiver.unprotect_rtcp(&mut packet),
        Err(SrtpError::Unencrypted)
    );
}
