//! Clocks: ours, the publishers', and what a timestamp of theirs means in ours.

use std::time::Duration;

use crate::time::Time;

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_UNIX: u64 = 2_208_988_800;
/// A publisher's clock that moved more than this was set, it did not drift (32.32 fixed point).
const STEP: i64 = 1 << 32;
/// Clocks drift apart by at most this, parts per million: how fast an old best offset is given up.
const DRIFT_PPM: i64 = 200;

/// Our wall clock as NTP time, from the monotonic one and the time of day at its origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    unix_nanos_at_origin: u64,
}

impl WallClock {
    pub(crate) fn new(unix_nanos_at_origin: u64) -> WallClock {
        WallClock {
            unix_nanos_at_origin,
        }
    }

    /// 32.32 fixed point seconds since 1900.
    pub(crate) fn ntp(self, now: Time) -> u64 {
        let nanos = u128::from(self.unix_nanos_at_origin) + u128::from(now.0);
        let seconds = (nanos / 1_000_000_000) as u64;
        let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
        (seconds.wrapping_add(NTP_UNIX) << 32) | fraction as u64
    }
}

/// The middle 32 bits of an NTP time, as reports carry it (1/65536 s).
fn compact(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The last sender report of a received stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderClock {
    ntp: u64,
    rtp: u32,
    arrival: Time,
    clock_rate: u32,
}

impl SenderClock {
    pub(crate) fn new(ntp: u64, rtp: u32, arrival: Time, clock_rate: u32) -> SenderClock {
        SenderClock {
            ntp,
            rtp,
            arrival,
            clock_rate: clock_rate.max(1),
        }
    }

    /// When, in the sender's NTP time, a timestamp was sampled.
    pub(crate) fn ntp_of(&self, timestamp: u32) -> u64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.rtp).cast_signed());
        let delta = (i128::from(ticks) << 32) / i128::from(self.clock_rate);
        self.ntp.wrapping_add_signed(delta as i64)
    }

    /// The timestamp that belongs to a sender's NTP time.
    pub(crate) fn rtp_at(&self, ntp: u64) -> u32 {
        let delta = i128::from(ntp.wrapping_sub(self.ntp).cast_signed());
        let ticks = (delta * i128::from(self.clock_rate)) >> 32;
        self.rtp.wrapping_add(ticks as u32)
    }

    /// LSR and DLSR of a report block (RFC 3550 section 6.4.1).
    pub(crate) fn last_report(&self, now: Time) -> (u32, u32) {
        let delay = now.since(self.arrival).as_nanos() * 65_536 / 1_000_000_000;
        (compact(self.ntp), u32::try_from(delay).unwrap_or(u32::MAX))
    }
}

/// How far a publisher's NTP clock is from ours: one figure for all its streams, so that what was
/// sampled together is reported together (lip-sync).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PublisherClock {
    /// Ours minus theirs (32.32) of the report that was least delayed, and when it came.
    best: Option<(i64, Time)>,
}

impl PublisherClock {
    /// Takes the NTP time of a sender report and ours when it arrived.
    pub(crate) fn on_report(&mut self, now: Time, ours: u64, theirs: u64) {
        let offset = ours.wrapping_sub(theirs).cast_signed();
        let Some((best, since)) = self.best else {
            self.best = Some((offset, now));
            return;
        };
        let micros = now.since(since).as_micros().min(1 << 40) as i64;
        let allowed =
            best.saturating_add((micros << 12) / 1_000_000 * DRIFT_PPM * (1 << 20) / 1_000_000);
        let stepped = offset.wrapping_sub(best).saturating_abs() > STEP;
        // The least delayed report is nearest to the truth; every other one was queued longer.
        if stepped || offset <= allowed {
            self.best = Some((offset, now));
        }
    }

    /// The publisher's NTP time when ours is `ours`.
    pub(crate) fn theirs(&self, ours: u64) -> Option<u64> {
        self.best
            .map(|(offset, _)| ours.wrapping_add_signed(offset.wrapping_neg()))
    }
}

/// Smoothed round-trip time from the report blocks about what we send.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundTrip {
    smoothed: Option<Duration>,
}

impl RoundTrip {
    /// Takes LSR and DLSR of a block and our NTP time when it arrived. Nonsense is ignored.
    pub(crate) fn on_report(&mut self, ours: u64, last_sr: u32, delay: u32) {
        if last_sr == 0 {
            return;
        }
        let trip = compact(ours).wrapping_sub(last_sr).wrapping_sub(delay);
        // Clocks of 1/65536 s may make a tiny trip negative; more than a minute is a forgery.
        let trip = if trip > u32::MAX - 655 { 0 } else { trip };
        if trip > 60 << 16 {
            return;
        }
        let sample = Duration::from_micros(u64::from(trip) * 1_000_000 / 65_536);
        self.smoothed = Some(self.smoothed.map_or(sample, |s| (s * 7 + sample) / 8));
    }

    /// `None` before the first measurement.
    pub(crate) fn get(&self) -> Option<Duration> {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;

    #[test]
    fn ntp_is_unix_time_moved_to_1900() {
        let clock = WallClock::new(1_500_000_000);
        assert_eq!(clock.ntp(Time::ZERO), (NTP_UNIX + 1) << 32 | 1 << 31);
        assert_eq!(clock.ntp(Time::from_millis(500)), (NTP_UNIX + 2) << 32);
    }

    #[test]
    fn timestamps_and_ntp_convert_both_ways_over_the_wrap() {
        let clock = SenderClock::new(1000 * SECOND, u32::MAX - 100, Time::ZERO, 90_000);
        assert_eq!(
            clock.ntp_of((u32::MAX - 100).wrapping_add(90_000)),
            1001 * SECOND
        );
        assert_eq!(
            clock.ntp_of((u32::MAX - 100).wrapping_sub(45_000)),
            1000 * SECOND - SECOND / 2
        );
        assert_eq!(
            clock.rtp_at(1002 * SECOND),
            (u32::MAX - 100).wrapping_add(180_000)
        );
        assert_eq!(
            clock.rtp_at(999 * SECOND),
            (u32::MAX - 100).wrapping_sub(90_000)
        );
    }

    #[test]
    fn lsr_and_dlsr_are_in_sixteen_bit_fractions() {
        let clock = SenderClock::new(0x1234_5678_9abc_def0, 0, Time::from_millis(100), 1);
        assert_eq!(
            clock.last_report(Time::from_millis(1_600)),
            (0x5678_9abc, 98_304)
        );
    }

    #[test]
    fn the_least_delayed_report_sets_the_offset() {
        let mut clock = PublisherClock::default();
        assert_eq!(clock.theirs(5), None);
        for (second, delay_ms) in [(1u64, 80u64), (2, 30), (3, 200), (4, 30)] {
            let ours = (1000 + second) * SECOND + delay_ms * SECOND / 1000;
            clock.on_report(
                Time::from_millis(second * 1000 + delay_ms),
                ours,
                second * SECOND,
            );
        }
        let error = clock
            .theirs(1010 * SECOND)
            .unwrap()
            .abs_diff(10 * SECOND - 30 * SECOND / 1000);
        assert!(error < SECOND / 1000, "{error}");
        // Their clock was set: taken at once.
        clock.on_report(Time::from_millis(5_000), 1005 * SECOND, 9_000 * SECOND);
        assert_eq!(clock.theirs(1005 * SECOND), Some(9_000 * SECOND));
    }

    #[test]
    fn a_slow_drift_is_followed() {
        let mut clock = PublisherClock::default();
        for second in 0..600u64 {
            // Ours gains 100 ppm.
            let ours = second * SECOND + second * SECOND / 10_000;
            clock.on_report(Time::from_millis(second * 1000), ours, second * SECOND);
        }
        let error = clock
            .theirs(599 * SECOND + 599 * SECOND / 10_000)
            .unwrap()
            .abs_diff(599 * SECOND);
        assert!(error < SECOND / 500, "{error}");
    }

    #[test]
    fn round_trips_come_from_lsr_and_dlsr() {
        let mut trip = RoundTrip::default();
        trip.on_report(10 << 32, 0, 0);
        assert_eq!(trip.get(), None);
        trip.on_report(10 << 32, 9 << 16, 1 << 15); // one second ago, held half of it
        assert_eq!(trip.get(), Some(Duration::from_millis(500)));
        trip.on_report(10 << 32, 10 << 16, 100); // rounding
        assert_eq!(trip.get(), Some(Duration::from_millis(500) * 7 / 8));
        trip.on_report(10 << 32, 0x7fff_0000, 5); // forged
        assert_eq!(trip.get(), Some(Duration::from_millis(500) * 7 / 8));
    }
}
