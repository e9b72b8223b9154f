//! What a sender sends and when: sizes and spacing of the packets of frames.

use std::sync::Arc;
use std::time::Duration;

/// Frames per second of every video profile here.
pub const FRAMES_PER_SECOND: u64 = 30;
/// Opus packets per second: 20 ms each (RFC 7587 section 4.2).
pub const AUDIO_PER_SECOND: u64 = 50;
/// Payload of an audio packet, bytes: 40 kbit/s Opus.
pub const AUDIO_PAYLOAD: u16 = 100;

/// The recorded Chromium sender; how it was made stands in the file and in bench/record.py.
const CHROMIUM: &str = include_str!("../data/chromium-vp8-720p.txt");

/// One packet of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketPlan {
    /// After the frame's first packet.
    pub offset: Duration,
    /// RTP payload, bytes.
    pub payload: u16,
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FramePlan {
    /// A decoder can start here.
    pub keyframe: bool,
    /// Its packets in order of sequence.
    pub packets: Vec<PacketPlan>,
}

/// A named pattern of frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    per_second: u64,
    keyframes: Arc<[FramePlan]>,
    deltas: Arc<[FramePlan]>,
}

impl Profile {
    /// Frames of nine packets of 1200 bytes, all sent at once, 30 a second: 2.6 Mbit/s.
    pub fn equal() -> Profile {
        Profile::bursts(9, 1200)
    }

    /// Frames of `packets` packets of `payload` bytes, all sent at once, 30 a second.
    pub fn bursts(packets: usize, payload: u16) -> Profile {
        let frame = |keyframe| FramePlan {
            keyframe,
            packets: vec![
                PacketPlan {
                    offset: Duration::ZERO,
                    payload
                };
                packets
            ],
        };
        Profile {
            per_second: FRAMES_PER_SECOND,
            keyframes: Arc::new([frame(true)]),
            deltas: Arc::new([frame(false)]),
        }
    }

    /// The recorded Chromium camera: uneven sizes, as its pacer spaced them, 30 frames a second.
    pub fn browser() -> Profile {
        Profile::parse(CHROMIUM).unwrap_or_else(Profile::equal)
    }

    /// Audio: every packet is a frame that can be decoded by itself.
    pub fn audio() -> Profile {
        let packets = vec![PacketPlan {
            offset: Duration::ZERO,
            payload: AUDIO_PAYLOAD,
        }];
        let frames: Arc<[FramePlan]> = Arc::new([FramePlan {
            keyframe: true,
            packets,
        }]);
        Profile {
            per_second: AUDIO_PER_SECOND,
            keyframes: frames.clone(),
            deltas: frames,
        }
    }

    /// The same frames at another rate, for finding the load a server bears.
    pub fn at_rate(mut self, per_second: u64) -> Profile {
        self.per_second = per_second.max(1);
        self
    }

    /// Reads a recording (the format of bench/record.py); `None` when it holds no frames of both kinds.
    pub fn parse(text: &str) -> Option<Profile> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let frames: Vec<FramePlan> = lines.map(parse_frame).collect::<Option<_>>()?;
        let (keyframes, deltas): (Vec<_>, Vec<_>) =
            frames.into_iter().partition(|frame| frame.keyframe);
        if keyframes.is_empty() || deltas.is_empty() {
            return None;
        }
        Some(Profile {
            per_second: FRAMES_PER_SECOND,
            keyframes: keyframes.into(),
            deltas: deltas.into(),
        })
    }

    /// When frame `n` begins, after the first.
    pub fn start_of(&self, n: u64) -> Duration {
        Duration::from_nanos((u128::from(n) * 1_000_000_000 / u128::from(self.per_second)) as u64)
    }

    /// The plan of frame `n`; both kinds repeat when they run out.
    pub fn frame(&self, n: u64, keyframe: bool) -> &FramePlan {
        let frames = if keyframe {
            &self.keyframes
        } else {
            &self.deltas
        };
        &frames[(n % frames.len() as u64) as usize]
    }

    /// Mean packets and payload bytes per second of delta frames.
    pub fn mean_rate(&self) -> (f64, f64) {
        let packets: usize = self.deltas.iter().map(|frame| frame.packets.len()).sum();
        let bytes: u64 = self
            .deltas
            .iter()
            .flat_map(|frame| &frame.packets)
            .map(|packet| u64::from(packet.payload))
            .sum();
        let per_frame = self.per_second as f64 / self.deltas.len() as f64;
        (packets as f64 * per_frame, bytes as f64 * per_frame)
    }
}

fn parse_frame(line: &str) -> Option<FramePlan> {
    let mut words = line.split_ascii_whitespace();
    let _timestamp_step: u32 = words.next()?.parse().ok()?;
    let keyframe = match words.next()? {
        "key" => true,
        "delta" => false,
        _ => return None,
    };
    let packets = words
        .map(|word| {
            let (offset, payload) = word.split_once(':')?;
            let offset = Duration::from_micros(offset.parse().ok()?);
            Some(PacketPlan {
                offset,
                payload: payload.parse().ok()?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    (!packets.is_empty()).then_some(FramePlan { keyframe, packets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_two_point_six_megabits() {
        let (packets, bytes) = Profile::equal().mean_rate();
        assert_eq!(packets, 270.0);
        assert_eq!(bytes * 8.0, 2_592_000.0);
        assert_eq!(Profile::equal().frame(5, false).packets.len(), 9);
    }

    #[test]
    fn the_recording_is_a_720p_camera() {
        let profile = Profile::parse(CHROMIUM).expect("the data file parses");
        let (packets, bytes) = profile.mean_rate();
        assert!(
            (1_000_000.0..3_500_000.0).contains(&(bytes * 8.0)),
            "{} bit/s",
            bytes * 8.0
        );
        assert!((90.0..400.0).contains(&packets), "{packets} packets/s");
        let deltas = profile.deltas.len();
        assert!(deltas > 300, "{deltas} frames");
        assert!(
            profile
                .keyframes
                .iter()
                .all(|frame| frame.packets.len() > 1)
        );
        let spread = profile
            .deltas
            .iter()
            .flat_map(|frame| &frame.packets)
            .map(|p| p.offset)
            .max();
        assert!(
            spread < Some(Duration::from_millis(100)),
            "a frame takes {spread:?}"
        );
    }

    #[test]
    fn frames_stay_on_time_for_hours() {
        let profile = Profile::audio();
        assert_eq!(
            profile.start_of(50 * 3600 * 24),
            Duration::from_secs(3600 * 24)
        );
        assert_eq!(
            Profile::equal().start_of(1),
            Duration::from_nanos(33_333_333)
        );
        assert_eq!(
            Profile::equal().start_of(3_000_000),
            Duration::from_secs(100_000)
        );
    }

    #[test]
    fn a_bad_recording_is_refused() {
        for text in [
            "",
            "3000 key 0:10\n",
            "3000 delta 0:10\n",
            "x key 0:1\n3000 delta 0:1\n",
            "1 key\n2 delta 0:1\n",
        ] {
            assert_eq!(Profile::parse(text), None, "{text:?}");
        }
        assert!(Profile::parse("# c\n3000 key 0:10 5:11\n3000 delta 0:10\n").is_some());
    }
}
