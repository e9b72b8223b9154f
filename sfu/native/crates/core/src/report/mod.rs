//! Sender and receiver reports (RFC 3550 section 6.4): what a received stream lost, what time its
//! timestamps mean, and how long a round trip takes.

mod clock;
mod receive;

pub(crate) use clock::{PublisherClock, RoundTrip, SenderClock, WallClock};
pub(crate) use receive::ReceiveStatistics;
