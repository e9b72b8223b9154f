//! What a viewer gets of what a publisher sends.

use sfu_core::command::{Codec, CommandBody, Extension};
use sfu_core::dd;
use sfu_core::event::Event;
use sfu_core::stats::DropReason;
use sfu_core::units::{ConsumerId, Kind, ProducerId, RouterId, Ssrc, TransportId};

use crate::harness::*;

#[test]
fn video_starts_at_a_keyframe_that_is_asked_for_until_it_comes() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for _ in 0..20 {
        shoot(&mut net, &mut publisher, &mut camera, false);
    }
    assert!(viewer.receive(&mut net).rtp.is_empty());
    let plis = publisher.receive(&mut net).plis();
    assert_eq!(plis.len(), 2, "at once and after 400 ms: {plis:?}");
    assert!(plis.iter().all(|&(_, media)| media == 1000));
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(2_000);
    assert!(publisher.receive(&mut net).plis().is_empty());
    let got = viewer.receive(&mut net).rtp;
    assert_eq!(got.len(), 3);
    assert!(vp8(&got[0]).keyframe);
}

#[test]
fn a_viewer_that_connects_just_after_the_keyframe_gets_another() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::create(&mut net, 2);
    let encodings = [encoding(1000, Some(1001))];
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &encodings);
    viewer.consume(&mut net, 1, 1, 5000, &[VP8]);
    let mut camera = Camera::new(1000, 1);
    shoot(&mut net, &mut publisher, &mut camera, true);
    viewer.check(&mut net, true);
    viewer.install(&mut net);
    publisher.receive(&mut net);
    for _ in 0..15 {
        shoot(&mut net, &mut publisher, &mut camera, false);
    }
    assert!(!publisher.receive(&mut net).plis().is_empty());
    assert!(viewer.receive(&mut net).rtp.is_empty());
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
    net.advance(2_000);
    assert!(publisher.receive(&mut net).plis().is_empty());
}

#[test]
fn no_keyframe_is_asked_for_before_the_viewer_can_be_sent_to_and_then_one_at_once() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::create(&mut net, 2);
    let encodings = [encoding(1000, Some(1001))];
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &encodings);
    let mut camera = Camera::new(1000, 1);
    shoot(&mut net, &mut publisher, &mut camera, true);
    publisher.receive(&mut net);
    viewer.consume(&mut net, 1, 1, 5000, &[VP8]);
    for _ in 0..30 {
        shoot(&mut net, &mut publisher, &mut camera, false);
    }
    assert!(
        publisher.receive(&mut net).plis().is_empty(),
        "a keyframe would be lost, and hold back the next request"
    );
    viewer.check(&mut net, true);
    viewer.install(&mut net);
    assert_eq!(publisher.receive(&mut net).plis().len(), 1, "at once");
}

#[test]
fn packets_arrive_as_they_were_sent_with_the_viewers_numbers() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for n in 0..10 {
        shoot(&mut net, &mut publisher, &mut camera, n == 0);
    }
    let received = viewer.receive(&mut net);
    assert_eq!((received.rtp.len(), received.refused), (30, 0));
    assert_continuous(&received.of(5000));
    let first = &received.rtp[0];
    assert_eq!((first.ssrc, first.payload_type), (5000, 96));
    assert!(
        first.sequence < 1 << 15,
        "room for the receiver's rollover guess"
    );
    assert_eq!(first.extensions[&MID], b"s5000");
    assert_eq!(first.extensions[&SEND_TIME].len(), 3);
    for (n, packet) in received.rtp.iter().enumerate() {
        assert_eq!(packet.payload.len(), 1_000);
        assert_eq!(packet.marker, n % 3 == 2);
        let numbered = u16::from_be_bytes(packet.extensions[&TWCC][..].try_into().unwrap());
        assert_eq!(usize::from(numbered), n);
    }
}

#[test]
fn the_mid_is_left_out_once_the_viewer_reports_on_the_stream() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    viewer.receive(&mut net);
    let block = sfu_core::rtcp::ReportBlock {
        ssrc: Ssrc(5000),
        ..Default::default()
    };
    viewer.send_rtcp(&mut net, |out| {
        sfu_core::rtcp::write_receiver_report(out, Ssrc(5), &[block])
    });
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert!(
        !viewer.receive(&mut net).rtp[0]
            .extensions
            .contains_key(&MID)
    );
}

#[test]
fn a_publishers_loss_stays_a_gap_and_padding_leaves_none() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    camera.frame(false); // lost
    let first = camera.sequence;
    let mut padding = rtp_packet(96, 1000, first, camera.timestamp, false, &[], &[0, 0, 0, 4]);
    padding[0] |= 0x20;
    publisher.send(&mut net, &padding);
    camera.sequence += 1;
    shoot(&mut net, &mut publisher, &mut camera, false);
    let got = viewer.receive(&mut net).rtp;
    let steps: Vec<u16> = got
        .iter()
        .map(|p| p.sequence.wrapping_sub(got[0].sequence))
        .collect();
    assert_eq!(steps, [0, 1, 2, 6, 7, 8]);
    assert_eq!(
        vp8(&got[3]).picture_id.unwrap().value,
        vp8(&got[2]).picture_id.unwrap().value + 2
    );
}

#[test]
fn a_keyframe_whose_first_packet_comes_last_is_sent_whole() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, false);
    let frame = camera.frame(true);
    for n in [1, 2, 0] {
        publisher.send(&mut net, &frame[n]);
    }
    let mut got: Vec<u16> = viewer
        .receive(&mut net)
        .rtp
        .iter()
        .map(|p| p.sequence)
        .collect();
    got.sort_unstable();
    assert_eq!((got.len(), got[2] - got[0]), (3, 2));
}

#[test]
fn payload_types_are_the_viewers_own() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::join(&mut net, 2);
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &[encoding(1000, None)]);
    let own = mapping(Codec::Vp8, 120, Some(121), 90_000);
    viewer.consume(&mut net, 1, 1, 5000, &[own]);
    shoot(&mut net, &mut publisher, &mut Camera::new(1000, 1), true);
    assert!(
        viewer
            .receive(&mut net)
            .rtp
            .iter()
            .all(|p| p.payload_type == 120)
    );
    let refused = viewer.try_consume(&mut net, 2, 1, 6000, &[AV1]);
    assert!(refused.is_err(), "no codec in common");
}

#[test]
fn a_packet_of_a_codec_the_viewer_lacks_is_dropped_and_counted() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::join(&mut net, 2);
    publisher.produce(
        &mut net,
        1,
        Kind::Video,
        &[AV1, VP8],
        &[encoding(1000, None)],
    );
    viewer.consume(&mut net, 1, 1, 5000, &[VP8]);
    publisher.send(
        &mut net,
        &rtp_packet(45, 1000, 1, 1, true, &[], &[0x18, 0x0a, 1, 0]),
    );
    publisher.send(&mut net, &rtp_packet(99, 1000, 2, 1, true, &[], &[1, 2]));
    assert!(viewer.receive(&mut net).rtp.is_empty());
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::CodecNotNegotiated), 1);
    assert_eq!(dropped(&stats, DropReason::UnknownPayloadType), 1);
}

/// RED (RFC 2198): one redundant block of 2 bytes, then the primary.
fn red_payload(inner: u8) -> Vec<u8> {
    let mut payload = vec![0x80 | inner, 0, 0, 2, inner, 0xaa, 0xaa];
    payload[1..4].copy_from_slice(&((960u32 << 10 | 2).to_be_bytes()[1..]));
    payload.extend_from_slice(&[0xbb; 3]);
    payload
}

#[test]
fn red_is_stripped_for_who_has_none_and_its_inner_types_mapped_for_who_has() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let (mut plain, mut red) = (Peer::join(&mut net, 2), Peer::join(&mut net, 3));
    publisher.produce(
        &mut net,
        1,
        Kind::Audio,
        &[RED, OPUS],
        &[encoding(1000, None)],
    );
    plain.consume(&mut net, 1, 1, 5000, &[OPUS]);
    let own = [
        mapping(Codec::OpusRed, 35, None, 48_000),
        mapping(Codec::Opus, 109, None, 48_000),
    ];
    red.consume(&mut net, 2, 1, 6000, &own);
    let level: &[(u8, &[u8])] = &[(LEVEL, &[0x9e])];
    let packet = rtp_packet(63, 1000, 500, 960, false, level, &red_payload(111));
    publisher.send(&mut net, &packet);
    let got = plain.receive(&mut net).rtp;
    assert_eq!(
        (got[0].payload_type, &got[0].payload[..]),
        (111, &[0xbb; 3][..])
    );
    assert!(got[0].marker, "a talkspurt begins");
    assert_eq!(got[0].extensions[&LEVEL], [0x9e]);
    let got = red.receive(&mut net).rtp;
    assert_eq!(got[0].payload_type, 35);
    assert_eq!(got[0].payload, red_payload(109));
}

/// The mandatory fields of a descriptor.
fn descriptor(frame_number: u16) -> Vec<u8> {
    let [high, low] = frame_number.to_be_bytes();
    vec![0xc0, high, low]
}

#[test]
fn a_dependency_descriptor_is_renumbered_or_left_out() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let (mut knows, mut narrow, mut without) = (
        Peer::join(&mut net, 2),
        Peer::join(&mut net, 3),
        Peer::join(&mut net, 4),
    );
    narrow.extensions(&mut net, &EXTENSIONS, false);
    let none: Vec<(Extension, u8)> = EXTENSIONS[..6].to_vec();
    without.extensions(&mut net, &none, true);
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &[encoding(1000, None)]);
    for (id, viewer) in [(1, &knows), (2, &narrow), (3, &without)] {
        viewer.consume(&mut net, id, 1, 5000, &[VP8]);
    }
    let mut camera = Camera::new(1000, 1);
    for n in 0..4u16 {
        let plain = camera.frame(n == 0).remove(0);
        camera.sequence = camera.sequence.wrapping_sub(2);
        let parsed = sfu_core::rtp::parse(&plain).unwrap();
        let value = descriptor(65_534u16.wrapping_add(n));
        let with = rtp_packet(
            96,
            1000,
            parsed.sequence,
            parsed.timestamp,
            true,
            &[(DD, &value)],
            parsed.payload,
        );
        publisher.send(&mut net, &with);
    }
    let numbers: Vec<u16> = knows
        .receive(&mut net)
        .rtp
        .iter()
        .map(|p| dd::mandatory(&p.extensions[&DD]).unwrap().frame_number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    for viewer in [&mut narrow, &mut without] {
        let got = viewer.receive(&mut net).rtp;
        assert_eq!(got.len(), 4);
        assert!(got.iter().all(|p| !p.extensions.contains_key(&DD)));
    }
}

#[test]
fn a_paused_producer_is_received_but_not_forwarded_and_comes_back_at_a_keyframe() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.ok(CommandBody::PauseProducer {
        producer: ProducerId(1),
        paused: true,
    });
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
    assert_eq!(dropped(&net.stats(), DropReason::ProducerPaused), 3);
    publisher.receive(&mut net);
    net.advance(500);
    net.ok(CommandBody::PauseProducer {
        producer: ProducerId(1),
        paused: false,
    });
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert_eq!(publisher.receive(&mut net).plis().len(), 1);
    shoot(&mut net, &mut publisher, &mut camera, true);
    shoot(&mut net, &mut publisher, &mut camera, false);
    let received = viewer.receive(&mut net);
    assert_eq!(received.rtp.len(), 6);
    assert_continuous(&received.of(5000));
}

#[test]
fn a_paused_consumer_gets_nothing_and_comes_back_without_a_seam() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.ok(CommandBody::PauseConsumer {
        consumer: ConsumerId(1),
        paused: true,
    });
    for _ in 0..5 {
        shoot(&mut net, &mut publisher, &mut camera, false);
    }
    let mut all = viewer.receive(&mut net).rtp;
    assert_eq!(all.len(), 3);
    assert_eq!(dropped(&net.stats(), DropReason::ConsumerPaused), 15);
    publisher.receive(&mut net);
    net.ok(CommandBody::PauseConsumer {
        consumer: ConsumerId(1),
        paused: false,
    });
    assert_eq!(publisher.receive(&mut net).plis().len(), 1);
    shoot(&mut net, &mut publisher, &mut camera, true);
    all.extend(viewer.receive(&mut net).rtp);
    assert_eq!(all.len(), 6);
    assert_continuous(&all.iter().collect::<Vec<_>>());
    let layers = net.events_of(|e| match e {
        Event::ConsumerLayer { spatial, .. } => Some(*spatial),
        _ => None,
    });
    assert_eq!(layers, [Some(0), None, Some(0)]);
}

#[test]
fn a_slot_goes_on_without_a_seam_when_another_producer_takes_it() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    publisher.produce(&mut net, 2, Kind::Video, &[VP8], &[encoding(2000, None)]);
    let mut other = Camera::new(2000, 2);
    let mut all = Vec::new();
    for round in 0..6u64 {
        let (producer, camera) = if round % 2 == 0 {
            (1, &mut camera)
        } else {
            (2, &mut other)
        };
        if round > 0 {
            net.ok(CommandBody::CloseConsumer {
                consumer: ConsumerId(round),
            });
            viewer.consume(&mut net, round + 1, producer, 5000, &[VP8]);
        }
        for n in 0..5 {
            shoot(&mut net, &mut publisher, camera, n == 0);
        }
        let received = viewer.receive(&mut net);
        assert_eq!(received.refused, 0);
        assert!(
            received
                .pick(|_, p| matches!(p, sfu_core::rtcp::Rtcp::Bye(_)).then_some(()))
                .is_empty()
        );
        assert!(received.rtp.iter().all(|p| mark(p) == producer as u8));
        all.extend(received.rtp);
    }
    assert_eq!(all.len(), 90);
    assert_continuous(&all.iter().collect::<Vec<_>>());
    for pair in all.windows(2) {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!(step <= 3_300, "33 ms a frame, also over the seam: {step}");
    }
}

#[test]
fn one_sequence_index_is_never_encrypted_twice_even_on_a_reused_slot() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    let mut seen = std::collections::HashSet::new();
    for round in 0..20u64 {
        shoot(&mut net, &mut publisher, &mut camera, true);
        shoot(&mut net, &mut publisher, &mut camera, false);
        let last = viewer.receive(&mut net);
        let lost: Vec<u16> = last.of(5000).iter().map(|p| p.sequence).collect();
        viewer.nack(&mut net, 5000, &lost);
        for packet in last.rtp.iter().chain(&viewer.receive(&mut net).rtp) {
            assert!(
                seen.insert((packet.ssrc, packet.index)),
                "{} {}",
                packet.ssrc,
                packet.index
            );
        }
        net.ok(CommandBody::CloseConsumer {
            consumer: ConsumerId(round + 1),
        });
        viewer.consume(&mut net, round + 2, 1, 5000, &[VP8]);
    }
    assert!(seen.len() >= 20 * 12 - 6, "{}", seen.len());
}

#[test]
fn two_rooms_do_not_mix() {
    let mut net = Net::new();
    let (_publisher, mut viewer, _) = call(&mut net);
    net.ok(CommandBody::CreateRouter {
        router: RouterId(2),
    });
    net.ok(CommandBody::CreateTransport {
        router: RouterId(2),
        transport: TransportId(9),
        local: sfu_core::command::IceCredentials {
            ufrag: "elsewhere".into(),
            pwd: "a-password-of-22-chars-and".into(),
        },
    });
    viewer.id = TransportId(9);
    assert!(viewer.try_consume(&mut net, 7, 1, 5000, &[VP8]).is_err());
}

#[test]
fn the_payload_types_of_a_producer_may_share_numbers_with_nobody() {
    let mut net = Net::new();
    let publisher = Peer::join(&mut net, 1);
    let twice = [VP8, mapping(Codec::Av1, 96, None, 90_000)];
    let result = net.command(CommandBody::CreateProducer {
        transport: publisher.id,
        producer: ProducerId(1),
        kind: Kind::Video,
        mid: None,
        codecs: twice.to_vec(),
        encodings: vec![encoding(1, None)],
        paused: false,
    });
    assert!(result.is_err());
}
