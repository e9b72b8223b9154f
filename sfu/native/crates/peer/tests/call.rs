//! Calls through the real worker over simulated networks.

mod room;

use std::time::Duration;

use room::{Join, Member, Room};
use sfu_core::command::SrtpProfile;
use sfu_core::event::{Event, PathState};
use sfu_core::units::Kind;
use sfu_netem::{LinkConfig, Loss, seeds};
use sfu_peer::stats::{PeerStats, SlotStats};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

fn delay(ms: u64) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(ms),
        ..LinkConfig::default()
    }
}

fn lossy(ms: u64, loss: Loss) -> LinkConfig {
    LinkConfig { loss, ..delay(ms) }
}

/// Two clients see and hear each other for `seconds`.
fn pair(seed: u64, link: &LinkConfig, srtp: SrtpProfile, seconds: f64) -> (Room, [Member; 2]) {
    let mut room = Room::new(seed);
    let members = [(); 2].map(|()| {
        room.join(Join {
            srtp,
            ..Join::over(link.clone())
        })
    });
    room.connect_all(&members);
    room.run(seconds);
    (room, members)
}

fn assert_clean(slot: &SlotStats, what: &str) {
    let counts = (
        slot.gaps,
        slot.lost,
        slot.missing,
        slot.duplicates,
        slot.probe_lost,
        slot.freezes,
    );
    assert_eq!(counts, (0, 0, 0, 0, 0, 0), "{what}: {slot:?}");
}

#[test]
fn two_people_see_and_hear_each_other_on_a_clean_link_under_each_profile() {
    for srtp in [
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::Aes128CmSha1_80,
    ] {
        let (mut room, members) = pair(1, &delay(20), srtp, 10.0);
        for member in members {
            let stats = room.sim.stats(member.client);
            assert!(stats.connected, "{srtp:?}");
            assert_eq!(
                (stats.rejected, stats.unknown_ssrc),
                (0, 0),
                "{srtp:?} {stats:?}"
            );
            let video = room.slot(member, Kind::Video, 0);
            let audio = room.slot(member, Kind::Audio, 0);
            assert_clean(&video, "video");
            assert_clean(&audio, "audio");
            assert!(video.frames > 280, "{} frames", video.frames);
            assert!(audio.frames > 470, "{} audio packets", audio.frames);
            // Twice the link's delay and nothing in between: the worker adds no time of its own.
            let latency = video.latency.quantile(0.99);
            assert!(latency < Duration::from_millis(43), "{latency:?}");
        }
        let connected = |event: &Event| {
            matches!(
                event,
                Event::Path {
                    state: PathState::Connected,
                    ..
                }
            )
        };
        assert_eq!(
            room.events()
                .iter()
                .filter(|event| connected(event))
                .count(),
            2
        );
    }
}

/// Residual and raw loss of what one client gets, sums over video and audio.
fn losses(room: &Room, members: &[Member]) -> (f64, f64) {
    let slots = members
        .iter()
        .flat_map(|member| room.sim.stats(member.client).slots);
    let (mut expected, mut residual, mut raw) = (0, 0, 0);
    for slot in slots {
        expected += slot.packets + slot.lost + slot.missing;
        residual += slot.probe_lost;
        raw += slot.gaps;
    }
    (
        residual as f64 / expected as f64,
        raw as f64 / expected as f64,
    )
}

#[test]
fn random_loss_each_way_is_repaired_by_nack_and_rtx() {
    // (loss each way, round trip in ms, most residual loss end to end, both ways together)
    let cases = [
        (0.01, 60, 0.001),
        (0.05, 60, 0.005),
        (0.05, 100, 0.005),
        (0.10, 100, 0.02),
        (0.20, 100, 0.08),
    ];
    for (loss, rtt, most) in cases {
        seeds::check(
            "random_loss_each_way_is_repaired_by_nack_and_rtx",
            SEEDS,
            |seed| {
                let link = lossy(rtt / 4, Loss::Random(loss));
                let (room, members) = pair(seed, &link, SrtpProfile::AeadAes128Gcm, 60.0);
                let (residual, raw) = losses(&room, &members);
                println!(
                    "seed {seed}: {:>2.0} % each way, RTT {rtt} ms: residual {:.3} %, missing at first {:.2} %",
                    loss * 100.0,
                    residual * 100.0,
                    raw * 100.0
                );
                assert!(residual < most, "residual {residual}");
                // What the way up loses is missing below too until it is repaired, so the viewer first
                // misses what either way lost.
                let either = 1.0 - (1.0 - loss) * (1.0 - loss);
                assert!((raw / either - 1.0).abs() < 0.2, "missing at first: {raw}");
            },
        );
    }
}

#[test]
fn the_same_seed_replays_to_the_same_counters() {
    seeds::check("the_same_seed_replays_to_the_same_counters", [5], |seed| {
        let link = LinkConfig {
            jitter: Duration::from_millis(10),
            jitter_reorders: true,
            duplicate: 0.01,
            ..lossy(25, Loss::bursts(0.05, 3.0))
        };
        let run = |seed| {
            let (mut room, members) = pair(seed, &link, SrtpProfile::AeadAes256Gcm, 20.0);
            let peers: Vec<PeerStats> = members.iter().map(|m| room.sim.stats(m.client)).collect();
            (peers, room.sim.snapshot(), room.events())
        };
        let first = run(seed);
        assert_eq!(first, run(seed));
        assert_ne!(first.0, run(seed + 1).0);
    });
}
