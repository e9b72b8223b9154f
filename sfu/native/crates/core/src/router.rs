//! A room: who is in it, and who speaks.

use crate::speaker::SpeakerDetector;
use crate::time::Time;
use crate::units::RouterId;

/// A room of one worker.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) id: RouterId,
    pub(crate) transports: Vec<u32>,
    /// Audio producers, whose loudness is compared.
    pub(crate) audio: Vec<u32>,
    pub(crate) speaker: SpeakerDetector,
    pub(crate) scheduled: Option<Time>,
}

impl Router {
    pub(crate) fn new(id: RouterId) -> Router {
        Router {
            id,
            transports: Vec::new(),
            audio: Vec::new(),
            speaker: SpeakerDetector::default(),
            scheduled: None,
        }
    }
}
