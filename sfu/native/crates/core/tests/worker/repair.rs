//! NACK, RTX and PLI, both ways.

use sfu_core::rtcp::{self, ReportBlock, Rtcp};
use sfu_core::stats::DropReason;
use sfu_core::units::{Kind, Ssrc};

use crate::harness::*;

#[test]
fn a_viewers_nack_is_answered_on_the_rtx_stream_once_per_rtt() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for n in 0..5 {
        shoot(&mut net, &mut publisher, &mut camera, n == 0);
    }
    let got = viewer.receive(&mut net).rtp;
    let lost = [
        got[4].sequence,
        got[7].sequence,
        got[7].sequence.wrapping_add(1),
    ];
    viewer.nack(&mut net, 5000, &lost);
    viewer.nack(&mut net, 5000, &lost);
    let again = viewer.receive(&mut net).rtp;
    assert_eq!(again.len(), 3, "the second request came within one RTT");
    for (packet, original) in again.iter().zip([&got[4], &got[7], &got[8]]) {
        assert_eq!((packet.ssrc, packet.payload_type), (5001, 97));
        assert_eq!(packet.payload[..2], original.sequence.to_be_bytes());
        assert_eq!(packet.payload[2..], original.payload);
        assert_eq!(
            (packet.timestamp, packet.marker),
            (original.timestamp, original.marker)
        );
    }
    assert_eq!(again[1].sequence, again[0].sequence.wrapping_add(1));
    viewer.nack(&mut net, 5000, &[got[0].sequence.wrapping_sub(9)]);
    assert!(viewer.receive(&mut net).rtp.is_empty());
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::RetransmissionRefused), 4);
    assert_eq!(stats.consumers[0].retransmissions_sent, 3);
}

#[test]
fn nacking_everything_over_and_over_is_capped() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for n in 0..10 {
        shoot(&mut net, &mut publisher, &mut camera, n == 0);
    }
    let all: Vec<u16> = viewer
        .receive(&mut net)
        .of(5000)
        .iter()
        .map(|p| p.sequence)
        .collect();
    for _ in 0..2_000 {
        viewer.nack(&mut net, 5000, &all);
        net.advance(5);
    }
    let resent = viewer.receive(&mut net).of(5001).len();
    assert_eq!(resent, 300, "ten times each, not 60000");
}

#[test]
fn audio_without_rtx_is_sent_again_byte_for_byte() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::join(&mut net, 2);
    publisher.produce(&mut net, 1, Kind::Audio, &[OPUS], &[encoding(1000, None)]);
    viewer.consume(&mut net, 1, 1, 5000, &[OPUS]);
    let mut sent = Vec::new();
    for n in 0..10u16 {
        publisher.send(
            &mut net,
            &rtp_packet(111, 1000, n, 960, false, &[], &[n as u8; 80]),
        );
        let mut datagrams = net.take(viewer.tuple);
        datagrams.retain(|(_, bytes)| !sfu_core::rtp::is_rtcp(bytes));
        sent.extend(datagrams.into_iter().map(|(_, bytes)| bytes));
        net.advance(20);
        net.take(viewer.tuple);
    }
    let sequence = u16::from_be_bytes([sent[6][2], sent[6][3]]);
    viewer.nack(&mut net, 5000, &[sequence]);
    let again: Vec<Vec<u8>> = net.take(viewer.tuple).into_iter().map(|(_, b)| b).collect();
    assert_eq!(again, [sent[6].clone()]);
}

#[test]
fn video_without_rtx_is_not_sent_again_under_the_same_index() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::join(&mut net, 2);
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &[encoding(1000, None)]);
    let plain = mapping(sfu_core::command::Codec::Vp8, 96, None, 90_000);
    viewer.consume(&mut net, 1, 1, 5000, &[plain]);
    shoot(&mut net, &mut publisher, &mut Camera::new(1000, 1), true);
    let first = viewer.receive(&mut net).rtp[0].sequence;
    viewer.nack(&mut net, 5000, &[first]);
    assert!(viewer.receive(&mut net).rtp.is_empty());
    assert_eq!(dropped(&net.stats(), DropReason::RetransmissionRefused), 1);
}

/// Wraps a packet of SSRC 1000 for the RTX stream 1001 (RFC 4588).
fn rtx(original: &[u8], sequence: u16) -> Vec<u8> {
    let parsed = sfu_core::rtp::parse(original).unwrap();
    let mut payload = parsed.sequence.to_be_bytes().to_vec();
    payload.extend_from_slice(parsed.payload);
    rtp_packet(
        97,
        1001,
        sequence,
        parsed.timestamp,
        parsed.marker,
        &[],
        &payload,
    )
}

#[test]
fn a_publishers_loss_is_asked_for_and_the_repair_takes_its_place() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    let lost = camera.frame(false);
    shoot(&mut net, &mut publisher, &mut camera, false);
    let nacks = publisher.receive(&mut net).nacks();
    let first = sfu_core::rtp::parse(&lost[0]).unwrap().sequence;
    let wanted: Vec<u16> = (0..3).map(|n| first.wrapping_add(n)).collect();
    assert_eq!(nacks.len(), 1);
    assert_eq!(nacks[0].1, wanted);
    for (n, packet) in lost.iter().enumerate() {
        publisher.send(&mut net, &rtx(packet, n as u16));
    }
    publisher.send(&mut net, &rtx(&lost[0], 3)); // a repair of what is there already
    publisher.send(&mut net, &rtp_packet(97, 1001, 4, 0, false, &[], &[])); // a probe
    net.advance(1_000);
    assert!(publisher.receive(&mut net).nacks().is_empty());
    let mut received = viewer.receive(&mut net).rtp;
    received.sort_by_key(|packet| packet.index);
    assert_eq!(received.len(), 9);
    assert_continuous(&received.iter().collect::<Vec<_>>());
    let stats = net.stats();
    let stream = &stats.producers[0].streams[0];
    assert_eq!(
        (
            stream.lost,
            stream.retransmissions_received,
            stream.nacks_sent
        ),
        (0, 4, 1)
    );
    assert_eq!(dropped(&stats, DropReason::Duplicate), 1);
    assert_eq!(dropped(&stats, DropReason::PaddingOnly), 1);
}

#[test]
fn what_never_comes_is_asked_for_ten_times_one_rtt_apart() {
    let mut net = Net::new();
    let (mut publisher, _viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    camera.sequence = camera.sequence.wrapping_add(1);
    shoot(&mut net, &mut publisher, &mut camera, false);
    net.advance(5_000);
    let times: Vec<_> = publisher
        .receive(&mut net)
        .nacks()
        .iter()
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times.len(), 10);
    for pair in times.windows(2) {
        assert!(
            pair[1].since(pair[0]).as_millis() >= 100,
            "no RTT measured: 100 ms"
        );
    }
}

#[test]
fn an_outage_asks_for_a_keyframe_instead() {
    let mut net = Net::new();
    let (mut publisher, _viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(500);
    publisher.receive(&mut net);
    camera.sequence = camera.sequence.wrapping_add(2_000);
    shoot(&mut net, &mut publisher, &mut camera, false);
    let received = publisher.receive(&mut net);
    assert_eq!((received.nacks().len(), received.plis().len()), (0, 1));
}

#[test]
fn a_thousand_plis_a_second_from_one_viewer_and_fifty_viewers_become_five() {
    let mut net = Net::new();
    let (mut publisher, viewer, mut camera) = call(&mut net);
    let mut viewers = vec![viewer];
    for n in 0..50 {
        let viewer = Peer::join(&mut net, 10 + n);
        viewer.consume(&mut net, 10 + n, 1, 5000, &[VP8]);
        viewers.push(viewer);
    }
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(1_000);
    publisher.receive(&mut net);
    for ms in 0..3_000u64 {
        let count = if ms == 100 { viewers.len() } else { 1 };
        for viewer in &mut viewers[..count] {
            viewer.pli(&mut net, 5000);
        }
        net.advance(1);
    }
    let plis = publisher.receive(&mut net).plis();
    assert!((2..=5).contains(&plis.len()), "{}", plis.len());
    for pair in plis.windows(2) {
        assert!(pair[1].0.since(pair[0].0).as_millis() >= 200);
    }
    assert!(dropped(&net.stats(), DropReason::KeyframeThrottled) > 2_900);
}

#[test]
fn a_request_that_came_too_soon_goes_out_as_soon_as_it_may() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    let mut second = Peer::join(&mut net, 3);
    second.consume(&mut net, 3, 1, 5000, &[VP8]);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(1_000);
    publisher.receive(&mut net);
    viewer.pli(&mut net, 5000);
    net.advance(150);
    second.pli(&mut net, 5000);
    net.advance(300);
    let plis = publisher.receive(&mut net).plis();
    assert_eq!(plis.len(), 2);
    let apart = plis[1].0.since(plis[0].0).as_millis();
    assert!((200..=202).contains(&apart), "{apart} ms apart");
}

#[test]
fn a_repeated_fir_is_one_request() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(1_000);
    publisher.receive(&mut net);
    for sequence in [1, 1, 1, 2] {
        viewer.send_rtcp(&mut net, |out| {
            rtcp::write_fir(out, Ssrc(5), &[(Ssrc(5000), sequence)])
        });
        net.advance(300);
    }
    assert_eq!(publisher.receive(&mut net).plis().len(), 2);
}

#[test]
fn five_percent_loss_each_way_is_repaired() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    let mut dice = 1u32;
    let mut lose = |percent: u32| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        dice >> 16 < 65_536 / 100 * percent
    };
    let mut sent = std::collections::HashMap::new();
    let mut rtx_sequence = 0u16;
    let mut got = std::collections::BTreeMap::new();
    let mut asked = std::collections::HashMap::new();
    for n in 0..900u64 {
        for packet in camera.frame(n == 0) {
            sent.insert(
                sfu_core::rtp::parse(&packet).unwrap().sequence,
                packet.clone(),
            );
            let datagram = publisher.protect(&packet);
            if n < 2 || !lose(5) {
                net.datagram(publisher.tuple, datagram);
            }
        }
        net.advance(33);
        for (_, lost) in publisher.receive(&mut net).nacks() {
            for sequence in lost {
                let datagram = publisher.protect(&rtx(&sent[&sequence], rtx_sequence));
                rtx_sequence = rtx_sequence.wrapping_add(1);
                if !lose(5) {
                    net.datagram(publisher.tuple, datagram);
                }
            }
        }
        for packet in viewer.receive(&mut net).rtp {
            if lose(5) {
                continue;
            }
            let sequence = match packet.ssrc {
                5001 => u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                _ => packet.sequence,
            };
            got.insert(sequence, packet.ssrc);
        }
        // The viewer asks for its holes, each every 100 ms.
        let (Some((&first, _)), Some((&last, _))) = (got.first_key_value(), got.last_key_value())
        else {
            continue;
        };
        let holes: Vec<u16> = (first..last)
            .filter(|s| !got.contains_key(s))
            .filter(|s| {
                let at = asked.entry(*s).or_insert(0u64);
                let due = net.now.as_millis() - *at >= 100;
                if due {
                    *at = net.now.as_millis();
                }
                due
            })
            .collect();
        if !holes.is_empty() {
            viewer.nack(&mut net, 5000, &holes);
        }
        if n % 100 == 0 {
            viewer.check(&mut net, true);
            publisher.check(&mut net, true);
        }
    }
    let (first, last) = (*got.keys().next().unwrap(), *got.keys().last().unwrap());
    let expected = usize::from(last - first) + 1;
    let residual = (expected - got.len()) as f64 / expected as f64;
    assert!(expected > 2_600, "{expected}");
    assert!(residual < 0.005, "{residual}");
}

#[test]
fn the_rtt_of_a_viewer_comes_from_its_reports() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(300);
    let reports = viewer.receive(&mut net).pick(|at, packet| match packet {
        Rtcp::SenderReport { ssrc, ntp, .. } if ssrc.0 == 5000 => Some((at, ntp)),
        _ => None,
    });
    let &(at, ntp) = reports.last().unwrap();
    net.advance(200);
    let held = net.now.since(at).as_millis() as u32 - 80; // so 80 ms on the way
    let block = ReportBlock {
        ssrc: Ssrc(5000),
        last_sr: (ntp >> 16) as u32,
        delay_since_last_sr: held * 65_536 / 1_000,
        fraction_lost: 25,
        ..ReportBlock::default()
    };
    viewer.send_rtcp(&mut net, |out| {
        rtcp::write_receiver_report(out, Ssrc(5), &[block])
    });
    let stats = net.stats();
    let rtt = stats.consumers[0].rtt_us.unwrap();
    assert!((79_000..=81_000).contains(&rtt), "{rtt}");
    assert_eq!(stats.consumers[0].fraction_lost, 25);
}
