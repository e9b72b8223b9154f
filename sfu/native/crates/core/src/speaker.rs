//! Who speaks in a room, from the audio levels of RFC 6464, with hysteresis: a cough does not take
//! the picture away from the one who speaks.

use std::time::Duration;

use crate::time::Time;
use crate::units::ProducerId;

/// How often the room is judged while anybody is heard.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Silence on the scale of RFC 6464.
pub(crate) const SILENT: f32 = 127.0;
/// Quieter than this (-dBov) is not speech.
const FLOOR: f32 = 55.0;
/// A challenger has to be this much louder (dB)
const MARGIN: f32 = 6.0;
/// for this long.
const HOLD: Duration = Duration::from_millis(400);
/// The speaker stays so long after the last speech.
const SILENCE: Duration = Duration::from_secs(2);
/// A level older than this is silence (Opus DTX sends every 400 ms, and says nothing then).
const STALE: Duration = Duration::from_millis(500);

/// Smoothed loudness of one audio producer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loudness {
    /// -dBov, 127 is silence.
    level: f32,
    heard: Time,
}

impl Default for Loudness {
    fn default() -> Loudness {
        Loudness {
            level: SILENT,
            heard: Time::ZERO,
        }
    }
}

impl Loudness {
    /// Takes a level of RFC 6464 (0 loudest, 127 silence).
    pub(crate) fn on_level(&mut self, now: Time, level: u8) {
        let level = f32::from(level & 0x7f);
        // Rises within three packets of 20 ms, falls within fifteen.
        let weight = if level < self.level { 0.3 } else { 0.07 };
        self.level += (level - self.level) * weight;
        self.heard = now;
    }

    /// Level to show and to compare, -dBov.
    pub(crate) fn level(&self, now: Time) -> f32 {
        if now.since(self.heard) > STALE {
            SILENT
        } else {
            self.level
        }
    }
}

/// Chooses the speaker of one room.
#[derive(Debug, Default)]
pub(crate) struct SpeakerDetector {
    speaker: Option<ProducerId>,
    spoke: Time,
    challenger: Option<(ProducerId, Time)>,
}

impl SpeakerDetector {
    /// Judges the levels (-dBov) of everybody who may be heard; returns the speaker when it changed.
    pub(crate) fn judge(
        &mut self,
        now: Time,
        levels: impl Iterator<Item = (ProducerId, f32)>,
    ) -> Option<Option<ProducerId>> {
        let mut loudest: Option<(ProducerId, f32)> = None;
        let mut current = SILENT;
        let mut present = false;
        for (producer, level) in levels {
            if loudest.is_none_or(|(_, best)| level < best) {
                loudest = Some((producer, level));
            }
            if Some(producer) == self.speaker {
                (current, present) = (level, true);
            }
        }
        if current < FLOOR {
            self.spoke = now;
        }
        let before = self.speaker;
        if self.speaker.is_some() && (!present || now.since(self.spoke) >= SILENCE) {
            self.speaker = None;
        }
        match loudest.filter(|&(producer, level)| {
            level < FLOOR && Some(producer) != self.speaker && level + MARGIN <= current
        }) {
            None => self.challenger = None,
            Some((producer, _)) => {
                let since = match self.challenger {
                    Some((same, since)) if same == producer => since,
                    _ => now,
                };
                self.challenger = Some((producer, since));
                // Into silence the first word is enough; against a speaker it takes longer.
                if self.speaker.is_none() || now.since(since) >= HOLD {
                    self.speaker = Some(producer);
                    self.spoke = now;
                    self.challenger = None;
                }
            }
        }
        (self.speaker != before).then_some(self.speaker)
    }

    /// Whether time alone can change the verdict.
    pub(crate) fn is_active(&self) -> bool {
        self.speaker.is_some() || self.challenger.is_some()
    }

    /// A producer left or was muted; returns whether it was the speaker.
    pub(crate) fn remove(&mut self, producer: ProducerId) -> bool {
        if self.challenger.is_some_and(|(same, _)| same == producer) {
            self.challenger = None;
        }
        if self.speaker == Some(producer) {
            self.speaker = None;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ProducerId = ProducerId(1);
    const B: ProducerId = ProducerId(2);

    /// Judges every 100 ms from `from` to `to`; returns the changes with their times.
    fn run(
        detector: &mut SpeakerDetector,
        from: u64,
        to: u64,
        levels: &[(ProducerId, f32)],
    ) -> Vec<(u64, Option<ProducerId>)> {
        (from..to)
            .step_by(100)
            .filter_map(|ms| {
                let change = detector.judge(Time::from_millis(ms), levels.iter().copied())?;
                Some((ms, change))
            })
            .collect()
    }

    #[test]
    fn speech_takes_the_floor_holds_it_and_silence_frees_it() {
        let mut detector = SpeakerDetector::default();
        assert_eq!(
            run(&mut detector, 0, 500, &[(A, 90.0), (B, 30.0)]),
            [(0, Some(B))]
        );
        // A cough, or the same loudness, changes nothing.
        assert_eq!(run(&mut detector, 500, 800, &[(A, 20.0), (B, 60.0)]), []);
        assert_eq!(run(&mut detector, 800, 2_000, &[(A, 28.0), (B, 30.0)]), []);
        // Louder for 400 ms does.
        assert_eq!(
            run(&mut detector, 2_000, 3_000, &[(A, 20.0), (B, 60.0)]),
            [(2_400, Some(A))]
        );
        assert_eq!(
            run(&mut detector, 3_000, 6_000, &[(A, 90.0), (B, 90.0)]),
            [(4_900, None)]
        );
        assert!(!detector.is_active());
    }

    #[test]
    fn who_leaves_or_is_muted_is_not_the_speaker() {
        let mut detector = SpeakerDetector::default();
        run(&mut detector, 0, 100, &[(A, 20.0)]);
        assert_eq!(run(&mut detector, 100, 200, &[(B, 90.0)]), [(100, None)]);
        run(&mut detector, 200, 300, &[(A, 20.0)]);
        assert!(detector.remove(A));
        assert!(!detector.remove(A));
    }

    #[test]
    fn loudness_rises_fast_and_falls_slowly() {
        let mut loudness = Loudness::default();
        for i in 0..5 {
            loudness.on_level(Time::from_millis(i * 20), 30 | 0x80);
        }
        assert!(loudness.level(Time::from_millis(100)) < FLOOR);
        for i in 5..10 {
            loudness.on_level(Time::from_millis(i * 20), 127);
        }
        assert!(loudness.level(Time::from_millis(200)) < 90.0);
        assert_eq!(loudness.level(Time::from_millis(900)), 127.0);
    }
}
