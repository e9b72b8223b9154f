//! Regular reports, lip-sync, transport-wide feedback.

use sfu_core::rtcp::{self, Rtcp, SenderInfo};
use sfu_core::time::Time;
use sfu_core::units::{Kind, Ssrc};

use crate::harness::*;

#[test]
fn every_transport_with_keys_hears_from_us_at_least_once_a_second() {
    let mut net = Net::new();
    let mut idle = Peer::join(&mut net, 1);
    let mut times = Vec::new();
    for _ in 0..20 {
        net.advance(1_000);
        idle.check(&mut net, true);
        let received = idle.receive(&mut net);
        assert!(!received.rtcp.is_empty());
        times.extend(received.rtcp.iter().map(|(at, _)| *at));
        for (_, compound) in &received.rtcp {
            let mut packets = rtcp::packets(compound);
            assert!(matches!(
                packets.next(),
                Some(Ok(Rtcp::ReceiverReport { .. }))
            ));
            assert!(matches!(packets.next(), Some(Ok(Rtcp::Sdes(_)))));
        }
    }
    for pair in times.windows(2) {
        let gap = pair[1].since(pair[0]).as_millis();
        assert!((600..=1_000).contains(&gap), "{gap}");
    }
}

#[test]
fn publishers_are_told_their_loss_and_our_view_of_their_reports() {
    let mut net = Net::new();
    let (mut publisher, _viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    publisher.send_rtcp(&mut net, |out| {
        let info = SenderInfo {
            ntp: 0x1234_5678_9abc_def0,
            rtp: 0,
            packets: 3,
            octets: 0,
        };
        rtcp::write_sender_report(out, Ssrc(1000), &info, &[])
    });
    camera.frame(false);
    for _ in 0..32 {
        shoot(&mut net, &mut publisher, &mut camera, false);
    }
    let blocks = publisher.receive(&mut net).pick(|_, packet| match packet {
        Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. } => {
            Some(reports.collect::<Vec<_>>())
        }
        _ => None,
    });
    let lossy = blocks
        .iter()
        .flatten()
        .find(|block| block.fraction_lost > 0)
        .unwrap();
    assert_eq!((lossy.ssrc, lossy.cumulative_lost), (Ssrc(1000), 3));
    assert_eq!(lossy.last_sr, 0x5678_9abc);
    assert!(lossy.delay_since_last_sr > 0);
}

/// Sender reports of a slot, by (our NTP time, RTP time).
fn reports_of(received: &Received, slot: u32) -> Vec<(u64, u32)> {
    received.pick(|_, packet| match packet {
        Rtcp::SenderReport { ssrc, ntp, rtp, .. } if ssrc.0 == slot => Some((ntp, rtp)),
        _ => None,
    })
}

#[test]
fn sound_and_picture_captured_together_are_reported_together() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    publisher.produce(&mut net, 2, Kind::Audio, &[OPUS], &[encoding(3000, None)]);
    viewer.consume(&mut net, 2, 2, 6000, &[OPUS]);
    let start = net.now;
    let capture = |now: Time, rate: u64, first: u32| {
        first.wrapping_add((now.since(start).as_millis() as u64 * rate / 1000) as u32)
    };
    let (video_first, audio_first) = (camera.timestamp.wrapping_add(3_000), 123_456);
    let mut all = Received::default();
    for n in 0..120u64 {
        for packet in camera.frame(n == 0) {
            publisher.send(&mut net, &packet);
        }
        let timestamp = capture(net.now, 48_000, audio_first);
        publisher.send(
            &mut net,
            &rtp_packet(111, 3000, n as u16, timestamp, false, &[], &[1; 50]),
        );
        // The publisher's clock reads 5000 s when ours starts; its audio and video reports come at
        // different times, the video's 25 ms late on the way.
        for (due, ssrc, rate, first, late) in [
            (20, 1000, 90_000, video_first, 25),
            (45, 3000, 48_000, audio_first, 0),
        ] {
            if n % 30 != due % 30 {
                continue;
            }
            net.advance(late);
            let sampled = Time(net.now.0 - late * 1_000_000);
            let since = sampled.since(start).as_nanos() as u64;
            let ntp = (5_000u64 << 32) + ((u128::from(since) << 32) / 1_000_000_000) as u64;
            let rtp = capture(sampled, rate, first);
            publisher.send_rtcp(&mut net, |out| {
                let info = SenderInfo {
                    ntp,
                    rtp,
                    packets: 0,
                    octets: 0,
                };
                rtcp::write_sender_report(out, Ssrc(ssrc), &info, &[])
            });
            net.advance(8 + 25 - late);
        }
        if n % 30 != 20 && n % 30 != 15 {
            net.advance(33);
        }
        let received = viewer.receive(&mut net);
        all.rtp.extend(received.rtp);
        all.rtcp.extend(received.rtcp);
    }
    // What was captured when, by the reports: (timestamp - report) / rate + report's time.
    let shown = |slot: u32, rate: f64, timestamp: u32| {
        let (ntp, rtp) = *reports_of(&all, slot).last().unwrap();
        let ticks = f64::from(timestamp.wrapping_sub(rtp).cast_signed());
        (ntp as f64 / 2f64.powi(32)) + ticks / rate
    };
    let sound = all.of(6000).last().unwrap().timestamp;
    let picture = capture(net.now, 90_000, video_first);
    // The sound packet's own capture time as a video timestamp of the same moment.
    let moment = f64::from(sound.wrapping_sub(audio_first)) / 48_000.0;
    let video_of_moment = video_first.wrapping_add((moment * 90_000.0) as u32);
    let skew = shown(6000, 48_000.0, sound) - shown(5000, 90_000.0, video_of_moment);
    assert!(
        skew.abs() < 0.005,
        "lip-sync is off by {skew} s ({picture})"
    );
}

#[test]
fn a_new_stream_is_reported_soon_and_counts_what_was_sent() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    net.advance(300);
    viewer.receive(&mut net);
    for n in 0..3 {
        shoot(&mut net, &mut publisher, &mut camera, n == 0);
    }
    let reports = viewer.receive(&mut net).pick(|at, packet| match packet {
        Rtcp::SenderReport {
            ssrc,
            packets,
            octets,
            ..
        } if ssrc.0 == 5000 => Some((at, packets, octets)),
        _ => None,
    });
    assert_eq!(reports.len(), 1, "within 100 ms");
    assert_eq!(
        (reports[0].1 * 1_000, reports[0].1 > 0),
        (reports[0].2, true)
    );
}

#[test]
fn the_reports_of_many_streams_are_split_over_datagrams() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let mut viewer = Peer::join(&mut net, 2);
    for n in 0..16u64 {
        let ssrc = 1000 + n as u32;
        publisher.produce(&mut net, n, Kind::Audio, &[OPUS], &[encoding(ssrc, None)]);
        for copy in 0..4u64 {
            let slot = 5000 + (n * 4 + copy) as u32;
            viewer.consume(&mut net, n * 4 + copy, n, slot, &[OPUS]);
        }
        publisher.send(&mut net, &rtp_packet(111, ssrc, 1, 1, false, &[], &[1; 20]));
    }
    viewer.receive(&mut net);
    net.advance(1_000);
    let received = viewer.receive(&mut net);
    assert!(
        received
            .rtcp
            .iter()
            .all(|(_, compound)| compound.len() <= 1200)
    );
    let mut told: Vec<u32> = received.pick(|_, packet| match packet {
        Rtcp::SenderReport { ssrc, .. } => Some(ssrc.0),
        _ => None,
    });
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 64);
    let blocks: usize = publisher
        .receive(&mut net)
        .pick(|_, packet| match packet {
            Rtcp::ReceiverReport { reports, .. } => Some(reports.count()),
            _ => None,
        })
        .iter()
        .sum();
    assert!(blocks >= 16);
}

#[test]
fn publishers_estimators_are_fed_every_100_ms_and_twice_as_often_under_load() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    publisher.produce(&mut net, 1, Kind::Audio, &[OPUS], &[encoding(1000, None)]);
    let run = |net: &mut Net, publisher: &mut Peer, per_tick: u16, ticks: u16| {
        for tick in 0..ticks {
            for _ in 0..per_tick {
                let number = publisher.next_twcc();
                if !number.is_multiple_of(10) {
                    let value = number.to_be_bytes();
                    let extensions: &[(u8, &[u8])] = &[(TWCC, &value)];
                    let packet = rtp_packet(111, 1000, number, 1, false, extensions, &[1; 20]);
                    publisher.send(net, &packet);
                }
            }
            net.advance(20);
            if tick % 50 == 0 {
                publisher.check(net, true);
            }
        }
        publisher.receive(net).pick(|at, packet| match packet {
            Rtcp::TransportCc(feedback) => Some((at, feedback.arrivals().collect::<Vec<_>>())),
            _ => None,
        })
    };
    let slow = run(&mut net, &mut publisher, 1, 50);
    assert!((9..=11).contains(&slow.len()), "{}", slow.len());
    let told: Vec<_> = slow
        .iter()
        .flat_map(|(_, arrivals)| arrivals.clone())
        .collect();
    for (n, pair) in told.windows(2).enumerate() {
        assert_eq!(pair[1].0, pair[0].0 + 1, "at {n}");
    }
    assert!(told.iter().all(|(n, at)| at.is_some() == (n % 10 != 0)));
    let fast = run(&mut net, &mut publisher, 25, 50);
    assert!((15..=21).contains(&fast.len()), "{}", fast.len());
}

#[test]
fn a_viewers_feedback_is_matched_with_what_was_sent() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for n in 0..60 {
        shoot(&mut net, &mut publisher, &mut camera, n == 0);
        let arrivals: Vec<(u64, Time)> = viewer
            .receive(&mut net)
            .rtp
            .iter()
            .map(|packet| {
                let number = u16::from_be_bytes(packet.extensions[&TWCC][..].try_into().unwrap());
                (u64::from(number), packet.at)
            })
            .filter(|(number, _)| number % 3 != 1)
            .collect();
        viewer.send_rtcp(&mut net, |out| {
            let base = arrivals[0].0;
            let written =
                rtcp::write_transport_cc(out, Ssrc(5), Ssrc(5000), n as u8, base, &arrivals);
            written.map(|written| written.len)
        });
    }
    let stats = net.stats();
    let transport = stats
        .transports
        .iter()
        .find(|t| t.transport == viewer.id)
        .unwrap();
    assert_eq!(
        (transport.packets_acknowledged, transport.packets_missing),
        (120, 60)
    );
    let rate = transport.acknowledged_bitrate.unwrap();
    assert!((450_000..=550_000).contains(&rate), "{rate}"); // 2 packets of ~1050 bytes in 33 ms
}
