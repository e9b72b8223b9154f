//! Running a simulation under several seeds, and saying which one failed.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Environment variable that replaces the seeds of [`check`] by one, to replay a failure.
pub const VARIABLE: &str = "SIM_SEED";

/// Calls `run` with each of `seeds`, or only with the one in `SIM_SEED`. A panic goes on after the
/// seed and the command that replays it have been printed.
///
/// # Panics
/// When `run` panics, or `SIM_SEED` is not a number.
pub fn check(name: &str, seeds: impl IntoIterator<Item = u64>, mut run: impl FnMut(u64)) {
    let chosen = std::env::var(VARIABLE)
        .ok()
        .map(|text| text.parse().expect("SIM_SEED is a number"));
    let seeds: Vec<u64> = chosen.map_or_else(|| seeds.into_iter().collect(), |seed| vec![seed]);
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!(
                "{name} failed with seed {seed}; replay: {VARIABLE}={seed} cargo test {name}"
            );
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_is_run_and_a_panic_is_not_swallowed() {
        let mut seen = Vec::new();
        check("first", [3, 5], |seed| seen.push(seed));
        assert_eq!(seen, [3, 5]);
        let result = catch_unwind(|| check("second", [1], |_| panic!("inner")));
        assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "inner");
    }
}
