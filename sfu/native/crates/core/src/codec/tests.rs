//! Tests of payload formats.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::units::PayloadType;

const VIDEO: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

fn look(codec: Codec, payload: &[u8]) -> FrameInfo {
    inspect(codec, payload, None).expect("a payload of the codec")
}

fn keyframe(codec: Codec, payload: &[u8]) -> bool {
    look(codec, payload).keyframe
}

mod av1_payloads;
mod h264_payloads;
mod red_payloads;
mod vp8_payloads;
mod vp9_payloads;
fn descriptor(
    structure_attached: bool,
    temporal: u8,
    switch_up_to: Option<u8>,
) -> DependencyDescriptor {
    DependencyDescriptor {
        start_of_frame: true,
        end_of_frame: true,
        template_id: 0,
        frame_number: 1,
        structure_attached,
        active_decode_targets: None,
        spatial: 1,
        temporal,
        dtis: crate::dd::Dtis::default(),
        fdiffs: crate::dd::FrameDiffs::default(),
        chain_fdiffs: [0; 32],
        switch_up_to,
    }
}

#[test]
fn a_dependency_descriptor_tells_layers_of_every_codec() {
    for (codec, payload) in [
        (Codec::Vp8, hex!("10 01 00")),
        (Codec::H264, hex!("41 9a 00")),
        (Codec::Av1, hex!("10 30 30")),
    ] {
        let info = inspect(codec, &payload, Some(&descriptor(false, 2, Some(2)))).unwrap();
        assert_eq!(
            (info.temporal, info.spatial, info.keyframe),
            (Some(2), Some(1), false)
        );
        assert_eq!(info.switch, TemporalSwitch::UpTo(2));
    }
    let none = inspect(
        Codec::Vp8,
        &hex!("10 01"),
        Some(&descriptor(false, 2, None)),
    )
    .unwrap();
    assert!(!none.switching_point);
}

#[test]
fn a_dependency_descriptor_tells_keyframes_of_av1_only() {
    let key = descriptor(true, 0, Some(2));
    assert!(
        inspect(Codec::Av1, &hex!("10 30 30"), Some(&key))
            .unwrap()
            .keyframe
    );
    assert!(
        !inspect(
            Codec::Av1,
            &hex!("18 0a 00"),
            Some(&descriptor(false, 0, None))
        )
        .unwrap()
        .keyframe
    );
    assert!(
        !inspect(Codec::Vp8, &hex!("10 01"), Some(&key))
            .unwrap()
            .keyframe
    );
}

#[test]
fn audio_starts_anywhere() {
    for codec in [Codec::Opus, Codec::OpusRed] {
        assert_eq!(inspect(codec, &[], None), Some(FrameInfo::INDEPENDENT));
        assert_eq!(FrameInfo::INDEPENDENT.raise(0, 3), 3);
    }
}

#[test]
fn down_is_always_possible_and_a_keyframe_opens_everything() {
    let key = look(Codec::Vp8, &hex!("90 20 00 00"));
    assert_eq!(
        [key.raise(0, 2), key.raise(0, u8::MAX), key.raise(2, 0)],
        [2, u8::MAX, 0]
    );
    let none = look(Codec::Vp8, &hex!("90 20 80 01"));
    assert_eq!(
        [
            none.raise(2, 1),
            none.raise(u8::MAX, 1),
            none.raise(1, u8::MAX)
        ],
        [1, 1, 1]
    );
}

#[test]
fn every_first_byte_at_every_length_is_inspected_or_refused() {
    for fill in [0x00u8, 0x01, 0x7f, 0x80, 0xaa, 0xff] {
        let mut payload = vec![fill; 1_500];
        for first in 0..=255u8 {
            payload[0] = first;
            for len in (0..=64).chain((65..=1_500).step_by(101)).chain([1_500]) {
                for codec in VIDEO {
                    let _ = inspect(codec, &payload[..len], None);
                }
                if let Some(blocks) = red::blocks(&payload[..len]) {
                    assert!(blocks.map(|block| block.data.len()).sum::<usize>() < len);
                }
            }
        }
    }
    for first in [0x78, 0x7c, 0x90, 0xb0, 0xfe, 0x00, 0x10, 0x30] {
        let mut payload = vec![0x01; 1_500];
        payload[0] = first;
        for len in 0..=1_500 {
            for codec in VIDEO {
                let _ = inspect(codec, &payload[..len], None);
            }
        }
    }
}

proptest! {
    #[test]
    fn vp8_descriptor_reads_as_written(
        flags: (bool, bool, bool), partition in 0u8..8, picture in proptest::option::of((any::<u16>(), any::<bool>())),
        tl0picidx: Option<u8>, temporal in proptest::option::of(0u8..4), key_index in proptest::option::of(0u8..32),
        header: u8,
    ) {
        let (non_reference, start, sync) = flags;
        let picture_id = picture.map(|(value, long)| PictureId { value: value & if long { 0x7fff } else { 0x7f }, long });
        let mut wanted = vp8::Descriptor {
            non_reference, start, partition, picture_id, tl0picidx, temporal,
            layer_sync: sync && temporal.is_some(), key_index, ..vp8::Descriptor::default()
        };
        let mut out = [0xaa; 8];
        wanted.len = vp8::write(&mut out, &wanted).unwrap();
        out[wanted.len] = header;
        wanted.keyframe = start && partition == 0 && header & 1 == 0;
        prop_assert_eq!(vp8::parse(&out[..=wanted.len]), Some(wanted));
        for room in 0..wanted.len {
            prop_assert_eq!(vp8::write(&mut out[..room], &wanted), None);
        }
    }

    #[test]
    fn red_reads_as_written(
        redundant in proptest::collection::vec((0u8..128, 0u16..1 << 14, proptest::collection::vec(any::<u8>(), 0..80)), 0..6),
        primary in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut blocks: Vec<_> = redundant.iter().map(|(kind, timestamp_offset, data)| red::Block {
            payload_type: PayloadType(*kind), timestamp_offset: *timestamp_offset, data,
        }).collect();
        blocks.push(red::Block { payload_type: PayloadType(111), timestamp_offset: 0, data: &primary });
        let mut out = [0xaa; 1_000];
        let len = red::write(&mut out, &blocks).unwrap();
        prop_assert_eq!(red::blocks(&out[..len]).unwrap().collect::<Vec<_>>(), blocks);
    }

    #[test]
    fn arbitrary_bytes_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
        for codec in VIDEO {
            if let Some(info) = inspect(codec, &payload, None) {
                prop_assert!(!info.keyframe || info.start_of_frame);
            }
        }
    }
}
