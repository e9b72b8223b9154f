//! Which packets are lost.

use crate::rng::Rng;

/// A loss model. Probabilities are 0..=1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Loss {
    /// Nothing is lost.
    #[default]
    None,
    /// Each packet by itself.
    Random(f64),
    /// Two states (Gilbert 1960, Elliott 1963): bursts, as radio links lose them.
    GilbertElliott {
        /// Probability per packet to go from the good to the bad state.
        worsen: f64,
        /// Probability per packet to go back; its inverse is the mean burst length in packets.
        recover: f64,
        /// Loss in the good state.
        good: f64,
        /// Loss in the bad state.
        bad: f64,
    },
}

impl Loss {
    /// A Gilbert model (no loss in the good state, all in the bad) with this mean loss and mean burst
    /// length in packets.
    pub fn bursts(mean: f64, burst: f64) -> Loss {
        let recover = 1.0 / burst.max(1.0);
        Loss::GilbertElliott {
            worsen: recover * mean / (1.0 - mean),
            recover,
            good: 0.0,
            bad: 1.0,
        }
    }
}

/// A loss model at work.
#[derive(Clone, Debug)]
pub(crate) struct Dropper {
    model: Loss,
    bad: bool,
}

impl Dropper {
    pub(crate) fn new(model: Loss) -> Dropper {
        Dropper { model, bad: false }
    }

    /// Decides about the next packet.
    pub(crate) fn drops(&mut self, rng: &mut Rng) -> bool {
        match self.model {
            Loss::None => false,
            Loss::Random(p) => rng.chance(p),
            Loss::GilbertElliott {
                worsen,
                recover,
                good,
                bad,
            } => {
                let flips = rng.chance(if self.bad { recover } else { worsen });
                self.bad ^= flips;
                rng.chance(if self.bad { bad } else { good })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean loss and mean length of a run of losses over many packets.
    fn measure(model: Loss) -> (f64, f64) {
        let (mut dropper, mut rng) = (Dropper::new(model), Rng::new(99));
        let (mut lost, mut runs, mut before) = (0u32, 0u32, false);
        let n = 200_000;
        for _ in 0..n {
            let drop = dropper.drops(&mut rng);
            lost += u32::from(drop);
            runs += u32::from(drop && !before);
            before = drop;
        }
        (
            f64::from(lost) / f64::from(n),
            f64::from(lost) / f64::from(runs.max(1)),
        )
    }

    #[test]
    fn each_model_loses_what_it_says() {
        // (model, mean loss, mean burst)
        let cases = [
            (Loss::None, 0.0, 0.0),
            (Loss::Random(0.05), 0.05, 1.0 / 0.95),
            (Loss::Random(1.0), 1.0, 200_000.0),
            (Loss::bursts(0.05, 4.0), 0.05, 4.0),
            (Loss::bursts(0.2, 10.0), 0.2, 10.0),
            (
                Loss::GilbertElliott {
                    worsen: 0.1,
                    recover: 0.1,
                    good: 0.0,
                    bad: 0.5,
                },
                0.25,
                1.82,
            ),
        ];
        for (model, mean, burst) in cases {
            let (got_mean, got_burst) = measure(model);
            assert!((got_mean - mean).abs() < 0.01, "{model:?}: mean {got_mean}");
            assert!(
                (got_burst - burst).abs() <= 0.1 * burst,
                "{model:?}: burst {got_burst}"
            );
        }
    }
}
