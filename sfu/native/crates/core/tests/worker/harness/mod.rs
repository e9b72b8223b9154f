//! A worker in virtual time and fake clients around it: real STUN, real SRTP, no sockets.

mod camera;
mod peer;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::command::{
    Codec, CodecMapping, Command, CommandBody, CommandError, Encoding, Extension,
};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::rtcp::{self, Rtcp};
use sfu_core::stats::{DropReason, Limits, Snapshot};
use sfu_core::time::Time;
use sfu_core::units::{Kind, PayloadType, RouterId, Ssrc, Tuple};
use sfu_core::worker::{Worker, WorkerConfig};

pub(crate) use camera::*;
pub(crate) use peer::*;

pub(crate) const ROOM: RouterId = RouterId(1);
pub(crate) const MID: u8 = 1;
pub(crate) const RID: u8 = 2;
pub(crate) const RRID: u8 = 3;
pub(crate) const LEVEL: u8 = 4;
pub(crate) const SEND_TIME: u8 = 5;
pub(crate) const TWCC: u8 = 6;
pub(crate) const DD: u8 = 7;
pub(crate) const EXTENSIONS: [(Extension, u8); 7] = [
    (Extension::Mid, MID),
    (Extension::Rid, RID),
    (Extension::RepairedRid, RRID),
    (Extension::AudioLevel, LEVEL),
    (Extension::AbsSendTime, SEND_TIME),
    (Extension::TransportWideCc, TWCC),
    (Extension::DependencyDescriptor, DD),
];

pub(crate) const OPUS: CodecMapping = mapping(Codec::Opus, 111, None, 48_000);
pub(crate) const RED: CodecMapping = mapping(Codec::OpusRed, 63, None, 48_000);
pub(crate) const VP8: CodecMapping = mapping(Codec::Vp8, 96, Some(97), 90_000);
pub(crate) const AV1: CodecMapping = mapping(Codec::Av1, 45, Some(46), 90_000);

pub(crate) const fn mapping(
    codec: Codec,
    pt: u8,
    rtx: Option<u8>,
    clock_rate: u32,
) -> CodecMapping {
    let rtx = match rtx {
        Some(rtx) => Some(PayloadType(rtx)),
        None => None,
    };
    CodecMapping {
        codec,
        payload_type: PayloadType(pt),
        rtx,
        clock_rate,
        format: 0,
    }
}

pub(crate) fn tuple(port: u16) -> Tuple {
    Tuple {
        local: SocketAddr::from(([127, 0, 0, 1], 7000)),
        remote: SocketAddr::from(([10, 0, 0, 1], port)),
    }
}

/// The worker, its clock, and the datagrams that wait for each tuple.
pub(crate) struct Net {
    pub(crate) worker: Worker,
    pub(crate) now: Time,
    egress: Egress,
    inbox: HashMap<Tuple, Vec<(Time, Vec<u8>)>>,
    pub(crate) events: Vec<Event>,
    requests: u64,
}

impl Net {
    pub(crate) fn new() -> Net {
        Net::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Net {
        let config = WorkerConfig {
            seed: 7,
            limits,
            unix_nanos_at_origin: 1_700_000_000_000_000_000,
        };
        let mut net = Net {
            worker: Worker::new(config),
            now: Time::from_millis(1_000),
            egress: Egress::with_capacity(64 * 1024, 40),
            inbox: HashMap::new(),
            events: Vec::new(),
            requests: 0,
        };
        net.ok(CommandBody::CreateRouter { router: ROOM });
        net
    }

    pub(crate) fn command(&mut self, body: CommandBody) -> Result<(), CommandError> {
        self.requests += 1;
        let request = self.requests;
        self.worker.command(self.now, Command { request, body });
        self.turn();
        let done = |event: &Event| match event {
            Event::Done { request: r, result } if *r == request => Some(*result),
            _ => None,
        };
        let result = self
            .events
            .iter()
            .find_map(done)
            .expect("every command is answered");
        self.events.retain(|event| done(event).is_none());
        result
    }

    pub(crate) fn ok(&mut self, body: CommandBody) {
        assert_eq!(self.command(body), Ok(()));
    }

    pub(crate) fn stats(&mut self) -> Snapshot {
        self.ok(CommandBody::ReadStats);
        let stats = self
            .events
            .iter()
            .position(|event| matches!(event, Event::Stats { .. }));
        let Event::Stats { snapshot, .. } = self.events.remove(stats.unwrap()) else {
            panic!()
        };
        *snapshot
    }

    /// Gives a datagram to the worker.
    pub(crate) fn datagram(&mut self, from: Tuple, mut bytes: Vec<u8>) {
        self.worker.receive(self.now, from, &mut bytes);
        self.turn();
    }

    /// Drains datagrams and events.
    pub(crate) fn turn(&mut self) {
        loop {
            let more = self.worker.drain(self.now, &mut self.egress);
            for (to, bytes) in self.egress.datagrams() {
                self.inbox
                    .entry(to)
                    .or_default()
                    .push((self.now, bytes.to_vec()));
            }
            self.egress.clear();
            if !more {
                break;
            }
        }
        while let Some(event) = self.worker.poll_event() {
            self.events.push(event);
        }
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        let mut steps = 0;
        while let Some(at) = self.worker.next_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.worker.timeout(self.now);
            self.turn();
            steps += 1;
            assert!(steps < 1_000_000, "timers make no progress");
        }
        self.now = end;
    }

    pub(crate) fn take(&mut self, at: Tuple) -> Vec<(Time, Vec<u8>)> {
        self.inbox.remove(&at).unwrap_or_default()
    }

    pub(crate) fn events_of<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let found = self.events.iter().filter_map(&pick).collect();
        self.events.retain(|event| pick(event).is_none());
        found
    }
}

/// A decrypted RTP packet of the server.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: Time,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) extensions: HashMap<u8, Vec<u8>>,
    pub(crate) payload: Vec<u8>,
}

/// What a client got since it last looked.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) rtp: Vec<Got>,
    /// Decrypted compounds.
    pub(crate) rtcp: Vec<(Time, Vec<u8>)>,
    /// SRTP that did not verify or came twice.
    pub(crate) refused: usize,
    pub(crate) stun: Vec<Vec<u8>>,
    pub(crate) dtls: Vec<Vec<u8>>,
}

impl Received {
    pub(crate) fn of(&self, ssrc: u32) -> Vec<&Got> {
        self.rtp
            .iter()
            .filter(|packet| packet.ssrc == ssrc)
            .collect()
    }

    /// Calls `pick` for every RTCP packet.
    pub(crate) fn pick<T>(&self, mut pick: impl FnMut(Time, Rtcp<'_>) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for (at, compound) in &self.rtcp {
            for packet in rtcp::packets(compound) {
                found.extend(pick(*at, packet.expect("well-formed RTCP")));
            }
        }
        found
    }

    pub(crate) fn plis(&self) -> Vec<(Time, u32)> {
        self.pick(|at, packet| match packet {
            Rtcp::Pli { media, .. } => Some((at, media.0)),
            _ => None,
        })
    }

    pub(crate) fn nacks(&self) -> Vec<(Time, Vec<u16>)> {
        self.pick(|at, packet| match packet {
            Rtcp::Nack { lost, .. } => Some((at, lost.collect())),
            _ => None,
        })
    }
}

pub(crate) fn encoding(ssrc: u32, rtx: Option<u32>) -> Encoding {
    Encoding {
        rid: None,
        ssrc: Some(Ssrc(ssrc)),
        rtx_ssrc: rtx.map(Ssrc),
    }
}

pub(crate) fn layer(rid: &str) -> Encoding {
    Encoding {
        rid: Some(rid.to_owned()),
        ssrc: None,
        rtx_ssrc: None,
    }
}

pub(crate) fn dropped(snapshot: &Snapshot, reason: DropReason) -> u64 {
    let own = snapshot.drops.0[reason as usize];
    let transports = snapshot
        .transports
        .iter()
        .map(|t| t.drops.0[reason as usize]);
    let producers = snapshot
        .producers
        .iter()
        .map(|p| p.drops.0[reason as usize]);
    let consumers = snapshot
        .consumers
        .iter()
        .map(|c| c.drops.0[reason as usize]);
    own + transports.chain(producers).chain(consumers).sum::<u64>()
}

/// A publisher of one VP8 stream (ssrc 1000, rtx 1001) and a viewer on slot 5000.
pub(crate) fn call(net: &mut Net) -> (Peer, Peer, Camera) {
    let publisher = Peer::join(net, 1);
    let viewer = Peer::join(net, 2);
    publisher.produce(net, 1, Kind::Video, &[VP8], &[encoding(1000, Some(1001))]);
    viewer.consume(net, 1, 1, 5000, &[VP8]);
    (publisher, viewer, Camera::new(1000, 1))
}

/// Sends a frame and lets 33 ms pass.
pub(crate) fn shoot(net: &mut Net, publisher: &mut Peer, camera: &mut Camera, keyframe: bool) {
    for packet in camera.frame(keyframe) {
        publisher.send(net, &packet);
    }
    net.advance(33);
}
