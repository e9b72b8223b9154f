//! Tests of VP9 payloads.

use super::*;

#[test]
fn non_flexible_mode_is_read() {
    // I P L B, long id, TID 2 U SID 1 D, TL0PICIDX
    let read = vp9::parse(&hex!("e8 9234 53 77 01")).unwrap();
    assert_eq!(
        read.picture_id,
        Some(PictureId {
            value: 0x1234,
            long: true
        })
    );
    let layer = read.layer.unwrap();
    assert_eq!((layer.temporal, layer.spatial), (2, 1));
    assert!(layer.switching_up && layer.inter_layer_predicted);
    assert_eq!(
        (read.tl0picidx, read.len, read.flexible),
        (Some(0x77), 5, false)
    );
    assert!(read.inter_predicted && read.start && !read.end && !read.keyframe());
}

#[test]
fn flexible_mode_has_references_and_no_tl0picidx() {
    // I P L F E, short id, layers, P_DIFF 1 and 2
    let read = vp9::parse(&hex!("f4 12 00 03 04 99")).unwrap();
    assert_eq!(
        (read.tl0picidx, read.len, read.flexible, read.end),
        (None, 5, true, true)
    );
    assert_eq!(
        vp9::parse(&hex!("f4 12 00 03 03 03 99")),
        None,
        "a fourth reference"
    );
    let intra = vp9::parse(&hex!("b8 12 00 99")).unwrap();
    assert_eq!(
        (intra.len, intra.keyframe()),
        (3, true),
        "no reference without P"
    );
}

#[test]
fn scalability_structure_is_read() {
    // V: 2 layers with sizes, 2 pictures with 1 and 2 references
    let payload = hex!("8a 01 38 0140 00b4 0280 0168 02 14 01 38 01 02 99");
    let read = vp9::parse(&payload).unwrap();
    let structure = read.structure.unwrap();
    assert_eq!((structure.spatial_layers, structure.pictures), (2, Some(2)));
    assert_eq!(
        structure.resolutions.unwrap()[..2],
        [(320, 180), (640, 360)]
    );
    assert_eq!(read.len, payload.len() - 1);
    for len in 0..payload.len() {
        assert_eq!(vp9::parse(&payload[..len]), None, "{len} bytes");
    }
}

#[test]
fn a_keyframe_starts_the_lowest_layer_of_an_unpredicted_picture() {
    for (payload, expected) in [
        (&hex!("08 00")[..], true),
        (&hex!("48 00"), false),       // predicted
        (&hex!("04 00"), false),       // goes on
        (&hex!("28 00 00 00"), true),  // SID 0
        (&hex!("28 02 00 00"), false), // SID 1
    ] {
        assert_eq!(keyframe(Codec::Vp9, payload), expected, "{payload:02x?}");
    }
}

#[test]
fn rewriting_finds_both_fields() {
    let mut payload = hex!("e8 9234 50 77 01");
    vp9::rewrite(&mut payload, Some(0x4321), Some(0x88)).unwrap();
    assert_eq!(payload, hex!("e8 c321 50 88 01"));
    let mut short = hex!("b8 12 00 99");
    vp9::rewrite(&mut short, Some(0x1ff), Some(0x88)).unwrap();
    assert_eq!(short, hex!("b8 7f 00 99"), "flexible mode has no TL0PICIDX");
}

#[test]
fn a_switching_up_point_opens_all_higher_layers() {
    let base = look(Codec::Vp9, &hex!("68 10 00 00")); // TID 0, U
    assert_eq!(
        [base.raise(0, 2), base.raise(0, 1), base.raise(2, 1)],
        [2, 1, 1]
    );
    let higher = look(Codec::Vp9, &hex!("68 30 00 00")); // TID 1, U
    assert_eq!(higher.raise(0, 2), 0, "of use to those only who decode it");
    assert_eq!(higher.raise(1, 2), 2);
}
