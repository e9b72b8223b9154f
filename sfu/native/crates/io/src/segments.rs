//! Cutting receive-offloaded messages into datagrams, and joining datagrams into runs for
//! segmentation offload. Pure, so that every edge has a table test.

/// Segments of one UDP_SEGMENT message (UDP_MAX_SEGMENTS before Linux 6.11; newer kernels take 128).
pub const MAX_SEGMENTS: usize = 64;

/// Largest UDP payload over IPv4: 65535 - 20 (IP) - 8 (UDP). Over IPv6 20 bytes more would go.
pub const MAX_PAYLOAD: usize = 65_507;

/// Consecutive datagrams of one receiver that leave in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Offset of the first byte.
    pub at: usize,
    /// Bytes in all.
    pub len: usize,
    /// Size of every datagram but the last, which may be shorter; never 0 when `count` is over 1.
    pub segment: usize,
    /// Number of datagrams.
    pub count: usize,
}

/// Cuts back-to-back datagrams, given as (offset, length), into the longest runs the kernel takes:
/// equal sizes, the last may be shorter, at most `max_segments` and [`MAX_PAYLOAD`] bytes.
/// `max_segments` 1 turns joining off.
pub fn runs(spans: &[(usize, usize)], max_segments: usize) -> Runs<'_> {
    Runs {
        spans,
        max_segments,
    }
}

/// Iterator of [`runs`].
#[derive(Debug)]
pub struct Runs<'a> {
    spans: &'a [(usize, usize)],
    max_segments: usize,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let (&(at, segment), rest) = self.spans.split_first()?;
        let mut run = Run {
            at,
            len: segment,
            segment,
            count: 1,
        };
        for &(next, len) in rest {
            debug_assert_eq!(next, at + run.len, "datagrams of a group lie back to back");
            let fits = run.count < self.max_segments && run.len + len <= MAX_PAYLOAD;
            // A zero-length segment can't be told from the message's end.
            if !fits || len > segment || len == 0 {
                break;
            }
            run.len += len;
            run.count += 1;
            if len < segment {
                break;
            }
        }
        self.spans = &self.spans[run.count..];
        Some(run)
    }
}

/// Cuts a received message into the datagrams that UDP_GRO joined: `segment` is the size its control
/// message told; 0 or more than the message means that it is one datagram.
pub fn split(message: &mut [u8], segment: usize) -> impl Iterator<Item = &mut [u8]> {
    let whole = segment == 0 || segment >= message.len();
    let size = if whole { message.len().max(1) } else { segment };
    message.chunks_mut(size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(lengths: &[usize]) -> Vec<(usize, usize)> {
        let mut at = 0;
        lengths
            .iter()
            .map(|&len| {
                at += len;
                (at - len, len)
            })
            .collect()
    }

    fn counts(lengths: &[usize], max_segments: usize) -> Vec<usize> {
        runs(&spans(lengths), max_segments)
            .map(|run| run.count)
            .collect()
    }

    #[test]
    fn equal_sizes_join_and_a_shorter_one_ends_the_run() {
        assert_eq!(counts(&[1200, 1200, 1200], 64), [3]);
        assert_eq!(counts(&[1200, 1200, 700, 1200], 64), [3, 1]);
        assert_eq!(counts(&[700, 1200, 1200], 64), [1, 2]);
        assert_eq!(counts(&[1200, 700, 700, 700], 64), [2, 2]);
        assert_eq!(counts(&[], 64), [0; 0]);
    }

    #[test]
    fn runs_stop_at_the_kernels_limits() {
        assert_eq!(counts(&[100; 130], 64), [64, 64, 2]);
        // 54 x 1200 = 64800 fits 65507, 55 x 1200 does not.
        assert_eq!(counts(&[1200; 60], 64), [54, 6]);
        assert_eq!(counts(&[1200; 3], 1), [1, 1, 1]);
    }

    #[test]
    fn an_empty_datagram_is_never_joined() {
        assert_eq!(counts(&[1200, 0, 1200], 64), [1, 1, 1]);
        assert_eq!(counts(&[0, 0], 64), [1, 1]);
    }

    #[test]
    fn a_message_is_cut_by_the_segment_size() {
        let cut = |len: usize, segment: usize| -> Vec<usize> {
            split(&mut vec![0; len], segment)
                .map(|datagram| datagram.len())
                .collect()
        };
        assert_eq!(cut(3000, 1200), [1200, 1200, 600]);
        assert_eq!(cut(2400, 1200), [1200, 1200]);
        assert_eq!(cut(1200, 1200), [1200]);
        assert_eq!(cut(700, 1200), [700]);
        assert_eq!(cut(700, 0), [700]);
        assert_eq!(cut(0, 0), [0; 0]);
    }

    proptest! {
        #[test]
        fn runs_cover_every_datagram_once_and_obey_the_kernel(
            lengths in prop::collection::vec(prop_oneof![Just(1200usize), 0usize..1500], 0..200),
            max_segments in 1usize..=64,
        ) {
            let spans = spans(&lengths);
            let mut index = 0;
            for run in runs(&spans, max_segments) {
                let own = &spans[index..index + run.count];
                prop_assert_eq!(run.at, own[0].0);
                prop_assert_eq!(run.len, own.iter().map(|span| span.1).sum::<usize>());
                prop_assert!(run.count <= max_segments && run.len <= MAX_PAYLOAD);
                if run.count > 1 {
                    prop_assert!(run.segment > 0);
                    let (last, full) = own.split_last().unwrap();
                    prop_assert!(full.iter().all(|span| span.1 == run.segment));
                    prop_assert!(last.1 > 0 && last.1 <= run.segment);
                }
                // What the far end's GRO would make of it: the same datagrams.
                if run.len > 0 {
                    let mut bytes = vec![0; run.len];
                    let cut: Vec<usize> = split(&mut bytes, run.segment).map(|part| part.len()).collect();
                    prop_assert_eq!(cut, own.iter().map(|span| span.1).collect::<Vec<_>>());
                }
                index += run.count;
            }
            prop_assert_eq!(index, spans.len());
        }
    }
}
