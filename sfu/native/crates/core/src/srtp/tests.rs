//! Behaviour of sender and receiver together.

use proptest::prelude::*;

use super::*;
use crate::command::MasterKey;
use crate::units::Ssrc;

const PROFILES: [SrtpProfile; 3] = [
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::Aes128CmSha1_80,
];
const SSRC: u32 = 0xdead_beef;

fn master(profile: SrtpProfile) -> MasterKey {
    let (key, salt) = key_lengths(profile);
    MasterKey {
        key: (0..key as u8).collect(),
        salt: (100..100 + salt as u8).collect(),
    }
}

fn pair(profile: SrtpProfile) -> (SrtpSender, SrtpReceiver) {
    let master = master(profile);
    let receiver = SrtpReceiver::new(profile, &master, 1024, 1024).unwrap();
    (SrtpSender::new(profile, &master).unwrap(), receiver)
}

fn rtp(sequence: u16, ssrc: u32, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(7u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..payload).map(|octet| octet as u8));
    packet
}

/// A receiver report without blocks, followed by `more` octets.
fn rtcp(more: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(SSRC.to_be_bytes());
    packet.extend((0..more).map(|octet| octet as u8));
    packet
}

/// Protects `plain`, whose header is 12 octets, under a 48-bit index.
fn sealed(sender: &mut SrtpSender, plain: &[u8], index: u64) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + rtp_overhead(sender.profile()), 0);
    let len = sender
        .protect_indexed(&mut packet, plain.len(), RTP_HEADER_LEN, index)
        .unwrap();
    assert_eq!(len, packet.len());
    packet
}

fn sealed_rtcp(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + rtcp_overhead(sender.profile()), 0);
    let len = sender.protect_rtcp(&mut packet, plain.len()).unwrap();
    assert_eq!(len, packet.len());
    packet
}

#[test]
fn every_payload_length_survives_the_round_trip() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for (sequence, payload) in (0..400).chain([1188, 1400, 1474]).enumerate() {
            let plain = rtp(sequence as u16, SSRC, payload);
            let mut packet = sealed(&mut sender, &plain, sequence as u64);
            assert_eq!(packet[..12], plain[..12], "the header stays in the clear");
            assert!(
                payload < 8 || packet[12..plain.len()] != plain[12..],
                "payload is encrypted"
            );
            let opened = receiver.unprotect_rtp(&mut packet).unwrap();
            assert_eq!(packet[..opened.len], plain);
            assert_eq!((opened.ssrc, opened.header_len), (Ssrc(SSRC), 12));
        }
    }
}

#[test]
fn csrcs_and_extension_stay_in_the_clear_and_are_authenticated() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut plain = rtp(9, SSRC, 0);
        plain[0] |= 0x10 | 2;
        plain.extend([1, 1, 1, 1, 2, 2, 2, 2]);
        plain.extend([0xbe, 0xde, 0, 2, 0x10, 0xaa, 0x20, 0xbb, 0, 0, 0, 0]);
        let header = plain.len();
        plain.extend(b"payload");
        let mut packet = plain.clone();
        packet.resize(plain.len() + rtp_overhead(profile), 0);
        let len = sender.protect_rtp(&mut packet, plain.len()).unwrap();
        assert_eq!(packet[..header], plain[..header]);
        for at in 0..len {
            let mut forged = packet.clone();
            forged[at] ^= 1;
            assert!(
                receiver.unprotect_rtp(&mut forged).is_err(),
                "{profile:?}: octet {at}"
            );
        }
        assert_eq!(receiver.streams(), (0, 0), "forgeries leave nothing behind");
        let opened = receiver.unprotect_rtp(&mut packet).unwrap();
        assert_eq!(
            (opened.header_len, &packet[..opened.len]),
            (header, &plain[..])
        );
    }
}

#[test]
fn the_index_follows_four_wraps_with_reordering_and_loss() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        // Near each wrap: pairs swapped, one in seven lost; far from it, jumps of 1009.
        let mut indices: Vec<u64> = (0..4u64 << 16)
            .filter(|index| {
                let near = (index + 200) % 65536 < 400;
                (near && index % 7 != 0) || (!near && index % 1009 == 0)
            })
            .collect();
        for pair in indices.chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
        for index in &indices {
            let plain = rtp(*index as u16, SSRC, 20);
            let mut packet = sealed(&mut sender, &plain, *index);
            let opened = receiver.unprotect_rtp(&mut packet).unwrap_or_else(|error| {
                panic!("{profile:?}: index {index:#x}: {error}");
            });
            assert_eq!(opened.extended_sequence, *index);
            assert_eq!(packet[..opened.len], plain);
        }
    }
}

#[test]
fn packets_from_before_a_wrap_are_taken_after_it_within_the_window() {
    for wrap in [1u64 << 16, 2 << 16, 3 << 16] {
        let (mut sender, mut receiver) = pair(SrtpProfile::AeadAes128Gcm);
        let mut deliver = |index: u64| {
            let plain = rtp(index as u16, SSRC, 20);
            receiver.unprotect_rtp(&mut sealed(&mut sender, &plain, index))
        };
        for step in (100..wrap - 1000).step_by(30_000) {
            deliver(step).unwrap();
        }
        deliver(wrap - 1000).unwrap();
        deliver(wrap + 20).unwrap();
        deliver(wrap - 1).unwrap();
        deliver(wrap - 900).unwrap();
        assert_eq!(deliver(wrap - 1), Err(SrtpError::Replay));
        assert_eq!(
            deliver(wrap + 20 - 1024),
            Err(SrtpError::Replay),
            "older than the window"
        );
        deliver(wrap + 20 - 1023).unwrap();
    }
}

#[test]
fn replays_in_and_out_of_the_window_are_delivered_exactly_once() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let packets: Vec<_> = (0..3000u64)
            .map(|index| sealed(&mut sender, &rtp(index as u16, SSRC, 30), index))
            .collect();
        let mut delivered = vec![0; packets.len()];
        // Each packet at once, 500 later (in the window) and 2000 later (out of it).
        for at in 0..packets.len() + 2000 {
            for index in [Some(at), at.checked_sub(500), at.checked_sub(2000)] {
                let Some(packet) = index.and_then(|index| packets.get(index)) else {
                    continue;
                };
                if receiver.unprotect_rtp(&mut packet.clone()).is_ok() {
                    delivered[index.unwrap()] += 1;
                }
            }
        }
        assert!(delivered.iter().all(|&count| count == 1));

        let packets: Vec<_> = (0..3000)
            .map(|_| sealed_rtcp(&mut sender, &rtcp(20)))
            .collect();
        let mut count = 0;
        for at in 0..packets.len() + 2000 {
            for index in [Some(at), at.checked_sub(500), at.checked_sub(2000)] {
                let Some(packet) = index.and_then(|index| packets.get(index)) else {
                    continue;
                };
                count += usize::from(receiver.unprotect_rtcp(&mut packet.clone()).is_ok());
            }
        }
        assert_eq!(count, packets.len());
    }
}

#[test]
fn strangers_leave_no_state_and_members_are_capped() {
    for profile in PROFILES {
        let mut sender = SrtpSender::new(profile, &master(profile)).unwrap();
        let mut receiver = SrtpReceiver::new(profile, &master(profile), 64, 16).unwrap();
        for ssrc in 0..5000 {
            let mut packet = rtp(1, ssrc, 60);
            assert_eq!(
                receiver.unprotect_rtp(&mut packet),
                Err(SrtpError::Authentication)
            );
            let mut packet = rtcp(40);
            packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
            assert!(receiver.unprotect_rtcp(&mut packet).is_err());
        }
        assert_eq!(receiver.streams(), (0, 0));
        // Descending, so that each is inserted before all others.
        for ssrc in (0..100).rev() {
            let result = receiver.unprotect_rtp(&mut sealed(&mut sender, &rtp(1, ssrc, 9), 1));
            assert_eq!(
                result.err(),
                (ssrc < 84).then_some(SrtpError::SsrcLimit),
                "{ssrc}"
            );
        }
        assert_eq!(receiver.streams(), (16, 0));
        for ssrc in 84..100 {
            let mut packet = sealed(&mut sender, &rtp(2, ssrc, 9), 2);
            assert!(
                receiver.unprotect_rtp(&mut packet).is_ok(),
                "known streams go on"
            );
        }
    }
}

#[test]
fn streams_have_windows_of_their_own() {
    let (mut sender, mut receiver) = pair(SrtpProfile::AeadAes256Gcm);
    for index in [7u64, 70_000, 8] {
        for ssrc in [1, 0xffff_ffff, 500, 2] {
            let mut packet = sealed(&mut sender, &rtp(index as u16, ssrc, 9), index);
            let result = receiver.unprotect_rtp(&mut packet);
            // Index 8 is far behind 70 000, and 70 000 is out of reach of an estimate from 7.
            assert_eq!(result.is_ok(), index == 7 || index == 8, "{index}");
        }
    }
    assert_eq!(receiver.streams(), (4, 0));
}

#[test]
fn no_length_panics() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for fill in [0u8, 0x80, 0x90, 0x9f, 0x8f, 0xff] {
            for len in 0..=96 {
                let mut packet = vec![fill; len];
                assert!(receiver.unprotect_rtp(&mut packet).is_err());
                packet.fill(fill);
                assert!(receiver.unprotect_rtcp(&mut packet).is_err());
                packet.fill(fill);
                assert!(
                    len < 12 || sender.protect_rtp(&mut packet, len).is_err(),
                    "no room"
                );
                assert!(sender.protect_rtcp(&mut packet, len).is_err());
                for header_len in 0..=len + 1 {
                    let index = u64::from(fill) << 8 | u64::from(fill);
                    assert!(
                        sender
                            .protect_indexed(&mut packet, len, header_len, index)
                            .is_err()
                    );
                }
            }
        }
        // A right packet cut at every length: SRTCP 3..=64 and SRTP payloads 0..=32 among them.
        for payload in 0..=32 {
            let packet = sealed(&mut sender, &rtp(1, SSRC, payload), 1);
            for cut in 0..packet.len() {
                assert!(receiver.unprotect_rtp(&mut packet[..cut].to_vec()).is_err());
            }
        }
        for more in 0..=48 {
            let packet = sealed_rtcp(&mut sender, &rtcp(more));
            for cut in 0..packet.len() {
                assert!(
                    receiver
                        .unprotect_rtcp(&mut packet[..cut].to_vec())
                        .is_err()
                );
            }
        }
        assert_eq!(receiver.streams(), (0, 0));
    }
}

#[test]
fn rtcp_survives_the_round_trip_and_forgeries_do_not() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        for more in 0..200 {
            let plain = rtcp(more);
            let mut packet = sealed_rtcp(&mut sender, &plain);
            let forged = more % packet.len();
            packet[forged] ^= 0x10;
            assert!(
                receiver.unprotect_rtcp(&mut packet.clone()).is_err(),
                "octet {forged}"
            );
            packet[forged] ^= 0x10;
            let len = receiver.unprotect_rtcp(&mut packet).unwrap();
            assert_eq!(packet[..len], plain);
        }
    }
}

#[test]
fn keys_end_where_the_rfc_says() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packet = rtp(0xffff, SSRC, 20);
        packet.resize(60, 0);
        assert!(
            sender
                .protect_indexed(&mut packet, 32, 12, MAX_RTP_INDEX)
                .is_ok()
        );
        let mut packet = rtp(0, SSRC, 40);
        let past = sender.protect_indexed(&mut packet, 32, 12, MAX_RTP_INDEX + 1);
        assert_eq!(past, Err(SrtpError::KeyExhausted));
        assert!(!sender.rekey_needed());

        let (key, salt) = key_lengths(profile);
        let (key, salt) = (vec![1; key], vec![2; salt]);
        let last = MAX_RTCP_INDEX;
        let mut sender = SrtpSender::with_session_keys(profile, &key, &salt, &[3; 20], last);
        assert!(sender.rekey_needed());
        sealed_rtcp(&mut sender, &rtcp(4));
        let mut packet = vec![0; 100];
        assert_eq!(
            sender.protect_rtcp(&mut packet, 20),
            Err(SrtpError::KeyExhausted)
        );
        assert!(receiver.unprotect_rtcp(&mut packet).is_err());
    }
}

#[test]
fn the_stream_keeping_sender_follows_wraps_and_never_reuses_an_index() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let mut packet = vec![0; 80];
        for index in (0..3u64 << 16).step_by(5) {
            let plain = rtp(index as u16, SSRC, 20);
            packet[..plain.len()].copy_from_slice(&plain);
            let len = sender.protect_rtp(&mut packet, plain.len()).unwrap();
            let opened = receiver.unprotect_rtp(&mut packet[..len]).unwrap();
            assert_eq!(opened.extended_sequence, index);
        }
        let plain = rtp((3u32 << 16).wrapping_sub(2) as u16, SSRC, 20);
        packet[..plain.len()].copy_from_slice(&plain);
        assert!(
            sender.protect_rtp(&mut packet, plain.len()).is_ok(),
            "skipped before"
        );
        packet[..plain.len()].copy_from_slice(&plain);
        assert_eq!(
            sender.protect_rtp(&mut packet, plain.len()),
            Err(SrtpError::Replay)
        );
    }
}

#[test]
fn keys_of_other_lengths_are_refused() {
    for profile in PROFILES {
        for other in PROFILES {
            if key_lengths(profile) != key_lengths(other) {
                let refused = SrtpSender::new(profile, &master(other)).err();
                assert_eq!(refused, Some(SrtpError::KeyLength));
            }
        }
        let empty = MasterKey {
            key: vec![],
            salt: vec![],
        };
        assert!(SrtpReceiver::new(profile, &empty, 64, 1).is_err());
    }
}

proptest! {
    #[test]
    fn unprotect_is_total(mut bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        for profile in PROFILES {
            let (mut sender, mut receiver) = pair(profile);
            prop_assert!(receiver.unprotect_rtp(&mut bytes.clone()).is_err());
            prop_assert!(receiver.unprotect_rtcp(&mut bytes.clone()).is_err());
            let half = bytes.len() / 2;
            let _ = sender.protect_rtp(&mut bytes, half);
            let _ = sender.protect_rtcp(&mut bytes, half);
        }
    }

    #[test]
    fn any_delivery_order_within_the_window_is_delivered_once(
        start in 0u64..1 << 18,
        steps in proptest::collection::vec(0u64..1000, 1..200),
    ) {
        // The first packet fixes the rollover counter at 0, so the start is walked to.
        let (mut sender, mut receiver) = pair(SrtpProfile::AeadAes128Gcm);
        let mut seen = std::collections::HashSet::new();
        for index in (0..start).step_by(20_000) {
            let mut packet = sealed(&mut sender, &rtp(index as u16, SSRC, 9), index);
            prop_assert!(receiver.unprotect_rtp(&mut packet).is_ok());
            seen.insert(index);
        }
        for step in steps {
            let index = start + step;
            let mut packet = sealed(&mut sender, &rtp(index as u16, SSRC, 9), index);
            let fresh = seen.insert(index);
            prop_assert_eq!(receiver.unprotect_rtp(&mut packet).is_ok(), fresh);
        }
    }
}
