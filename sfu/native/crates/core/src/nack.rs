//! Which packets of a received stream are missing and when to ask for them (RFC 4585 section 6.2.1).

use std::time::Duration;

use crate::time::Time;

/// Missing packets followed at once; more means an outage that a keyframe ends sooner.
const CAPACITY: usize = 512;
/// A hole is asked for when this many newer packets came, or
const REORDER_PACKETS: u64 = 3;
/// this long passed: networks reorder within a few packets.
const REORDER_TIME: Duration = Duration::from_millis(10);
/// Least time between two requests for one packet, when the RTT is tiny.
const LEAST_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    since: Time,
    asked: Option<Time>,
    times: u32,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Newest so far.
    New,
    /// Fills a hole, by disorder or by retransmission.
    Filled,
    /// Received before.
    Duplicate,
    /// Lies before what is remembered.
    TooOld,
    /// So many are missing that asking is hopeless: a keyframe is needed.
    Outage,
}

/// Follows a stream's extended sequence numbers.
#[derive(Debug)]
pub(crate) struct NackGenerator {
    /// Sorted by sequence.
    missing: Vec<Missing>,
    newest: Option<u64>,
    received: ReceivedWindow,
    retries: u32,
    enabled: bool,
}

impl NackGenerator {
    /// Asks at most `retries` times for a packet; a stream without NACK only detects duplicates.
    pub(crate) fn new(retries: u32, enabled: bool) -> NackGenerator {
        let capacity = if enabled { CAPACITY } else { 0 };
        NackGenerator {
            missing: Vec::with_capacity(capacity),
            newest: None,
            received: ReceivedWindow::default(),
            retries,
            enabled,
        }
    }

    /// Takes note of a packet.
    pub(crate) fn on_packet(&mut self, now: Time, sequence: u64) -> Arrival {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            self.received.insert(sequence, sequence);
            return Arrival::New;
        };
        if sequence <= newest {
            return self.on_late(newest, sequence);
        }
        self.newest = Some(sequence);
        self.received.insert(newest, sequence);
        if !self.enabled {
            return Arrival::New;
        }
        let hole = sequence - newest - 1;
        if hole as usize > CAPACITY - self.missing.len() {
            self.missing.clear();
            return Arrival::Outage;
        }
        for lost in newest + 1..sequence {
            self.missing.push(Missing {
                sequence: lost,
                since: now,
                asked: None,
                times: 0,
            });
        }
        Arrival::New
    }

    fn on_late(&mut self, newest: u64, sequence: u64) -> Arrival {
        match self.received.check(newest, sequence) {
            None => return Arrival::TooOld,
            Some(true) => return Arrival::Duplicate,
            Some(false) => self.received.insert(newest, sequence),
        }
        if let Ok(index) = self.missing.binary_search_by_key(&sequence, |m| m.sequence) {
            self.missing.remove(index);
        }
        Arrival::Filled
    }

    /// When [`NackGenerator::due`] should be called next.
    pub(crate) fn next(&self, rtt: Duration) -> Option<Time> {
        let newest = self.newest?;
        self.missing.iter().map(|m| m.due_at(newest, rtt)).min()
    }

    /// Writes the sequence numbers (16 bit, in order) to ask for now into `out`; returns how many.
    /// Those asked for often enough are given up.
    pub(crate) fn due(&mut self, now: Time, rtt: Duration, out: &mut [u16]) -> usize {
        let (Some(newest), retries) = (self.newest, self.retries) else {
            return 0;
        };
        let mut count = 0;
        self.missing.retain_mut(|m| {
            if count == out.len() || m.due_at(newest, rtt) > now {
                return true;
            }
            if m.times >= retries {
                return false;
            }
            m.asked = Some(now);
            m.times += 1;
            out[count] = m.sequence as u16;
            count += 1;
            true
        });
        count
    }

    /// Newest sequence number.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }
}

impl Missing {
    fn due_at(&self, newest: u64, rtt: Duration) -> Time {
        match self.asked {
            Some(asked) => asked + rtt.max(LEAST_INTERVAL),
            None if newest - self.sequence >= REORDER_PACKETS => self.since,
            None => self.since + REORDER_TIME,
        }
    }
}

/// Bits of the newest received sequence numbers.
#[derive(Debug, Default)]
struct ReceivedWindow {
    words: [u64; ReceivedWindow::BITS as usize / 64],
}

impl ReceivedWindow {
    const BITS: u64 = 1024;

    fn slot(sequence: u64) -> (usize, u64) {
        let bit = sequence % Self::BITS;
        (bit as usize / 64, 1 << (bit % 64))
    }

    /// Whether it was received; `None` when too old to know.
    fn check(&self, newest: u64, sequence: u64) -> Option<bool> {
        if newest - sequence >= Self::BITS {
            return None;
        }
        let (word, mask) = Self::slot(sequence);
        Some(self.words[word] & mask != 0)
    }

    fn insert(&mut self, newest: u64, sequence: u64) {
        if sequence > newest {
            if sequence - newest >= Self::BITS {
                self.words.fill(0);
            } else {
                for passed in newest + 1..sequence {
                    let (word, mask) = Self::slot(passed);
                    self.words[word] &= !mask;
                }
            }
        }
        let (word, mask) = Self::slot(sequence);
        self.words[word] |= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(50);

    fn due(generator: &mut NackGenerator, ms: u64) -> Vec<u16> {
        let mut out = [0; 64];
        let count = generator.due(Time::from_millis(ms), RTT, &mut out);
        out[..count].to_vec()
    }

    fn fed(sequences: &[u64]) -> NackGenerator {
        let mut generator = NackGenerator::new(3, true);
        for &sequence in sequences {
            generator.on_packet(Time::ZERO, sequence);
        }
        generator
    }

    #[test]
    fn a_hole_is_asked_for_after_the_reorder_tolerance_only() {
        let mut generator = fed(&[100, 102]);
        assert_eq!(due(&mut generator, 5), []);
        assert_eq!(generator.next(RTT), Some(Time::from_millis(10)));
        assert_eq!(due(&mut generator, 10), [101]);
        let mut generator = fed(&[100, 102, 103, 104]);
        assert_eq!(due(&mut generator, 0), [101]);
    }

    #[test]
    fn requests_are_one_rtt_apart_and_end() {
        let mut generator = fed(&[100, 102, 103, 104]);
        let asked: Vec<u64> = (0..400)
            .filter(|&ms| !due(&mut generator, ms).is_empty())
            .collect();
        assert_eq!(asked, [0, 50, 100]);
        assert_eq!(generator.next(RTT), None);
    }

    #[test]
    fn disorder_fills_the_hole_silently() {
        let mut generator = fed(&[100, 102]);
        assert_eq!(
            generator.on_packet(Time::from_millis(2), 101),
            Arrival::Filled
        );
        assert_eq!(due(&mut generator, 400), []);
    }

    #[test]
    fn each_packet_counts_once() {
        let mut generator = fed(&[100, 101, 105]);
        let kinds: Vec<_> = [105, 101, 103, 103, 99]
            .map(|s| generator.on_packet(Time::ZERO, s))
            .into();
        use Arrival::{Duplicate, Filled};
        assert_eq!(kinds, [Duplicate, Duplicate, Filled, Duplicate, Filled]);
        assert_eq!(generator.on_packet(Time::ZERO, 5_000), Arrival::Outage);
        assert_eq!(generator.on_packet(Time::ZERO, 105), Arrival::TooOld);
        assert_eq!(generator.on_packet(Time::ZERO, 4_990), Arrival::Filled);
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        let mut generator = fed(&[100]);
        assert_eq!(generator.on_packet(Time::ZERO, 1_000), Arrival::Outage);
        assert_eq!(generator.next(RTT), None);
    }

    #[test]
    fn sequence_numbers_wrap_on_the_wire_only() {
        let mut generator = fed(&[131_070, 131_074, 131_075, 131_076]);
        assert_eq!(due(&mut generator, 0), [65_535, 0, 1]);
    }

    #[test]
    fn without_nack_nothing_is_asked() {
        let mut generator = NackGenerator::new(3, false);
        assert_eq!(generator.on_packet(Time::ZERO, 1), Arrival::New);
        assert_eq!(generator.on_packet(Time::ZERO, 9), Arrival::New);
        assert_eq!(generator.on_packet(Time::ZERO, 5), Arrival::Filled);
        assert_eq!(generator.on_packet(Time::ZERO, 5), Arrival::Duplicate);
        assert_eq!(generator.next(RTT), None);
    }
}
