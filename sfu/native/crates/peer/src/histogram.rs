//! Distribution of durations in constant space.

use std::time::Duration;

/// Sub-buckets per power of two: values are kept to 1/32, 3 %.
const SUB_BITS: u32 = 5;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) << SUB_BITS;

/// A log-linear histogram of nanoseconds.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            counts: vec![0; BUCKETS],
            total: 0,
            max: 0,
        }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p50, p99) = (self.quantile(0.5), self.quantile(0.99));
        write!(
            f,
            "{} values, p50 {p50:?}, p99 {p99:?}, max {:?}",
            self.total,
            self.max()
        )
    }
}

fn bucket(nanos: u64) -> usize {
    let high = 63 - (nanos | 1).leading_zeros();
    if high < SUB_BITS {
        return nanos as usize;
    }
    let shift = high - SUB_BITS;
    (((shift + 1) << SUB_BITS) as usize) + ((nanos >> shift) as usize & ((1 << SUB_BITS) - 1))
}

/// Largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (row, sub) = (bucket >> SUB_BITS, bucket as u64 & ((1 << SUB_BITS) - 1));
    if row == 0 {
        return sub;
    }
    let shift = row as u32 - 1;
    ((1 << SUB_BITS | sub) << shift) | ((1 << shift) - 1)
}

impl Histogram {
    /// Adds a value.
    pub fn record(&mut self, value: Duration) {
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Histogram) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(to, from)| *to += from);
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = 0;
    }

    /// How many values there are.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The value that a share `q` (0..=1) of the values does not exceed, 3 % high at most; zero when
    /// there are none.
    pub fn quantile(&self, q: f64) -> Duration {
        let wanted = ((self.total as f64 * q).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper(bucket).min(self.max));
            }
        }
        Duration::ZERO
    }

    /// The largest value.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_hold_their_values() {
        let mut last = 0;
        for nanos in (0..100_000).chain([1 << 40, (1 << 40) + 1, u64::MAX]) {
            let at = bucket(nanos);
            assert!(at >= last && at < BUCKETS, "{nanos}");
            assert!(upper(at) >= nanos, "{nanos}");
            assert!(upper(at) as f64 <= nanos as f64 * 1.033 + 1.0, "{nanos}");
            last = at;
        }
    }

    #[test]
    fn quantiles_of_a_ramp() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        (1..=1000).for_each(|us| histogram.record(Duration::from_micros(us)));
        for (q, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0), (0.0, 1.0)] {
            let got = histogram.quantile(q).as_nanos() as f64 / 1000.0;
            assert!((got / us - 1.0).abs() < 0.04, "{q}: {got} us");
        }
        let mut other = histogram.clone();
        other.merge(&histogram);
        assert_eq!(other.len(), 2000);
        assert_eq!(other.max(), Duration::from_micros(1000));
    }
}
