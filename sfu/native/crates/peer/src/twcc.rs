//! Transport-wide feedback on what an endpoint receives.

use std::time::Duration;

use sfu_core::rtcp::write_transport_cc;
use sfu_core::rtp::SeqExtender;
use sfu_core::time::Time;
use sfu_core::units::Ssrc;

/// Between messages while packets arrive; libwebrtc sends each 50 to 250 ms.
const INTERVAL: Duration = Duration::from_millis(50);
/// Arrivals remembered at most.
const CAPACITY: usize = 4096;

/// Arrivals waiting to be reported.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    extender: SeqExtender,
    waiting: Vec<(u64, Time)>,
    base: Option<u64>,
    count: u8,
    due: Option<Time>,
    media: Ssrc,
}

impl Arrivals {
    pub(crate) fn record(&mut self, now: Time, sequence: u16, media: Ssrc) {
        let sequence = self.extender.extend(sequence);
        if self.base.is_some_and(|base| sequence < base) || self.waiting.len() == CAPACITY {
            return;
        }
        let at = self.waiting.partition_point(|&(other, _)| other < sequence);
        if self
            .waiting
            .get(at)
            .is_none_or(|&(other, _)| other != sequence)
        {
            self.waiting.insert(at, (sequence, now));
        }
        self.media = media;
        self.due.get_or_insert(now + INTERVAL);
    }

    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.due
    }

    /// Writes the feedback that is due; call again while it gives some.
    pub(crate) fn write(&mut self, now: Time, sender: Ssrc, out: &mut [u8]) -> Option<usize> {
        self.due.filter(|&due| due <= now)?;
        let base = self
            .base
            .or_else(|| self.waiting.first().map(|&(sequence, _)| sequence));
        let written = base.and_then(|base| {
            write_transport_cc(out, sender, self.media, self.count, base, &self.waiting)
        });
        let Some(written) = written else {
            self.waiting.clear();
            self.due = None;
            return None;
        };
        self.waiting.drain(..written.taken);
        self.base = Some(written.next_base);
        self.count = self.count.wrapping_add(1);
        if self.waiting.is_empty() {
            self.due = None;
        }
        Some(written.len)
    }
}

#[cfg(test)]
mod tests {
    use sfu_core::rtcp::{Rtcp, packets};

    use super::*;

    #[test]
    fn arrivals_are_reported_once_and_gaps_as_lost() {
        let mut arrivals = Arrivals::default();
        for (ms, sequence) in [(0, 65_534), (1, 65_535), (3, 1), (2, 0), (9, 4)] {
            arrivals.record(Time::from_millis(1_000 + ms), sequence, Ssrc(7));
        }
        assert_eq!(arrivals.next_timeout(), Some(Time::from_millis(1_050)));
        let mut out = [0; 500];
        assert_eq!(
            arrivals.write(Time::from_millis(1_049), Ssrc(1), &mut out),
            None
        );
        let len = arrivals
            .write(Time::from_millis(1_050), Ssrc(1), &mut out)
            .unwrap();
        let Some(Ok(Rtcp::TransportCc(feedback))) = packets(&out[..len]).next() else {
            panic!()
        };
        let seen: Vec<(u16, bool)> = feedback
            .arrivals()
            .map(|(s, at)| (s, at.is_some()))
            .collect();
        let expected = [
            (65_534, true),
            (65_535, true),
            (0, true),
            (1, true),
            (2, false),
            (3, false),
            (4, true),
        ];
        assert_eq!(seen, expected);
        assert_eq!(arrivals.next_timeout(), None);
        arrivals.record(Time::from_millis(1_060), 3, Ssrc(7));
        assert_eq!(
            arrivals.next_timeout(),
            None,
            "older than what was reported"
        );
    }
}
