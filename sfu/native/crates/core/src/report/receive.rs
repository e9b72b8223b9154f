//! Reception statistics of one stream (RFC 3550 appendices A.3 and A.8).

use crate::time::Time;

/// Counts what a stream lost and how its transit time varies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveStatistics {
    base: Option<u64>,
    highest: u64,
    received: u64,
    repaired: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Transit of the last packet in timestamp units, and its timestamp.
    transit: Option<(u32, u32)>,
    /// Scaled by 16, as in A.8.
    jitter: u32,
}

/// The figures of a report block that come from reception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reception {
    /// Of the packets expected since the last report, in 1/256.
    pub(crate) fraction_lost: u8,
    /// Clamped to 24 bits signed.
    pub(crate) cumulative_lost: i32,
    /// Extended highest sequence number: cycles counted from the first packet.
    pub(crate) highest_sequence: u32,
    /// Timestamp units.
    pub(crate) jitter: u32,
}

impl ReceiveStatistics {
    /// Takes a packet of the stream itself. Retransmissions on a stream of their own are told by
    /// [`ReceiveStatistics::on_repaired`]: what the sender reads is the loss of its network.
    pub(crate) fn on_packet(&mut self, now: Time, sequence: u64, timestamp: u32, clock_rate: u32) {
        let base = *self.base.get_or_insert(sequence);
        if sequence < base {
            self.base = Some(sequence);
        }
        self.received += 1;
        if sequence <= self.highest && self.received > 1 {
            return;
        }
        self.highest = sequence;
        let arrival = (u128::from(now.0) * u128::from(clock_rate) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some((before, last)) = self.transit
            && last != timestamp
        {
            let d = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the clock (a device switched, a source resumed) is not jitter.
            if d < clock_rate.saturating_mul(5) {
                let jitter = i64::from(self.jitter);
                self.jitter = (jitter + i64::from(d) - ((jitter + 8) >> 4)).max(0) as u32;
            }
        }
        if self.transit.is_none_or(|(_, last)| last != timestamp) {
            // Packets of one frame leave together; only the first says how long the way took.
            self.transit = Some((transit, timestamp));
        }
    }

    /// A lost packet came by retransmission.
    pub(crate) fn on_repaired(&mut self) {
        self.repaired += 1;
    }

    /// The figures since the last call; `None` before the first packet.
    pub(crate) fn report(&mut self) -> Option<Reception> {
        let base = self.base?;
        let expected = self.highest + 1 - base;
        let interval = expected - self.expected_prior.min(expected);
        let received = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost = interval.saturating_sub(received);
        let fraction = (lost * 256).checked_div(interval).unwrap_or(0).min(255);
        let cumulative = expected.cast_signed() - self.received.cast_signed();
        Some(Reception {
            fraction_lost: fraction as u8,
            cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: ((self.highest >> 16).wrapping_sub(base >> 16) as u32) << 16
                | (self.highest & 0xffff) as u32,
            jitter: self.jitter >> 4,
        })
    }

    /// Packets missing now, after repair.
    pub(crate) fn lost_after_repair(&self) -> i64 {
        let Some(base) = self.base else { return 0 };
        let expected = (self.highest + 1 - base).cast_signed();
        (expected - (self.received + self.repaired).cast_signed()).max(0)
    }

    /// Interarrival jitter in microseconds.
    pub(crate) fn jitter_us(&self, clock_rate: u32) -> u32 {
        let ticks = u64::from(self.jitter >> 4);
        u32::try_from(ticks * 1_000_000 / u64::from(clock_rate.max(1))).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(sequences: impl IntoIterator<Item = u64>) -> ReceiveStatistics {
        let mut statistics = ReceiveStatistics::default();
        for sequence in sequences {
            let now = Time::from_millis(sequence % 65_536 * 20);
            statistics.on_packet(now, sequence, (sequence as u32).wrapping_mul(960), 48_000);
        }
        statistics
    }

    #[test]
    fn loss_is_counted_over_the_interval_and_in_all() {
        let mut statistics = fed((65_536..65_636).filter(|s| s % 4 != 0));
        let report = statistics.report().unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (62, 24)); // 24 of 99
        let again = statistics.report().unwrap();
        assert_eq!((again.fraction_lost, again.cumulative_lost), (0, 24));
        for _ in 0..24 {
            statistics.on_repaired();
        }
        assert_eq!(statistics.lost_after_repair(), 0);
    }

    #[test]
    fn highest_sequence_counts_cycles_from_the_first_packet() {
        let first = 65_536 + 65_530;
        let report = fed(first..first + 3 * 65_536).report().unwrap();
        assert_eq!(report.highest_sequence, (3 << 16) | 65_529);
        assert_eq!(report.cumulative_lost, 0);
    }

    #[test]
    fn duplicates_make_the_loss_negative_not_huge() {
        let report = fed([70_000, 70_001, 70_001, 70_001]).report().unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, -2));
    }

    #[test]
    fn an_even_stream_has_no_jitter_and_an_uneven_one_has() {
        assert_eq!(fed(65_536..65_700).jitter_us(48_000), 0);
        let mut statistics = ReceiveStatistics::default();
        for i in 0..200u64 {
            let late = if i % 2 == 0 { 0 } else { 10 };
            statistics.on_packet(
                Time::from_millis(i * 20 + late),
                70_000 + i,
                i as u32 * 960,
                48_000,
            );
        }
        let jitter = statistics.jitter_us(48_000);
        assert!((9_000..=10_500).contains(&jitter), "{jitter}");
    }
}
