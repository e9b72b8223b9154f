//! When a bottleneck has sent what stands in its queue.

use std::time::Duration;

use sfu_core::time::Time;
use sfu_core::units::Bitrate;

/// Bytes that one line of a mahimahi trace lets through.
pub const OPPORTUNITY: u64 = 1500;

/// Capacity of a link.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Rate {
    /// No bottleneck.
    #[default]
    Unlimited,
    /// Constant.
    Constant(Bitrate),
    /// Piecewise constant: from each time after the start of the link on, that rate; an outage is 0.
    Schedule {
        /// (time after the start, rate), ascending; the first is usually at 0, before it nothing passes.
        steps: Vec<(Duration, Bitrate)>,
        /// Starts again after this long, when given.
        period: Option<Duration>,
    },
    /// A recorded cellular link.
    Trace(Trace),
}

/// A mahimahi packet-delivery trace: a line per opportunity to deliver 1500 bytes, its time in
/// milliseconds; it starts over when it ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    millis: Vec<u64>,
}

/// Why a trace file is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TraceError {
    /// A line is not a whole number of milliseconds.
    #[error("line {0} is not a whole number of milliseconds")]
    NotANumber(usize),
    /// Time runs backwards.
    #[error("line {0} lies before the line above it")]
    NotAscending(usize),
    /// No line, or the trace has no length.
    #[error("the trace is empty or ends at 0 ms")]
    Empty,
}

impl Trace {
    /// Reads the text of a trace file. Lines that are empty or start with `#` are left out.
    pub fn parse(text: &str) -> Result<Trace, TraceError> {
        let mut millis = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at: u64 = line
                .parse()
                .map_err(|_| TraceError::NotANumber(number + 1))?;
            if millis.last().is_some_and(|&last| at < last) {
                return Err(TraceError::NotAscending(number + 1));
            }
            millis.push(at);
        }
        if millis.last().is_none_or(|&last| last == 0) {
            return Err(TraceError::Empty);
        }
        Ok(Trace { millis })
    }

    /// Mean capacity over one round.
    pub fn mean(&self) -> Bitrate {
        Bitrate(self.millis.len() as u64 * OPPORTUNITY * 8 * 1000 / self.period())
    }

    fn period(&self) -> u64 {
        self.millis[self.millis.len() - 1]
    }

    /// Time of an opportunity after the start, counted over all rounds.
    fn at(&self, opportunity: u64) -> Duration {
        let n = self.millis.len() as u64;
        let round = opportunity / n * self.period();
        Duration::from_millis(round + self.millis[(opportunity % n) as usize])
    }

    /// First opportunity after `elapsed`; one at that very time is gone (mahimahi does the same).
    fn first_after(&self, elapsed: Duration) -> u64 {
        let millis = elapsed.as_millis() as u64;
        let (round, within) = (millis / self.period(), millis % self.period());
        let index = self.millis.partition_point(|&at| at <= within) as u64;
        round * self.millis.len() as u64 + index
    }
}

/// Where in its capacity a busy bottleneck stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    pub(crate) time: Time,
    opportunity: u64,
    /// Bytes left of the opportunity taken last.
    credit: u64,
}

impl Rate {
    /// The cursor of a bottleneck that was idle until `now`.
    pub(crate) fn start(&self, origin: Time, now: Time) -> Cursor {
        let opportunity = match self {
            Rate::Trace(trace) => trace.first_after(now.since(origin)),
            _ => 0,
        };
        Cursor {
            time: now,
            opportunity,
            credit: 0,
        }
    }

    /// The cursor after sending `bytes`, or `None` when they will never have been sent.
    pub(crate) fn finish(&self, origin: Time, cursor: Cursor, bytes: u64) -> Option<Cursor> {
        match self {
            Rate::Unlimited => Some(cursor),
            Rate::Constant(rate) => {
                let time = cursor.time + transmission(bytes * 8, *rate)?;
                Some(Cursor { time, ..cursor })
            }
            Rate::Schedule { steps, period } => {
                let elapsed =
                    finish_schedule(steps, *period, cursor.time.since(origin), bytes * 8)?;
                Some(Cursor {
                    time: origin + elapsed,
                    ..cursor
                })
            }
            Rate::Trace(trace) => {
                let Some(needed) = bytes
                    .checked_sub(cursor.credit)
                    .filter(|&needed| needed > 0)
                else {
                    return Some(Cursor {
                        credit: cursor.credit - bytes,
                        ..cursor
                    });
                };
                let taken = needed.div_ceil(OPPORTUNITY);
                let last = cursor.opportunity + taken - 1;
                let time = (origin + trace.at(last)).max(cursor.time);
                Some(Cursor {
                    time,
                    opportunity: last + 1,
                    credit: taken * OPPORTUNITY - needed,
                })
            }
        }
    }
}

/// Time that `bits` take at `rate`, rounded up to a nanosecond.
fn transmission(bits: u64, rate: Bitrate) -> Option<Duration> {
    if rate.0 == 0 {
        return None;
    }
    let nanos = (u128::from(bits) * 1_000_000_000).div_ceil(u128::from(rate.0));
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

/// Walks the steps from `elapsed` on until `bits` are through. Gives up after a round of a repeating
/// schedule in which nothing passes.
fn finish_schedule(
    steps: &[(Duration, Bitrate)],
    period: Option<Duration>,
    elapsed: Duration,
    bits: u64,
) -> Option<Duration> {
    let period = period.filter(|period| !period.is_zero());
    let (mut at, mut left) = (elapsed, bits);
    let mut idle_steps = 0;
    while idle_steps <= steps.len() + 1 {
        let round = period.map_or(Duration::ZERO, |p| {
            Duration::from_nanos((at.as_nanos() / p.as_nanos() * p.as_nanos()) as u64)
        });
        let within = at - round;
        let next = steps.partition_point(|&(from, _)| from <= within);
        let rate = next
            .checked_sub(1)
            .map_or(Bitrate(0), |current| steps[current].1);
        let end = match (steps.get(next), period) {
            (Some(&(from, _)), Some(p)) => Some(round + from.min(p)),
            (Some(&(from, _)), None) => Some(from),
            (None, Some(p)) => Some(round + p),
            (None, None) => None,
        };
        let Some(end) = end else {
            return Some(at + transmission(left, rate)?);
        };
        if let Some(time) = transmission(left, rate).filter(|&time| at + time <= end) {
            return Some(at + time);
        }
        let passed = (u128::from(rate.0) * (end - at).as_nanos() / 1_000_000_000) as u64;
        left = left.saturating_sub(passed).max(1);
        idle_steps = if rate.0 == 0 { idle_steps + 1 } else { 0 };
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn finish(rate: &Rate, start_ms: u64, bytes: u64) -> Option<u64> {
        let cursor = rate.start(Time::ZERO, Time::from_millis(start_ms));
        rate.finish(Time::ZERO, cursor, bytes)
            .map(|c| c.time.as_millis())
    }

    #[test]
    fn bytes_take_the_time_the_rate_says() {
        let step = |period| Rate::Schedule {
            steps: vec![
                (ms(0), Bitrate(1_000_000)),
                (ms(100), Bitrate(0)),
                (ms(200), Bitrate(2_000_000)),
            ],
            period,
        };
        // (rate, start ms, bytes, end ms)
        let cases = [
            (Rate::Unlimited, 5, 1_000_000, Some(5)),
            (Rate::Constant(Bitrate(1_000_000)), 0, 1250, Some(10)),
            (Rate::Constant(Bitrate(0)), 0, 1250, None),
            (step(None), 0, 1250, Some(10)),
            // 5 ms before the outage, 5 ms worth of bits after it at twice the rate.
            (step(None), 95, 1250, Some(202)),
            (step(None), 150, 2500, Some(210)),
            (step(None), 10_000, 2500, Some(10_010)),
            (step(Some(ms(300))), 295, 2500, Some(310)),
            (step(Some(ms(300))), 395, 1250, Some(502)),
            (
                Rate::Schedule {
                    steps: vec![(ms(0), Bitrate(0))],
                    period: None,
                },
                0,
                1,
                None,
            ),
            (
                Rate::Schedule {
                    steps: vec![(ms(0), Bitrate(0))],
                    period: Some(ms(10)),
                },
                0,
                1,
                None,
            ),
            (
                Rate::Schedule {
                    steps: vec![],
                    period: None,
                },
                0,
                1,
                None,
            ),
        ];
        for (rate, start, bytes, end) in cases {
            assert_eq!(
                finish(&rate, start, bytes),
                end,
                "{rate:?} from {start} ms, {bytes} bytes"
            );
        }
    }

    #[test]
    fn a_trace_gives_1500_bytes_a_line_and_loops() {
        let trace = Trace::parse("# comment\n10\n10\n25\n40\n").unwrap();
        assert_eq!(trace.mean(), Bitrate(4 * 1500 * 8 * 1000 / 40));
        let rate = Rate::Trace(trace);
        let cases = [
            (0, 1, 10),
            (0, 1500, 10),
            (0, 3000, 10),
            (0, 3001, 25),
            (10, 1, 25), // the opportunity at the time of arrival is gone
            (25, 1501, 50),
            (40, 1, 50),
            (395, 1500, 400),
        ];
        for (start, bytes, end) in cases {
            assert_eq!(
                finish(&rate, start, bytes),
                Some(end),
                "from {start} ms, {bytes} bytes"
            );
        }
    }

    #[test]
    fn what_an_opportunity_has_left_serves_the_next_packet_in_the_queue() {
        let rate = Rate::Trace(Trace::parse("10\n20\n").unwrap());
        let mut cursor = rate.start(Time::ZERO, Time::ZERO);
        let mut ends = Vec::new();
        for _ in 0..4 {
            cursor = rate.finish(Time::ZERO, cursor, 1000).unwrap();
            ends.push(cursor.time.as_millis());
        }
        assert_eq!(ends, [10, 20, 20, 30]);
    }

    #[test]
    fn bad_traces_name_the_line() {
        assert_eq!(Trace::parse("1\nx\n"), Err(TraceError::NotANumber(2)));
        assert_eq!(Trace::parse("5\n4\n"), Err(TraceError::NotAscending(2)));
        assert_eq!(Trace::parse("\n"), Err(TraceError::Empty));
        assert_eq!(Trace::parse("0\n"), Err(TraceError::Empty));
    }
}
