//! Keyframe requests, throttled on two levels (PLI storms are what kills a publisher's uplink):
//! each viewer may ask a few times per window, each source is asked at most every so often.

use std::time::Duration;

use crate::time::Time;

/// Window of the viewers' allowance (Jitsi Videobridge uses the same numbers).
const WINDOW: Duration = Duration::from_secs(10);
/// Most requests per window that can be configured.
const MOST: usize = 16;
/// A request that nothing came of is repeated after this long plus one RTT: a sender needs a few
/// frames to make a keyframe, and a request on the way must not make it send two.
const RETRY: Duration = Duration::from_millis(300);

/// How often one viewer may ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewerThrottle {
    allowance: usize,
    /// Times of the granted requests, a ring.
    granted: [Option<Time>; MOST],
    next: usize,
}

impl ViewerThrottle {
    pub(crate) fn new(allowance: u32) -> ViewerThrottle {
        let allowance = (allowance as usize).clamp(1, MOST);
        ViewerThrottle {
            allowance,
            granted: [None; MOST],
            next: 0,
        }
    }

    /// Whether a request is granted now.
    pub(crate) fn ask(&mut self, now: Time) -> bool {
        let oldest = &mut self.granted[self.next];
        if oldest.is_some_and(|at| now.since(at) < WINDOW) {
            return false;
        }
        *oldest = Some(now);
        self.next = (self.next + 1) % self.allowance;
        true
    }
}

/// When one source is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceThrottle {
    interval: Duration,
    asked: Option<Time>,
    /// Somebody waits for a keyframe.
    wanted: bool,
    /// A viewer asked too soon after another; it is asked for as soon as the interval allows.
    deferred: bool,
}

impl SourceThrottle {
    pub(crate) fn new(interval: Duration) -> SourceThrottle {
        SourceThrottle {
            interval,
            asked: None,
            wanted: false,
            deferred: false,
        }
    }

    /// Somebody needs a keyframe. Whether the request goes out is decided by [`SourceThrottle::due`].
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// A viewer asks: whether the request may go out now. If not, it goes when the interval is over,
    /// unless a keyframe begins before.
    pub(crate) fn ask(&mut self, now: Time) -> bool {
        let may = self.asked.is_none_or(|at| now.since(at) >= self.interval);
        self.deferred = !may;
        may
    }

    /// A keyframe began.
    pub(crate) fn satisfied(&mut self) {
        self.wanted = false;
        self.deferred = false;
    }

    /// Nobody waits any more.
    pub(crate) fn release(&mut self) {
        self.wanted = false;
    }

    /// When to ask, if anybody waits. The first request goes at once unless another went less than
    /// the interval ago; a repetition waits for its answer.
    pub(crate) fn next(&self, rtt: Duration) -> Option<Time> {
        let after = |wait| self.asked.map_or(Time::ZERO, |at| at + wait);
        let repeated = self.wanted.then(|| after(self.interval.max(RETRY + rtt)));
        let deferred = self.deferred.then(|| after(self.interval));
        repeated.into_iter().chain(deferred).min()
    }

    /// A request goes out.
    pub(crate) fn on_asked(&mut self, now: Time) {
        self.asked = Some(now);
        self.deferred = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    #[test]
    fn a_viewer_gets_three_in_ten_seconds() {
        let mut throttle = ViewerThrottle::new(3);
        let granted: Vec<u64> = (0..21_000)
            .filter(|&ms| throttle.ask(Time::from_millis(ms)))
            .collect();
        assert_eq!(
            granted,
            [0, 1, 2, 10_000, 10_001, 10_002, 20_000, 20_001, 20_002]
        );
    }

    #[test]
    fn a_source_is_asked_again_until_a_keyframe_comes() {
        let mut throttle = SourceThrottle::new(Duration::from_millis(200));
        assert_eq!(throttle.next(RTT), None);
        throttle.want();
        assert_eq!(throttle.next(RTT), Some(Time::ZERO));
        throttle.on_asked(Time::from_millis(1_000));
        assert_eq!(throttle.next(RTT), Some(Time::from_millis(1_400)));
        throttle.satisfied();
        assert_eq!(throttle.next(RTT), None);
    }

    #[test]
    fn a_thousand_requests_a_second_become_five() {
        let mut throttle = SourceThrottle::new(Duration::from_millis(200));
        let mut asked = Vec::new();
        for ms in 0..1_000 {
            let now = Time::from_millis(ms);
            if throttle.ask(now) || throttle.next(RTT).is_some_and(|at| at <= now) {
                throttle.on_asked(now);
                asked.push(ms);
            }
        }
        assert_eq!(asked, [0, 200, 400, 600, 800]);
    }

    #[test]
    fn a_deferred_request_is_dropped_when_a_keyframe_begins() {
        let mut throttle = SourceThrottle::new(Duration::from_millis(200));
        throttle.on_asked(Time::ZERO);
        assert!(!throttle.ask(Time::from_millis(50)));
        assert_eq!(throttle.next(RTT), Some(Time::from_millis(200)));
        throttle.satisfied();
        assert_eq!(throttle.next(RTT), None);
    }
}
