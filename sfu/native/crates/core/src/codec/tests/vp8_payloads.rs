//! Tests of VP8 payloads.

use super::*;

#[test]
fn minimal_descriptor_is_one_byte() {
    let read = vp8::parse(&hex!("10 00")).unwrap();
    assert_eq!(
        (read.len, read.start, read.partition, read.keyframe),
        (1, true, 0, true)
    );
    assert_eq!(
        (read.picture_id, read.tl0picidx, read.temporal),
        (None, None, None)
    );
}

#[test]
fn all_fields_are_read() {
    let read = vp8::parse(&hex!("b3 f0 9234 56 a7 01")).unwrap();
    assert_eq!(
        read.picture_id,
        Some(PictureId {
            value: 0x1234,
            long: true
        })
    );
    assert_eq!(
        (read.tl0picidx, read.temporal, read.key_index),
        (Some(0x56), Some(2), Some(7))
    );
    assert!(read.layer_sync && read.non_reference && read.start && !read.keyframe);
    assert_eq!((read.partition, read.len), (3, 6));
    let short = vp8::parse(&hex!("90 80 34 00")).unwrap();
    assert_eq!(
        (short.picture_id, short.len),
        (
            Some(PictureId {
                value: 0x34,
                long: false
            }),
            3
        )
    );
}

#[test]
fn a_keyframe_starts_partition_zero_with_p_clear() {
    for (payload, expected) in [
        (hex!("10 00"), true),
        (hex!("10 01"), false),
        (hex!("00 00"), false), // goes on
        (hex!("11 00"), false), // another partition
    ] {
        assert_eq!(keyframe(Codec::Vp8, &payload), expected, "{payload:02x?}");
    }
}

#[test]
fn a_descriptor_without_a_byte_of_vp8_is_refused() {
    let whole = hex!("b3 f0 9234 56 a7 01");
    for len in 0..whole.len() {
        assert_eq!(vp8::parse(&whole[..len]), None, "{len} bytes");
    }
}

#[test]
fn rewriting_keeps_the_width_of_the_picture_id() {
    let mut long = hex!("90 e0 9234 56 40 01");
    vp8::rewrite(&mut long, Some(0x7fff), Some(0xff)).unwrap();
    assert_eq!(long, hex!("90 e0 ffff ff 40 01"));
    let mut short = hex!("90 e0 34 56 40 01");
    vp8::rewrite(&mut short, Some(0x1234 + 0x7f), Some(1)).unwrap();
    assert_eq!(short, hex!("90 e0 33 01 40 01"));
    let mut none = hex!("10 01");
    vp8::rewrite(&mut none, Some(5), Some(6)).unwrap();
    assert_eq!(none, hex!("10 01"), "nothing is added");
    let mut untouched = hex!("90 e0 9234 56 40");
    assert_eq!(vp8::rewrite(&mut untouched, Some(5), Some(6)), None);
    assert_eq!(untouched, hex!("90 e0 9234 56 40"));
}

#[test]
fn layer_sync_allows_one_step_up() {
    let info = look(Codec::Vp8, &hex!("90 20 60 01")); // TID 1, Y
    assert_eq!(
        (info.temporal, info.switch),
        (Some(1), TemporalSwitch::Into)
    );
    assert_eq!(
        [
            info.raise(0, 2),
            info.raise(1, 2),
            info.raise(2, 2),
            info.raise(2, 0)
        ],
        [1, 1, 2, 0]
    );
    let second = look(Codec::Vp8, &hex!("90 20 a0 01")); // TID 2, Y
    assert_eq!([second.raise(0, 2), second.raise(1, 2)], [0, 2]);
    let none = look(Codec::Vp8, &hex!("90 20 40 01"));
    assert_eq!((none.switching_point, none.raise(0, 2)), (false, 0));
}
