//! The one place that reads the clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sfu_core::time::Time;

/// Monotonic time since an engine's start, and when that was by the wall clock.
///
/// The wall clock is read once: a step of it while calls run (NTP, an operator's hand) moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    unix_nanos_at_origin: u64,
}

impl Clock {
    /// A clock whose origin is now.
    #[allow(
        clippy::disallowed_methods,
        reason = "this file is where the clock is read"
    )]
    pub fn start() -> Clock {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Clock {
            origin: Instant::now(),
            unix_nanos_at_origin: u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Time since the origin.
    #[allow(
        clippy::disallowed_methods,
        reason = "this file is where the clock is read"
    )]
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds between the Unix epoch and the origin, for NTP timestamps in sender reports.
    pub fn unix_nanos_at_origin(&self) -> u64 {
        self.unix_nanos_at_origin
    }
}
