//! The bare loop: what encrypting and sending costs when nothing else is done.
//!
//! One thread copies each packet once per receiver, puts that receiver's sequence number in, seals it
//! with that receiver's own AES-GCM key and sends each receiver's burst as one segmented message, all
//! receivers of a burst by one sendmmsg: the best batching the kernel gives. Sizes, bursts and pacing
//! are those of the run it is compared with. It receives nothing, parses nothing and reports nothing,
//! so it is a bound, not a server.

use std::net::{Ipv4Addr, SocketAddr};

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sfu_core::command::{MasterKey, SrtpProfile};
use sfu_core::srtp::SrtpSender;

use crate::config::{ProfileName, SrtpName};
use crate::sys::{self, Destination, Sender};

/// Fixed header and the extension block a browser's packets carry: mid, abs-send-time and
/// transport-wide sequence number, 12 + 4 + 12 bytes.
pub(crate) const HEADER: usize = 28;
/// Where the time of sending lies in the header: at the first extension bytes, in the clear, so that
/// [`crate::sink`] measures latency without keys.
pub(crate) const TIME_AT: usize = 16;
/// Packets of a frame that lie within this time are one burst, microseconds: less than a wake-up takes.
const QUANTUM_US: u64 = 20;
/// Bursts sent together at most.
const MOST_BURSTS: usize = 16;

/// What to send.
#[derive(Deserialize)]
pub(crate) struct Config {
    /// The publishers whose packets are sent on.
    streams: Vec<Stream>,
    /// Addresses of the receivers.
    destinations: Vec<SocketAddr>,
    seconds: f64,
    srtp: SrtpName,
    core: Option<usize>,
    /// Sends as fast as it can instead of at the pace of the streams.
    #[serde(default)]
    flat_out: bool,
}

#[derive(Deserialize)]
struct Stream {
    profile: ProfileName,
    frames_per_second: Option<u64>,
    /// Indices into `destinations`.
    receivers: Vec<usize>,
    /// Start of its first frame after the beginning, microseconds.
    offset_us: u64,
}

/// What it cost.
#[derive(Serialize)]
pub(crate) struct Report {
    packets: u64,
    bytes: u64,
    refused: u64,
    /// Mean datagrams of a segmented message.
    run_length: f64,
    cpu_us_per_packet: f64,
    seconds: f64,
    cpu_share: f64,
}

/// Seals in place with one receiver's key.
enum Seal {
    Gcm(LessSafeKey),
    /// Counter mode has no second implementation at hand: the core's own.
    Srtp(Box<SrtpSender>),
}

impl Seal {
    fn new(profile: SrtpProfile, receiver: usize) -> Seal {
        let (key_len, salt_len) = sfu_core::srtp::key_lengths(profile);
        let mut key = vec![0x5a; key_len];
        key[..8].copy_from_slice(&(receiver as u64).to_be_bytes());
        let algorithm = match profile {
            SrtpProfile::AeadAes128Gcm => &AES_128_GCM,
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::Aes128CmSha1_80 => {
                let master = MasterKey {
                    key,
                    salt: vec![1; salt_len],
                };
                return Seal::Srtp(Box::new(
                    SrtpSender::new(profile, &master).expect("key has its length"),
                ));
            }
        };
        Seal::Gcm(LessSafeKey::new(
            UnboundKey::new(algorithm, &key).expect("key has its length"),
        ))
    }

    /// Seals a packet of `len` bytes at the front of `space`; returns its new length.
    fn seal(&mut self, space: &mut [u8], len: usize, index: u64) -> usize {
        match self {
            Seal::Gcm(key) => {
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&index.to_be_bytes());
                let (header, rest) = space.split_at_mut(HEADER);
                let (payload, rest) = rest.split_at_mut(len - HEADER);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(&*header), payload)
                    .expect("seals");
                rest[..16].copy_from_slice(tag.as_ref());
                len + 16
            }
            Seal::Srtp(sender) => sender
                .protect_indexed(space, len, HEADER, index)
                .expect("protects"),
        }
    }
}

/// A burst of one stream: when, and its packets' payload sizes.
struct Burst {
    at_us: u64,
    stream: usize,
    payloads: Vec<u16>,
}

/// All bursts of a run in order of time.
fn plan(config: &Config) -> Vec<Burst> {
    let end = (config.seconds * 1e6) as u64;
    let mut bursts: Vec<Burst> = Vec::new();
    for (index, stream) in config.streams.iter().enumerate() {
        let profile = stream.profile.profile(stream.frames_per_second);
        for n in 0.. {
            let start = stream.offset_us + profile.start_of(n).as_micros() as u64;
            if start >= end {
                break;
            }
            let mut open: Option<Burst> = None;
            for packet in &profile.frame(n, n == 0).packets {
                let at_us = start + packet.offset.as_micros() as u64;
                match &mut open {
                    Some(burst) if at_us < burst.at_us + QUANTUM_US => {
                        burst.payloads.push(packet.payload)
                    }
                    _ => bursts.extend(open.replace(Burst {
                        at_us,
                        stream: index,
                        payloads: vec![packet.payload],
                    })),
                }
            }
            bursts.extend(open);
        }
    }
    bursts.sort_by_key(|burst| burst.at_us);
    bursts
}

/// What is sent from, all allocated before.
struct Output {
    seals: Vec<Seal>,
    /// Packets sent to each receiver.
    indices: Vec<u64>,
    source: Vec<u8>,
    arena: Vec<u8>,
    /// (receiver, burst) of what is due.
    order: Vec<(usize, usize)>,
    sender: Sender,
    packets: u64,
    bytes: u64,
}

impl Output {
    fn new(config: &Config) -> Output {
        let receivers = config.destinations.len();
        let capacity = MOST_BURSTS * receivers.max(1) * 16;
        Output {
            seals: (0..receivers)
                .map(|receiver| Seal::new(config.srtp.profile(), receiver))
                .collect(),
            indices: vec![0; receivers],
            source: source_packet(),
            arena: vec![0; capacity * 1500],
            order: Vec::with_capacity(MOST_BURSTS * receivers),
            sender: Sender::new(capacity),
            packets: 0,
            bytes: 0,
        }
    }

    /// Seals the packets of bursts, receiver by receiver, so that what one receiver gets lies side by side.
    fn send(&mut self, config: &Config, bursts: &[Burst]) {
        self.order.clear();
        for (index, burst) in bursts.iter().enumerate() {
            let receivers = &config.streams[burst.stream].receivers;
            self.order
                .extend(receivers.iter().map(|&receiver| (receiver, index)));
        }
        if bursts.len() > 1 {
            self.order.sort_unstable();
        }
        let time = sys::monotonic().to_be_bytes();
        let mut at = 0;
        for &(receiver, index) in &self.order {
            for &payload in &bursts[index].payloads {
                let len = HEADER + usize::from(payload);
                let space = &mut self.arena[at..at + len + 16];
                space[..len].copy_from_slice(&self.source[..len]);
                let index = self.indices[receiver];
                self.indices[receiver] += 1;
                space[2..4].copy_from_slice(&(index as u16).to_be_bytes());
                space[TIME_AT..TIME_AT + 8].copy_from_slice(&time);
                let sealed = self.seals[receiver].seal(space, len, index);
                self.sender.push(receiver, at, sealed);
                at += sealed;
                self.packets += 1;
            }
        }
        self.bytes += at as u64;
    }
}

/// Runs it.
pub(crate) fn run(config: &Config) -> std::io::Result<Report> {
    if let Some(core) = config.core {
        sys::pin(core)?;
    }
    sys::precise_timers();
    let socket = sys::udp_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    let destinations: Vec<Destination> = config
        .destinations
        .iter()
        .map(|&to| Destination::new(to))
        .collect();
    let bursts = plan(config);
    let mut out = Output::new(config);
    let begin = sys::monotonic();
    let cpu_before = sys::cpu_nanos();
    let mut rest = &bursts[..];
    while let Some(first) = rest.first() {
        let mut due = 1;
        if !config.flat_out {
            sys::sleep_until(begin + first.at_us * 1_000);
            // What has become due meanwhile goes along, as it would wait in a server's socket.
            let now = (sys::monotonic() - begin) / 1_000;
            due = rest
                .partition_point(|burst| burst.at_us <= now)
                .clamp(1, MOST_BURSTS);
        }
        let (now_due, later) = rest.split_at(due);
        out.send(config, now_due);
        out.sender.flush(&socket, &destinations, &out.arena);
        rest = later;
    }
    let cpu = sys::cpu_nanos() - cpu_before;
    let elapsed = sys::monotonic() - begin;
    Ok(Report {
        packets: out.packets,
        bytes: out.bytes,
        refused: out.sender.refused,
        run_length: out.packets as f64 / out.sender.runs.max(1) as f64,
        cpu_us_per_packet: cpu as f64 / 1e3 / out.packets.max(1) as f64,
        seconds: elapsed as f64 / 1e9,
        cpu_share: cpu as f64 / elapsed as f64,
    })
}

/// An RTP packet with a one-byte extension block, and a payload that is not all zero.
fn source_packet() -> Vec<u8> {
    let mut packet: Vec<u8> = (0..1500u32).map(|n| (n * 7) as u8).collect();
    packet[..HEADER].fill(0);
    packet[0] = 0x90;
    packet[1] = 96;
    packet[12..16].copy_from_slice(&[0xbe, 0xde, 0, 3]);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_follow_the_profile_and_interleave_streams() {
        let config: Config = serde_json::from_str(
            r#"{"streams": [
                {"profile": "equal", "receivers": [0, 1], "offset_us": 0},
                {"profile": "audio", "receivers": [1], "offset_us": 1000}
            ], "destinations": ["127.0.0.1:9", "127.0.0.1:10"], "seconds": 1.0, "srtp": "SRTP_AEAD_AES_128_GCM"}"#,
        )
        .unwrap();
        let bursts = plan(&config);
        assert_eq!(bursts.iter().filter(|b| b.stream == 0).count(), 30);
        assert_eq!(bursts.iter().filter(|b| b.stream == 1).count(), 50);
        assert!(bursts.is_sorted_by_key(|b| b.at_us));
        assert!(
            bursts
                .iter()
                .filter(|b| b.stream == 0)
                .all(|b| b.payloads == [1200; 9])
        );
    }

    #[test]
    fn each_profile_seals_and_makes_packets_longer_by_its_tag() {
        for (profile, tag) in [
            (SrtpProfile::AeadAes128Gcm, 16),
            (SrtpProfile::AeadAes256Gcm, 16),
            (SrtpProfile::Aes128CmSha1_80, 10),
        ] {
            let mut packet = source_packet();
            let before = packet.clone();
            assert_eq!(Seal::new(profile, 3).seal(&mut packet, 1228, 0), 1228 + tag);
            assert_eq!(packet[..HEADER], before[..HEADER]);
            assert_ne!(packet[HEADER..1228], before[HEADER..1228]);
        }
    }
}
