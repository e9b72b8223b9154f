//! Two endpoints joined by links without a server: what one sends the other repairs and measures.

use std::time::Duration;

use sfu_core::command::{MasterKey, SrtpProfile};
use sfu_core::egress::Egress;
use sfu_core::time::Time;
use sfu_core::units::{Kind, PayloadType, Ssrc};
use sfu_netem::{Link, LinkConfig, Loss, Rng, seeds};
use sfu_peer::config::{
    ExtensionIds, Keys, LayerConfig, Path, PeerConfig, SlotConfig, TrackConfig,
};
use sfu_peer::peer::Peer;
use sfu_peer::profile::Profile;
use sfu_peer::stats::PeerStats;

const PROFILES: [SrtpProfile; 3] = [
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::Aes128CmSha1_80,
];

fn key(profile: SrtpProfile, fill: u8) -> MasterKey {
    let (key, salt) = sfu_core::srtp::key_lengths(profile);
    MasterKey {
        key: vec![fill; key],
        salt: vec![fill; salt],
    }
}

fn endpoint(seed: u64, profile: SrtpProfile, sends: bool) -> PeerConfig {
    let addresses = [
        "192.0.2.1:1000".parse().unwrap(),
        "192.0.2.2:2000".parse().unwrap(),
    ];
    let (here, there) = if sends { (0, 1) } else { (1, 0) };
    let video = TrackConfig {
        kind: Kind::Video,
        mid: Some("0".into()),
        payload_type: PayloadType(96),
        rtx_payload_type: Some(PayloadType(97)),
        layers: vec![LayerConfig {
            rid: None,
            ssrc: Ssrc(10),
            rtx_ssrc: Some(Ssrc(11)),
            profile: Profile::browser(),
        }],
        temporal_layers: 1,
        phase: Duration::ZERO,
    };
    let audio = TrackConfig {
        kind: Kind::Audio,
        mid: Some("1".into()),
        payload_type: PayloadType(111),
        rtx_payload_type: None,
        layers: vec![LayerConfig {
            rid: None,
            ssrc: Ssrc(20),
            rtx_ssrc: None,
            profile: Profile::audio(),
        }],
        temporal_layers: 1,
        phase: Duration::from_millis(3),
    };
    let slot = |kind, ssrc, rtx_ssrc, nack| SlotConfig {
        kind,
        mid: None,
        ssrc,
        rtx_ssrc,
        nack,
    };
    PeerConfig {
        seed: seed + here as u64,
        local: addresses[here],
        server: addresses[there],
        path: Path::Adopted,
        keys: Keys {
            profile,
            send: key(profile, here as u8 + 1),
            receive: key(profile, there as u8 + 1),
        },
        extensions: ExtensionIds::BROWSER,
        tracks: if sends { vec![video, audio] } else { vec![] },
        slots: if sends {
            vec![]
        } else {
            vec![
                slot(Kind::Video, Ssrc(10), Some(Ssrc(11)), true),
                slot(Kind::Audio, Ssrc(20), None, false),
            ]
        },
        transport_feedback: !sends,
        cname: format!("peer{here}"),
        unix_nanos_at_origin: 1_700_000_000_000_000_000,
    }
}

/// Runs both for `seconds` over links of the same kind each way.
fn run(seed: u64, profile: SrtpProfile, link: &LinkConfig, seconds: u64) -> (PeerStats, PeerStats) {
    let mut peers = [true, false].map(|sends| Peer::new(endpoint(seed, profile, sends)).unwrap());
    let mut links = [0, 1]
        .map(|n| Link::<Vec<u8>>::new(Time::ZERO, link.clone(), Rng::split(seed, n).next_u64()));
    let mut egress = Egress::with_capacity(1 << 20, 1024);
    let mut now = Time::ZERO;
    while now < Time::from_millis(seconds * 1000) {
        for side in 0..2 {
            while let Some(mut datagram) = links[1 - side].pop(now) {
                peers[side].receive(now, &mut datagram);
            }
            loop {
                let more = peers[side].drain(now, &mut egress);
                for (_, datagram) in egress.datagrams() {
                    links[side].push(now, datagram.len() + 28, datagram.to_vec());
                }
                egress.clear();
                if !more {
                    break;
                }
            }
        }
        let next = peers
            .iter()
            .filter_map(Peer::next_timeout)
            .chain(links.iter().filter_map(Link::next_time))
            .min();
        now = next.unwrap().max(now + Duration::from_nanos(1));
    }
    (peers[0].stats(), peers[1].stats())
}

#[test]
fn a_clean_link_delivers_everything_with_its_delay_under_each_profile() {
    for profile in PROFILES {
        let delay = Duration::from_millis(20);
        let (sender, receiver) = run(
            1,
            profile,
            &LinkConfig {
                delay,
                ..LinkConfig::default()
            },
            10,
        );
        assert_eq!(receiver.rejected + sender.rejected, 0, "{profile:?}");
        for (layer, slot) in sender.layers.iter().zip(&receiver.slots) {
            assert!(
                slot.packets > 400 && layer.packets - slot.packets < 15,
                "{profile:?} {layer:?} {slot:?}"
            );
            assert_eq!(
                (
                    slot.gaps,
                    slot.lost,
                    slot.duplicates,
                    slot.probe_lost,
                    slot.freezes
                ),
                (0, 0, 0, 0, 0)
            );
            assert!(slot.frames >= 298, "{} frames", slot.frames);
            assert!(slot.latency.quantile(0.99) >= delay && slot.latency.max() < delay * 21 / 20);
            assert_eq!(layer.reported_lost, 0);
        }
        assert!(
            sender.feedback_received > 2_000 && sender.feedback_lost == 0,
            "{sender:?}"
        );
        assert_eq!(receiver.slots[0].keyframes, 1);
    }
}

#[test]
fn retransmission_repairs_random_loss_each_way() {
    seeds::check(
        "retransmission_repairs_random_loss_each_way",
        1..=3,
        |seed| {
            for (loss, residual) in [(0.01, 0.0), (0.05, 0.0), (0.2, 0.001)] {
                let link = LinkConfig {
                    delay: Duration::from_millis(30),
                    loss: Loss::Random(loss),
                    ..LinkConfig::default()
                };
                let (sender, receiver) = run(seed, SrtpProfile::AeadAes128Gcm, &link, 30);
                let [video, audio] = &receiver.slots[..] else {
                    panic!()
                };
                assert!(
                    (video.raw_loss() / loss - 1.0).abs() < 0.3,
                    "{loss}: raw {}",
                    video.raw_loss()
                );
                assert!(
                    video.lost as f64 <= residual * video.packets as f64,
                    "{loss}: {video:?}"
                );
                assert!(video.repaired > 0 && sender.layers[0].retransmitted >= video.repaired);
                assert!(
                    audio.lost > 0 && audio.repaired == 0,
                    "audio has no NACK here"
                );
                assert!(video.repaired_latency.quantile(0.5) > Duration::from_millis(85));
                assert!(sender.layers[0].reported_lost > 0 && sender.feedback_lost > 0);
            }
        },
    );
}

#[test]
fn a_keyframe_is_asked_for_and_sent_when_repair_fails() {
    // Half of everything is lost for long runs, so that ten tries are not enough.
    let link = LinkConfig {
        delay: Duration::from_millis(30),
        loss: Loss::GilbertElliott {
            worsen: 0.003,
            recover: 0.0005,
            good: 0.0,
            bad: 0.9,
        },
        ..LinkConfig::default()
    };
    let (sender, receiver) = run(3, SrtpProfile::AeadAes128Gcm, &link, 60);
    let slot = &receiver.slots[0];
    assert!(slot.lost > 0 && slot.keyframe_requests > 0, "{slot:?}");
    assert!(sender.layers[0].keyframe_requests > 0 && sender.layers[0].keyframes > 1);
    assert!(slot.freezes > 0 && slot.frozen > Duration::from_secs(1));
}

#[test]
fn the_same_seed_gives_the_same_counters() {
    let link = LinkConfig {
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(20),
        jitter_reorders: true,
        loss: Loss::bursts(0.05, 3.0),
        duplicate: 0.01,
        ..LinkConfig::default()
    };
    let first = run(9, SrtpProfile::AeadAes256Gcm, &link, 10);
    assert_eq!(first, run(9, SrtpProfile::AeadAes256Gcm, &link, 10));
    assert_ne!(first, run(10, SrtpProfile::AeadAes256Gcm, &link, 10));
    assert!(first.1.slots[0].duplicates > 0);
}
