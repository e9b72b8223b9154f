//! Extends wrapping sequence numbers and timestamps to 64 bits.

/// Sequence numbers as a line without wraps. The first lies in 65536..131072, so that packets older
/// than it still have a positive number; bits 16.. minus one are the SRTP rollover count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SeqExtender {
    highest: Option<u64>,
}

impl SeqExtender {
    /// Extended number of `sequence`, nearest to the highest seen (RFC 3711 section 3.3.1), which it
    /// advances.
    pub fn extend(&mut self, sequence: u16) -> u64 {
        let extended = self.peek(sequence);
        self.highest = Some(self.highest.unwrap_or(0).max(extended));
        extended
    }

    /// Like [`SeqExtender::extend`] for a packet that is not authenticated yet: changes nothing.
    pub fn peek(&self, sequence: u16) -> u64 {
        match self.highest {
            None => 1 << 16 | u64::from(sequence),
            Some(highest) => {
                let distance = sequence.wrapping_sub(highest as u16) as i16;
                highest.saturating_add_signed(i64::from(distance))
            }
        }
    }

    /// Highest extended number so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// RTP timestamps as a line without wraps; the first lies in 2^32..2^33.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimestampExtender {
    highest: Option<u64>,
}

impl TimestampExtender {
    /// Extended timestamp nearest to the highest seen, which it advances.
    pub fn extend(&mut self, timestamp: u32) -> u64 {
        let extended = self.peek(timestamp);
        self.highest = Some(self.highest.unwrap_or(0).max(extended));
        extended
    }

    /// Like [`TimestampExtender::extend`], changing nothing.
    pub fn peek(&self, timestamp: u32) -> u64 {
        match self.highest {
            None => 1 << 32 | u64::from(timestamp),
            Some(highest) => {
                let distance = timestamp.wrapping_sub(highest as u32) as i32;
                highest.saturating_add_signed(i64::from(distance))
            }
        }
    }

    /// Highest extended timestamp so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_extends_across_three_wraps() {
        let mut extender = SeqExtender::default();
        let first = extender.extend(65_530);
        for step in 1..=3 * 65_536u64 + 10 {
            let sequence = (65_530 + step) as u16;
            assert_eq!(extender.extend(sequence), first + step, "step {step}");
        }
    }

    #[test]
    fn reordered_around_each_of_three_wraps_keeps_order() {
        let mut extender = SeqExtender::default();
        extender.extend(65_000);
        for wrap in 2..=4u64 {
            assert_eq!(extender.extend(65_535), (wrap - 1) << 16 | 65_535);
            assert_eq!(extender.extend(1), wrap << 16 | 1);
            assert_eq!(
                extender.extend(65_534),
                (wrap - 1) << 16 | 65_534,
                "late after wrap {wrap}"
            );
            assert_eq!(extender.extend(0), wrap << 16);
            assert_eq!(extender.extend(30_000), wrap << 16 | 30_000);
            assert_eq!(extender.extend(60_000), wrap << 16 | 60_000);
        }
    }

    #[test]
    fn older_than_the_first_is_never_negative() {
        let mut extender = SeqExtender::default();
        assert_eq!(extender.extend(0), 65_536);
        assert_eq!(extender.extend(32_768), 32_768);
        assert_eq!(extender.highest(), Some(65_536));
    }

    #[test]
    fn peek_changes_nothing() {
        let mut extender = SeqExtender::default();
        assert_eq!(extender.peek(7), 65_543);
        assert_eq!(extender.highest(), None);
        extender.extend(65_535);
        assert_eq!(extender.peek(0), 2 << 16);
        assert_eq!(extender.highest(), Some(1 << 16 | 65_535));
    }

    #[test]
    fn timestamp_extends_across_three_wraps() {
        let mut extender = TimestampExtender::default();
        let start = u32::MAX - 3_000;
        let first = extender.extend(start);
        let step = 90_000_000u64;
        for n in 1..=3 * (1u64 << 32) / step + 2 {
            let timestamp = (u64::from(start) + n * step) as u32;
            assert_eq!(extender.extend(timestamp), first + n * step);
            assert_eq!(
                extender.extend(timestamp.wrapping_sub(3_000)),
                first + n * step - 3_000
            );
        }
    }
}
