//! Payload formats: parsers are total, lengths lie within the payload, and a rewrite changes the
//! rewritten fields and nothing else.

use sfu_core::codec::{av1, h264, inspect, red, vp8, vp9};
use sfu_core::command::Codec;
use sfu_core::units::PayloadType;

/// Takes the bytes as a payload of every codec.
pub(crate) fn run(data: &[u8]) {
    for codec in [
        Codec::Opus,
        Codec::OpusRed,
        Codec::Vp8,
        Codec::Vp9,
        Codec::H264,
        Codec::Av1,
    ] {
        let info = inspect(codec, data, None);
        assert!(info.is_none_or(|info| !info.keyframe || info.switching_point));
    }
    vp8_rewrite(data);
    vp9_rewrite(data);
    if let Some(units) = h264::nal_units(data) {
        assert!(units.map(|(_, unit)| unit.len() + 1).sum::<usize>() <= data.len());
    }
    if let Some((_, elements)) = av1::parse(data) {
        assert!(elements.map(<[u8]>::len).sum::<usize>() < data.len());
    }
    red_blocks(data);
}

fn vp8_rewrite(data: &[u8]) {
    let mut payload = data.to_vec();
    let Some(before) = vp8::parse(data) else {
        assert_eq!(vp8::rewrite(&mut payload, Some(5), Some(6)), None);
        assert_eq!(payload, data);
        return;
    };
    assert!(before.len < data.len());
    vp8::rewrite(&mut payload, Some(0x1234), Some(0x56)).expect("parsed");
    let mut expected = before;
    if let Some(id) = &mut expected.picture_id {
        id.value = 0x1234 & id.mask();
    }
    expected.tl0picidx = before.tl0picidx.map(|_| 0x56);
    assert_eq!(vp8::parse(&payload), Some(expected));
    assert_eq!(payload[before.len..], data[before.len..]);
    let mut out = [0; 8];
    let len = vp8::write(&mut out, &before).expect("six bytes at most");
    let again = vp8::parse(&[&out[..len], &data[before.len..]].concat()).expect("own");
    // The reader skips layer bytes whose parts are all absent, and may find a shorter descriptor.
    assert_eq!(
        vp8::Descriptor {
            len: before.len,
            ..again
        },
        before
    );
}

fn vp9_rewrite(data: &[u8]) {
    let mut payload = data.to_vec();
    let Some(before) = vp9::parse(data) else {
        assert_eq!(vp9::rewrite(&mut payload, Some(5), Some(6)), None);
        assert_eq!(payload, data);
        return;
    };
    assert!(before.len < data.len());
    vp9::rewrite(&mut payload, Some(0x1234), Some(0x56)).expect("parsed");
    let mut expected = before;
    if let Some(id) = &mut expected.picture_id {
        id.value = 0x1234 & id.mask();
    }
    expected.tl0picidx = before.tl0picidx.map(|_| 0x56);
    assert_eq!(vp9::parse(&payload), Some(expected));
    assert_eq!(payload[before.len..], data[before.len..]);
}

fn red_blocks(data: &[u8]) {
    let mut payload = data.to_vec();
    let Some(blocks) = red::blocks(data) else {
        assert_eq!(red::rewrite_payload_types(&mut payload, Some), None);
        return;
    };
    let blocks: Vec<_> = blocks.collect();
    let (payload_type, primary) = red::primary(data).expect("has one");
    assert_eq!(
        blocks.last().map(|block| (block.payload_type, block.data)),
        Some((payload_type, primary))
    );
    let mut out = vec![0; data.len()];
    assert_eq!(red::write(&mut out, &blocks), Some(data.len()));
    assert_eq!(out, data, "reading and writing RED is lossless");
    let flip = |kind: PayloadType| Some(PayloadType(kind.0 ^ 0x7f));
    red::rewrite_payload_types(&mut payload, flip).expect("parsed");
    red::rewrite_payload_types(&mut payload, flip).expect("parsed");
    assert_eq!(payload, data);
}
