//! SRTP: whatever arrives, in whatever order and however damaged, each packet is delivered once, as it
//! was sent, and nothing else is delivered.

use std::collections::{HashMap, HashSet};

use sfu_core::command::{MasterKey, SrtpProfile};
use sfu_core::srtp::{SrtpReceiver, SrtpSender, key_lengths, max_overhead};

const WINDOW: u64 = 1024;
const STREAMS: usize = 8;

/// The first byte chooses the profile, the rest is taken as one packet from a stranger, and as steps
/// of three bytes.
pub(crate) fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let profile = match first % 3 {
        0 => SrtpProfile::AeadAes256Gcm,
        1 => SrtpProfile::AeadAes128Gcm,
        _ => SrtpProfile::Aes128CmSha1_80,
    };
    let (key, salt) = key_lengths(profile);
    let master = MasterKey {
        key: vec![1; key],
        salt: vec![2; salt],
    };
    let mut walk = Walk {
        sender: SrtpSender::new(profile, &master).expect("right lengths"),
        receiver: SrtpReceiver::new(profile, &master, WINDOW as usize, STREAMS)
            .expect("right lengths"),
        next: HashMap::new(),
        sent: Vec::new(),
        highest: HashMap::new(),
        delivered: HashSet::new(),
    };
    assert!(walk.receiver.unprotect_rtp(&mut rest.to_vec()).is_err());
    assert!(walk.receiver.unprotect_rtcp(&mut rest.to_vec()).is_err());
    for step in rest.chunks_exact(3) {
        walk.step(step[0], step[1], step[2]);
    }
}

struct Sent {
    ssrc: u32,
    index: u64,
    plain: Vec<u8>,
    sealed: Vec<u8>,
}

struct Walk {
    sender: SrtpSender,
    receiver: SrtpReceiver,
    next: HashMap<u32, u64>,
    sent: Vec<Sent>,
    highest: HashMap<u32, u64>,
    delivered: HashSet<(u32, u64)>,
}

impl Walk {
    fn step(&mut self, what: u8, a: u8, b: u8) {
        match what {
            // The next packet of a stream, after a gap of up to 2^14 sequence numbers.
            0..120 => self.send(a % 12, 1 + (u64::from(b) << (what % 8)), usize::from(a) * 5),
            120..150 => self.deliver(self.sent.len().wrapping_sub(1 + usize::from(a % 4)), None),
            150..220 => self.deliver(usize::from(a) << 8 | usize::from(b), None),
            _ => self.deliver(self.sent.len().wrapping_sub(1), Some((a, b))),
        }
    }

    fn send(&mut self, stream: u8, gap: u64, payload: usize) {
        let ssrc = u32::from(stream).wrapping_mul(0x1234_5679);
        // The first packet of a stream has a rollover counter of 0 by definition.
        let index = self.next.get(&ssrc).map_or(gap & 0xffff, |last| last + gap);
        self.next.insert(ssrc, index);
        let mut plain = vec![0x80, 96];
        plain.extend((index as u16).to_be_bytes());
        plain.extend([9; 4]);
        plain.extend(ssrc.to_be_bytes());
        plain.resize(12 + payload, stream);
        let mut sealed = plain.clone();
        sealed.resize(plain.len() + max_overhead(self.sender.profile()), 0);
        let len = self
            .sender
            .protect_indexed(&mut sealed, plain.len(), 12, index)
            .expect("room");
        sealed.truncate(len);
        self.sent.push(Sent {
            ssrc,
            index,
            plain,
            sealed,
        });
    }

    fn deliver(&mut self, number: usize, damage: Option<(u8, u8)>) {
        if self.sent.is_empty() {
            return;
        }
        let Sent {
            ssrc,
            index,
            plain,
            sealed,
        } = &self.sent[number % self.sent.len()];
        let mut packet = sealed.clone();
        if let Some((at, bits)) = damage {
            let at = usize::from(at) * packet.len() / 256;
            packet[at] ^= bits | 1;
            assert!(
                self.receiver.unprotect_rtp(&mut packet).is_err(),
                "damage was delivered"
            );
            return;
        }
        let fresh = !self.delivered.contains(&(*ssrc, *index));
        let expected = match self.highest.get(ssrc) {
            None if self.highest.len() == STREAMS => Some(false),
            None => Some(*index < 1 << 16),
            // Farther than half the sequence space, nobody can know the rollover counter.
            Some(highest) if highest.abs_diff(*index) >= 1 << 15 => None,
            Some(highest) => Some(fresh && (index > highest || highest - index < WINDOW)),
        };
        let result = self.receiver.unprotect_rtp(&mut packet);
        assert!(
            expected.is_none_or(|expected| expected == result.is_ok()),
            "{result:?}"
        );
        let Ok(opened) = result else { return };
        assert!(fresh, "delivered twice");
        assert_eq!((opened.ssrc.0, opened.extended_sequence), (*ssrc, *index));
        assert_eq!(packet[..opened.len], plain[..]);
        self.delivered.insert((*ssrc, *index));
        let highest = self.highest.entry(*ssrc).or_insert(*index);
        *highest = (*highest).max(*index);
    }
}
