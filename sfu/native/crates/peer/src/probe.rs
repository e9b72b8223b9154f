//! What a payload carries so that the receiver can measure it: when it was sent, by which stream, and
//! its number in that stream.
//!
//! It lies behind the longest VP8 descriptor and keyframe header that we write, at the same place in
//! every payload, so that neither side needs to know the codec. A payload too short for it has none.

use sfu_core::time::Time;

/// Offset in the payload: descriptor (6 bytes) and keyframe header (10 bytes) of VP8.
pub const OFFSET: usize = 16;
/// Bytes of a probe.
pub const LEN: usize = 20;
const MAGIC: u32 = 0x70_72_6f_62;

/// A measurement mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// SSRC the publisher gave the stream.
    pub stream: u32,
    /// Packets of the stream before this one.
    pub number: u32,
    /// When it was first sent, by the publisher's clock.
    pub sent: Time,
}

/// Puts a probe into a payload; `false` when it does not fit.
pub fn write(payload: &mut [u8], probe: &Probe) -> bool {
    let Some(place) = payload.get_mut(OFFSET..OFFSET + LEN) else {
        return false;
    };
    place[..4].copy_from_slice(&MAGIC.to_be_bytes());
    place[4..8].copy_from_slice(&probe.stream.to_be_bytes());
    place[8..12].copy_from_slice(&probe.number.to_be_bytes());
    place[12..].copy_from_slice(&probe.sent.0.to_be_bytes());
    true
}

/// Reads the probe of a payload, if it has one.
pub fn read(payload: &[u8]) -> Option<Probe> {
    let place = payload.get(OFFSET..OFFSET + LEN)?;
    let word =
        |at: usize| u32::from_be_bytes([place[at], place[at + 1], place[at + 2], place[at + 3]]);
    if word(0) != MAGIC {
        return None;
    }
    let sent = u64::from(word(12)) << 32 | u64::from(word(16));
    Some(Probe {
        stream: word(4),
        number: word(8),
        sent: Time(sent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_comes_back_and_a_short_payload_has_none() {
        let probe = Probe {
            stream: 0xdead_beef,
            number: 7,
            sent: Time(1 << 40 | 5),
        };
        let mut payload = [0; OFFSET + LEN];
        assert_eq!(read(&payload), None);
        assert!(write(&mut payload, &probe));
        assert_eq!(read(&payload), Some(probe));
        assert!(!write(&mut payload[..OFFSET + LEN - 1], &probe));
        assert_eq!(read(&payload[..OFFSET + LEN - 1]), None);
    }
}
