//! Values of single extension elements and of RTX payloads.

use super::bytes::u16_at;
use crate::time::Time;

/// RFC 6464 section 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// The sender's encoder takes the packet for speech.
    pub voice: bool,
    /// Level in -dBov: 0 is the loudest, 127 silence.
    pub level: u8,
}

/// Reads a client-to-mixer audio level. Longer values are read by their first byte: RFC 6464 allows
/// one padding byte in the two-byte form.
pub fn audio_level(value: &[u8]) -> Option<AudioLevel> {
    value.first().map(|&byte| AudioLevel {
        voice: byte & 0x80 != 0,
        level: byte & 0x7f,
    })
}

/// Value of abs-send-time: seconds as 6.18 bit fixed point, wrapping every 64 s. Only differences
/// matter, so the origin is free.
pub fn abs_send_time(now: Time) -> [u8; 3] {
    let fixed = (u128::from(now.0) << 18) / 1_000_000_000;
    let [.., a, b, c] = (fixed as u32).to_be_bytes();
    [a, b, c]
}

/// Splits an RTX payload into the original sequence number and payload (RFC 4588 section 4).
/// `None` for an empty one, which senders use as padding.
pub fn original_sequence(payload: &[u8]) -> Option<(u16, &[u8])> {
    Some((u16_at(payload, 0)?, payload.get(2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_level_splits_voice_bit_and_level() {
        assert_eq!(
            audio_level(&[0x80 | 30]),
            Some(AudioLevel {
                voice: true,
                level: 30
            })
        );
        assert_eq!(
            audio_level(&[127, 0]),
            Some(AudioLevel {
                voice: false,
                level: 127
            })
        );
        assert_eq!(audio_level(&[]), None);
    }

    #[test]
    fn abs_send_time_wraps_every_64_seconds() {
        assert_eq!(abs_send_time(Time::from_millis(1_000)), [0x04, 0, 0]);
        assert_eq!(abs_send_time(Time::from_millis(500)), [0x02, 0, 0]);
        assert_eq!(abs_send_time(Time::from_millis(63_999)), [0xff, 0xfe, 0xf9]);
        assert_eq!(abs_send_time(Time::from_millis(64_000)), [0, 0, 0]);
        let _ = abs_send_time(Time(u64::MAX));
    }

    #[test]
    fn rtx_payload_starts_with_the_original_sequence() {
        assert_eq!(
            original_sequence(&[0x12, 0x34, 9]),
            Some((0x1234, &[9][..]))
        );
        assert_eq!(original_sequence(&[0x12, 0x34]), Some((0x1234, &[][..])));
        assert_eq!(original_sequence(&[0x12]), None);
    }
}
