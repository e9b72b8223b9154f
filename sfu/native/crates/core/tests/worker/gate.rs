//! Nothing is looked at before the tuple is validated and the packet authenticated.

use sfu_core::command::{CommandBody, IceCredentials};
use sfu_core::event::{Event, PathState};
use sfu_core::stats::DropReason;
use sfu_core::units::Kind;

use crate::harness::*;

#[test]
fn nothing_is_taken_from_a_tuple_that_no_check_validated() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    let honest = publisher.protect(&camera.frame(true)[0]);
    viewer.receive(&mut net);
    publisher.receive(&mut net);
    net.stats();
    for datagram in [
        honest,
        vec![22; 60],
        vec![0x80; 40],
        vec![0x81, 200, 0, 1, 0, 0, 0, 0],
    ] {
        net.datagram(tuple(666), datagram);
    }
    net.datagram(tuple(666), vec![70; 20]);
    net.datagram(tuple(666), vec![]);
    assert!(net.take(tuple(666)).is_empty(), "no byte to a stranger");
    assert!(viewer.receive(&mut net).rtp.is_empty());
    assert!(!net.events.iter().any(|e| matches!(e, Event::Dtls { .. })));
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::TupleNotValidated), 4);
    assert_eq!(dropped(&stats, DropReason::UnknownProtocol), 1);
    assert_eq!(dropped(&stats, DropReason::Truncated), 1);
}

#[test]
fn stun_without_our_credentials_is_not_answered() {
    let mut net = Net::new();
    let mut peer = Peer::create(&mut net, 1);
    let (ufrag, pwd) = (peer.ufrag.clone(), peer.pwd.clone());
    peer.pwd = "wrong-password-of-many-chars".to_owned();
    peer.check(&mut net, true);
    (peer.ufrag, peer.pwd) = ("nobody".to_owned(), pwd.clone());
    peer.check(&mut net, true);
    net.datagram(peer.tuple, vec![0; 19]);
    assert!(net.take(peer.tuple).is_empty());
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::StunBadIntegrity), 1);
    assert_eq!(dropped(&stats, DropReason::StunUnknownUfrag), 1);
    assert_eq!(dropped(&stats, DropReason::StunMalformed), 1);
    (peer.ufrag, peer.pwd) = (ufrag, pwd);
    peer.check(&mut net, true);
    assert_eq!(peer.receive(&mut net).stun.len(), 1);
}

#[test]
fn dtls_is_handed_up_from_validated_tuples_at_a_limited_rate_and_down_to_the_nominated() {
    let mut net = Net::new();
    let mut peer = Peer::create(&mut net, 1);
    let down = CommandBody::SendDtls {
        transport: peer.id,
        datagram: vec![22, 1, 2],
    };
    net.ok(down.clone());
    peer.check(&mut net, true);
    for _ in 0..250 {
        net.datagram(peer.tuple, vec![22, 254, 253]);
    }
    let up = net.events_of(|e| match e {
        Event::Dtls { datagram, .. } => Some(datagram.clone()),
        _ => None,
    });
    assert_eq!((up.len(), &up[0][..]), (200, &[22, 254, 253][..]));
    net.ok(down);
    assert_eq!(peer.receive(&mut net).dtls, [[22, 1, 2]]);
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::DtlsRate), 50);
    assert_eq!(dropped(&stats, DropReason::NotConnected), 1);
}

#[test]
fn a_handshake_is_answered_before_nomination_on_the_tuple_that_was_checked_last() {
    let mut net = Net::new();
    let mut peer = Peer::create(&mut net, 1);
    let down = CommandBody::SendDtls {
        transport: peer.id,
        datagram: vec![22, 1, 2],
    };
    peer.check(&mut net, false);
    net.ok(down);
    assert_eq!(peer.receive(&mut net).dtls, [[22, 1, 2]]);
}

#[test]
fn media_needs_keys_a_right_tag_and_a_fresh_index() {
    let mut net = Net::new();
    let mut publisher = Peer::create(&mut net, 1);
    publisher.check(&mut net, true);
    publisher.produce(&mut net, 1, Kind::Video, &[VP8], &[encoding(1000, None)]);
    let mut camera = Camera::new(1000, 1);
    let packet = camera.frame(true).remove(0);
    let protected = publisher.protect(&packet);
    net.datagram(publisher.tuple, protected.clone());
    publisher.install(&mut net);
    let mut forged = protected.clone();
    *forged.last_mut().unwrap() ^= 1;
    net.datagram(publisher.tuple, forged);
    net.datagram(publisher.tuple, protected.clone());
    net.datagram(publisher.tuple, protected);
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::NoKeys), 1);
    assert_eq!(dropped(&stats, DropReason::SrtpAuth), 1);
    assert_eq!(dropped(&stats, DropReason::SrtpReplay), 1);
    assert_eq!(stats.producers[0].streams[0].packets, 1);
}

#[test]
fn random_ssrcs_of_an_authenticated_client_leave_no_state() {
    let mut net = Net::new();
    let (mut publisher, _viewer, _) = call(&mut net);
    for n in 0..1_000u32 {
        let ssrc = 70_000 + n;
        let packet = rtp_packet(96, ssrc, 1, 1, false, &[(MID, b"other")], &[0; 20]);
        publisher.send(&mut net, &packet);
    }
    let stats = net.stats();
    assert_eq!(dropped(&stats, DropReason::UnknownSsrc), 1_000);
    assert_eq!(stats.producers[0].streams.len(), 0);
}

#[test]
fn a_path_moves_to_the_tuple_nominated_last() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
    let before = viewer.tuple;
    viewer.tuple = tuple(55_555);
    viewer.check(&mut net, false);
    viewer.receive(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert!(
        viewer.receive(&mut net).rtp.is_empty(),
        "a check alone moves nothing"
    );
    assert_eq!(net.take(before).len(), 3);
    viewer.check(&mut net, true);
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
    let moved = net.events_of(|e| match e {
        Event::Path { tuple, state, .. } => Some((*tuple, *state)),
        _ => None,
    });
    assert_eq!(
        moved.last(),
        Some(&(Some(viewer.tuple), PathState::Connected))
    );
}

#[test]
fn a_path_that_moves_with_each_check_is_told_of_now_and_then_and_at_the_end() {
    let mut net = Net::new();
    let mut peer = Peer::join(&mut net, 1);
    net.events.clear();
    for n in 0..100 {
        peer.tuple = tuple(50_000 + n % 2);
        peer.check(&mut net, true);
        net.advance(5);
    }
    net.advance(200);
    let moved = net.events_of(|e| match e {
        Event::Path { tuple, .. } => Some(*tuple),
        _ => None,
    });
    assert!((2..=7).contains(&moved.len()), "{} events", moved.len());
    assert_eq!(moved.last(), Some(&Some(peer.tuple)));
}

#[test]
fn a_tuple_that_another_client_claimed_is_taken_back_by_the_next_check() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    let mut claim = |net: &mut Net, tuple| {
        let check = viewer.check_bytes(false);
        net.datagram(tuple, check);
    };
    claim(&mut net, publisher.tuple);
    shoot(&mut net, &mut publisher, &mut camera, false);
    publisher.check(&mut net, true);
    // The one who claimed it has more tuples than it may, so that it loses its claim.
    for port in 0..8 {
        claim(&mut net, tuple(50_000 + port));
    }
    shoot(&mut net, &mut publisher, &mut camera, false);
    let stream = net.stats().producers[0].streams[0].clone();
    assert_eq!(stream.packets, 6, "all but what came under the wrong name");
}

#[test]
fn an_ice_restart_keeps_the_old_path_until_the_new_is_nominated() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    let local = IceCredentials {
        ufrag: "fresh".into(),
        pwd: "another-password-of-22-ch".into(),
    };
    net.ok(CommandBody::RestartIce {
        transport: viewer.id,
        local: local.clone(),
    });
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 6);
    let old = (viewer.ufrag.clone(), viewer.pwd.clone());
    (viewer.ufrag, viewer.pwd, viewer.tuple) = (local.ufrag, local.pwd, tuple(44_444));
    viewer.check(&mut net, true);
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
    (viewer.ufrag, viewer.pwd) = old;
    viewer.check(&mut net, true);
    let stats = net.stats();
    assert_eq!(
        dropped(&stats, DropReason::StunUnknownUfrag),
        1,
        "old credentials are retired"
    );
}

#[test]
fn silence_is_told_and_lost_consent_stops_media_until_the_client_checks_again() {
    let mut net = Net::new();
    let (mut publisher, mut viewer, mut camera) = call(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, true);
    let path = |net: &mut Net| {
        net.events_of(|e| match e {
            Event::Path {
                transport, state, ..
            } if transport.0 == 2 => Some(*state),
            _ => None,
        })
    };
    path(&mut net);
    for second in 0..31 {
        publisher.check(&mut net, true);
        shoot(&mut net, &mut publisher, &mut camera, false);
        net.advance(967);
        if second == 3 {
            assert_eq!(path(&mut net), [PathState::Silent]);
        }
    }
    assert_eq!(path(&mut net), [PathState::ConsentLost]);
    viewer.receive(&mut net);
    shoot(&mut net, &mut publisher, &mut camera, false);
    net.advance(3_000);
    let received = viewer.receive(&mut net);
    assert_eq!((received.rtp.len(), received.rtcp.len()), (0, 0));
    assert!(dropped(&net.stats(), DropReason::NotConnected) >= 3);
    publisher.receive(&mut net);
    viewer.check(&mut net, true);
    assert_eq!(path(&mut net), [PathState::Connected]);
    shoot(&mut net, &mut publisher, &mut camera, false);
    assert_eq!(
        publisher.receive(&mut net).plis().len(),
        1,
        "starts over at a keyframe"
    );
    assert!(viewer.receive(&mut net).rtp.is_empty());
    shoot(&mut net, &mut publisher, &mut camera, true);
    assert_eq!(viewer.receive(&mut net).rtp.len(), 3);
}
