//! Tests of RTP parsing and writing.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;

const HEADER: [u8; 12] = hex!("80 e0 1234 89abcdef 01020304");
const FIXED: FixedHeader = FixedHeader {
    marker: true,
    payload_type: PayloadType(96),
    sequence: 0x1234,
    timestamp: 0x89ab_cdef,
    ssrc: Ssrc(0x0102_0304),
};

/// A packet of the header with other first bits, and what follows it.
fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = HEADER.to_vec();
    packet[0] = first;
    packet.extend(rest);
    packet
}

fn elements<'a>(packet: &RtpPacket<'a>) -> Vec<(u8, &'a [u8])> {
    packet.extensions.iter().collect()
}

#[test]
fn fixed_header_is_read_field_by_field() {
    let bytes = packet(0x80, &[1, 2, 3]);
    let read = parse(&bytes).unwrap();
    assert!(read.marker);
    assert_eq!(read.payload_type, PayloadType(96));
    assert_eq!(read.sequence, 0x1234);
    assert_eq!(read.timestamp, 0x89ab_cdef);
    assert_eq!(read.ssrc, Ssrc(0x0102_0304));
    assert_eq!(
        (read.payload, read.padding, read.header_len),
        (&[1, 2, 3][..], 0, 12)
    );
    assert_eq!(elements(&read), []);
}

#[test]
fn csrc_list_belongs_to_the_header() {
    let bytes = packet(0x82, &hex!("aaaaaaaa bbbbbbbb 07"));
    let read = parse(&bytes).unwrap();
    assert_eq!((read.header_len, read.payload), (20, &[7][..]));
    assert_eq!(parse(&bytes[..19]), Err(RtpError::Truncated));
}

#[test]
fn only_version_two_is_rtp() {
    for version in [0x00, 0x40, 0xc0] {
        assert_eq!(parse(&packet(version, &[])), Err(RtpError::Version));
        assert_eq!(header_len(&packet(version, &[])), Err(RtpError::Version));
    }
}

#[test]
fn padding_is_cut_off_and_must_fit_the_payload() {
    type Case<'a> = (&'a [u8], Result<(usize, u8), RtpError>);
    let cases: [Case<'_>; 6] = [
        (&[9, 9, 0, 0, 3], Ok((2, 3))),
        (&[0, 0, 3], Ok((0, 3))),
        (&[1], Ok((0, 1))),
        (&[9, 9, 4], Err(RtpError::Padding)),
        (&[9, 9, 0], Err(RtpError::Padding)),
        (&[], Err(RtpError::Padding)),
    ];
    for (rest, expected) in cases {
        let bytes = packet(0xa0, rest);
        let read = parse(&bytes).map(|read| (read.payload.len(), read.padding));
        assert_eq!(read, expected, "{rest:?}");
        assert_eq!(
            header_len(&bytes),
            Ok(12),
            "what is encrypted is not looked at"
        );
    }
}

#[test]
fn one_byte_elements_are_read_between_padding() {
    let bytes = packet(0x90, &hex!("bede 0003 10aa 00 22b1b2b3 0000 31c1c2 55"));
    let read = parse(&bytes).unwrap();
    let expected: [(u8, &[u8]); 3] = [(1, &[0xaa]), (2, &[0xb1, 0xb2, 0xb3]), (3, &[0xc1, 0xc2])];
    assert_eq!(elements(&read), expected);
    assert_eq!(read.extensions.get(3), Some(&[0xc1, 0xc2][..]));
    assert_eq!(read.extensions.get(4), None);
    assert_eq!(read.payload, [0x55]);
}

#[test]
fn two_byte_elements_are_read_whatever_the_appbits() {
    for appbits in 0..16u8 {
        let mut bytes = packet(0x90, &hex!("1000 0002 2000 00 ff02abcd 00 77"));
        bytes[13] |= appbits;
        let read = parse(&bytes).unwrap();
        assert_eq!(elements(&read), [(32, &[][..]), (255, &[0xab, 0xcd][..])]);
        assert_eq!(read.payload, [0x77]);
    }
}

#[test]
fn a_block_of_an_unknown_profile_is_skipped() {
    for profile in [0x0000u16, 0x1010, 0xbedf, 0xffff] {
        let mut rest = profile.to_be_bytes().to_vec();
        rest.extend(hex!("0001 10aa0000 99"));
        let bytes = packet(0x90, &rest);
        let read = parse(&bytes).unwrap();
        assert_eq!(
            (elements(&read), read.payload),
            (vec![], &[0x99][..]),
            "{profile:04x}"
        );
    }
}

#[test]
fn reserved_identifiers_end_a_one_byte_block() {
    // RFC 8285 section 4.2: id 15, and id 0 with a length.
    for reserved in [0xf0, 0xf1, 0x01, 0x0f] {
        let mut bytes = packet(0x90, &hex!("bede 0002 10aa 0000 20bb 0000"));
        bytes[18] = reserved;
        assert_eq!(
            elements(&parse(&bytes).unwrap()),
            [(1, &[0xaa][..])],
            "{reserved:02x}"
        );
    }
}

#[test]
fn an_element_beyond_its_block_is_no_element() {
    let one = packet(0x90, &hex!("bede 0001 10aa 25bb ccccccccccccccccc0"));
    assert_eq!(elements(&parse(&one).unwrap()), [(1, &[0xaa][..])]);
    let two = packet(0x90, &hex!("1000 0001 0101aa 02 cccc"));
    assert_eq!(
        elements(&parse(&two).unwrap()),
        [(1, &[0xaa][..])],
        "no length byte"
    );
    let long = packet(0x90, &hex!("1000 0001 01ffaabb cccc"));
    assert_eq!(elements(&parse(&long).unwrap()), []);
}

#[test]
fn an_extension_block_beyond_the_packet_is_truncated() {
    for rest in [
        &hex!("")[..],
        &hex!("bede"),
        &hex!("bede00"),
        &hex!("bede 0001 000000"),
        &hex!("bede ffff 00"),
    ] {
        assert_eq!(
            parse(&packet(0x90, rest)),
            Err(RtpError::Truncated),
            "{rest:02x?}"
        );
    }
    assert_eq!(
        parse(&packet(0x90, &hex!("bede 0000"))).unwrap().header_len,
        16
    );
}

#[test]
fn rtcp_is_told_from_rtp_by_the_second_byte() {
    for (second, expected) in [
        (191, false),
        (192, true),
        (200, true),
        (223, true),
        (224, false),
        (96, false),
    ] {
        assert_eq!(is_rtcp(&[0x80, second]), expected, "{second}");
    }
    assert!(!is_rtcp(&[0x80]));
}

#[test]
fn every_length_with_every_first_byte_is_parsed_or_refused() {
    // The rest of a packet is what hurts most: counts that are large or that point just past the end.
    for fill in [0x00u8, 0x01, 0x10, 0x7f, 0xbe, 0xff] {
        let mut bytes = vec![fill; 1500];
        for first in 0..=255u8 {
            bytes[0] = first;
            // Every length to 100, above that those around each word and block limit.
            for len in (0..=100)
                .chain((101..=1500).step_by(37))
                .chain([1499, 1500])
            {
                check_parts(&bytes[..len]);
            }
        }
    }
    for first in [0x80, 0x90, 0xa0, 0xb0, 0x8f, 0x9f, 0xbf] {
        let mut bytes = vec![0; 1500];
        bytes[0] = first;
        for len in 0..=1500usize {
            // The extension claims to end exactly at, one word before and one word behind the end.
            let csrc_end = 12 + 4 * usize::from(first & 0x0f);
            for words in [len.saturating_sub(csrc_end + 4) / 4, len / 4 + 1] {
                if csrc_end + 4 <= bytes.len() {
                    bytes[csrc_end..csrc_end + 2].copy_from_slice(&[0xbe, 0xde]);
                    bytes[csrc_end + 2..csrc_end + 4]
                        .copy_from_slice(&(words as u16).to_be_bytes());
                }
                check_parts(&bytes[..len]);
            }
        }
    }
}

fn check_parts(bytes: &[u8]) {
    let head = header_len(bytes);
    match parse(bytes) {
        Ok(read) => {
            assert_eq!(head, Ok(read.header_len));
            assert_eq!(
                read.header_len + read.payload.len() + usize::from(read.padding),
                bytes.len()
            );
            assert!(
                read.extensions
                    .iter()
                    .map(|(_, value)| value.len() + 1)
                    .sum::<usize>()
                    <= read.header_len
            );
        }
        Err(RtpError::Padding) => assert!(head.is_ok()),
        Err(error) => assert_eq!(head, Err(error)),
    }
}

#[test]
fn a_header_without_elements_has_no_block() {
    let mut out = [0xaa; 12];
    let header = HeaderWriter::new(&mut out, &FIXED, true).unwrap().finish();
    assert_eq!((header.len, out), (12, HEADER));
    assert!(HeaderWriter::new(&mut out[..11], &FIXED, true).is_none());
}

#[test]
fn small_elements_take_the_one_byte_form() {
    let mut out = [0xaa; 64];
    let mut writer = HeaderWriter::new(&mut out, &FIXED, true).unwrap();
    let level = writer.element(1, &[0x9e]).unwrap();
    let time = writer.element(14, &[1, 2, 3]).unwrap();
    let header = writer.finish();
    assert_eq!(out[12..header.len], hex!("bede 0002 109e e2010203 0000"));
    assert_eq!((header.offset(level), header.offset(time)), (17, 19));
}

#[test]
fn a_large_element_turns_the_block_into_the_two_byte_form() {
    let mut out = [0xaa; 128];
    let mut writer = HeaderWriter::new(&mut out, &FIXED, true).unwrap();
    let level = writer.element(1, &[0x9e]).unwrap();
    let time = writer.element(2, &[1, 2, 3]).unwrap();
    let descriptor = writer.element(3, &[7; 17]).unwrap();
    let after = writer.element(4, &[5]).unwrap();
    let header = writer.finish();
    let read = parse(&out[..header.len]).unwrap();
    let expected: [(u8, &[u8]); 4] = [(1, &[0x9e]), (2, &[1, 2, 3]), (3, &[7; 17]), (4, &[5])];
    assert_eq!(elements(&read), expected);
    assert_eq!(out[12..14], [0x10, 0x00]);
    for (element, value) in [
        (level, &[0x9e][..]),
        (time, &[1, 2, 3]),
        (descriptor, &[7; 17]),
        (after, &[5]),
    ] {
        assert!(
            out[header.offset(element)..].starts_with(value),
            "offsets follow the change of form"
        );
    }
}

#[test]
fn what_needs_the_two_byte_form_is_left_out_without_it() {
    let mut out = [0xaa; 128];
    let mut writer = HeaderWriter::new(&mut out, &FIXED, false).unwrap();
    assert_eq!(writer.element(15, &[1]), Err(ElementError::NotMixed));
    assert_eq!(writer.element(3, &[]), Err(ElementError::NotMixed));
    assert_eq!(writer.element(3, &[0; 17]), Err(ElementError::NotMixed));
    assert_eq!(writer.element(0, &[1]), Err(ElementError::Unencodable));
    assert_eq!(writer.element(3, &[0; 256]), Err(ElementError::Unencodable));
    writer.element(3, &[9; 16]).unwrap();
    let header = writer.finish();
    assert_eq!(
        elements(&parse(&out[..header.len]).unwrap()),
        [(3, &[9; 16][..])]
    );
}

#[test]
fn an_element_that_does_not_fit_leaves_a_valid_header() {
    for room in 12..64 {
        let mut out = vec![0xaa; room];
        let mut writer = HeaderWriter::new(&mut out, &FIXED, true).unwrap();
        let taken: Vec<_> = [&[1u8; 3][..], &[2; 5], &[3; 20]]
            .iter()
            .zip(1u8..)
            .filter(|(value, id)| writer.element(*id, value).is_ok())
            .map(|(value, id)| (id, *value))
            .collect();
        let header = writer.finish();
        assert_eq!(
            elements(&parse(&out[..header.len]).unwrap()),
            taken,
            "{room} bytes"
        );
        assert!(taken.len() == 3 || room < 56);
    }
}

#[test]
fn the_seventeenth_element_is_refused() {
    let mut out = [0; 256];
    let mut writer = HeaderWriter::new(&mut out, &FIXED, true).unwrap();
    for id in 1..=16 {
        writer.element(id, &[id]).unwrap();
    }
    assert_eq!(writer.element(17, &[17]), Err(ElementError::TooMany));
    let header = writer.finish();
    assert_eq!(
        parse(&out[..header.len]).unwrap().extensions.iter().count(),
        16
    );
}

proptest! {
    #[test]
    fn written_headers_read_the_same(
        marker: bool, kind in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32, mixed: bool,
        values in proptest::collection::vec((1u8..=255, proptest::collection::vec(any::<u8>(), 0..40)), 0..18),
        payload in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let fixed = FixedHeader {
            marker, payload_type: PayloadType(kind), sequence, timestamp, ssrc: Ssrc(ssrc),
        };
        let mut out = [0xaa; 1500];
        let mut writer = HeaderWriter::new(&mut out, &fixed, mixed).unwrap();
        let mut taken = Vec::new();
        for (id, value) in &values {
            match writer.element(*id, value) {
                Ok(element) => taken.push((element, *id, &value[..])),
                Err(ElementError::TooMany) => prop_assert_eq!(taken.len(), MAX_ELEMENTS),
                Err(error) => {
                    prop_assert_eq!(error, ElementError::NotMixed);
                    prop_assert!(!mixed && (*id > 14 || value.is_empty() || value.len() > 16));
                }
            }
        }
        let header = writer.finish();
        out[header.len..header.len + payload.len()].copy_from_slice(&payload);
        let read = parse(&out[..header.len + payload.len()]).unwrap();
        prop_assert_eq!((read.marker, read.payload_type, read.sequence), (marker, PayloadType(kind), sequence));
        prop_assert_eq!((read.timestamp, read.ssrc, read.payload), (timestamp, Ssrc(ssrc), &payload[..]));
        prop_assert_eq!(elements(&read), taken.iter().map(|&(_, id, value)| (id, value)).collect::<Vec<_>>());
        for (element, _, value) in taken {
            prop_assert!(out[header.offset(element)..].starts_with(value));
        }
    }
}
