//! Simulcast: three layers in, one continuous stream out.

use sfu_core::command::CommandBody;
use sfu_core::event::Event;
use sfu_core::rtcp::{self, SenderInfo};
use sfu_core::units::{ConsumerId, Kind, Ssrc};

use crate::harness::*;

const RIDS: [&str; 3] = ["l", "m", "h"];

/// A publisher whose layers are known by mid and rid only, and a viewer on slot 5000.
fn simulcast(net: &mut Net) -> (Peer, Peer, Vec<Camera>) {
    let publisher = Peer::join(net, 1);
    let viewer = Peer::join(net, 2);
    publisher.produce(net, 1, Kind::Video, &[VP8], &RIDS.map(layer));
    viewer.consume(net, 1, 1, 5000, &[VP8]);
    let camera = |(n, rid): (usize, &&'static str)| {
        let mut camera = Camera::new(1000 + 10 * n as u32, n as u8);
        camera.rid = Some(rid);
        camera.mid = Some("m1".to_owned());
        camera
    };
    (
        publisher,
        viewer,
        RIDS.iter().enumerate().map(camera).collect(),
    )
}

/// One frame of each camera, a keyframe where a PLI asked for it; then 33 ms pass.
fn shoot_all(net: &mut Net, publisher: &mut Peer, cameras: &mut [Camera], layers: &[usize]) {
    let asked: Vec<u32> = publisher
        .receive(net)
        .plis()
        .iter()
        .map(|&(_, ssrc)| ssrc)
        .collect();
    for &n in layers {
        let camera = &mut cameras[n];
        let keyframe = asked.contains(&camera.ssrc);
        for packet in camera.frame(keyframe) {
            publisher.send(net, &packet);
        }
    }
    net.advance(33);
}

fn prefer(net: &mut Net, spatial: u8, temporal: u8) {
    let consumer = ConsumerId(1);
    net.ok(CommandBody::SetPreferredLayer {
        consumer,
        spatial,
        temporal,
    });
}

#[test]
fn layers_are_learned_by_rid_and_the_highest_is_sent() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..30 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    let got = viewer.receive(&mut net).rtp;
    assert_eq!(mark(got.last().unwrap()), 2);
    assert_continuous(&got.iter().collect::<Vec<_>>());
    let streams = net.events_of(|e| match e {
        Event::ProducerStream { spatial, .. } => Some(*spatial),
        _ => None,
    });
    assert_eq!(streams, [0, 1, 2]);
}

#[test]
fn hundreds_of_switches_have_no_seam_and_happen_at_keyframes_only() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    let mut all = Vec::new();
    let mut layer = 2u8;
    for round in 0..200u8 {
        layer = (layer + 1 + round % 2) % 3;
        prefer(&mut net, layer, 7);
        for _ in 0..15 {
            shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
        }
        let received = viewer.receive(&mut net);
        assert_eq!(received.refused, 0);
        assert_eq!(
            mark(received.rtp.last().unwrap()),
            layer,
            "switched within half a second"
        );
        all.extend(received.rtp);
        viewer.check(&mut net, true);
        publisher.check(&mut net, true);
    }
    assert_continuous(&all.iter().collect::<Vec<_>>());
    let mut switches = 0;
    for pair in all
        .windows(2)
        .filter(|pair| mark(&pair[0]) != mark(&pair[1]))
    {
        switches += 1;
        assert!(vp8(&pair[1]).keyframe);
        assert!(pair[0].marker, "the old layer's frame was whole");
    }
    assert!(switches >= 199, "{switches}");
}

#[test]
fn the_old_layer_goes_on_until_the_keyframe_of_the_new_one() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    viewer.receive(&mut net);
    publisher.receive(&mut net);
    prefer(&mut net, 0, 7);
    for _ in 0..3 {
        for n in [0, 2] {
            for packet in cameras[n].frame(false) {
                publisher.send(&mut net, &packet);
            }
        }
        net.advance(33);
    }
    let got = viewer.receive(&mut net).rtp;
    assert_eq!(got.len(), 9);
    assert!(got.iter().all(|packet| mark(packet) == 2));
    let plis = publisher.receive(&mut net).plis();
    assert_eq!(plis.len(), 1);
    assert_eq!(plis[0].1, cameras[0].ssrc);
}

/// Wraps a packet of a camera for its layer's RTX stream (RFC 4588, RFC 8852).
fn repair(camera: &Camera, original: &[u8], sequence: u16) -> Vec<u8> {
    let parsed = sfu_core::rtp::parse(original).unwrap();
    let mut payload = parsed.sequence.to_be_bytes().to_vec();
    payload.extend_from_slice(parsed.payload);
    let rid = camera.rid.unwrap().as_bytes();
    let extensions = [(MID, &b"m1"[..]), (RRID, rid)];
    let (ssrc, timestamp, marker) = (camera.ssrc + 1, parsed.timestamp, parsed.marker);
    rtp_packet(97, ssrc, sequence, timestamp, marker, &extensions, &payload)
}

#[test]
fn a_repair_of_the_old_layer_still_takes_its_place_after_the_switch() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    viewer.receive(&mut net);
    prefer(&mut net, 0, 7);
    let old = [cameras[2].frame(false), cameras[2].frame(false)];
    for packet in [&old[0][0], &old[1][1]] {
        publisher.send(&mut net, packet);
    }
    for _ in 0..2 {
        for packet in cameras[0].frame(true) {
            publisher.send(&mut net, &packet);
        }
    }
    // Late: what has a place before the switch goes out, once; what lies behind it has none.
    let late = [&old[0][2], &old[0][1], &old[1][0], &old[1][2], &old[0][2]];
    for (n, packet) in late.into_iter().enumerate() {
        let wrapped = repair(&cameras[2], packet, n as u16);
        publisher.send(&mut net, &wrapped);
    }
    let received = viewer.receive(&mut net);
    assert_eq!(received.refused, 0);
    let mut got = received.rtp;
    got.sort_by_key(|packet| packet.index);
    assert_continuous(&got.iter().collect::<Vec<_>>());
    let marks: Vec<_> = got.iter().map(mark).collect();
    assert_eq!(marks, [2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0]);
    // The same layer of another source has nothing to do with it.
    cameras[2].ssrc = 7_000;
    cameras[2].sequence = cameras[2].sequence.wrapping_sub(5);
    net.advance(2_000);
    for packet in cameras[2].frame(false) {
        publisher.send(&mut net, &packet);
    }
    assert!(viewer.receive(&mut net).rtp.is_empty());
}

#[test]
fn a_sender_under_two_ssrcs_at_once_starts_nothing_over_at_each_packet() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0]);
    }
    viewer.receive(&mut net);
    net.events.clear();
    let mut other = Camera::new(9_000, 9);
    (other.rid, other.mid) = (cameras[0].rid, cameras[0].mid.clone());
    for _ in 0..60 {
        for packet in other.frame(true) {
            publisher.send(&mut net, &packet);
        }
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0]);
    }
    let told = net.events.len();
    assert!(told <= 8, "{told} events in two seconds");
    assert!(viewer.receive(&mut net).rtp.len() > 100);
}

#[test]
fn a_codec_that_changes_with_each_packet_is_told_of_now_and_then() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    publisher.produce(
        &mut net,
        1,
        Kind::Video,
        &[VP8, AV1],
        &[encoding(1000, None)],
    );
    for n in 0..100u16 {
        let payload_type = [96, 45][usize::from(n % 2)];
        let packet = rtp_packet(payload_type, 1000, n, 0, true, &[], &[0x10, 0, 0, 0]);
        publisher.send(&mut net, &packet);
        net.advance(10);
    }
    let codecs = net.events_of(|e| match e {
        Event::ProducerStream { codec, .. } => Some(*codec),
        _ => None,
    });
    assert!((2..=3).contains(&codecs.len()), "{codecs:?}");
}

#[test]
fn a_layer_that_stops_is_left_for_the_next_lower_and_taken_again() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    for _ in 0..90 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1]);
    }
    let mut all = viewer.receive(&mut net).rtp;
    assert_eq!(mark(all.last().unwrap()), 1);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    all.extend(viewer.receive(&mut net).rtp);
    assert_eq!(mark(all.last().unwrap()), 2);
    let switched: Vec<_> = all
        .windows(2)
        .filter(|p| mark(&p[0]) != mark(&p[1]))
        .collect();
    assert!(switched.iter().all(|pair| vp8(&pair[1]).keyframe));
    let layers = net.events_of(|e| match e {
        Event::ProducerLayer {
            spatial, active, ..
        } => Some((*spatial, *active)),
        _ => None,
    });
    assert_eq!(layers, [(2, false), (2, true)]);
}

#[test]
fn a_switch_advances_the_timestamp_by_the_publishers_clock() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0, 1, 2]);
    }
    // All cameras were shot at the same moments; their reports say so.
    for camera in &cameras {
        let (ssrc, rtp) = (Ssrc(camera.ssrc), camera.timestamp);
        publisher.send_rtcp(&mut net, |out| {
            let info = SenderInfo {
                ntp: 77 << 32,
                rtp,
                packets: 0,
                octets: 0,
            };
            rtcp::write_sender_report(out, ssrc, &info, &[])
        });
    }
    viewer.receive(&mut net);
    prefer(&mut net, 0, 7);
    let asked = publisher.receive(&mut net).plis();
    assert_eq!(asked.len(), 1);
    for packet in cameras[2].frame(false) {
        publisher.send(&mut net, &packet);
    }
    // The low layer's next frame comes 20 ms late, but was captured 33 ms after that one.
    cameras[0].frame(false);
    net.advance(53);
    for packet in cameras[0].frame(true) {
        publisher.send(&mut net, &packet);
    }
    let got = viewer.receive(&mut net).rtp;
    assert_eq!((mark(&got[2]), mark(&got[3])), (2, 0));
    assert_eq!(got[3].timestamp.wrapping_sub(got[2].timestamp), 3_000);
}

#[test]
fn temporal_layers_are_left_out_without_a_gap() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, _) = call(&mut net);
    let mut camera = Camera::new(1000, 1);
    let pattern = [0u8, 2, 1, 2];
    let mut run = |net: &mut Net, publisher: &mut Peer, from: usize, to: usize| {
        for n in from..to {
            camera.temporal = Some(pattern[n % 4]);
            camera.layer_sync = n % 4 == 1 || n % 4 == 2;
            shoot(net, publisher, &mut camera, n == 0);
        }
    };
    run(&mut net, &mut publisher, 0, 8);
    let full = viewer.receive(&mut net).rtp.len();
    prefer(&mut net, 7, 0);
    run(&mut net, &mut publisher, 8, 24);
    let received = viewer.receive(&mut net);
    assert_eq!((full, received.rtp.len()), (24, 12));
    assert!(
        received
            .rtp
            .iter()
            .all(|packet| vp8(packet).temporal == Some(0))
    );
    assert_continuous(&received.of(5000));
    prefer(&mut net, 7, 2);
    run(&mut net, &mut publisher, 24, 40);
    let got = viewer.receive(&mut net).rtp;
    assert!(got.len() > 40, "all layers again: {}", got.len());
}

#[test]
fn a_publisher_that_restarts_with_another_ssrc_is_taken_over() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut cameras) = simulcast(&mut net);
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0]);
    }
    cameras[0].ssrc = 4_242;
    cameras[0].sequence = 9;
    for _ in 0..20 {
        shoot_all(&mut net, &mut publisher, &mut cameras, &[0]);
    }
    let received = viewer.receive(&mut net);
    assert!(received.rtp.len() > 100, "{}", received.rtp.len());
    let all = received.of(5000);
    for pair in all.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
    }
    assert_eq!(net.stats().producers[0].streams[0].ssrc, 4_242);
}
