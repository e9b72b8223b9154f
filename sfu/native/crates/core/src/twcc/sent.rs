//! Packets sent to one viewer under a transport-wide number, matched with its feedback. What is
//! learned here is what a bandwidth estimator will be fed with.

use std::time::Duration;

use crate::rtcp::TwccFeedback;
use crate::time::Time;

/// Packets remembered: a second at 25 Mbit/s.
const WINDOW: u64 = 2048;
/// Packets of one message that are looked at; a viewer tells every 50 to 250 ms.
const MOST_TOLD: u64 = 2 * WINDOW;
/// Extended number of the first packet: 0 on the wire.
const FIRST: u64 = 1 << 16;
/// The acknowledged rate is taken over at least this long.
const RATE_WINDOW: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Fate {
    #[default]
    Unknown,
    Arrived,
    Lost,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    at: Time,
    size: u16,
    fate: Fate,
}

/// One packet that feedback spoke of for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Acknowledged {
    /// When it was sent, by our clock.
    pub(crate) sent: Time,
    /// When it arrived, microseconds of the viewer's clock; `None` when it is missing.
    pub(crate) arrived_us: Option<i64>,
    /// UDP payload, bytes.
    pub(crate) size: u16,
}

/// Numbers packets and learns what became of them.
#[derive(Debug)]
pub(crate) struct SentPackets {
    ring: Box<[Sent]>,
    next: u64,
    arrived: u64,
    lost: u64,
    window_start: Time,
    window_bytes: u64,
    bitrate: Option<u64>,
}

impl SentPackets {
    pub(crate) fn new() -> SentPackets {
        SentPackets {
            ring: vec![Sent::default(); WINDOW as usize].into_boxed_slice(),
            next: FIRST,
            arrived: 0,
            lost: 0,
            window_start: Time::ZERO,
            window_bytes: 0,
            bitrate: None,
        }
    }

    /// Number of the next packet.
    pub(crate) fn sequence(&self) -> u16 {
        self.next as u16
    }

    /// The packet with that number goes out.
    pub(crate) fn on_sent(&mut self, now: Time, size: usize) {
        let size = size.min(usize::from(u16::MAX)) as u16;
        self.ring[(self.next % WINDOW) as usize] = Sent {
            at: now,
            size,
            fate: Fate::Unknown,
        };
        self.next += 1;
    }

    /// Takes feedback; `each` hears of every packet whose fate is new.
    pub(crate) fn on_feedback(
        &mut self,
        now: Time,
        feedback: &TwccFeedback<'_>,
        mut each: impl FnMut(Acknowledged),
    ) {
        // A few bytes can claim 65535 lost packets, and a datagram holds dozens of such claims.
        if u64::from(feedback.status_count) > MOST_TOLD {
            return;
        }
        for (sequence, arrived_us) in feedback.arrivals() {
            let back = (self.next as u16).wrapping_sub(sequence);
            if back == 0 || u64::from(back) > WINDOW.min(self.next - FIRST) {
                continue; // never sent, or forgotten
            }
            let entry = &mut self.ring[((self.next - u64::from(back)) % WINDOW) as usize];
            match (entry.fate, arrived_us) {
                (Fate::Arrived, _) | (Fate::Lost, None) => continue,
                (Fate::Unknown, None) => {
                    entry.fate = Fate::Lost;
                    self.lost += 1;
                }
                (before, Some(_)) => {
                    if before == Fate::Lost {
                        self.lost -= 1; // it was late only
                    }
                    entry.fate = Fate::Arrived;
                    self.arrived += 1;
                    self.window_bytes += u64::from(entry.size);
                }
            }
            each(Acknowledged {
                sent: entry.at,
                arrived_us,
                size: entry.size,
            });
        }
        self.measure(now);
    }

    fn measure(&mut self, now: Time) {
        let elapsed = now.since(self.window_start);
        if elapsed < RATE_WINDOW {
            return;
        }
        let micros = elapsed.as_micros().max(1) as u64;
        if self.window_start != Time::ZERO && elapsed < RATE_WINDOW * 4 {
            self.bitrate = Some(self.window_bytes * 8 * 1_000_000 / micros);
        }
        self.window_start = now;
        self.window_bytes = 0;
    }

    /// Rate that arrived lately, bit/s; `None` before it is known.
    pub(crate) fn bitrate(&self) -> Option<u64> {
        self.bitrate
    }

    /// Packets that arrived and that are missing, by feedback.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.arrived, self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{self, Rtcp};
    use crate::units::Ssrc;

    fn feed(sent: &mut SentPackets, ms: u64, base: u64, arrivals: &[u64]) -> Vec<Acknowledged> {
        let arrivals: Vec<_> = arrivals
            .iter()
            .map(|&n| (n, Time::from_millis(n % 1000)))
            .collect();
        let mut out = [0; 1200];
        let written =
            rtcp::write_transport_cc(&mut out, Ssrc(1), Ssrc(2), 0, base, &arrivals).unwrap();
        let Some(Ok(Rtcp::TransportCc(feedback))) = rtcp::packets(&out[..written.len]).next()
        else {
            panic!("no feedback")
        };
        let mut heard = Vec::new();
        sent.on_feedback(Time::from_millis(ms), &feedback, |a| heard.push(a));
        heard
    }

    #[test]
    fn each_fate_is_told_once_and_late_is_not_lost() {
        let mut sent = SentPackets::new();
        let first = FIRST + u64::from(sent.sequence());
        for n in 0..10 {
            sent.on_sent(Time::from_millis(n), 1000);
        }
        assert_eq!(feed(&mut sent, 50, first, &[first, first + 2]).len(), 3);
        assert_eq!(sent.counts(), (2, 1));
        assert_eq!(feed(&mut sent, 60, first, &[first + 1, first + 2]).len(), 1);
        assert_eq!(sent.counts(), (3, 0));
    }

    #[test]
    fn feedback_on_what_was_never_sent_is_ignored() {
        let mut sent = SentPackets::new();
        let first = FIRST + u64::from(sent.sequence());
        sent.on_sent(Time::ZERO, 100);
        assert_eq!(
            feed(&mut sent, 1, first - 5, &[first - 5, first - 1]).len(),
            0
        );
        assert_eq!(feed(&mut sent, 1, first + 1, &[first + 1]).len(), 0);
        assert_eq!(sent.counts(), (0, 0));
    }

    #[test]
    fn a_message_that_claims_more_than_is_remembered_is_ignored() {
        let mut sent = SentPackets::new();
        for _ in 0..100 {
            sent.on_sent(Time::ZERO, 100);
        }
        let long = FIRST - MOST_TOLD;
        assert_eq!(feed(&mut sent, 1, long, &[FIRST + 1]).len(), 0);
        assert_eq!(feed(&mut sent, 1, long + 2, &[FIRST + 1]).len(), 2);
        assert_eq!(sent.counts(), (1, 1));
    }

    #[test]
    fn the_acknowledged_rate_is_measured() {
        let mut sent = SentPackets::new();
        for n in 0..300u64 {
            let number = u64::from(sent.sequence());
            sent.on_sent(Time::from_millis(n * 10), 1250); // 1 Mbit/s
            feed(&mut sent, 1_000 + n * 10, number, &[number]);
        }
        let rate = sent.bitrate().unwrap();
        assert!((950_000..=1_050_000).contains(&rate), "{rate}");
    }
}
