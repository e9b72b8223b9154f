//! Commands, endings, limits, the speaker.

use sfu_core::command::{CommandBody, CommandError, Encoding};
use sfu_core::event::Event;
use sfu_core::rtcp::{self, Rtcp};
use sfu_core::stats::Limits;
use sfu_core::units::{ConsumerId, Kind, ProducerId, RouterId, Ssrc, TransportId};

use crate::harness::*;

fn byes(received: &Received) -> Vec<u32> {
    received
        .pick(|_, packet| match packet {
            Rtcp::Bye(bye) => Some(bye.ssrcs.map(|s| s.0).collect::<Vec<_>>()),
            _ => None,
        })
        .concat()
}

#[test]
fn a_transport_that_ends_says_bye_and_takes_everything_with_it() {
    let mut net = Net::new();
    let (publisher, mut viewer, _) = call(&mut net);
    net.ok(CommandBody::CloseTransport {
        transport: viewer.id,
    });
    assert_eq!(byes(&viewer.receive(&mut net)), [5000]);
    assert_eq!(
        net.command(CommandBody::CloseConsumer {
            consumer: ConsumerId(1)
        }),
        Err(CommandError::Unknown("consumer"))
    );
    net.ok(CommandBody::CloseTransport {
        transport: publisher.id,
    });
    let stats = net.stats();
    assert!(
        stats.transports.is_empty() && stats.producers.is_empty() && stats.consumers.is_empty()
    );
    viewer.check(&mut net, true);
    assert!(
        viewer.receive(&mut net).stun.is_empty(),
        "its credentials are gone"
    );
}

#[test]
fn a_router_that_ends_ends_all_its_transports() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.ok(CommandBody::CloseRouter { router: ROOM });
    assert_eq!(byes(&viewer.receive(&mut net)), [5000]);
    let stats = net.stats();
    assert!(
        stats.transports.is_empty() && stats.producers.is_empty() && stats.consumers.is_empty()
    );
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.advance(60_000);
    assert!(viewer.receive(&mut net).rtp.is_empty());
    let ids = [
        CommandBody::CloseRouter { router: ROOM },
        CommandBody::CloseTransport {
            transport: viewer.id,
        },
        CommandBody::CloseProducer {
            producer: ProducerId(1),
        },
    ];
    for body in ids {
        assert!(matches!(net.command(body), Err(CommandError::Unknown(_))));
    }
}

#[test]
fn a_producer_that_ends_ends_its_consumers_without_a_bye_for_their_slots() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    net.ok(CommandBody::CloseProducer {
        producer: ProducerId(1),
    });
    assert!(byes(&viewer.receive(&mut net)).is_empty());
    let stats = net.stats();
    assert!(stats.producers.is_empty() && stats.consumers.is_empty());
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert!(viewer.receive(&mut net).rtp.is_empty());
    // The same SSRCs can be announced again.
    publisher.produce(
        &mut net,
        1,
        Kind::Video,
        &[VP8],
        &[encoding(1000, Some(1001))],
    );
}

#[test]
fn closing_one_of_many_consumers_leaves_the_others_served() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    for n in 2..6u64 {
        viewer.consume(&mut net, n, 1, 5000 + 10 * n as u32, &[VP8]);
    }
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 15);
    for packet in camera.frame(false) {
        let mut datagram = publisher.protect(&packet);
        net.worker.receive(net.now, publisher.tuple, &mut datagram);
    }
    // Closed while packets of it wait.
    net.ok(CommandBody::CloseConsumer {
        consumer: ConsumerId(1),
    });
    let got = viewer.receive(&mut net);
    assert_eq!((got.rtp.len(), got.of(5000).len()), (12, 0));
    net.ok(CommandBody::CloseConsumer {
        consumer: ConsumerId(3),
    });
    shoot(&mut net, &mut publisher, &mut camera, false);
    let got = viewer.receive(&mut net);
    assert_eq!(
        [5020, 5030, 5040, 5050].map(|ssrc| got.of(ssrc).len()),
        [3, 0, 3, 3]
    );
}

#[test]
fn a_publishers_bye_is_told_when_its_last_stream_says_it() {
    let mut net = Net::new();
    let mut publisher = Peer::join(&mut net, 1);
    let encodings = [encoding(1000, None), encoding(1010, None)];
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &encodings);
    for ssrc in [1000, 1010] {
        shoot(&mut net, &mut publisher, &mut Camera::new(ssrc, 1), true);
    }
    let bye = |net: &mut Net| {
        net.events_of(|e| matches!(e, Event::Bye { .. }).then_some(()))
            .len()
    };
    let mut heard = Vec::new();
    for ssrc in [1000, 1010, 1010, 77] {
        publisher.send_rtcp(&mut net, |out| rtcp::write_bye(out, &[Ssrc(ssrc)]));
        heard.push(bye(&mut net));
    }
    assert_eq!(heard, [0, 1, 0, 0]);
}

#[test]
fn limits_and_duplicates_are_refused_by_name() {
    let limits = Limits {
        routers: 2,
        transports: 2,
        producers: 1,
        consumers: 1,
        ..Limits::default()
    };
    let mut net = Net::with_limits(limits);
    let (publisher, viewer, _) = call(&mut net);
    let create = |router| CommandBody::CreateRouter {
        router: RouterId(router),
    };
    assert_eq!(
        net.command(create(1)),
        Err(CommandError::Duplicate("router"))
    );
    assert_eq!(net.command(create(2)), Ok(()));
    assert_eq!(net.command(create(3)), Err(CommandError::Limit("routers")));
    let local = sfu_core::command::IceCredentials {
        ufrag: "third".into(),
        pwd: "a-password-of-22-chars-and".into(),
    };
    let transport = CommandBody::CreateTransport {
        router: ROOM,
        transport: TransportId(3),
        local: local.clone(),
    };
    assert_eq!(
        net.command(transport),
        Err(CommandError::Limit("transports"))
    );
    let same_ufrag = sfu_core::command::IceCredentials {
        ufrag: "ufrag1".into(),
        ..local
    };
    let transport = CommandBody::CreateTransport {
        router: RouterId(2),
        transport: TransportId(3),
        local: same_ufrag,
    };
    assert_eq!(
        net.command(transport),
        Err(CommandError::Duplicate("ufrag"))
    );
    let producer = |id, ssrc| CommandBody::CreateProducer {
        transport: publisher.id,
        producer: ProducerId(id),
        kind: Kind::Video,
        mid: None,
        codecs: vec![VP8],
        encodings: vec![Encoding {
            ssrc: Some(Ssrc(ssrc)),
            ..Encoding::default()
        }],
        paused: false,
    };
    assert_eq!(
        net.command(producer(1, 1)),
        Err(CommandError::Duplicate("producer"))
    );
    assert_eq!(
        net.command(producer(2, 1)),
        Err(CommandError::Limit("producers"))
    );
    let consume = viewer.try_consume(&mut net, 1, 1, 7000, &[VP8]);
    assert_eq!(consume, Err(CommandError::Duplicate("consumer")));
    let consume = viewer.try_consume(&mut net, 2, 1, 7000, &[VP8]);
    assert_eq!(consume, Err(CommandError::Limit("consumers")));
    let mut roomy = Net::new();
    let (_publisher, viewer, _) = call(&mut roomy);
    for ssrc in [5000, 5001, 4999] {
        let consume = viewer.try_consume(&mut roomy, 2, 1, ssrc, &[VP8]);
        assert_eq!(consume, Err(CommandError::Duplicate("ssrc")), "{ssrc}");
    }
}

#[test]
fn keys_are_installed_once() {
    let mut net = Net::new();
    let peer = Peer::join(&mut net, 1);
    let again = net.command(CommandBody::InstallKeys {
        transport: peer.id,
        profile: sfu_core::command::SrtpProfile::AeadAes128Gcm,
        receive: keys(1),
        send: keys(2),
    });
    assert_eq!(again, Err(CommandError::Duplicate("keys")));
}

#[test]
fn slots_of_former_consumers_are_kept_up_to_a_limit() {
    let mut net = Net::with_limits(Limits {
        ssrcs: 20,
        ..Limits::default()
    });
    let (_publisher, viewer, _) = call(&mut net);
    let mut refused = None;
    for n in 1..40u64 {
        net.ok(CommandBody::CloseConsumer {
            consumer: ConsumerId(n),
        });
        let slot = 6000 + 10 * n as u32;
        if let Err(error) = viewer.try_consume(&mut net, n + 1, 1, slot, &[VP8]) {
            refused = Some((n, error));
            break;
        }
    }
    assert_eq!(refused, Some((10, CommandError::Limit("ssrcs"))));
}

#[test]
fn the_speaker_is_found_by_audio_levels_and_a_muted_one_is_not_it() {
    let mut net = Net::new();
    let mut peers: Vec<Peer> = (1..=2).map(|id| Peer::join(&mut net, id)).collect();
    for (n, peer) in peers.iter().enumerate() {
        let ssrc = 1000 * (n as u32 + 1);
        peer.produce(
            &mut net,
            n as u64 + 1,
            Kind::Audio,
            &[OPUS],
            &[encoding(ssrc, None)],
        );
    }
    let mut sequence = 0u16;
    let mut talk = |net: &mut Net, peers: &mut [Peer], levels: [u8; 2], ms: u64| {
        for _ in 0..ms / 20 {
            for (n, peer) in peers.iter_mut().enumerate() {
                let ssrc = 1000 * (n as u32 + 1);
                let level: &[(u8, &[u8])] = &[(LEVEL, &[levels[n] | 0x80])];
                let timestamp = u32::from(sequence) * 960;
                peer.send(
                    net,
                    &rtp_packet(111, ssrc, sequence, timestamp, false, level, &[1; 40]),
                );
            }
            sequence += 1;
            net.advance(20);
        }
        net.events_of(|e| match e {
            Event::Speaker { producer, .. } => Some(producer.map(|p| p.0)),
            _ => None,
        })
    };
    assert_eq!(talk(&mut net, &mut peers, [20, 80], 1_000), [Some(1)]);
    assert_eq!(talk(&mut net, &mut peers, [20, 18], 1_000), []);
    assert_eq!(talk(&mut net, &mut peers, [90, 20], 1_500), [Some(2)]);
    net.ok(CommandBody::PauseProducer {
        producer: ProducerId(2),
        paused: true,
    });
    assert_eq!(talk(&mut net, &mut peers, [90, 20], 500), [None]);
    assert_eq!(talk(&mut net, &mut peers, [30, 20], 500), [Some(1)]);
    let silence = talk(&mut net, &mut peers, [127, 127], 4_000);
    assert_eq!(silence, [None]);
    let stats = net.stats();
    assert!(stats.producers[0].audio_level.unwrap() > 100);
    assert_eq!(stats.producers[1].audio_level, Some(127));
}

#[test]
fn an_arena_that_is_full_is_drained_in_several_calls() {
    let mut net = Net::new(); // its arena holds 40 datagrams
    let (mut publisher, _viewer, mut camera) = call(&mut net);
    let mut viewers: Vec<Peer> = (10..40).map(|id| Peer::join(&mut net, id)).collect();
    for viewer in &viewers {
        viewer.consume(&mut net, viewer.id.0, 1, 5000, &[VP8]);
    }
    for packet in camera.frame(true) {
        let mut datagram = publisher.protect(&packet);
        net.worker.receive(net.now, publisher.tuple, &mut datagram);
    }
    net.turn();
    for viewer in &mut viewers {
        let received = viewer.receive(&mut net);
        assert_eq!((received.rtp.len(), received.refused), (3, 0));
    }
}

#[test]
fn a_run_repeats_from_its_seed() {
    let run = || {
        let mut net = Net::new();
        let (mut publisher, viewer, mut camera) = call(&mut net);
        for n in 0..100 {
            shoot(&mut net, &mut publisher, &mut camera, n == 0);
        }
        (net.take(viewer.tuple), net.take(publisher.tuple))
    };
    assert!(run() == run());
}
