//! Reception statistics for receiver reports (RFC 3550 section 6.4.1 and appendix A).

use std::time::Duration;

use sfu_core::rtcp::ReportBlock;
use sfu_core::rtp::SeqExtender;
use sfu_core::time::Time;
use sfu_core::units::Ssrc;

/// NTP time (32.32 bit fixed point) of a moment; 2 208 988 800 s lie between 1900 and 1970.
pub(crate) fn ntp(unix_nanos_at_origin: u64, now: Time) -> u64 {
    let nanos = u128::from(unix_nanos_at_origin) + u128::from(now.0);
    let seconds = (nanos / 1_000_000_000) as u64 + 2_208_988_800;
    let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    seconds << 32 | fraction as u64
}

/// A duration in the 16.16 bit fixed point of DLSR.
fn short(duration: Duration) -> u32 {
    ((duration.as_nanos() << 16) / 1_000_000_000) as u32
}

/// How one stream is received.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    extender: SeqExtender,
    base: Option<u64>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// Jitter times 16, in units of the media clock (RFC 3550 appendix A.8).
    jitter: u64,
    transit: Option<i64>,
    last_report: Option<(u32, Time)>,
}

impl Reception {
    /// A packet came on the stream itself, not by retransmission.
    pub(crate) fn on_packet(&mut self, now: Time, sequence: u16, timestamp: u32, clock_rate: u32) {
        let extended = self.extender.extend(sequence);
        self.base.get_or_insert(extended);
        self.received += 1;
        let arrival = (u128::from(now.0) * u128::from(clock_rate) / 1_000_000_000) as i64;
        // Timestamps wrap; only the difference of two transits counts, and it is small.
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let step = (transit - before).unsigned_abs().min(u64::from(clock_rate));
            self.jitter = self.jitter + step - (self.jitter + 8) / 16;
        }
    }

    /// A sender report came: middle 32 bits of its NTP time.
    pub(crate) fn on_sender_report(&mut self, now: Time, ntp: u64) {
        self.last_report = Some(((ntp >> 16) as u32, now));
    }

    /// The block for the next report; `None` before the first packet.
    pub(crate) fn block(&mut self, now: Time, ssrc: Ssrc) -> Option<ReportBlock> {
        let (base, highest) = (self.base?, self.extender.highest()?);
        let expected = highest + 1 - base.min(highest);
        let interval_expected = expected - self.expected_before;
        let interval_received = self.received - self.received_before;
        (self.expected_before, self.received_before) = (expected, self.received);
        let lost = interval_expected.saturating_sub(interval_received);
        let fraction = (lost << 8).checked_div(interval_expected).unwrap_or(0);
        let (last_sr, delay) = match self.last_report {
            Some((middle, at)) => (middle, short(now.since(at))),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: (expected as i64 - self.received as i64).clamp(-0x80_0000, 0x7f_ffff)
                as i32,
            highest_sequence: (highest - (1 << 16)) as u32,
            jitter: (self.jitter / 16) as u32,
            last_sr,
            delay_since_last_sr: delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_reported_for_the_interval_and_in_all() {
        let mut reception = Reception::default();
        assert_eq!(reception.block(Time::ZERO, Ssrc(1)), None);
        for n in (0..100u16).filter(|n| n % 4 != 1) {
            reception.on_packet(
                Time::from_millis(u64::from(n) * 10),
                65_500u16.wrapping_add(n),
                u32::from(n) * 900,
                90_000,
            );
        }
        let first = reception.block(Time::from_millis(1_000), Ssrc(1)).unwrap();
        assert_eq!((first.fraction_lost, first.cumulative_lost), (64, 25));
        assert_eq!(first.highest_sequence, 1 << 16 | 63);
        assert_eq!(first.jitter, 0);
        reception.on_packet(Time::from_millis(1_000), 64, 90_000, 90_000);
        let second = reception.block(Time::from_millis(1_000), Ssrc(1)).unwrap();
        assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 25));
    }

    #[test]
    fn jitter_follows_the_filter_of_the_rfc() {
        let mut reception = Reception::default();
        for n in 0..500u16 {
            // Transit alternates by 10 ms, 900 ticks: the filter's fixed point.
            let at = u64::from(n) * 20 + u64::from(n % 2) * 10;
            reception.on_packet(Time::from_millis(at), n, u32::from(n) * 1_800, 90_000);
        }
        let jitter = reception.block(Time::ZERO, Ssrc(1)).unwrap().jitter;
        assert!((880..=900).contains(&jitter), "{jitter}");
    }

    #[test]
    fn the_delay_since_a_sender_report_is_in_65536ths() {
        let mut reception = Reception::default();
        reception.on_packet(Time::ZERO, 1, 1, 48_000);
        reception.on_sender_report(Time::from_millis(100), 0x1111_2222_3333_4444);
        let block = reception.block(Time::from_millis(600), Ssrc(1)).unwrap();
        assert_eq!(
            (block.last_sr, block.delay_since_last_sr),
            (0x2222_3333, 32_768)
        );
    }

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(
            ntp(0, Time::from_millis(500)),
            2_208_988_800 << 32 | 1 << 31
        );
    }
}
