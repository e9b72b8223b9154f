//! The state of one sent stream (an SSRC towards one client). It outlives the consumers that use
//! it: a browser hears one stream on the slot, whoever stands behind it.

use std::time::Duration;

use crate::history::Meta;
use crate::random::Random;
use crate::retransmit::{SentRing, VerbatimRing};
use crate::rewrite::{Offset8, Renumber, TimestampRewriter};
use crate::time::Time;
use crate::units::Kind;

/// Packets that can be asked for again; the history's bytes are the other bound.
const SENT_VIDEO: usize = 1024;
const SENT_AUDIO: usize = 128;

/// First packet index of a stream: below 2^15, so that a receiver that misses the first packets
/// doesn't guess a wrong rollover counter (RFC 3711 section 3.3.1).
pub(crate) fn first_index(random: &mut Random) -> u64 {
    random.below(1 << 15)
}

/// Numbers given to one packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// 48-bit SRTP index; its low half is the sequence number.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) picture: u16,
    pub(crate) tl0picidx: u8,
    pub(crate) frame: u16,
}

/// Every number space of the source that is sent.
#[derive(Clone, Debug)]
struct Numbering {
    sequence: Renumber,
    timestamp: TimestampRewriter,
    picture: Renumber,
    tl0picidx: Offset8,
    frame: Renumber,
}

impl Numbering {
    fn starting_at(index: u64) -> Numbering {
        Numbering {
            sequence: Renumber::starting_at(index),
            timestamp: TimestampRewriter::default(),
            picture: Renumber::starting_at(1),
            tl0picidx: Offset8::default(),
            frame: Renumber::starting_at(1),
        }
    }

    fn switch(&mut self, first: &Meta, elapsed: Duration, clock_rate: u32) {
        self.sequence.switch(first.sequence);
        self.timestamp.switch(first.timestamp, elapsed, clock_rate);
        if let Some(picture) = first.picture {
            self.picture.switch(picture);
        }
        if let Some(index) = first.tl0picidx {
            self.tl0picidx.switch(index);
        }
        if let Some(frame) = first.frame {
            self.frame.switch(frame);
        }
    }

    fn map(&mut self, meta: &Meta) -> Option<Numbers> {
        let index = self.sequence.map(meta.sequence)?;
        Some(Numbers {
            index,
            timestamp: self.timestamp.map(meta.timestamp, meta.arrival),
            picture: meta.picture.and_then(|p| self.picture.map(p)).unwrap_or(0) as u16,
            tl0picidx: meta.tl0picidx.map_or(0, |t| self.tl0picidx.map(t)),
            frame: meta.frame.and_then(|f| self.frame.map(f)).unwrap_or(0) as u16,
        })
    }

    /// Numbers of a packet that comes after its source was left. A frame that was left out has none.
    fn map_left(&self, meta: &Meta) -> Option<Numbers> {
        let number = |space: &Renumber, input: Option<u64>| match input {
            Some(input) => space.map_left(input).map(|output| output as u16),
            None => Some(0),
        };
        Some(Numbers {
            index: self.sequence.map_left(meta.sequence)?,
            timestamp: self.timestamp.map_left(meta.timestamp),
            picture: number(&self.picture, meta.picture)?,
            tl0picidx: meta.tl0picidx.map_or(0, |t| self.tl0picidx.map_left(t)),
            frame: number(&self.frame, meta.frame)?,
        })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Slot {
    numbering: Numbering,
    /// The layer that was sent before the last switch: what was missing of it then may still be
    /// repaired, and the receiver waits for it.
    left: Option<Box<(u8, Numbering)>>,
    pub(crate) sent: SentRing,
    pub(crate) verbatim: Option<VerbatimRing>,
    /// Sender report counters: since the stream began (RFC 3550 section 6.4.1), wrapping.
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Slot {
    /// A stream whose first packet has `first_index`.
    pub(crate) fn new(kind: Kind, first_index: u64) -> Slot {
        let capacity = if kind == Kind::Audio {
            SENT_AUDIO
        } else {
            SENT_VIDEO
        };
        Slot {
            numbering: Numbering::starting_at(first_index),
            left: None,
            sent: SentRing::with_capacity(capacity),
            verbatim: None,
            packets: 0,
            octets: 0,
        }
    }

    /// For the next consumer: what was sent so far belongs to another history. `verbatim` when
    /// there is no RTX to repair it with.
    pub(crate) fn reused(mut self, kind: Kind, verbatim: bool) -> Slot {
        self.forget();
        if !(verbatim && kind == Kind::Audio) {
            self.verbatim = None;
        } else if self.verbatim.is_none() {
            self.verbatim = Some(VerbatimRing::new());
        }
        self
    }

    /// What was sent so far belongs to another history.
    pub(crate) fn forget(&mut self) {
        self.sent.forget();
        self.left = None;
    }

    /// The next packet comes from another source or layer, `elapsed` after the newest sent. `from` is
    /// the layer of the same source that is left by it.
    pub(crate) fn switch(
        &mut self,
        from: Option<u8>,
        first: &Meta,
        elapsed: Duration,
        clock_rate: u32,
    ) {
        self.left = from.map(|layer| Box::new((layer, self.numbering.clone())));
        self.numbering.switch(first, elapsed, clock_rate);
    }

    /// Leaves a packet out without a gap. `picture`: its whole frame is left out, and picture numbers
    /// close up as well. Only VP8's may: its frames refer to TL0PICIDX. VP9's (RFC 9628 section 4.2)
    /// and the dependency descriptor's frames refer to others by the difference of their numbers.
    pub(crate) fn skip(&mut self, meta: &Meta, picture: bool) {
        self.numbering.sequence.skip(meta.sequence);
        if let Some(number) = meta.picture.filter(|_| picture) {
            self.numbering.picture.skip(number);
        }
    }

    /// Padding has nothing to forward: its number is closed up when its layer is the one sent.
    pub(crate) fn skip_if(&mut self, current: bool, meta: &Meta) {
        if current {
            self.skip(meta, false);
        }
    }

    /// Numbers of a packet, `None` when it lies before the switch or was left out.
    pub(crate) fn map(&mut self, meta: &Meta) -> Option<Numbers> {
        self.numbering.map(meta)
    }

    /// Numbers of a late packet of the layer that was left, if it has a place before the switch.
    pub(crate) fn map_left(&self, layer: u8, meta: &Meta) -> Option<Numbers> {
        let (left, numbering) = self.left.as_deref()?;
        (*left == layer).then(|| numbering.map_left(meta)).flatten()
    }

    /// The layer that was left at the last switch, while its late packets are of use.
    pub(crate) fn left(&self) -> Option<u8> {
        self.left.as_deref().map(|(layer, _)| *layer)
    }

    /// Timestamps of the source that is sent.
    pub(crate) fn timestamp(&self) -> &TimestampRewriter {
        &self.numbering.timestamp
    }

    /// Index after the newest given or reserved.
    pub(crate) fn next_index(&self) -> u64 {
        self.numbering.sequence.newest().wrapping_add(1)
    }

    /// Time since the newest packet sent came in.
    pub(crate) fn since_newest(&self, arrival: Time) -> Duration {
        self.numbering
            .timestamp
            .newest()
            .map_or(Duration::ZERO, |newest| arrival.since(newest.arrival))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u64) -> Meta {
        Meta {
            sequence: 1_000 + n,
            timestamp: 3_000 * n as u32,
            picture: Some(500 + n),
            frame: Some(70 + n),
            ..Meta::default()
        }
    }

    #[test]
    fn a_frame_left_out_changes_no_number_that_others_are_counted_from() {
        for vp8 in [true, false] {
            let mut slot = Slot::new(Kind::Video, 9);
            slot.switch(None, &frame(0), Duration::ZERO, 90_000);
            let first = slot.map(&frame(0)).unwrap();
            for n in 1..4 {
                slot.skip(&frame(n), vp8);
            }
            let next = slot.map(&frame(4)).unwrap();
            assert_eq!(next.index - first.index, 1);
            assert_eq!(next.picture - first.picture, if vp8 { 1 } else { 4 });
            assert_eq!(next.frame - first.frame, 4, "refers to the first by 4");
        }
    }
}
