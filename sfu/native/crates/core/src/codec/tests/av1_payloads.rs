//! Tests of AV1 payloads.

use super::*;

#[test]
fn elements_are_split_by_length_or_by_count() {
    let elements = |payload: &[u8]| {
        av1::parse(payload)
            .unwrap()
            .1
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        elements(&hex!("00 01 aa 02 bbcc")),
        [vec![0xaa], vec![0xbb, 0xcc]]
    );
    assert_eq!(
        elements(&hex!("20 01 aa bbcc")),
        [vec![0xaa], vec![0xbb, 0xcc]]
    );
    assert_eq!(elements(&hex!("10 bbcc")), [vec![0xbb, 0xcc]]);
    assert_eq!(
        elements(&hex!("00 8100 aa 05 bb")),
        [vec![0xaa]],
        "ends at a length that does not fit"
    );
    assert_eq!(
        elements(&hex!("00 ffffffffffffffffff 00")),
        Vec::<Vec<u8>>::new()
    );
}

#[test]
fn the_new_sequence_bit_tells_a_keyframe() {
    assert!(keyframe(Codec::Av1, &hex!("18 0a 00")));
    assert!(!keyframe(Codec::Av1, &hex!("10 32 10")));
    assert_eq!(
        inspect(Codec::Av1, &hex!("98 0a 00"), None),
        None,
        "N and Z exclude each other"
    );
    assert_eq!(inspect(Codec::Av1, &hex!("18"), None), None, "no element");
}

#[test]
fn without_the_bit_a_sequence_header_and_a_shown_key_frame_tell() {
    assert!(keyframe(Codec::Av1, &hex!("20 02 0a00 30 10")));
    assert!(
        !keyframe(Codec::Av1, &hex!("20 02 0a00 30 30")),
        "inter frame"
    );
    assert!(
        !keyframe(Codec::Av1, &hex!("20 02 0a00 30 00")),
        "not shown"
    );
    assert!(
        !keyframe(Codec::Av1, &hex!("10 30 10")),
        "no sequence header"
    );
    assert!(
        keyframe(Codec::Av1, &hex!("20 03 0a0100 32 01 10")),
        "OBUs with sizes"
    );
}

#[test]
fn layers_stand_in_the_obu_extension() {
    let info = look(Codec::Av1, &hex!("10 34 48 30"));
    assert_eq!(
        (info.temporal, info.spatial, info.start_of_frame),
        (Some(2), Some(1), true)
    );
    let rest = look(Codec::Av1, &hex!("90 34 48 30"));
    assert_eq!(
        (rest.temporal, rest.start_of_frame),
        (None, false),
        "a fragment has no header"
    );
}
