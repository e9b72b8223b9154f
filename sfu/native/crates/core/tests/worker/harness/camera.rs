//! VP8 as a publisher sends it and a viewer looks at it.

use sfu_core::codec::{self, PictureId, vp8};
use sfu_core::rtp::{FixedHeader, HeaderWriter};
use sfu_core::units::{PayloadType, Ssrc};

use super::{Got, MID, RID};

/// Writes one RTP packet in clear.
pub(crate) fn rtp_packet(
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    extensions: &[(u8, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let fixed = FixedHeader {
        marker,
        payload_type: PayloadType(payload_type),
        sequence,
        timestamp,
        ssrc: Ssrc(ssrc),
    };
    let mut out = vec![0; 1500];
    let mut writer = HeaderWriter::new(&mut out, &fixed, true).unwrap();
    for (id, value) in extensions {
        writer.element(*id, value).unwrap();
    }
    let len = writer.finish().len;
    out.truncate(len);
    out.extend_from_slice(payload);
    out
}

/// A VP8 camera: frames of three packets, two temporal layers if asked.
pub(crate) struct Camera {
    pub(crate) ssrc: u32,
    pub(crate) rid: Option<&'static str>,
    pub(crate) mid: Option<String>,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) picture: u16,
    pub(crate) tl0picidx: u8,
    pub(crate) temporal: Option<u8>,
    pub(crate) layer_sync: bool,
    /// Marks the payload, to know whose it is at the other end.
    pub(crate) mark: u8,
}

impl Camera {
    pub(crate) fn new(ssrc: u32, mark: u8) -> Camera {
        Camera {
            ssrc,
            rid: None,
            mid: None,
            sequence: (ssrc.wrapping_mul(7919)) as u16,
            timestamp: ssrc.wrapping_mul(104_729),
            picture: (ssrc as u16).wrapping_mul(31) & 0x7fff,
            tl0picidx: ssrc as u8,
            temporal: None,
            layer_sync: false,
            mark,
        }
    }

    /// The packets of the next frame, 33 ms after the last.
    pub(crate) fn frame(&mut self, keyframe: bool) -> Vec<Vec<u8>> {
        self.timestamp = self.timestamp.wrapping_add(3_000);
        self.picture = (self.picture + 1) & 0x7fff;
        if self.temporal.unwrap_or(0) == 0 {
            self.tl0picidx = self.tl0picidx.wrapping_add(1);
        }
        (0..3).map(|part| self.packet(keyframe, part)).collect()
    }

    fn packet(&mut self, keyframe: bool, part: u8) -> Vec<u8> {
        let descriptor = vp8::Descriptor {
            start: part == 0,
            picture_id: Some(PictureId {
                value: self.picture,
                long: true,
            }),
            tl0picidx: Some(self.tl0picidx),
            temporal: Some(self.temporal.unwrap_or(0)),
            layer_sync: self.layer_sync,
            ..vp8::Descriptor::default()
        };
        let mut payload = [0; 1_000];
        let len = vp8::write(&mut payload, &descriptor).unwrap();
        payload[len] = if keyframe && part == 0 { 0x10 } else { 0x11 };
        payload[len + 1] = self.mark;
        payload[len + 2] = part;
        payload[len + 3..].fill(self.sequence as u8);
        self.sequence = self.sequence.wrapping_add(1);
        let mut extensions: Vec<(u8, &[u8])> = Vec::new();
        if let Some(mid) = &self.mid {
            extensions.push((MID, mid.as_bytes()));
        }
        if let Some(rid) = self.rid {
            extensions.push((RID, rid.as_bytes()));
        }
        let sequence = self.sequence.wrapping_sub(1);
        rtp_packet(
            96,
            self.ssrc,
            sequence,
            self.timestamp,
            part == 2,
            &extensions,
            &payload,
        )
    }
}

/// Mark of a VP8 payload of a [`Camera`].
pub(crate) fn mark(packet: &Got) -> u8 {
    packet.payload[vp8(packet).len + 1]
}

pub(crate) fn vp8(packet: &Got) -> codec::vp8::Descriptor {
    codec::vp8::parse(&packet.payload).expect("VP8")
}

/// Sequence numbers, picture ids and TL0PICIDX of one stream have no seam and timestamps rise.
pub(crate) fn assert_continuous(packets: &[&Got]) {
    for pair in packets.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        assert_eq!(b.sequence, a.sequence.wrapping_add(1), "sequence");
        let (va, vb) = (vp8(a), vp8(b));
        let (pa, pb) = (va.picture_id.unwrap().value, vb.picture_id.unwrap().value);
        let same = a.timestamp == b.timestamp;
        let next = if same { pa } else { (pa + 1) & 0x7fff };
        assert_eq!(pb, next, "picture id");
        let (ta, tb) = (va.tl0picidx.unwrap(), vb.tl0picidx.unwrap());
        assert_eq!(tb, if same { ta } else { ta.wrapping_add(1) }, "tl0picidx");
        let step = b.timestamp.wrapping_sub(a.timestamp);
        assert!(step < 90_000 * 3, "timestamp steps by {step}");
    }
}
