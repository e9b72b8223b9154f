//! The packets of one received stream: what consumers forward from and what retransmissions are
//! made of. One copy per packet received, however many receivers there are.

use crate::codec::FrameInfo;
use crate::time::Time;

/// Mean payload that the slot count is sized for; smaller packets run out of slots first.
const BYTES_PER_SLOT: usize = 256;

/// What was parsed once, at reception.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    /// Extended sequence number of the source.
    pub(crate) sequence: u64,
    pub(crate) arrival: Time,
    pub(crate) timestamp: u32,
    /// Index into the producer's codec mappings.
    pub(crate) mapping: u8,
    pub(crate) marker: bool,
    pub(crate) frame_info: FrameInfo,
    /// RFC 6464, as received (voice flag and level).
    pub(crate) audio_level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) playout_delay: Option<[u8; 3]>,
    /// VP8 or VP9 picture id, extended.
    pub(crate) picture: Option<u64>,
    pub(crate) tl0picidx: Option<u8>,
    /// Dependency descriptor frame number, extended.
    pub(crate) frame: Option<u64>,
}

impl Default for Meta {
    fn default() -> Meta {
        Meta {
            sequence: 0,
            arrival: Time::ZERO,
            timestamp: 0,
            mapping: 0,
            marker: false,
            frame_info: FrameInfo::INDEPENDENT,
            audio_level: None,
            orientation: None,
            playout_delay: None,
            picture: None,
            tl0picidx: None,
            frame: None,
        }
    }
}

/// A packet as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) meta: &'a Meta,
    /// Raw dependency descriptor, empty when there was none.
    pub(crate) descriptor: &'a [u8],
    pub(crate) payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    position: u32,
    /// Place in the unrolled byte ring; 0 means never used.
    at: u64,
    descriptor_len: u8,
    payload_len: u16,
    meta: Meta,
}

/// A ring of bytes and a ring of slots. A position stays valid until either wraps over it.
#[derive(Debug)]
pub(crate) struct History {
    bytes: Box<[u8]>,
    slots: Box<[Slot]>,
    /// Unrolled write cursor; starts one ring up so that 0 can mean "never".
    head: u64,
    next: u32,
}

impl History {
    /// `capacity` in bytes of payload.
    pub(crate) fn with_capacity(capacity: usize) -> History {
        let capacity = capacity.max(4096);
        let slots = (capacity / BYTES_PER_SLOT).max(32).next_power_of_two();
        History {
            // Zeroed memory comes lazily from the kernel: a quiet stream costs little.
            bytes: vec![0; capacity].into_boxed_slice(),
            slots: vec![Slot::default(); slots].into_boxed_slice(),
            head: capacity as u64,
            next: 0,
        }
    }

    /// Keeps a packet; returns its position, counting up and wrapping, or `None` when it is larger
    /// than the whole ring.
    pub(crate) fn push(&mut self, meta: Meta, descriptor: &[u8], payload: &[u8]) -> Option<u32> {
        let len = descriptor.len() + payload.len();
        let capacity = self.bytes.len();
        let descriptor_len = u8::try_from(descriptor.len()).ok()?;
        let payload_len = u16::try_from(payload.len()).ok()?;
        if len > capacity {
            return None;
        }
        let mut offset = (self.head % capacity as u64) as usize;
        if offset + len > capacity {
            self.head += (capacity - offset) as u64; // a packet lies in one piece
            offset = 0;
        }
        self.bytes[offset..offset + descriptor.len()].copy_from_slice(descriptor);
        self.bytes[offset + descriptor.len()..offset + len].copy_from_slice(payload);
        let position = self.next;
        let index = position as usize & (self.slots.len() - 1);
        self.slots[index] = Slot {
            position,
            at: self.head,
            descriptor_len,
            payload_len,
            meta,
        };
        self.head += len as u64;
        self.next = self.next.wrapping_add(1);
        Some(position)
    }

    /// The packet at a position, unless it has been overwritten.
    pub(crate) fn get(&self, position: u32) -> Option<Stored<'_>> {
        let slot = &self.slots[position as usize & (self.slots.len() - 1)];
        let capacity = self.bytes.len() as u64;
        if slot.at == 0 || slot.position != position || self.head - slot.at > capacity {
            return None;
        }
        let start = (slot.at % capacity) as usize;
        let middle = start + usize::from(slot.descriptor_len);
        Some(Stored {
            meta: &slot.meta,
            descriptor: &self.bytes[start..middle],
            payload: &self.bytes[middle..middle + usize::from(slot.payload_len)],
        })
    }

    /// Positions of the packets that came before the one at `position`, oldest first, as far as they
    /// may still be there.
    pub(crate) fn before(&self, position: u32) -> impl Iterator<Item = u32> + use<> {
        let kept = self.slots.len() as u32 - 1;
        (1..=kept.min(position))
            .rev()
            .map(move |back| position - back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(sequence: u64) -> Meta {
        Meta {
            sequence,
            ..Meta::default()
        }
    }

    #[test]
    fn a_packet_comes_back_as_it_was_kept() {
        let mut history = History::with_capacity(8192);
        let position = history.push(meta(7), &[1, 2], &[3; 100]).unwrap();
        let stored = history.get(position).unwrap();
        assert_eq!(
            (stored.meta.sequence, stored.descriptor),
            (7, &[1u8, 2][..])
        );
        assert_eq!(stored.payload, &[3; 100]);
        assert!(history.get(position + 1).is_none());
    }

    #[test]
    fn overwritten_packets_are_gone_and_the_rest_is_whole() {
        let mut history = History::with_capacity(10_000);
        for i in 0..1_000u32 {
            let len = 300 + (i as usize * 7919) % 900;
            let position = history
                .push(meta(u64::from(i)), &[], &vec![i as u8; len])
                .unwrap();
            assert_eq!(position, i);
            let mut alive = 0;
            for old in i.saturating_sub(64)..=i {
                if let Some(stored) = history.get(old) {
                    alive += stored.payload.len();
                    assert!(
                        stored.payload.iter().all(|&b| b == old as u8),
                        "{old} at {i}"
                    );
                    assert_eq!(stored.meta.sequence, u64::from(old));
                }
            }
            assert!(alive <= 10_000);
            assert!(
                i < 20 || alive > 10_000 - 2 * 1_200,
                "keeps what fits: {alive}"
            );
        }
    }

    #[test]
    fn small_packets_are_limited_by_slots() {
        let mut history = History::with_capacity(8192);
        for i in 0..33u64 {
            history.push(meta(i), &[], &[0]).unwrap();
        }
        assert!(history.get(0).is_none());
        assert!(history.get(1).is_some());
        assert_eq!(history.before(2).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(history.before(40).count(), 31);
    }

    #[test]
    fn too_large_is_refused() {
        let mut history = History::with_capacity(4096);
        assert!(history.push(meta(0), &[], &[0; 5000]).is_none());
        assert!(history.push(meta(0), &[0; 256], &[0; 10]).is_none());
    }
}
