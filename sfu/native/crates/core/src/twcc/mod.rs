//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): what we tell
//! publishers about their packets, and what viewers tell us about ours.

mod recorder;
mod sent;

pub(crate) use recorder::TwccRecorder;
pub(crate) use sent::SentPackets;
