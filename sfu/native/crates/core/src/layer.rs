//! Which simulcast layer and which temporal layers one consumer is sent.

use crate::history::Meta;

/// Most encodings of a producer.
pub(crate) const MOST_LAYERS: usize = 8;

/// What to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    /// It belongs to the layer that goes on.
    Forward,
    /// It starts a keyframe of the target: the stream goes on from here.
    Switch,
    /// Another layer's packet, or one before the first keyframe: as if it had not come.
    Ignore,
    /// A temporal layer that isn't wanted: renumbered away.
    Skip,
}

/// Follows a wish (preferred layer) and what there is (active layers). A switch happens at a
/// keyframe of the target only; the old layer goes on until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerSelector {
    /// Video starts and switches at keyframes; audio anywhere.
    keyframes: bool,
    preferred: u8,
    temporal: u8,
    active: u8,
    current: Option<u8>,
    target: Option<u8>,
    /// Highest temporal layer taken now.
    temporal_now: u8,
    /// The newest frame of the current layer, if its packets say a temporal layer.
    frame: Option<Passing>,
}

/// A frame is sent whole or not at all, in whichever order its packets come.
#[derive(Clone, Copy, Debug)]
struct Passing {
    timestamp: u32,
    /// Its newest packet.
    sequence: u64,
    skipped: bool,
}

impl LayerSelector {
    /// Wants the highest of everything.
    pub(crate) fn new(keyframes: bool) -> LayerSelector {
        LayerSelector {
            keyframes,
            preferred: u8::MAX,
            temporal: u8::MAX,
            active: 0,
            current: None,
            target: None,
            temporal_now: u8::MAX,
            frame: None,
        }
    }

    /// Takes a wish: highest spatial and temporal layer.
    pub(crate) fn prefer(&mut self, spatial: u8, temporal: u8) {
        (self.preferred, self.temporal) = (spatial, temporal);
        self.aim();
    }

    /// Takes what there is: a bit per layer.
    pub(crate) fn set_active(&mut self, active: u8) {
        self.active = active;
        self.aim();
    }

    /// Highest active layer within the wish; when there is none, the lowest active above it.
    fn aim(&mut self) {
        let within = if self.preferred >= 7 {
            0xff
        } else {
            (2u8 << self.preferred) - 1
        };
        let wished = self.active & within;
        let best = if wished != 0 {
            Some(7 - wished.leading_zeros() as u8)
        } else if self.active != 0 {
            Some(self.active.trailing_zeros() as u8)
        } else {
            None
        };
        self.target = best.filter(|&best| Some(best) != self.current);
    }

    /// Starts over: the next packet forwarded begins at a keyframe (pause, source changed).
    pub(crate) fn reset(&mut self) {
        self.current = None;
        self.frame = None;
        self.aim();
    }

    /// Layers whose packets this consumer has to see, a bit each.
    pub(crate) fn interest(&self) -> u8 {
        match (self.current, self.target) {
            // Before the start the first keyframe of any wished layer will do.
            (None, Some(target)) => (self.active & ((2u16 << target) - 1) as u8) | 1 << target,
            (current, target) => bit(current) | bit(target),
        }
    }

    /// The layer that a keyframe is waited for.
    pub(crate) fn waits_for(&self) -> Option<u8> {
        self.target.filter(|_| self.keyframes)
    }

    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// Decides about a packet, in order of arrival.
    pub(crate) fn choose(&mut self, layer: u8, meta: &Meta) -> Choice {
        if Some(layer) == self.current {
            return self.choose_temporal(meta);
        }
        let starts = !self.keyframes || meta.frame_info.keyframe;
        let wanted = Some(layer) == self.target
            || (self.current.is_none() && self.interest() & (1 << layer) != 0);
        if !(starts && wanted) {
            return Choice::Ignore;
        }
        self.current = Some(layer);
        self.temporal_now = self.temporal;
        self.frame = None;
        self.aim();
        Choice::Switch
    }

    /// Whole frames are left out, by timestamp: a frame begun is finished. A late packet of an older
    /// frame decides nothing about the newest.
    fn choose_temporal(&mut self, meta: &Meta) -> Choice {
        let info = &meta.frame_info;
        let Some(temporal) = info.temporal else {
            return Choice::Forward;
        };
        let skipped = match &mut self.frame {
            Some(frame) if frame.timestamp == meta.timestamp => {
                frame.sequence = frame.sequence.max(meta.sequence);
                frame.skipped
            }
            Some(frame) if meta.sequence < frame.sequence => temporal > self.temporal_now,
            _ => {
                self.temporal_now = if info.start_of_frame {
                    info.raise(self.temporal_now, self.temporal)
                } else {
                    self.temporal_now.min(self.temporal) // its start is missing
                };
                let skipped = temporal > self.temporal_now;
                self.frame = Some(Passing {
                    timestamp: meta.timestamp,
                    sequence: meta.sequence,
                    skipped,
                });
                skipped
            }
        };
        if skipped {
            Choice::Skip
        } else {
            Choice::Forward
        }
    }
}

fn bit(layer: Option<u8>) -> u8 {
    layer.map_or(0, |layer| 1 << layer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{FrameInfo, TemporalSwitch};

    fn packet(keyframe: bool) -> Meta {
        let frame_info = FrameInfo {
            keyframe,
            ..FrameInfo::INDEPENDENT
        };
        Meta {
            frame_info,
            ..Meta::default()
        }
    }

    fn frame(temporal: u8, into: bool, timestamp: u32) -> Meta {
        let frame_info = FrameInfo {
            keyframe: false,
            temporal: Some(temporal),
            switching_point: into,
            switch: if into {
                TemporalSwitch::Into
            } else {
                TemporalSwitch::No
            },
            ..FrameInfo::INDEPENDENT
        };
        Meta {
            frame_info,
            timestamp,
            ..Meta::default()
        }
    }

    #[test]
    fn video_starts_at_a_keyframe_of_any_wished_layer() {
        let mut selector = LayerSelector::new(true);
        selector.set_active(0b011);
        assert_eq!(
            (selector.waits_for(), selector.interest()),
            (Some(1), 0b011)
        );
        assert_eq!(selector.choose(0, &packet(false)), Choice::Ignore);
        assert_eq!(selector.choose(0, &packet(true)), Choice::Switch);
        assert_eq!(
            (selector.current(), selector.waits_for()),
            (Some(0), Some(1))
        );
        assert_eq!(selector.choose(1, &packet(false)), Choice::Ignore);
        assert_eq!(selector.choose(0, &packet(false)), Choice::Forward);
        assert_eq!(selector.choose(1, &packet(true)), Choice::Switch);
        assert_eq!(selector.choose(0, &packet(true)), Choice::Ignore);
        assert_eq!((selector.waits_for(), selector.interest()), (None, 0b010));
    }

    #[test]
    fn audio_starts_anywhere() {
        let mut selector = LayerSelector::new(false);
        selector.set_active(1);
        assert_eq!(selector.waits_for(), None);
        assert_eq!(selector.choose(0, &packet(false)), Choice::Switch);
        assert_eq!(selector.choose(0, &packet(false)), Choice::Forward);
    }

    #[test]
    fn the_wish_and_what_there_is_make_the_target() {
        // (active, preferred, target)
        let table = [
            (0b111, 7, Some(2)),
            (0b111, 1, Some(1)),
            (0b101, 1, Some(0)),
            (0b100, 1, Some(2)),
            (0b000, 1, None),
            (0b1000_0000, 255, Some(7)),
        ];
        for (active, preferred, target) in table {
            let mut selector = LayerSelector::new(true);
            selector.set_active(active);
            selector.prefer(preferred, 255);
            assert_eq!(selector.waits_for(), target, "{active:b} {preferred}");
        }
    }

    #[test]
    fn a_layer_that_stops_is_left_at_the_next_keyframe_below() {
        let mut selector = LayerSelector::new(true);
        selector.set_active(0b11);
        selector.choose(1, &packet(true));
        selector.set_active(0b01);
        assert_eq!(
            (selector.current(), selector.waits_for()),
            (Some(1), Some(0))
        );
        assert_eq!(selector.choose(0, &packet(true)), Choice::Switch);
    }

    #[test]
    fn temporal_layers_fall_at_a_frame_and_rise_at_a_switching_point() {
        let mut selector = LayerSelector::new(true);
        selector.set_active(1);
        selector.choose(0, &packet(true));
        assert_eq!(selector.choose(0, &frame(2, false, 1)), Choice::Forward);
        selector.prefer(255, 1);
        let mut rest = frame(2, false, 1);
        rest.frame_info.start_of_frame = false;
        assert_eq!(selector.choose(0, &rest), Choice::Forward); // a frame begun is finished
        assert_eq!(selector.choose(0, &frame(2, false, 2)), Choice::Skip);
        assert_eq!(
            selector.choose(
                0,
                &Meta {
                    timestamp: 2,
                    ..rest
                }
            ),
            Choice::Skip
        );
        assert_eq!(selector.choose(0, &frame(1, false, 3)), Choice::Forward);
        selector.prefer(255, 2);
        assert_eq!(selector.choose(0, &frame(2, false, 4)), Choice::Skip);
        assert_eq!(selector.choose(0, &frame(2, true, 5)), Choice::Forward);
    }

    #[test]
    fn loss_and_late_packets_do_not_cut_a_frame_in_two() {
        let mut selector = LayerSelector::new(true);
        selector.set_active(1);
        selector.prefer(255, 0);
        selector.choose(0, &packet(true));
        let at = |sequence, temporal, timestamp, start_of_frame| {
            let mut meta = frame(temporal, false, timestamp);
            (meta.sequence, meta.frame_info.start_of_frame) = (sequence, start_of_frame);
            meta
        };
        // (packet, what becomes of it)
        let table = [
            (at(1, 0, 1, true), Choice::Forward),
            (at(5, 2, 3, true), Choice::Skip),
            (at(3, 0, 2, true), Choice::Forward), // a repair of the frame before
            (at(4, 2, 2, true), Choice::Skip),
            (at(6, 2, 3, false), Choice::Skip),
            (at(9, 2, 4, false), Choice::Skip), // its start is missing,
            (at(8, 2, 4, true), Choice::Skip),  // and comes late
            (at(10, 0, 5, true), Choice::Forward),
        ];
        for (meta, expected) in table {
            let choice = selector.choose(0, &meta);
            assert_eq!(choice, expected, "packet {}", meta.sequence);
        }
    }
}
