//! The streams of one direction by SSRC.

use super::SrtpError;
use super::replay::ReplayWindow;

/// A replay window per SSRC, at most `limit` of them. Sorted by SSRC: a transport has a handful of
/// streams, runs of packets belong to one, and a sorted list needs no hash and no secret seed.
#[derive(Debug)]
pub(super) struct Streams {
    /// (SSRC, index into `windows`), sorted.
    order: Vec<(u32, u32)>,
    windows: Vec<ReplayWindow>,
    /// The entry found last.
    recent: (u32, u32),
    window: usize,
    limit: usize,
}

/// What [`Streams::find`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot(usize);

impl Streams {
    pub(super) fn new(window: usize, limit: usize) -> Streams {
        Streams {
            order: Vec::new(),
            windows: Vec::new(),
            recent: (0, u32::MAX),
            window,
            limit,
        }
    }

    /// Looks an SSRC up.
    pub(super) fn find(&mut self, ssrc: u32) -> Option<Slot> {
        if self.recent.0 != ssrc || self.recent.1 == u32::MAX {
            let at = self
                .order
                .binary_search_by_key(&ssrc, |entry| entry.0)
                .ok()?;
            self.recent = self.order[at];
        }
        Some(Slot(self.recent.1 as usize))
    }

    pub(super) fn window(&self, slot: Slot) -> &ReplayWindow {
        &self.windows[slot.0]
    }

    /// Whether one more SSRC may be added.
    pub(super) fn has_room(&self) -> bool {
        self.windows.len() < self.limit
    }

    /// Accepts `index`; a new stream is added when there was none.
    pub(super) fn accept(
        &mut self,
        slot: Option<Slot>,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        match slot {
            Some(slot) => self.windows[slot.0].accept(index),
            None => {
                if !self.has_room() {
                    return Err(SrtpError::SsrcLimit);
                }
                let entry = (ssrc, self.windows.len() as u32);
                let at = self.order.partition_point(|entry| entry.0 < ssrc);
                self.order.insert(at, entry);
                self.windows
                    .push(ReplayWindow::starting_at(index, self.window));
                self.recent = entry;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }
}
