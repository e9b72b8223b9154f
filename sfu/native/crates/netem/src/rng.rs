//! The generator behind every random decision of a simulation.

/// SplitMix64 (Steele, Lea, Flood 2014). Small, and its output is fixed by its definition, so that a
/// seed printed today replays after any upgrade of dependencies.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
    spare: Option<f64>,
}

impl Rng {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Rng {
        Rng {
            state: seed,
            spare: None,
        }
    }

    /// An independent generator for one part of a simulation, so that a part that draws one number
    /// more does not change what the others draw.
    pub fn split(seed: u64, label: u64) -> Rng {
        let mut mixer = Rng::new(seed ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Rng::new(mixer.next_u64())
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`. Draws nothing when `p` is 0 or less, so that switching a feature off
    /// leaves the rest of the sequence as it was.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.uniform() < p
    }

    /// Uniform in `low..high`; `low` when the range is empty.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        // The multiply-shift reduction; its bias of range/2^64 matters to no simulation.
        low + ((u128::from(self.next_u64()) * u128::from(high - low)) >> 64) as u64
    }

    /// Standard normal (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.uniform();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_that_of_the_reference_implementation() {
        let mut rng = Rng::new(1234567);
        let got: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(
            got,
            [
                6457827717110365317,
                3203168211198807973,
                9817491932198370423
            ]
        );
    }

    #[test]
    fn moments_are_right() {
        let mut rng = Rng::new(7);
        let n = 100_000;
        let (mut mean, mut normal_mean, mut normal_var) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            mean += rng.uniform() / f64::from(n);
            let x = rng.normal();
            normal_mean += x / f64::from(n);
            normal_var += x * x / f64::from(n);
        }
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!(normal_mean.abs() < 0.02, "{normal_mean}");
        assert!((normal_var - 1.0).abs() < 0.02, "{normal_var}");
    }

    #[test]
    fn range_stays_inside_and_an_empty_one_is_its_start() {
        let mut rng = Rng::new(3);
        assert!(
            (0..1000)
                .map(|_| rng.range(5, 9))
                .all(|x| (5..9).contains(&x))
        );
        assert_eq!(rng.range(5, 5), 5);
    }

    #[test]
    fn labels_give_independent_sequences() {
        assert_ne!(Rng::split(1, 1).next_u64(), Rng::split(1, 2).next_u64());
        assert_eq!(Rng::split(1, 2).next_u64(), Rng::split(1, 2).next_u64());
    }
}
