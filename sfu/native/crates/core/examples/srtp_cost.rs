//! What SRTP costs: nanoseconds per packet, per profile and direction, on one core.
//!
//! `cargo run --release -p sfu-core --example srtp_cost [octets]` (default: 1200-octet packets).
//! Prints the median of many rounds, so that a neighbour on the machine doesn't show.

use std::time::Instant;

use sfu_core::command::{MasterKey, SrtpProfile};
use sfu_core::srtp::{SrtpReceiver, SrtpSender, key_lengths, max_overhead};

const PROFILES: [SrtpProfile; 3] = [
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::Aes128CmSha1_80,
];
const HEADER: usize = 12;
/// Packets a round: two frames' worth, so that they stay in the cache as they do in a worker.
const BATCH: usize = 32;
const ROUNDS: usize = 4000;

fn main() {
    let octets = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1200);
    println!(
        "{:<16} {:>12} {:>14}",
        "profile", "protect ns", "unprotect ns"
    );
    for profile in PROFILES {
        let (protect, unprotect) = measure(profile, octets);
        println!(
            "{:<16} {protect:>12.0} {unprotect:>14.0}",
            format!("{profile:?}")
        );
    }
}

/// Median cost of one packet of `octets` (before protection) each way.
fn measure(profile: SrtpProfile, octets: usize) -> (f64, f64) {
    let (key, salt) = key_lengths(profile);
    let master = MasterKey {
        key: vec![7; key],
        salt: vec![9; salt],
    };
    let mut sender = SrtpSender::new(profile, &master).expect("key lengths fit");
    let mut receiver = SrtpReceiver::new(profile, &master, 1024, 16).expect("key lengths fit");
    let mut packets = vec![vec![0u8; octets.max(HEADER) + max_overhead(profile)]; BATCH];
    let (mut protect, mut unprotect) = (Vec::new(), Vec::new());
    let mut index = 0u64;
    for _ in 0..ROUNDS {
        for (at, packet) in packets.iter_mut().enumerate() {
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&((index + at as u64) as u16).to_be_bytes());
        }
        let mut len = 0;
        protect.push(timed(|| {
            for packet in &mut packets {
                len = sender
                    .protect_indexed(packet, octets, HEADER, index)
                    .expect("has room");
                index += 1;
            }
        }));
        unprotect.push(timed(|| {
            for packet in &mut packets {
                receiver
                    .unprotect_rtp(&mut packet[..len])
                    .expect("own packet");
            }
        }));
    }
    (median(protect), median(unprotect))
}

#[allow(clippy::disallowed_methods)] // a benchmark measures real time; nothing else here does
fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / BATCH as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
