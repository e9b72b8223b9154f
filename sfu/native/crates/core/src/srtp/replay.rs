//! Which packet indices of a stream have been accepted: RFC 3711 section 3.3.2, and the index
//! estimate of section 3.3.1 that needs the same state.

/// Bits in one word of the bitmap.
const WORD: u64 = 64;

/// A sliding window over packet indices. The bitmap is a ring of words, so that advancing by one
/// packet touches one word and no bit is ever shifted.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    size: u64,
    bits: Box<[u64]>,
}

impl ReplayWindow {
    /// A window of `size` indices (at least 64) that has accepted `first`.
    pub(super) fn starting_at(first: u64, size: usize) -> ReplayWindow {
        let size = (size as u64).max(WORD);
        // One word more than the window spans, as its ends share no word.
        let words = (size.div_ceil(WORD) + 1).next_power_of_two() as usize;
        let mut window = ReplayWindow {
            highest: first,
            size,
            bits: vec![0; words].into_boxed_slice(),
        };
        window.mark(first);
        window
    }

    /// Highest index accepted.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` was neither accepted before nor is older than the window.
    pub(super) fn is_fresh(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < self.size && self.bits[self.word(index)] & bit(index) == 0
    }

    /// Accepts `index`, which [`ReplayWindow::is_fresh`] approved.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.highest {
            let passed = (index / WORD - self.highest / WORD).min(self.bits.len() as u64);
            for step in 0..passed {
                let stale = self.word(index - step * WORD);
                self.bits[stale] = 0;
            }
            self.highest = index;
        }
        self.mark(index);
    }

    fn mark(&mut self, index: u64) {
        let word = self.word(index);
        self.bits[word] |= bit(index);
    }

    fn word(&self, index: u64) -> usize {
        (index / WORD) as usize & (self.bits.len() - 1)
    }
}

fn bit(index: u64) -> u64 {
    1 << (index % WORD)
}

/// The packet index nearest to `highest` that ends in `sequence` (RFC 3711 section 3.3.1 and
/// appendix A). There is no index below 0, so early in a stream the only candidate is ahead.
pub(super) fn estimate_index(highest: u64, sequence: u16) -> u64 {
    const HALF: u64 = 1 << 15;
    const WRAP: u64 = 1 << 16;
    let same = (highest & !(WRAP - 1)) | u64::from(sequence);
    if same + HALF < highest {
        same + WRAP
    } else if same > highest + HALF && same >= WRAP {
        same - WRAP
    } else {
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_follow_the_rfc_around_wraps() {
        for roc in [0u64, 1, 2, 3, 0xffff_ffff - 1] {
            let base = roc << 16;
            for (highest, sequence, expected) in [
                (base + 10, 11, base + 11),
                (base + 10, 10, base + 10),
                (base + 0xffff, 0, base + 0x1_0000),
                (base + 0xfff0, 0x7fef, base + 0x1_7fef),
                (base + 0xfff0, 0x7ff0, base + 0x7ff0),
                (base + 0x1_0000, 0xffff, base + 0xffff),
                (base + 0x1_0005, 0x8006, base + 0x8006),
                (base + 0x1_0005, 0x8005, base + 0x1_8005),
            ] {
                assert_eq!(
                    estimate_index(highest, sequence),
                    expected,
                    "{highest:#x} {sequence:#x}"
                );
            }
        }
    }

    #[test]
    fn nothing_lies_before_the_first_index() {
        assert_eq!(estimate_index(5, 0xfff0), 0xfff0);
        assert_eq!(estimate_index(0x1_0005, 0xfff0), 0xfff0);
    }

    #[test]
    fn each_index_is_accepted_once_and_the_window_has_its_size() {
        for size in [1, 64, 100, 1024, 4096] {
            let span = (size as u64).max(64);
            let mut window = ReplayWindow::starting_at(10_000, size);
            window.accept(20_000);
            assert!(!window.is_fresh(20_000));
            assert!(!window.is_fresh(20_000 - span), "{size}: just outside");
            for index in (20_001 - span..20_000).rev() {
                assert!(window.is_fresh(index), "{size}: {index} in the window");
                window.accept(index);
                assert!(!window.is_fresh(index));
            }
        }
    }

    #[test]
    fn a_jump_forgets_what_it_passed_and_nothing_else() {
        for jump in [1, 63, 64, 65, 128, 1023, 1024, 1025, 5000, 1 << 40] {
            let mut window = ReplayWindow::starting_at(2000, 1024);
            let before: Vec<u64> = (1900..2000).step_by(3).collect();
            before.iter().for_each(|&index| window.accept(index));
            window.accept(2000 + jump);
            for index in 1900..2000 + jump.min(3000) {
                let seen = before.contains(&index) || index == 2000;
                let old = 2000 + jump - index >= 1024;
                assert_eq!(
                    window.is_fresh(index),
                    !seen && !old,
                    "jump {jump}, index {index}"
                );
            }
        }
    }
}
