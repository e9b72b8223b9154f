//! Timestamps across switches of layer and source.

use std::time::Duration;

use crate::time::Time;

/// Least advance at a switch: two frames of one timestamp are one frame to a decoder.
const LEAST_STEP: Duration = Duration::from_millis(1);

/// Shifts the timestamps of changing sources onto one line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimestampRewriter {
    offset: u32,
    newest: Option<Newest>,
}

/// The newest packet that went out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) arrival: Time,
}

impl TimestampRewriter {
    /// From here on inputs come from another source, whose first is `first`, `elapsed` after the
    /// newest packet that went out.
    pub(crate) fn switch(&mut self, first: u32, elapsed: Duration, clock_rate: u32) {
        let Some(newest) = self.newest else { return };
        let ticks = ticks(elapsed.max(LEAST_STEP), clock_rate);
        self.offset = newest.output.wrapping_add(ticks).wrapping_sub(first);
    }

    pub(crate) fn map(&mut self, input: u32, arrival: Time) -> u32 {
        let output = self.map_left(input);
        if self
            .newest
            .is_none_or(|newest| output.wrapping_sub(newest.output) < 1 << 31)
        {
            self.newest = Some(Newest {
                input,
                output,
                arrival,
            });
        }
        output
    }

    /// Output for an input that comes after its source was left.
    pub(crate) fn map_left(&self, input: u32) -> u32 {
        input.wrapping_add(self.offset)
    }

    /// What is added to the current source's timestamps.
    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    pub(crate) fn newest(&self) -> Option<Newest> {
        self.newest
    }
}

/// Duration in ticks of an RTP clock, rounded, wrapping.
pub(crate) fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    ((duration.as_nanos() * u128::from(clock_rate) + 500_000_000) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_source_keeps_its_timestamps() {
        let mut rewriter = TimestampRewriter::default();
        rewriter.switch(77, Duration::from_secs(9), 90_000);
        assert_eq!(rewriter.map(77, Time::ZERO), 77);
    }

    #[test]
    fn a_switch_advances_by_what_elapsed() {
        let mut rewriter = TimestampRewriter::default();
        rewriter.map(u32::MAX - 10, Time::ZERO);
        for (first, elapsed_ms, step) in
            [(5_000, 33, 2_970), (1, 0, 90), (u32::MAX, 2_000, 180_000)]
        {
            let before = rewriter.newest().unwrap().output;
            rewriter.switch(first, Duration::from_millis(elapsed_ms), 90_000);
            assert_eq!(rewriter.map(first, Time::ZERO), before.wrapping_add(step));
        }
    }

    #[test]
    fn a_late_packet_does_not_move_the_newest_back() {
        let mut rewriter = TimestampRewriter::default();
        rewriter.map(9_000, Time::ZERO);
        rewriter.map(6_000, Time::from_millis(5));
        assert_eq!(rewriter.newest().unwrap().output, 9_000);
    }
}
