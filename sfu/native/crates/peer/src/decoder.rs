//! What a decoder would make of the packets: frames complete in order, keyframes needed, freezes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sfu_core::time::Time;

/// Frames of the average that a gap is compared with (webrtc-stats, freezeCount).
const AVERAGE_OF: usize = 30;
/// Packets kept while a keyframe is waited for.
const PENDING: usize = 2048;

/// What the decoder needs to know of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// First packet of a frame.
    pub(crate) start: bool,
    /// Last packet of a frame.
    pub(crate) end: bool,
    /// A decoder can start at this frame; meaningful on the first packet.
    pub(crate) keyframe: bool,
}

/// Counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) frames: u64,
    pub(crate) keyframes: u64,
    pub(crate) undecodable: u64,
    pub(crate) freezes: u64,
    pub(crate) frozen: Duration,
}

/// Puts packets together to frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: BTreeMap<u64, Piece>,
    /// The packet needed next; `None`: a keyframe's first.
    next: Option<u64>,
    /// Whether the frame under way is a keyframe.
    open: Option<bool>,
    last: Option<Time>,
    gaps: VecDeque<Duration>,
    pub(crate) decoded: Decoded,
}

impl Decoder {
    /// A packet arrived for the first time.
    pub(crate) fn insert(&mut self, now: Time, sequence: u64, piece: Piece) {
        if self.next.is_some_and(|next| sequence < next) {
            return;
        }
        self.pending.insert(sequence, piece);
        if self.next.is_none() {
            self.start_over(0);
        }
        while let Some(piece) = self.next.and_then(|next| self.pending.remove(&next)) {
            self.next = self.next.map(|next| next + 1);
            self.decode(now, piece);
        }
        self.skip_to_keyframe(now);
        while self.pending.len() > PENDING {
            self.pending.pop_first();
        }
    }

    /// A whole keyframe behind a gap is decoded at once: nothing it needs is missing, and what would
    /// fill the gap is older than what it shows (libwebrtc's frame buffer does the same).
    fn skip_to_keyframe(&mut self, now: Time) {
        let Some(next) = self.next else { return };
        let starts = self
            .pending
            .iter()
            .filter(|(_, piece)| piece.start && piece.keyframe);
        let whole = starts
            .map(|(&first, _)| first)
            .find(|&first| self.is_whole(first));
        if let Some(first) = whole.filter(|&first| first > next) {
            self.give_up(now, first - 1);
        }
    }

    fn is_whole(&self, first: u64) -> bool {
        for (expected, (&sequence, piece)) in (first..).zip(self.pending.range(first..)) {
            if sequence != expected || piece.end {
                return sequence == expected;
            }
        }
        false
    }

    /// Nothing can be decoded before a keyframe comes.
    pub(crate) fn is_waiting(&self) -> bool {
        self.next.is_none()
    }

    /// A packet will never come. Whether a keyframe has to be asked for.
    pub(crate) fn give_up(&mut self, now: Time, sequence: u64) -> bool {
        if self.next.is_none_or(|next| sequence < next) {
            return self.next.is_none();
        }
        self.next = None;
        self.decoded.undecodable += u64::from(self.open.take().is_some());
        self.start_over(sequence);
        if let Some(first) = self.next {
            // Already here: decode on from it.
            if let Some(piece) = self.pending.remove(&first) {
                self.insert(now, first, piece);
            }
        }
        self.next.is_none()
    }

    /// Looks for the first keyframe behind `after` and forgets what lies before it.
    fn start_over(&mut self, after: u64) {
        let found = self
            .pending
            .range(after..)
            .find(|(_, piece)| piece.start && piece.keyframe);
        if let Some((&first, _)) = found {
            let kept = self.pending.split_off(&first);
            let thrown = std::mem::replace(&mut self.pending, kept);
            self.decoded.undecodable += thrown.values().filter(|piece| piece.end).count() as u64;
            self.next = Some(first);
        }
    }

    fn decode(&mut self, now: Time, piece: Piece) {
        if piece.start {
            self.open = Some(piece.keyframe);
        }
        if piece.end
            && let Some(keyframe) = self.open.take()
        {
            self.decoded.frames += 1;
            self.decoded.keyframes += u64::from(keyframe);
            self.render(now);
        }
    }

    fn render(&mut self, now: Time) {
        if let Some(last) = self.last.replace(now) {
            let gap = now.since(last);
            let count = self.gaps.len() as u32;
            if count > 0 {
                let average = self.gaps.iter().sum::<Duration>() / count;
                if gap >= (average * 3).max(average + Duration::from_millis(150)) {
                    self.decoded.freezes += 1;
                    self.decoded.frozen += gap;
                }
            }
            if self.gaps.len() == AVERAGE_OF {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of two packets, one every 33 ms; frame n has sequences 2n and 2n + 1.
    fn packet(sequence: u64, keyframe: bool) -> Piece {
        Piece {
            start: sequence.is_multiple_of(2),
            end: !sequence.is_multiple_of(2),
            keyframe,
        }
    }

    fn at(sequence: u64) -> Time {
        Time::from_millis(sequence / 2 * 33)
    }

    #[test]
    fn frames_wait_for_a_keyframe_and_for_missing_packets() {
        let mut decoder = Decoder::default();
        for sequence in [0, 1, 2, 3] {
            decoder.insert(at(sequence), sequence, packet(sequence, sequence == 2));
        }
        assert_eq!(
            (decoder.decoded.frames, decoder.decoded.undecodable),
            (1, 1)
        );
        decoder.insert(at(5), 5, packet(5, false));
        decoder.insert(at(6), 6, packet(6, false));
        assert_eq!(decoder.decoded.frames, 1);
        decoder.insert(at(6), 4, packet(4, false));
        assert_eq!(decoder.decoded.frames, 2);
    }

    #[test]
    fn a_lost_packet_costs_all_until_the_next_keyframe() {
        let mut decoder = Decoder::default();
        for sequence in 0..13 {
            if sequence != 7 {
                decoder.insert(
                    at(sequence),
                    sequence,
                    packet(sequence, sequence == 0 || sequence == 12),
                );
            }
        }
        assert_eq!(decoder.decoded.frames, 3);
        decoder.insert(at(13), 13, packet(13, false));
        assert_eq!(
            decoder.decoded.frames, 4,
            "a whole keyframe is not kept waiting"
        );
        for sequence in 14..20 {
            decoder.insert(at(sequence), sequence, packet(sequence, false));
        }
        assert_eq!((decoder.decoded.frames, decoder.decoded.keyframes), (7, 2));
        assert_eq!(decoder.decoded.undecodable, 3);
        assert!(!decoder.give_up(at(20), 3), "long decoded");
        decoder.insert(at(22), 22, packet(22, false));
        assert!(decoder.give_up(at(22), 20), "none is here");
        assert!(decoder.give_up(at(22), 21), "still none");
    }

    #[test]
    fn a_gap_is_a_freeze_by_the_rule_of_webrtc_stats() {
        // Average 33 ms: a freeze is at least max(99, 183) ms.
        for (gap, freezes) in [(182, 0), (184, 1), (1000, 1)] {
            let mut decoder = Decoder::default();
            let whole = Piece {
                start: true,
                end: true,
                keyframe: true,
            };
            for n in 0..40 {
                decoder.insert(Time::from_millis(n * 33), n, whole);
            }
            decoder.insert(Time::from_millis(39 * 33 + gap), 40, whole);
            assert_eq!(decoder.decoded.freezes, freezes, "{gap} ms");
            assert_eq!(decoder.decoded.frozen, Duration::from_millis(gap * freezes));
        }
    }
}
