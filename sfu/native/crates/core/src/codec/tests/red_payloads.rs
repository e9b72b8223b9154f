//! Tests of redundant audio payloads.

use super::*;

/// Two redundant blocks 1920 and 960 older, of 2 and 1 bytes, and a primary of 3.
const PAYLOAD: [u8; 15] = hex!("ef 1e00 02 ef 0f00 01 6f aabb cc 010203");

#[test]
fn blocks_come_oldest_first() {
    let blocks: Vec<_> = red::blocks(&PAYLOAD).unwrap().collect();
    let block = |timestamp_offset, data| red::Block {
        payload_type: PayloadType(111),
        timestamp_offset,
        data,
    };
    assert_eq!(
        blocks,
        [
            block(1_920, &[0xaa, 0xbb][..]),
            block(960, &[0xcc]),
            block(0, &[1, 2, 3])
        ]
    );
    assert_eq!(
        red::primary(&PAYLOAD),
        Some((PayloadType(111), &[1, 2, 3][..]))
    );
    let mut out = [0; 15];
    assert_eq!(red::write(&mut out, &blocks), Some(15));
    assert_eq!(out, PAYLOAD);
}

#[test]
fn a_primary_alone_is_one_header_byte() {
    assert_eq!(
        red::primary(&hex!("6f 0102")),
        Some((PayloadType(111), &[1, 2][..]))
    );
    assert_eq!(
        red::primary(&hex!("6f")),
        Some((PayloadType(111), &[][..])),
        "silence"
    );
}

#[test]
fn lengths_beyond_the_payload_are_refused() {
    for len in 0..12 {
        assert!(red::blocks(&PAYLOAD[..len]).is_none(), "{len} bytes");
    }
    assert!(
        red::blocks(&[0xff; 1_500]).is_none(),
        "no end of the headers"
    );
    assert!(red::primary(&[]).is_none());
}

#[test]
fn payload_types_are_rewritten_in_all_blocks_or_none() {
    let mut payload = PAYLOAD;
    red::rewrite_payload_types(&mut payload, |_| Some(PayloadType(96))).unwrap();
    assert_eq!(payload, hex!("e0 1e00 02 e0 0f00 01 60 aabb cc 010203"));
    payload[8] = 0x61;
    let before = payload;
    let known = |kind| (kind == PayloadType(96)).then_some(PayloadType(1));
    assert_eq!(red::rewrite_payload_types(&mut payload, known), None);
    assert_eq!(payload, before);
}

#[test]
fn what_red_cannot_say_is_not_written() {
    let block = |timestamp_offset, data| red::Block {
        payload_type: PayloadType(111),
        timestamp_offset,
        data,
    };
    let mut out = [0; 3_000];
    let primary = block(0, &[1][..]);
    assert_eq!(red::write(&mut out, &[]), None);
    assert_eq!(red::write(&mut out, &[block(1 << 14, &[2]), primary]), None);
    assert_eq!(
        red::write(&mut out, &[block(1, &[0; 1_024]), primary]),
        None
    );
    assert_eq!(
        red::write(&mut out, &[block(1, &[0; 1_023]), primary]),
        Some(1_029)
    );
    assert_eq!(red::write(&mut out[..1], &[primary]), None);
}
