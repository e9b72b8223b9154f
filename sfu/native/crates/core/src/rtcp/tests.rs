//! Tests of RTCP parsing and writing.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::units::Bitrate;

mod transport_cc;

const SENDER: Ssrc = Ssrc(0x0102_0304);
const MEDIA: Ssrc = Ssrc(0x0506_0708);

fn one(bytes: &[u8]) -> Result<Rtcp<'_>, RtcpError> {
    let mut all = packets(bytes);
    let first = all.next().expect("a packet");
    assert!(all.next().is_none());
    first
}

fn block(n: u32) -> ReportBlock {
    ReportBlock {
        ssrc: Ssrc(n),
        fraction_lost: n as u8,
        cumulative_lost: -(n as i32),
        highest_sequence: n << 16 | 5,
        jitter: n + 1,
        last_sr: n + 2,
        delay_since_last_sr: n + 3,
    }
}

#[test]
fn sender_report_is_read_field_by_field() {
    let bytes = hex!(
        "81c8000c 01020304 1111111122222222 33333333 00000044 00000555"
        "0a0b0c0d 40fffffe 00010002 00000003 00000004 00000005"
    );
    let Ok(Rtcp::SenderReport {
        ssrc,
        ntp,
        rtp,
        packets,
        octets,
        mut reports,
    }) = one(&bytes)
    else {
        panic!("no sender report");
    };
    assert_eq!(
        (ssrc, ntp, rtp),
        (SENDER, 0x1111_1111_2222_2222, 0x3333_3333)
    );
    assert_eq!((packets, octets), (0x44, 0x555));
    let report = reports.next().unwrap();
    assert_eq!((report.fraction_lost, report.cumulative_lost), (0x40, -2));
    assert_eq!((report.highest_sequence, report.jitter), (0x1_0002, 3));
    assert_eq!((report.last_sr, report.delay_since_last_sr), (4, 5));
    assert!(reports.next().is_none());
}

#[test]
fn cumulative_loss_keeps_24_bits_of_sign() {
    for (lost, expected) in [
        (0, 0),
        (-1, -1),
        (0x7f_ffff, 0x7f_ffff),
        (-0x80_0000, -0x80_0000),
        (0x80_0000, 0x7f_ffff),
        (i32::MIN, -0x80_0000),
    ] {
        let mut out = [0; 64];
        let report = ReportBlock {
            cumulative_lost: lost,
            ..block(1)
        };
        let len = write_receiver_report(&mut out, SENDER, &[report]).unwrap();
        let Ok(Rtcp::ReceiverReport { mut reports, .. }) = one(&out[..len]) else {
            panic!()
        };
        assert_eq!(reports.next().unwrap().cumulative_lost, expected);
    }
}

#[test]
fn profile_extensions_behind_report_blocks_are_ignored() {
    let bytes = hex!("80c90002 01020304 deadbeef");
    let Ok(Rtcp::ReceiverReport { ssrc, reports }) = one(&bytes) else {
        panic!()
    };
    assert_eq!((ssrc, reports.count()), (SENDER, 0));
}

#[test]
fn a_count_beyond_the_packet_is_an_error_and_the_walk_goes_on() {
    let mut bytes = hex!("82c90001 01020304 81ce0002 01020304 05060708").to_vec();
    for kind in [200, 201, 202, 203] {
        bytes[1] = kind;
        let all: Vec<_> = packets(&bytes).collect();
        assert!(
            matches!(all[..], [Err(RtcpError::Content), Ok(Rtcp::Pli { .. })]),
            "{kind}: {all:?}"
        );
    }
}

#[test]
fn broken_framing_ends_the_walk() {
    let pli = hex!("81ce0002 01020304 05060708");
    for (tail, error) in [
        (&hex!("81ce0002 01020304")[..], RtcpError::Truncated),
        (&hex!("81ce00"), RtcpError::Truncated),
        (&hex!("80"), RtcpError::Truncated),
        (&hex!("41ce0002 01020304 05060708"), RtcpError::Version),
        (&hex!("81ceffff 01020304 05060708"), RtcpError::Truncated),
    ] {
        let all: Vec<_> = packets(&[&pli[..], tail].concat())
            .map(|p| p.map(|_| ()))
            .collect();
        assert_eq!(all, [Ok(()), Err(error)], "{tail:02x?}");
    }
    assert!(packets(&[]).next().is_none());
}

#[test]
fn padding_is_cut_off_and_must_fit() {
    assert!(matches!(
        one(&hex!("a1ce0003 01020304 05060708 00000004")),
        Ok(Rtcp::Pli { .. })
    ));
    for (last, error) in [
        (0, RtcpError::Padding),
        (17, RtcpError::Padding),
        (255, RtcpError::Padding),
        (9, RtcpError::Content),
    ] {
        let mut bytes = hex!("a1ce0004 01020304 05060708 00000000 00000000");
        bytes[19] = last;
        assert_eq!(one(&bytes).map(|_| ()), Err(error), "padding {last}");
    }
    assert_eq!(one(&hex!("a0c90000")).map(|_| ()), Err(RtcpError::Padding));
}

#[test]
fn sdes_gives_the_cname_of_each_source() {
    // Two chunks: CNAME "ab" after a NOTE, and no item at all.
    let bytes = hex!("82ca0006 01020304 0701 78 0102 6162 00 05060708 00000000 ffffffff");
    let Ok(Rtcp::Sdes(chunks)) = one(&bytes) else {
        panic!()
    };
    assert_eq!(
        chunks.collect::<Vec<_>>(),
        [(SENDER, &b"ab"[..]), (MEDIA, &b""[..])]
    );
}

#[test]
fn sdes_items_may_not_run_over() {
    for bytes in [
        hex!("81ca0002 01020304 01036162"), // text longer than the packet
        hex!("81ca0002 01020304 01026162"), // no end of the list
        hex!("82ca0002 01020304 01016100"), // second chunk missing
    ] {
        assert_eq!(one(&bytes).map(|_| ()), Err(RtcpError::Content));
    }
}

#[test]
fn bye_gives_sources_and_reason() {
    let bytes = hex!("82cb0004 01020304 05060708 05 6c6561766500 0000");
    let bytes = &bytes[..20];
    let Ok(Rtcp::Bye(bye)) = one(bytes) else {
        panic!()
    };
    assert_eq!(
        (bye.ssrcs.collect::<Vec<_>>(), bye.reason),
        (vec![SENDER, MEDIA], &b"leave"[..])
    );
    assert!(
        one(&hex!("81cb0002 01020304 08616263")).is_err(),
        "reason longer than the packet"
    );
    let Ok(Rtcp::Bye(none)) = one(&hex!("80cb0000")) else {
        panic!()
    };
    assert_eq!(none.ssrcs.count(), 0);
}

#[test]
fn nack_bits_count_from_the_packet_identifier_and_wrap() {
    let bytes = hex!("81cd0004 01020304 05060708 fffe8003 00100000");
    let Ok(Rtcp::Nack {
        sender,
        media,
        lost,
    }) = one(&bytes)
    else {
        panic!()
    };
    assert_eq!((sender, media), (SENDER, MEDIA));
    assert_eq!(lost.collect::<Vec<_>>(), [65_534, 65_535, 0, 14, 16]);
    assert!(one(&hex!("81cd0002 01020304 05060708")).is_err(), "no item");
}

#[test]
fn nack_packs_17_numbers_into_an_item_across_the_wrap() {
    let lost: Vec<u16> = (0..18).map(|n| 65_530u16.wrapping_add(n)).collect();
    let mut out = [0; 64];
    assert_eq!(write_nack(&mut out, SENDER, MEDIA, &lost[..17]), Some(16));
    let len = write_nack(&mut out, SENDER, MEDIA, &lost).unwrap();
    assert_eq!(len, 20);
    let Ok(Rtcp::Nack { lost: read, .. }) = one(&out[..len]) else {
        panic!()
    };
    assert_eq!(read.collect::<Vec<_>>(), lost);
    assert_eq!(write_nack(&mut out[..19], SENDER, MEDIA, &lost), None);
    assert_eq!(write_nack(&mut out, SENDER, MEDIA, &[]), None);
}

#[test]
fn fir_gives_each_entry_with_its_sequence_number() {
    let mut out = [0; 64];
    let len = write_fir(&mut out, SENDER, &[(MEDIA, 7), (Ssrc(9), 255)]).unwrap();
    let Ok(Rtcp::Fir { sender, entries }) = one(&out[..len]) else {
        panic!()
    };
    assert_eq!(
        (sender, entries.collect::<Vec<_>>()),
        (SENDER, vec![(MEDIA, 7), (Ssrc(9), 255)])
    );
    assert!(
        one(&hex!("84ce0003 01020304 00000000 05060708")).is_err(),
        "half an entry"
    );
    assert_eq!(write_fir(&mut out, SENDER, &[]), None);
}

#[test]
fn remb_reads_mantissa_and_exponent() {
    // 0x3ffff << 3, one source.
    let bytes = hex!("8fce0005 01020304 00000000 52454d42 010fffff 05060708");
    let Ok(Rtcp::Remb(remb)) = one(&bytes) else {
        panic!()
    };
    assert_eq!(
        (remb.sender, remb.bitrate),
        (SENDER, Bitrate(0x3_ffff << 3))
    );
    assert_eq!(remb.ssrcs.collect::<Vec<_>>(), [MEDIA]);
}

#[test]
fn remb_that_claims_more_sources_than_it_has_is_refused() {
    let mut bytes = hex!("8fce0005 01020304 00000000 52454d42 010fffff 05060708");
    for count in [0, 2, 255] {
        bytes[16] = count;
        assert_eq!(
            one(&bytes).map(|_| ()),
            Err(RtcpError::Content),
            "{count} sources"
        );
    }
    assert!(one(&hex!("8fce0003 01020304 00000000 52454d42")).is_err());
}

#[test]
fn remb_bitrate_beyond_64_bits_is_refused() {
    for (exponent, fits) in [(46u32, true), (47, false), (63, false)] {
        let mut bytes = hex!("8fce0004 01020304 00000000 52454d42 00000000");
        bytes[16..].copy_from_slice(&(exponent << 18 | 0x3_ffff).to_be_bytes());
        assert_eq!(one(&bytes).is_ok(), fits, "exponent {exponent}");
    }
}

#[test]
fn other_application_feedback_is_no_remb() {
    let bytes = hex!("8fce0003 01020304 00000000 58585858");
    assert!(matches!(
        one(&bytes),
        Ok(Rtcp::Other {
            packet_type: 206,
            format: 15
        })
    ));
    assert!(matches!(
        one(&hex!("80cf0000")),
        Ok(Rtcp::Other {
            packet_type: 207,
            format: 0
        })
    ));
}

#[test]
fn writers_refuse_what_does_not_fit() {
    let blocks: Vec<_> = (0..32).map(block).collect();
    let info = SenderInfo {
        ntp: 1,
        rtp: 2,
        packets: 3,
        octets: 4,
    };
    let mut out = [0; 2_000];
    assert_eq!(
        write_sender_report(&mut out, SENDER, &info, &blocks[..31]),
        Some(28 + 31 * 24)
    );
    assert_eq!(write_sender_report(&mut out, SENDER, &info, &blocks), None);
    assert_eq!(write_receiver_report(&mut out, SENDER, &blocks), None);
    assert_eq!(write_sdes_cname(&mut out, SENDER, &[b'x'; 256]), None);
    assert_eq!(
        write_remb(&mut out, SENDER, Bitrate(1), &[MEDIA; 256]),
        None
    );
    assert_eq!(write_bye(&mut out, &[MEDIA; 32]), None);
    for room in 0..12 {
        assert_eq!(write_pli(&mut out[..room], SENDER, MEDIA), None);
        assert_eq!(write_bye(&mut out[..room], &[SENDER, MEDIA]), None);
        assert_eq!(write_sdes_cname(&mut out[..room], SENDER, b"abc"), None);
    }
}

#[test]
fn every_type_and_count_at_every_length_is_parsed_or_refused() {
    for fill in [0x00u8, 0x01, 0x7f, 0x80, 0xd2, 0xff] {
        let mut bytes = vec![fill; 1_500];
        for kind in 190..=210u8 {
            for first in (0x80..=0xbf).step_by(if kind >= 200 { 1 } else { 9 }) {
                for words in (0..=24u16).chain([100, 374]) {
                    bytes[0] = first;
                    bytes[1] = kind;
                    bytes[2..4].copy_from_slice(&words.to_be_bytes());
                    exhaust(&bytes[..4 * (usize::from(words) + 1)]);
                }
            }
        }
    }
    for len in 0..=1_500usize {
        let mut bytes = vec![0x8f; len];
        for (at, byte) in hex!("8fcd").into_iter().enumerate().take(len) {
            bytes[at] = byte;
        }
        for words in [len / 4, (len / 4).saturating_sub(1), len / 8] {
            if len >= 4 {
                bytes[2..4].copy_from_slice(&(words as u16).to_be_bytes());
            }
            exhaust(&bytes);
        }
    }
}

/// Runs every iterator to its end.
fn exhaust(bytes: &[u8]) -> usize {
    packets(bytes)
        .map(|packet| match packet {
            Ok(Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. }) => {
                reports.count()
            }
            Ok(Rtcp::Sdes(chunks)) => chunks.count(),
            Ok(Rtcp::Bye(bye)) => bye.ssrcs.count(),
            Ok(Rtcp::Nack { lost, .. }) => lost.count(),
            Ok(Rtcp::Fir { entries, .. }) => entries.count(),
            Ok(Rtcp::TransportCc(feedback)) => {
                let seen = feedback.arrivals().count();
                assert_eq!(seen, usize::from(feedback.status_count));
                seen
            }
            Ok(Rtcp::Remb(remb)) => remb.ssrcs.count(),
            Ok(Rtcp::Pli { .. } | Rtcp::Other { .. }) | Err(_) => 0,
        })
        .sum()
}

proptest! {
    #[test]
    fn reports_read_as_written(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32, count in 0usize..32,
        lost in -0x80_0000i32..0x80_0000, fraction: u8, words: [u32; 4]) {
        let report = ReportBlock {
            ssrc: Ssrc(!ssrc), fraction_lost: fraction, cumulative_lost: lost, highest_sequence: words[0],
            jitter: words[1], last_sr: words[2], delay_since_last_sr: words[3],
        };
        let info = SenderInfo { ntp, rtp, packets, octets };
        let list = vec![report; count];
        let mut out = [0xaa; 1_500];
        let first = write_sender_report(&mut out, Ssrc(ssrc), &info, &list).unwrap();
        let second = write_receiver_report(&mut out[first..], Ssrc(ssrc), &list[..count / 2]).unwrap();
        let read: Vec<_> = super::packets(&out[..first + second]).map(Result::unwrap).collect();
        let [Rtcp::SenderReport { ssrc: s, ntp: n, rtp: r, packets: p, octets: o, reports },
             Rtcp::ReceiverReport { reports: half, .. }] = &read[..] else { panic!("{read:?}") };
        prop_assert_eq!((s.0, *n, *r, *p, *o), (ssrc, ntp, rtp, packets, octets));
        prop_assert_eq!(reports.clone().collect::<Vec<_>>(), list.clone());
        prop_assert_eq!(half.clone().collect::<Vec<_>>(), list[..count / 2].to_vec());
    }

    #[test]
    fn cname_and_bye_read_as_written(cname in proptest::collection::vec(any::<u8>(), 0..256), ssrcs in proptest::collection::vec(any::<u32>(), 0..32)) {
        let mut out = [0xaa; 500];
        let ssrcs: Vec<_> = ssrcs.into_iter().map(Ssrc).collect();
        let first = write_sdes_cname(&mut out, SENDER, &cname).unwrap();
        let second = write_bye(&mut out[first..], &ssrcs).unwrap();
        let read: Vec<_> = packets(&out[..first + second]).map(Result::unwrap).collect();
        let [Rtcp::Sdes(chunks), Rtcp::Bye(bye)] = &read[..] else { panic!("{read:?}") };
        prop_assert_eq!(chunks.clone().collect::<Vec<_>>(), vec![(SENDER, &cname[..])]);
        prop_assert_eq!(bye.ssrcs.clone().collect::<Vec<_>>(), ssrcs);
    }

    #[test]
    fn nack_reads_as_written(start: u16, steps in proptest::collection::vec(1u16..40, 0..100)) {
        let lost: Vec<u16> = std::iter::once(0).chain(steps).scan(start, |at, step| {
            *at = at.wrapping_add(step);
            Some(*at)
        }).collect();
        let mut out = [0; 500];
        let len = write_nack(&mut out, SENDER, MEDIA, &lost).unwrap();
        let Ok(Rtcp::Nack { lost: read, .. }) = one(&out[..len]) else { panic!() };
        prop_assert_eq!(read.collect::<Vec<_>>(), lost);
    }

    #[test]
    fn remb_reads_as_written_to_18_bits(bitrate: u64, count in 0usize..256) {
        let mut out = [0; 1_100];
        let len = write_remb(&mut out, SENDER, Bitrate(bitrate), &vec![MEDIA; count]).unwrap();
        let Ok(Rtcp::Remb(remb)) = one(&out[..len]) else { panic!() };
        prop_assert!(remb.bitrate.0 <= bitrate);
        prop_assert!(bitrate - remb.bitrate.0 <= bitrate >> 17);
        prop_assert_eq!(remb.ssrcs.count(), count);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        exhaust(&bytes);
    }
}
