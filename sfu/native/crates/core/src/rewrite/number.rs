//! Renumbering of sequence numbers, picture ids and frame numbers.

/// Extends a `BITS` wide counter to 64 bits: the value nearest to the newest one. Starts one period
/// up, so that what is older than the first is not negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extender<const BITS: u32> {
    newest: Option<u64>,
}

impl<const BITS: u32> Default for Extender<BITS> {
    fn default() -> Self {
        Extender { newest: None }
    }
}

impl<const BITS: u32> Extender<BITS> {
    const PERIOD: u64 = 1 << BITS;

    /// The extended value; moves the newest forward.
    pub(crate) fn extend(&mut self, value: u64) -> u64 {
        let extended = self.peek(value);
        if self.newest.is_none_or(|newest| extended > newest) {
            self.newest = Some(extended);
        }
        extended
    }

    /// The extended value, without taking note of it.
    pub(crate) fn peek(&self, value: u64) -> u64 {
        match self.newest {
            Some(newest) => Self::near(newest, value),
            None => Self::PERIOD + value % Self::PERIOD,
        }
    }

    /// The number nearest to `newest` whose low bits are `value`'s.
    pub(crate) fn near(newest: u64, value: u64) -> u64 {
        let ahead = value.wrapping_sub(newest) % Self::PERIOD;
        if ahead < Self::PERIOD / 2 {
            newest + ahead
        } else {
            (newest + ahead).saturating_sub(Self::PERIOD)
        }
    }
}

/// Remembered intentional drops: packets that arrive late are placed right across this many.
const DROPS: usize = 64;

/// A jump beyond this can't be repaired, and as a gap it would soon leave the receiver's guess of the
/// rollover counter behind (2^15, RFC 3711 section 3.3.1): it is closed up.
const MOST_GAP: u64 = 1 << 12;

/// Maps the extended numbers of changing sources onto one continuous sequence.
///
/// - A number that never came stays a gap, so that its retransmission still finds its place.
/// - A number that was [`Renumber::skip`]ped on purpose leaves none.
/// - No output is given for two inputs: with SRTP the output is the packet index, and one index for
///   two plaintexts breaks AEAD (RFC 7714 section 8.4).
#[derive(Clone, Debug)]
pub(crate) struct Renumber {
    /// Output = input + shift (wrapping) for inputs newer than every skip.
    shift: u64,
    /// Oldest input that has a place.
    floor: u64,
    newest_in: u64,
    newest_out: u64,
    skips: [u64; DROPS],
    /// Skips since the last switch; the ring keeps the newest.
    skipped: usize,
}

impl Renumber {
    /// The first output will be `first`.
    pub(crate) fn starting_at(first: u64) -> Renumber {
        Renumber {
            shift: 0,
            floor: u64::MAX,
            newest_in: 0,
            newest_out: first.wrapping_sub(1),
            skips: [0; DROPS],
            skipped: 0,
        }
    }

    /// From here on inputs come from another source, whose first is `first`; it follows the newest
    /// output without a gap.
    pub(crate) fn switch(&mut self, first: u64) {
        self.shift = self.newest_out.wrapping_add(1).wrapping_sub(first);
        self.floor = first;
        self.newest_in = first.wrapping_sub(1);
        self.skipped = 0;
    }

    /// Output for an input, `None` when it lies before the switch, was skipped or is too old.
    pub(crate) fn map(&mut self, input: u64) -> Option<u64> {
        if input < self.floor {
            return None;
        }
        self.close_gap(input);
        let output = self.place(input)?;
        if input > self.newest_in || self.newest_in == u64::MAX {
            self.newest_in = input;
            self.newest_out = output;
        }
        Some(output)
    }

    /// Output for an input that comes after the source was left: only a place that was kept for it,
    /// since what follows the newest output belongs to the next source.
    pub(crate) fn map_left(&self, input: u64) -> Option<u64> {
        let kept = self.floor <= input && input <= self.newest_in && self.newest_in != u64::MAX;
        kept.then(|| self.place(input)).flatten()
    }

    fn place(&self, input: u64) -> Option<u64> {
        let mut later = 0;
        for skip in self.recent() {
            if skip == input {
                return None;
            }
            if skip < input {
                break;
            }
            later += 1;
        }
        Some(input.wrapping_add(self.shift).wrapping_add(later))
    }

    /// Leaves an input out without a gap. One that is older than the newest keeps its gap: numbers
    /// behind it are given already.
    pub(crate) fn skip(&mut self, input: u64) {
        if input < self.floor || (input <= self.newest_in && self.newest_in != u64::MAX) {
            return;
        }
        self.close_gap(input);
        if self.skipped >= DROPS {
            // What lies before the skip that is forgotten could not be placed any more.
            self.floor = self.skips[self.skipped % DROPS] + 1;
        }
        self.newest_in = input;
        // Inputs lost just before this one keep their outputs, so the newest output is what the
        // number before the skipped one has.
        self.newest_out = input.wrapping_sub(1).wrapping_add(self.shift);
        self.skips[self.skipped % DROPS] = input;
        self.skipped += 1;
        self.shift = self.shift.wrapping_sub(1);
    }

    fn close_gap(&mut self, input: u64) {
        let ahead = input.wrapping_sub(self.newest_in);
        if ahead > MOST_GAP && ahead < 1 << 63 {
            self.switch(input);
        }
    }

    /// The newest output given or reserved.
    pub(crate) fn newest(&self) -> u64 {
        self.newest_out
    }

    fn recent(&self) -> impl Iterator<Item = u64> + '_ {
        let kept = self.skipped.min(DROPS);
        (1..=kept).map(move |back| self.skips[(self.skipped - back) % DROPS])
    }
}

/// An 8-bit counter (TL0PICIDX) made continuous across switches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offset8 {
    offset: u8,
    newest: u8,
    started: bool,
}

impl Offset8 {
    /// `first` is the first value of the next source; it follows the newest output.
    pub(crate) fn switch(&mut self, first: u8) {
        self.offset = if self.started {
            self.newest.wrapping_add(1).wrapping_sub(first)
        } else {
            0
        };
    }

    pub(crate) fn map(&mut self, input: u8) -> u8 {
        let output = self.map_left(input);
        if !self.started || output.wrapping_sub(self.newest) < 0x80 {
            self.newest = output;
        }
        self.started = true;
        output
    }

    /// Output for an input that comes after its source was left.
    pub(crate) fn map_left(&self, input: u8) -> u8 {
        input.wrapping_add(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extender_survives_three_wraps_and_disorder() {
        let mut extender = Extender::<16>::default();
        let mut expected = 65_536 + 65_000;
        for i in 0..200_000u64 {
            let value = (65_000 + i) & 0xffff;
            assert_eq!(extender.extend(value), expected + i);
            if i > 50 {
                assert_eq!(
                    extender.extend((65_000 + i - 50) & 0xffff),
                    expected + i - 50
                );
            }
        }
        expected += 199_999;
        assert_eq!(extender.peek((65_000 + 199_999 + 5) & 0xffff), expected + 5);
    }

    #[test]
    fn a_value_older_than_the_first_is_not_negative() {
        let mut extender = Extender::<16>::default();
        assert_eq!(extender.extend(2), 65_538);
        assert_eq!(extender.extend(65_530), 65_530);
        assert_eq!(extender.extend(3), 65_539);
    }

    #[test]
    fn a_lost_number_stays_a_gap_until_its_retransmission() {
        let mut renumber = Renumber::starting_at(100);
        renumber.switch(10);
        assert_eq!(renumber.map(10), Some(100));
        assert_eq!(renumber.map(12), Some(102));
        assert_eq!(renumber.map(11), Some(101));
        assert_eq!(renumber.map(13), Some(103));
    }

    #[test]
    fn a_skipped_number_leaves_no_gap_and_keeps_the_place_of_late_ones() {
        let mut renumber = Renumber::starting_at(0);
        renumber.switch(1);
        assert_eq!(renumber.map(1), Some(0));
        renumber.skip(3); // 2 is late
        renumber.skip(3);
        assert_eq!(renumber.map(4), Some(2));
        assert_eq!(renumber.map(2), Some(1));
        assert_eq!(renumber.map(3), None);
        renumber.skip(2); // too late to leave it out
        assert_eq!(renumber.map(5), Some(3));
    }

    #[test]
    fn a_switch_follows_the_newest_output() {
        let mut renumber = Renumber::starting_at(u64::from(u16::MAX));
        renumber.switch(5);
        assert_eq!(renumber.map(5), Some(65_535));
        assert_eq!(renumber.map(7), Some(65_537));
        renumber.switch(1_000_000);
        assert_eq!(renumber.map(999_999), None);
        assert_eq!(renumber.map(1_000_000), Some(65_538));
        renumber.skip(1_000_001);
        renumber.switch(3);
        assert_eq!(renumber.map(3), Some(65_539));
    }

    #[test]
    fn a_source_that_was_left_keeps_the_places_of_what_was_missing_and_gets_no_new_ones() {
        let mut renumber = Renumber::starting_at(50);
        renumber.switch(10);
        for input in [10, 13] {
            renumber.map(input);
        }
        renumber.skip(14);
        renumber.map(16);
        let left = renumber.clone();
        renumber.switch(700);
        assert_eq!(renumber.map(700), Some(56));
        let mapped: Vec<_> = (9..=18).map(|input| left.map_left(input)).collect();
        let places = [50, 51, 52, 53].map(Some);
        assert_eq!(mapped[0], None, "before its own switch");
        assert_eq!(mapped[1..5], places);
        assert_eq!(mapped[5..], [None, Some(54), Some(55), None, None]);
        assert_eq!(Renumber::starting_at(7).map_left(0), None);
    }

    #[test]
    fn a_jump_beyond_repair_is_closed_up() {
        let mut renumber = Renumber::starting_at(0);
        renumber.switch(0);
        assert_eq!(renumber.map(0), Some(0));
        assert_eq!(renumber.map(4_096), Some(4_096));
        assert_eq!(renumber.map(40_000), Some(4_097));
        assert_eq!(renumber.map(39_999), None);
        renumber.skip(90_000);
        assert_eq!(renumber.map(90_001), Some(4_098));
    }

    #[test]
    fn nothing_is_mapped_before_the_first_switch() {
        assert_eq!(Renumber::starting_at(7).map(0), None);
    }

    #[test]
    fn tl0picidx_is_continuous_over_wraps_and_switches() {
        let mut tl0 = Offset8::default();
        tl0.switch(250);
        assert_eq!(tl0.map(250), 250);
        for i in 0..300u32 {
            tl0.map((250 + i) as u8);
        }
        let last = tl0.newest;
        tl0.switch(9);
        assert_eq!(tl0.map(9), last.wrapping_add(1));
        assert_eq!(tl0.map(8), last); // late packet of the layer before: does not move it back
        assert_eq!(tl0.map(10), last.wrapping_add(2));
    }

    proptest! {
        /// The safety of AEAD hangs on this: no two inputs ever get one output.
        #[test]
        fn no_output_is_given_for_two_inputs(
            steps in proptest::collection::vec((0u8..8, 0u64..40), 1..600)
        ) {
            let mut renumber = Renumber::starting_at(1_000);
            let mut source = 0u64;
            let mut newest = 500u64;
            renumber.switch(newest);
            let mut given = std::collections::HashMap::new();
            let mut left: Option<(u64, Renumber, u64)> = None;
            for (action, distance) in steps {
                match action {
                    0 => {
                        left = Some((source, renumber.clone(), newest));
                        source += 1;
                        newest = 500 + distance * 1000;
                        renumber.switch(newest);
                    }
                    1 | 2 => { newest += 1 + distance / 20 + distance / 39 * 5_000; renumber.skip(newest); }
                    3 => renumber.skip(newest.saturating_sub(distance)),
                    4 => if let Some((source, left, newest)) = &left {
                        let input = (newest + 5).saturating_sub(distance);
                        if let Some(output) = left.map_left(input) {
                            let owner = *given.entry(output).or_insert((*source, input));
                            prop_assert_eq!(owner, (*source, input));
                        }
                    }
                    _ => {
                        let input = if action < 7 { newest += 1 + distance / 16; newest }
                            else { newest.saturating_sub(distance) };
                        if let Some(output) = renumber.map(input) {
                            let owner = *given.entry(output).or_insert((source, input));
                            prop_assert_eq!(owner, (source, input));
                        }
                    }
                }
            }
        }
    }
}
