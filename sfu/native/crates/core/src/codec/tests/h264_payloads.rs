//! Tests of H264 payloads.

use super::*;

#[test]
fn a_keyframe_is_where_parameter_sets_are() {
    for (payload, key, start) in [
        (&hex!("67 42e01f")[..], true, true),                    // SPS
        (&hex!("68 ce3c80"), false, true),                       // PPS
        (&hex!("65 88"), false, true),                           // IDR alone
        (&hex!("41 9a"), false, true),                           // slice, first macroblock 0
        (&hex!("41 40"), false, false),                          // slice, a later macroblock
        (&hex!("78 0002 6742 0002 68ce 0002 6588"), true, true), // STAP-A
        (&hex!("78 0002 0605 0002 419a"), false, true),          // STAP-A without SPS
        (&hex!("7c 85 88"), false, true),                        // FU-A, IDR starts
        (&hex!("7c 05 88"), false, false),                       // FU-A goes on
        (&hex!("7c 87 42"), true, true),                         // FU-A, SPS starts
    ] {
        let info = look(Codec::H264, payload);
        assert_eq!(
            (info.keyframe, info.start_of_frame),
            (key, start),
            "{payload:02x?}"
        );
    }
}

#[test]
fn types_and_lengths_that_cannot_be_are_refused() {
    for payload in [
        &hex!("")[..],
        &hex!("60 00"),             // type 0
        &hex!("79 0000"),           // STAP-B: packetization mode 2
        &hex!("7f 00"),             // type 31
        &hex!("78"),                // empty aggregate
        &hex!("78 0003 6742"),      // unit beyond the packet
        &hex!("78 0002 6742 00"),   // half a length
        &hex!("78 0000 0002 6742"), // empty unit
        &hex!("7c"),                // no fragment header
    ] {
        assert_eq!(inspect(Codec::H264, payload, None), None, "{payload:02x?}");
    }
}

#[test]
fn units_of_an_aggregate_come_in_order() {
    let units: Vec<_> = h264::nal_units(&hex!("78 0003 674201 0001 09"))
        .unwrap()
        .collect();
    assert_eq!(
        units,
        [
            (h264::nal::SPS, &[0x42, 0x01][..]),
            (h264::nal::AUD, &[][..])
        ]
    );
}
