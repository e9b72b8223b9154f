//! Control datagrams (STUN answers, RTCP, DTLS) on their way to the next drain.

use crate::egress::Egress;
use crate::units::Tuple;

/// Bytes that may wait; a worker that isn't drained must not grow.
const CAPACITY: usize = 4 << 20;

/// A queue of whole datagrams in one buffer, emptied all at once.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    entries: Vec<(Tuple, usize)>,
    /// Entries and bytes handed over already.
    taken: usize,
    offset: usize,
}

impl Outbox {
    /// Queues a datagram; `false` when too much waits.
    pub(crate) fn push(&mut self, tuple: Tuple, datagram: &[u8]) -> bool {
        if self.bytes.len() + datagram.len() > CAPACITY {
            return false;
        }
        self.bytes.extend_from_slice(datagram);
        self.entries.push((tuple, datagram.len()));
        true
    }

    /// Moves datagrams into the arena; returns how many, and whether all have gone.
    pub(crate) fn drain(&mut self, egress: &mut Egress) -> (u64, bool) {
        let mut count = 0;
        while let Some(&(tuple, len)) = self.entries.get(self.taken) {
            let Some(space) = egress.space() else {
                return (count, false);
            };
            // What does not fit a datagram was refused on the way in.
            let len_fitting = len.min(space.len());
            space[..len_fitting]
                .copy_from_slice(&self.bytes[self.offset..self.offset + len_fitting]);
            egress.commit(tuple, len_fitting);
            self.taken += 1;
            self.offset += len;
            count += 1;
        }
        self.bytes.clear();
        self.entries.clear();
        (self.taken, self.offset) = (0, 0);
        (count, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_keep_their_order_over_several_drains() {
        let tuple = Tuple {
            local: "127.0.0.1:1".parse().unwrap(),
            remote: "127.0.0.1:2".parse().unwrap(),
        };
        let mut outbox = Outbox::default();
        for n in 0..5u8 {
            assert!(outbox.push(tuple, &vec![n; usize::from(n) + 1]));
        }
        let mut egress = Egress::with_capacity(100_000, 2);
        let mut seen = Vec::new();
        loop {
            let (_, all) = outbox.drain(&mut egress);
            seen.extend(egress.datagrams().map(|(_, d)| (d[0], d.len())));
            egress.clear();
            if all {
                break;
            }
        }
        assert_eq!(seen, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
        let too_large = vec![0; CAPACITY + 1];
        assert!(!outbox.push(tuple, &too_large));
    }
}
