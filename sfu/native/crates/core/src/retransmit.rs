//! What one consumer sent lately: enough to send it again (RFC 4588, or byte for byte).

use std::time::Duration;

use crate::time::Time;

/// Least time between two retransmissions of one packet when the RTT is tiny or unknown.
const LEAST_INTERVAL: Duration = Duration::from_millis(10);

/// A packet as it was sent: where its payload lies and what numbers it got.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentPacket {
    /// Low half of the SRTP packet index.
    pub(crate) index: u32,
    /// Position in the history of the layer's stream.
    pub(crate) position: u32,
    pub(crate) timestamp: u32,
    /// Milliseconds, wrapping, of the last retransmission.
    pub(crate) resent: u32,
    pub(crate) picture: u16,
    pub(crate) frame: u16,
    pub(crate) layer: u8,
    pub(crate) tl0picidx: u8,
    pub(crate) marker: bool,
    /// Transmissions so far; 0 is an empty entry.
    pub(crate) times: u8,
}

/// Why a packet isn't sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused;

/// A ring over the low bits of the packet index.
#[derive(Debug)]
pub(crate) struct SentRing {
    ring: Box<[SentPacket]>,
}

impl SentRing {
    /// For `capacity` (a power of two) packets.
    pub(crate) fn with_capacity(capacity: usize) -> SentRing {
        let capacity = capacity.next_power_of_two();
        SentRing {
            ring: vec![SentPacket::default(); capacity].into_boxed_slice(),
        }
    }

    /// Keeps what is about to be sent. `false` when this index was used before: it must not be
    /// encrypted again.
    pub(crate) fn insert(&mut self, packet: SentPacket) -> bool {
        let mask = self.ring.len() - 1;
        let entry = &mut self.ring[packet.index as usize & mask];
        // The ring holds the newest of each residue; anything not newer was sent, or is too old to tell.
        if entry.times > 0 && packet.index.wrapping_sub(entry.index).wrapping_sub(1) >= 1 << 31 {
            return false;
        }
        *entry = SentPacket { times: 1, ..packet };
        true
    }

    /// Packet with this sequence number, if it is still known.
    pub(crate) fn get(&self, sequence: u16) -> Option<&SentPacket> {
        let entry = &self.ring[usize::from(sequence) & (self.ring.len() - 1)];
        (entry.times > 0 && entry.index as u16 == sequence).then_some(entry)
    }

    /// Grants a retransmission: not within one RTT of the last, and not more than `retries` times.
    pub(crate) fn ask(
        &mut self,
        now: Time,
        sequence: u16,
        rtt: Duration,
        retries: u32,
    ) -> Result<(), Refused> {
        let mask = self.ring.len() - 1;
        let entry = &mut self.ring[usize::from(sequence) & mask];
        if entry.times == 0 || entry.index as u16 != sequence {
            return Err(Refused);
        }
        let now_ms = now.as_millis() as u32;
        let interval = rtt.max(LEAST_INTERVAL).as_millis() as u32;
        if entry.times > 1 && now_ms.wrapping_sub(entry.resent) < interval {
            return Err(Refused);
        }
        if u32::from(entry.times) > retries {
            return Err(Refused);
        }
        entry.times = entry.times.saturating_add(1);
        entry.resent = now_ms;
        Ok(())
    }

    /// Forgets positions of another source's history, not the indices that were used.
    pub(crate) fn forget(&mut self) {
        for entry in &mut self.ring {
            if entry.times > 0 {
                entry.times = u8::MAX; // used, and refused from now on
            }
        }
    }
}

/// Packets kept for resending byte for byte,
const VERBATIM_PACKETS: usize = 64;
/// of at most this size: audio.
const VERBATIM_BYTES: usize = 256;

/// Encrypted packets of a stream without RTX. An AEAD index must never protect two different
/// plaintexts (RFC 7714 section 8.4), so what is resent on the same SSRC is exactly what was sent,
/// send-time and feedback number included. Video without RTX isn't resent at all.
#[derive(Debug)]
pub(crate) struct VerbatimRing {
    bytes: Box<[u8]>,
    lengths: [(u16, u16); VERBATIM_PACKETS],
}

impl VerbatimRing {
    pub(crate) fn new() -> VerbatimRing {
        VerbatimRing {
            bytes: vec![0; VERBATIM_PACKETS * VERBATIM_BYTES].into_boxed_slice(),
            lengths: [(0, 0); VERBATIM_PACKETS],
        }
    }

    pub(crate) fn insert(&mut self, sequence: u16, datagram: &[u8]) {
        let slot = usize::from(sequence) % VERBATIM_PACKETS;
        self.lengths[slot] = (sequence, 0);
        if datagram.len() <= VERBATIM_BYTES {
            let start = slot * VERBATIM_BYTES;
            self.bytes[start..start + datagram.len()].copy_from_slice(datagram);
            self.lengths[slot].1 = datagram.len() as u16;
        }
    }

    pub(crate) fn get(&self, sequence: u16) -> Option<&[u8]> {
        let slot = usize::from(sequence) % VERBATIM_PACKETS;
        let (kept, len) = self.lengths[slot];
        let start = slot * VERBATIM_BYTES;
        (kept == sequence && len > 0).then(|| &self.bytes[start..start + usize::from(len)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(40);

    fn packet(index: u32) -> SentPacket {
        SentPacket {
            index,
            position: index,
            ..SentPacket::default()
        }
    }

    #[test]
    fn an_index_is_taken_once() {
        let mut ring = SentRing::with_capacity(64);
        assert!(ring.insert(packet(100)));
        assert!(!ring.insert(packet(100)));
        assert!(ring.insert(packet(164)));
        assert!(!ring.insert(packet(100)), "older than the ring knows");
        assert!(ring.insert(packet(99)), "late, never sent");
        ring.forget();
        assert!(!ring.insert(packet(164)));
        assert!(ring.get(164).is_some());
        assert_eq!(ring.ask(Time::ZERO, 164, RTT, 10), Err(Refused));
    }

    #[test]
    fn retransmissions_are_one_rtt_apart_and_end() {
        let mut ring = SentRing::with_capacity(64);
        ring.insert(packet(65_536 + 7));
        let granted: Vec<u64> = (0..1_000)
            .filter(|&ms| ring.ask(Time::from_millis(ms), 7, RTT, 3).is_ok())
            .collect();
        assert_eq!(granted, [0, 40, 80]);
        assert_eq!(ring.ask(Time::ZERO, 8, RTT, 3), Err(Refused));
        assert_eq!(ring.get(7).unwrap().position, 65_543);
    }

    #[test]
    fn verbatim_packets_are_what_was_sent() {
        let mut ring = VerbatimRing::new();
        ring.insert(3, &[9; 80]);
        ring.insert(4, &[9; 300]);
        assert_eq!(ring.get(3), Some(&[9u8; 80][..]));
        assert_eq!((ring.get(4), ring.get(67)), (None, None));
        ring.insert(67, &[1; 10]);
        assert_eq!(ring.get(3), None);
    }
}
