//! RTP: the parser is total, its parts are the packet, and a header written from what was read reads the same.

use sfu_core::rtp::{FixedHeader, HeaderWriter, RtpPacket, header_len, parse};

/// Parses the bytes and, when they are a packet, writes its header anew.
pub(crate) fn run(data: &[u8]) {
    let Ok(packet) = parse(data) else {
        return;
    };
    assert_eq!(header_len(data), Ok(packet.header_len));
    let parts = packet.header_len + packet.payload.len() + usize::from(packet.padding);
    assert_eq!(parts, data.len());
    for mixed in [false, true] {
        rewrite(&packet, mixed);
    }
}

fn rewrite(packet: &RtpPacket<'_>, mixed: bool) {
    let fixed = FixedHeader {
        marker: packet.marker,
        payload_type: packet.payload_type,
        sequence: packet.sequence,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
    };
    let mut out = [0xaa; 1500];
    let mut writer = HeaderWriter::new(&mut out, &fixed, mixed).expect("room");
    let mut taken = Vec::new();
    for (id, value) in packet.extensions.iter() {
        if let Ok(element) = writer.element(id, value) {
            taken.push((element, id, value));
        }
    }
    let header = writer.finish();
    let read = parse(&out[..header.len]).expect("own header");
    assert_eq!(read.header_len, header.len);
    assert_eq!(read.sequence, packet.sequence);
    assert_eq!(read.ssrc, packet.ssrc);
    let elements: Vec<_> = taken.iter().map(|&(_, id, value)| (id, value)).collect();
    assert_eq!(read.extensions.iter().collect::<Vec<_>>(), elements);
    for (element, _, value) in taken {
        assert!(out[header.offset(element)..].starts_with(value));
    }
}
