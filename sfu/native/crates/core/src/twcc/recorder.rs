//! Arrival times of a publisher's packets, told back to its estimator.

use std::time::Duration;

use crate::rewrite::Extender;
use crate::rtcp;
use crate::time::Time;
use crate::units::Ssrc;

/// Packets remembered; at most a feedback's worth between two of them.
const WINDOW: usize = 1024;
/// Time between two feedback messages at low rates (libwebrtc: 50 to 250 ms by bandwidth).
const SLOW: Duration = Duration::from_millis(100);
/// And when packets are many:
const FAST: Duration = Duration::from_millis(50);
/// this many since the last message.
const MANY: usize = 40;

/// Records arrivals and writes the feedback messages.
#[derive(Debug)]
pub(crate) struct TwccRecorder {
    extender: Extender<16>,
    ring: Box<[(u64, Time)]>,
    /// First number not reported yet.
    next: u64,
    /// Lowest and highest number that arrived since the last message.
    fresh: Option<(u64, u64)>,
    count: usize,
    told: Time,
    feedback_count: u8,
    scratch: Vec<(u64, Time)>,
}

impl Default for TwccRecorder {
    fn default() -> TwccRecorder {
        TwccRecorder {
            extender: Extender::default(),
            ring: vec![(0, Time::ZERO); WINDOW].into_boxed_slice(),
            next: 0,
            fresh: None,
            count: 0,
            told: Time::ZERO,
            feedback_count: 0,
            scratch: Vec::with_capacity(WINDOW),
        }
    }
}

impl TwccRecorder {
    /// Takes a packet; the first time of a repeated number counts.
    pub(crate) fn on_packet(&mut self, now: Time, sequence: u16) {
        let extended = self.extender.extend(u64::from(sequence));
        let entry = &mut self.ring[extended as usize % WINDOW];
        if entry.0 >= extended {
            return; // told before, or too old to say
        }
        *entry = (extended, now);
        if self.next == 0 {
            self.next = extended;
        }
        self.fresh = Some(match self.fresh {
            Some((low, high)) => (low.min(extended), high.max(extended)),
            None => {
                // The first packet after a pause starts the clock.
                self.told = self
                    .told
                    .max(Time(now.0.saturating_sub(SLOW.as_nanos() as u64 / 2)));
                (extended, extended)
            }
        });
        self.count += 1;
    }

    /// When the next message is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.fresh?;
        Some(self.told + if self.count >= MANY { FAST } else { SLOW })
    }

    /// Writes a message into `out`; returns its length. To be called until it gives `None`.
    pub(crate) fn write(
        &mut self,
        now: Time,
        sender: Ssrc,
        media: Ssrc,
        out: &mut [u8],
    ) -> Option<usize> {
        let (low, high) = self.fresh?;
        // A late packet is told again together with what came after it: a receiver of feedback
        // takes the numbers of one message as one run.
        let base = low
            .min(self.next)
            .max((high + 1).saturating_sub(WINDOW as u64));
        let ring = &self.ring;
        self.scratch.clear();
        self.scratch.extend(
            (base..=high)
                .map(|n| ring[n as usize % WINDOW])
                .zip(base..)
                .filter_map(|(entry, number)| (entry.0 == number).then_some(entry)),
        );
        let count = self.feedback_count;
        let written = rtcp::write_transport_cc(out, sender, media, count, base, &self.scratch);
        self.told = now;
        self.count = 0;
        let Some(written) = written else {
            // Deltas that no message can express (the first packets lie seconds apart).
            self.fresh = None;
            self.next = high + 1;
            return None;
        };
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.next = written.next_base.max(self.next);
        self.fresh = (written.next_base <= high).then_some((written.next_base, high));
        Some(written.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8]) -> Vec<(u16, Option<i64>)> {
        let Some(Ok(rtcp::Rtcp::TransportCc(feedback))) = rtcp::packets(message).next() else {
            panic!("no feedback")
        };
        feedback.arrivals().collect()
    }

    fn told(recorder: &mut TwccRecorder, ms: u64) -> Vec<(u16, Option<i64>)> {
        let mut out = [0; 1200];
        let mut all = Vec::new();
        while let Some(len) = recorder.write(Time::from_millis(ms), Ssrc(1), Ssrc(2), &mut out) {
            all.extend(read(&out[..len]));
        }
        all
    }

    #[test]
    fn arrivals_and_losses_are_told_once() {
        let mut recorder = TwccRecorder::default();
        for (sequence, ms) in [(65_534u16, 10), (65_535, 12), (1, 20)] {
            recorder.on_packet(Time::from_millis(ms), sequence);
        }
        assert_eq!(
            told(&mut recorder, 100),
            [
                (65_534, Some(10_000)),
                (65_535, Some(12_000)),
                (0, None),
                (1, Some(20_000))
            ]
        );
        assert_eq!(told(&mut recorder, 200), []);
        recorder.on_packet(Time::from_millis(210), 3);
        assert_eq!(told(&mut recorder, 300), [(2, None), (3, Some(210_000))]);
    }

    #[test]
    fn a_late_packet_is_told_with_what_followed_it() {
        let mut recorder = TwccRecorder::default();
        for sequence in [10, 12, 13] {
            recorder.on_packet(Time::from_millis(10), sequence);
        }
        told(&mut recorder, 100);
        recorder.on_packet(Time::from_millis(120), 11);
        recorder.on_packet(Time::from_millis(130), 14);
        let numbers: Vec<_> = told(&mut recorder, 200)
            .iter()
            .map(|(n, at)| (*n, at.is_some()))
            .collect();
        assert_eq!(numbers, [(11, true), (12, true), (13, true), (14, true)]);
    }

    #[test]
    fn messages_come_every_100_ms_and_every_50_under_load() {
        let mut recorder = TwccRecorder::default();
        assert_eq!(recorder.next(), None);
        recorder.on_packet(Time::from_millis(1_000), 0);
        assert_eq!(recorder.next(), Some(Time::from_millis(1_050)));
        told(&mut recorder, 1_050);
        for sequence in 1..=39 {
            recorder.on_packet(Time::from_millis(1_060), sequence);
        }
        assert_eq!(recorder.next(), Some(Time::from_millis(1_150)));
        recorder.on_packet(Time::from_millis(1_060), 40);
        assert_eq!(recorder.next(), Some(Time::from_millis(1_100)));
    }

    #[test]
    fn thousands_of_packets_fit_by_several_messages() {
        let mut recorder = TwccRecorder::default();
        for n in 0..1_000u64 {
            recorder.on_packet(Time::from_millis(1_000 + n * 90), n as u16);
        }
        let all = told(&mut recorder, 100_000);
        assert_eq!(all.len(), 1_000);
        assert!(all.iter().all(|(_, at)| at.is_some()));
    }

    #[test]
    fn a_gap_beyond_the_window_does_not_stop_it() {
        let mut recorder = TwccRecorder::default();
        recorder.on_packet(Time::from_millis(10), 1);
        recorder.on_packet(Time::from_millis(20), 20_000);
        recorder.on_packet(Time::from_millis(60_000), 20_001);
        assert!(
            told(&mut recorder, 60_100)
                .iter()
                .any(|(n, at)| *n == 20_001 && at.is_some())
        );
    }
}
