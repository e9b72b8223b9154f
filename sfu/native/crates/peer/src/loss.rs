//! Which packets of a stream are missing, and when to ask for them again.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_core::rtp::SeqExtender;
use sfu_core::time::Time;

/// Requests for one packet (media.md: as mediasoup).
const TRIES: u32 = 10;
/// A gap longer than this is a restart of the stream, not loss.
const LONGEST_GAP: u64 = 1_000;
/// Without a round-trip time measured yet (libwebrtc's default).
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// Least time between two requests for one packet, and margin over the round-trip time.
const RETRY_MARGIN: Duration = Duration::from_millis(10);
/// Without repair a packet may still come out of order for this long.
const REORDER_WAIT: Duration = Duration::from_millis(500);
/// Packets of one NACK message.
const MAX_REQUESTS: usize = 256;

/// What an arriving packet was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Next, or beyond a gap.
    New,
    /// It was missing.
    Missing,
    /// It was there before, or had been given up.
    Duplicate,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    noticed: Time,
    asked: Option<Time>,
    tries: u32,
}

/// Loss of one stream.
#[derive(Debug)]
pub(crate) struct LossTracker {
    extender: SeqExtender,
    missing: BTreeMap<u64, Missing>,
    nack: bool,
    pub(crate) gaps: u64,
    pub(crate) jumps: u64,
}

impl LossTracker {
    pub(crate) fn new(nack: bool) -> LossTracker {
        LossTracker {
            extender: SeqExtender::default(),
            missing: BTreeMap::new(),
            nack,
            gaps: 0,
            jumps: 0,
        }
    }

    /// Takes an arriving sequence number; gives its extended number too.
    pub(crate) fn on_packet(&mut self, now: Time, sequence: u16) -> (Arrival, u64) {
        let highest = self.extender.highest();
        let extended = self.extender.extend(sequence);
        let Some(highest) = highest else {
            return (Arrival::New, extended);
        };
        if extended <= highest {
            let was_missing = self.missing.remove(&extended).is_some();
            return (
                if was_missing {
                    Arrival::Missing
                } else {
                    Arrival::Duplicate
                },
                extended,
            );
        }
        if extended - highest > LONGEST_GAP {
            self.jumps += 1;
        } else {
            for lost in highest + 1..extended {
                self.gaps += 1;
                self.missing.insert(
                    lost,
                    Missing {
                        noticed: now,
                        asked: None,
                        tries: 0,
                    },
                );
            }
        }
        (Arrival::New, extended)
    }

    pub(crate) fn missing(&self) -> u64 {
        self.missing.len() as u64
    }

    fn retry_after(rtt: Option<Duration>) -> Duration {
        rtt.unwrap_or(DEFAULT_RTT) + RETRY_MARGIN
    }

    fn due(&self, missing: &Missing, retry: Duration) -> Time {
        match missing.asked {
            _ if !self.nack => missing.noticed + REORDER_WAIT,
            None => missing.noticed,
            Some(asked) => asked + retry,
        }
    }

    /// When [`LossTracker::turn`] has something to do.
    pub(crate) fn next_timeout(&self, rtt: Option<Duration>) -> Option<Time> {
        let retry = LossTracker::retry_after(rtt);
        self.missing
            .values()
            .map(|missing| self.due(missing, retry))
            .min()
    }

    /// Appends the sequence numbers to ask for now to `ask`, and those given up to `lost`.
    pub(crate) fn turn(
        &mut self,
        now: Time,
        rtt: Option<Duration>,
        ask: &mut Vec<u16>,
        lost: &mut Vec<u64>,
    ) {
        let retry = LossTracker::retry_after(rtt);
        let before = lost.len();
        for (&sequence, missing) in &self.missing {
            if self.due(missing, retry) > now {
                continue;
            }
            if !self.nack || missing.tries == TRIES {
                lost.push(sequence);
            } else if ask.len() < MAX_REQUESTS {
                ask.push(sequence as u16);
            }
        }
        for sequence in &lost[before..] {
            self.missing.remove(sequence);
        }
        let Some(highest) = self.extender.highest() else {
            return;
        };
        for &asked in ask.iter() {
            // The 16 bits of a missing packet stand for one extended number at most 2^15 back.
            let back = (highest as u16).wrapping_sub(asked);
            if let Some(missing) = self.missing.get_mut(&(highest - u64::from(back))) {
                missing.asked = Some(now);
                missing.tries += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(50));

    fn turn(tracker: &mut LossTracker, ms: u64) -> (Vec<u16>, Vec<u64>) {
        let (mut ask, mut lost) = (Vec::new(), Vec::new());
        tracker.turn(Time::from_millis(ms), RTT, &mut ask, &mut lost);
        (ask, lost)
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_again_each_round_trip_until_it_is_given_up() {
        let mut tracker = LossTracker::new(true);
        tracker.on_packet(Time::ZERO, 65_534);
        tracker.on_packet(Time::ZERO, 1);
        assert_eq!(turn(&mut tracker, 0), (vec![65_535, 0], vec![]));
        assert_eq!(turn(&mut tracker, 59), (vec![], vec![]));
        assert_eq!(tracker.next_timeout(RTT), Some(Time::from_millis(60)));
        assert_eq!(
            tracker.on_packet(Time::from_millis(59), 0).0,
            Arrival::Missing
        );
        for n in 1..10 {
            assert_eq!(turn(&mut tracker, 60 * n), (vec![65_535], vec![]), "{n}");
        }
        assert_eq!(turn(&mut tracker, 600), (vec![], vec![131_071]));
        assert_eq!(tracker.missing(), 0);
        assert_eq!(
            tracker.on_packet(Time::from_millis(700), 65_535).0,
            Arrival::Duplicate
        );
    }

    #[test]
    fn without_nack_a_late_packet_is_waited_for() {
        let mut tracker = LossTracker::new(false);
        tracker.on_packet(Time::ZERO, 1);
        tracker.on_packet(Time::ZERO, 4);
        assert_eq!(
            tracker.on_packet(Time::from_millis(100), 3).0,
            Arrival::Missing
        );
        assert_eq!(turn(&mut tracker, 499), (vec![], vec![]));
        assert_eq!(turn(&mut tracker, 500), (vec![], vec![65_538]));
    }

    #[test]
    fn a_jump_is_not_loss() {
        let mut tracker = LossTracker::new(true);
        tracker.on_packet(Time::ZERO, 10);
        tracker.on_packet(Time::ZERO, 10 + 1_001);
        assert_eq!((tracker.jumps, tracker.missing()), (1, 0));
        assert_eq!(tracker.on_packet(Time::ZERO, 1_011).0, Arrival::Duplicate);
    }
}
