//! A worker in virtual time and fake clients around it: real STUN, real SRTP, no sockets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::codec::{self, PictureId, vp8};
use sfu_core::command::{
    Codec, CodecMapping, Command, CommandBody, CommandError, Encoding, Extension, IceCredentials,
    MasterKey, SrtpProfile,
};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::rtcp::{self, Rtcp};
use sfu_core::rtp::{self, FixedHeader, HeaderWriter};
use sfu_core::srtp::{SrtpReceiver, SrtpSender};
use sfu_core::stats::{DropReason, Limits, Snapshot};
use sfu_core::stun::{self, BindingRequest, Role, StunKey, TransactionId};
use sfu_core::time::Time;
use sfu_core::units::{
    ConsumerId, Kind, PayloadType, ProducerId, RouterId, Ssrc, TransportId, Tuple,
};
use sfu_core::worker::{Worker, WorkerConfig};

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

/// A client.
pub(crate) struct Peer {
    pub(crate) id: TransportId,
    pub(crate) tuple: Tuple,
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    sender: SrtpSender,
    receiver: SrtpReceiver,
    transaction: u8,
    twcc: u16,
}

pub(crate) fn keys(seed: u8) -> MasterKey {
    MasterKey {
        key: vec![seed; 16],
        salt: vec![seed ^ 0x5a; 12],
    }
}

impl Peer {
    /// A transport with a nominated tuple, keys and extensions.
    pub(crate) fn join(net: &mut Net, id: u64) -> Peer {
        let mut peer = Peer::create(net, id);
        peer.check(net, true);
        peer.install(net);
        peer
    }

    /// A transport that nothing has come from yet.
    pub(crate) fn create(net: &mut Net, id: u64) -> Peer {
        let profile = SrtpProfile::AeadAes128Gcm;
        let (ours, theirs) = (keys(id as u8), keys(id as u8 + 100));
        let (ufrag, pwd) = (format!("ufrag{id}"), format!("a-password-of-22-chars-{id}"));
        let local = IceCredentials {
            ufrag: ufrag.clone(),
            pwd: pwd.clone(),
        };
        net.ok(CommandBody::CreateTransport {
            router: ROOM,
            transport: TransportId(id),
            local,
        });
        Peer {
            id: TransportId(id),
            tuple: tuple(10_000 + id as u16),
            ufrag,
            pwd,
            sender: SrtpSender::new(profile, &ours).unwrap(),
            receiver: SrtpReceiver::new(profile, &theirs, 1024, 1024).unwrap(),
            transaction: 0,
            twcc: 0,
        }
    }

    pub(crate) fn install(&mut self, net: &mut Net) {
        let id = self.id.0 as u8;
        net.ok(CommandBody::InstallKeys {
            transport: self.id,
            profile: SrtpProfile::AeadAes128Gcm,
            receive: keys(id),
            send: keys(id + 100),
        });
        self.extensions(net, &EXTENSIONS, true);
    }

    pub(crate) fn extensions(&self, net: &mut Net, list: &[(Extension, u8)], mixed: bool) {
        let extensions = list.to_vec();
        net.ok(CommandBody::SetExtensions {
            transport: self.id,
            extensions,
            mixed,
        });
    }

    /// Sends a connectivity check from its tuple.
    pub(crate) fn check(&mut self, net: &mut Net, nominate: bool) {
        let check = self.check_bytes(nominate);
        net.datagram(self.tuple, check);
    }

    pub(crate) fn check_bytes(&mut self, nominate: bool) -> Vec<u8> {
        self.transaction = self.transaction.wrapping_add(1);
        let request = BindingRequest {
            transaction: TransactionId([self.transaction; 12]),
            username: &format!("{}:client", self.ufrag),
            priority: 1,
            role: Role::Controlling(1),
            use_candidate: nominate,
        };
        let mut out = [0; 200];
        let len = stun::binding_request(&mut out, &request, &StunKey::new(&self.pwd)).unwrap();
        out[..len].to_vec()
    }

    pub(crate) fn protect_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut space = packet.to_vec();
        space.resize(packet.len() + 32, 0);
        let len = self.sender.protect_rtcp(&mut space, packet.len()).unwrap();
        space.truncate(len);
        space
    }

    /// Protects a packet that has been written.
    pub(crate) fn protect(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut space = packet.to_vec();
        space.resize(packet.len() + 32, 0);
        let len = self.sender.protect_rtp(&mut space, packet.len()).unwrap();
        space.truncate(len);
        space
    }

    pub(crate) fn send(&mut self, net: &mut Net, packet: &[u8]) {
        let datagram = self.protect(packet);
        net.datagram(self.tuple, datagram);
    }

    pub(crate) fn send_rtcp(
        &mut self,
        net: &mut Net,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) {
        let mut out = [0; 1300];
        let len = write(&mut out).unwrap();
        let datagram = self.protect_rtcp(&out[..len]);
        net.datagram(self.tuple, datagram);
    }

    pub(crate) fn pli(&mut self, net: &mut Net, media: u32) {
        self.send_rtcp(net, |out| rtcp::write_pli(out, Ssrc(5), Ssrc(media)));
    }

    pub(crate) fn nack(&mut self, net: &mut Net, media: u32, lost: &[u16]) {
        self.send_rtcp(net, |out| rtcp::write_nack(out, Ssrc(5), Ssrc(media), lost));
    }

    pub(crate) fn next_twcc(&mut self) -> u16 {
        self.twcc = self.twcc.wrapping_add(1);
        self.twcc
    }

    /// Opens what came to its tuple since it last looked.
    pub(crate) fn receive(&mut self, net: &mut Net) -> Received {
        let mut received = Received::default();
        for (at, mut bytes) in net.take(self.tuple) {
            match bytes[0] {
                0..=3 => received.stun.push(bytes),
                20..=63 => received.dtls.push(bytes),
                _ if rtp::is_rtcp(&bytes) => match self.receiver.unprotect_rtcp(&mut bytes) {
                    Ok(len) => received.rtcp.push((at, bytes[..len].to_vec())),
                    Err(_) => received.refused += 1,
                },
                _ => match self.receiver.unprotect_rtp(&mut bytes) {
                    Ok(opened) => {
                        let packet = rtp::parse(&bytes[..opened.len]).unwrap();
                        received.rtp.push(Got {
                            at,
                            ssrc: packet.ssrc.0,
                            payload_type: packet.payload_type.0,
                            sequence: packet.sequence,
                            index: opened.extended_sequence,
                            timestamp: packet.timestamp,
                            marker: packet.marker,
                            extensions: packet
                                .extensions
                                .iter()
                                .map(|(id, value)| (id, value.to_vec()))
                                .collect(),
                            payload: packet.payload.to_vec(),
                        });
                    }
                    Err(_) => received.refused += 1,
                },
            }
        }
        received
    }

    pub(crate) fn produce(
        &self,
        net: &mut Net,
        id: u64,
        kind: Kind,
        codecs: &[CodecMapping],
        encodings: &[Encoding],
    ) {
        net.ok(CommandBody::CreateProducer {
            transport: self.id,
            producer: ProducerId(id),
            kind,
            mid: Some(format!("m{id}")),
            codecs: codecs.to_vec(),
            encodings: encodings.to_vec(),
            paused: false,
        });
    }

    /// Consumes on the slot `ssrc`, whose retransmissions go on `ssrc + 1` for video.
    pub(crate) fn consume(
        &self,
        net: &mut Net,
        id: u64,
        producer: u64,
        ssrc: u32,
        codecs: &[CodecMapping],
    ) {
        assert_eq!(self.try_consume(net, id, producer, ssrc, codecs), Ok(()));
    }

    pub(crate) fn try_consume(
        &self,
        net: &mut Net,
        id: u64,
        producer: u64,
        ssrc: u32,
        codecs: &[CodecMapping],
    ) -> Result<(), CommandError> {
        net.command(CommandBody::CreateConsumer {
            transport: self.id,
            consumer: ConsumerId(id),
            producer: ProducerId(producer),
            mid: Some(format!("s{ssrc}")),
            ssrc: Ssrc(ssrc),
            rtx_ssrc: codecs
                .iter()
                .any(|c| c.rtx.is_some())
                .then_some(Ssrc(ssrc + 1)),
            cname: "cname".to_owned(),
            codecs: codecs.to_vec(),
            paused: false,
        })
    }
}

/// Writes one RTP packet in clear.
pub(crate) fn rtp_packet(
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    extensions: &[(u8, &[u8])],
    payload: &[u8],
) -> Vec<u8> {
    let fixed = FixedHeader {
        marker,
        payload_type: PayloadType(payload_type),
        sequence,
        timestamp,
        ssrc: Ssrc(ssrc),
    };
    let mut out = vec![0; 1500];
    let mut writer = HeaderWriter::new(&mut out, &fixed, true).unwrap();
    for (id, value) in extensions {
        writer.element(*id, value).unwrap();
    }
    let len = writer.finish().len;
    out.truncate(len);
    out.extend_from_slice(payload);
    out
}

/// A VP8 camera: frames of three packets, two temporal layers if asked.
pub(crate) struct Camera {
    pub(crate) ssrc: u32,
    pub(crate) rid: Option<&'static str>,
    pub(crate) mid: Option<String>,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) picture: u16,
    pub(crate) tl0picidx: u8,
    pub(crate) temporal: Option<u8>,
    pub(crate) layer_sync: bool,
    /// Marks the payload, to know whose it is at the other end.
    pub(crate) mark: u8,
}

impl Camera {
    pub(crate) fn new(ssrc: u32, mark: u8) -> Camera {
        Camera {
            ssrc,
            rid: None,
            mid: None,
            sequence: (ssrc.wrapping_mul(7919)) as u16,
            timestamp: ssrc.wrapping_mul(104_729),
            picture: (ssrc as u16).wrapping_mul(31) & 0x7fff,
            tl0picidx: ssrc as u8,
            temporal: None,
            layer_sync: false,
            mark,
        }
    }

    /// The packets of the next frame, 33 ms after the last.
    pub(crate) fn frame(&mut self, keyframe: bool) -> Vec<Vec<u8>> {
        self.timestamp = self.timestamp.wrapping_add(3_000);
        self.picture = (self.picture + 1) & 0x7fff;
        if self.temporal.unwrap_or(0) == 0 {
            self.tl0picidx = self.tl0picidx.wrapping_add(1);
        }
        (0..3).map(|part| self.packet(keyframe, part)).collect()
    }

    fn packet(&mut self, keyframe: bool, part: u8) -> Vec<u8> {
        let descriptor = vp8::Descriptor {
            start: part == 0,
            picture_id: Some(PictureId {
                value: self.picture,
                long: true,
            }),
            tl0picidx: Some(self.tl0picidx),
            temporal: Some(self.temporal.unwrap_or(0)),
            layer_sync: self.layer_sync,
            ..vp8::Descriptor::default()
        };
        let mut payload = [0; 1_000];
        let len = vp8::write(&mut payload, &descriptor).unwrap();
        payload[len] = if keyframe && part == 0 { 0x10 } else { 0x11 };
        payload[len + 1] = self.mark;
        payload[len + 2] = part;
        payload[len + 3..].fill(self.sequence as u8);
        self.sequence = self.sequence.wrapping_add(1);
        let mut extensions: Vec<(u8, &[u8])> = Vec::new();
        if let Some(mid) = &self.mid {
            extensions.push((MID, mid.as_bytes()));
        }
        if let Some(rid) = self.rid {
            extensions.push((RID, rid.as_bytes()));
        }
        let sequence = self.sequence.wrapping_sub(1);
        rtp_packet(
            96,
            self.ssrc,
            sequence,
            self.timestamp,
            part == 2,
            &extensions,
            &payload,
        )
    }
}

/// Mark of a VP8 payload of a [`Camera`].
pub(crate) fn mark(packet: &Got) -> u8 {
    packet.payload[vp8(packet).len + 1]
}

pub(crate) fn vp8(packet: &Got) -> codec::vp8::Descriptor {
    codec::vp8::parse(&packet.payload).expect("VP8")
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

/// Sequence numbers, picture ids and TL0PICIDX of one stream have no seam and timestamps rise.
pub(crate) fn assert_continuous(packets: &[&Got]) {
    for pair in packets.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        assert_eq!(b.sequence, a.sequence.wrapping_add(1), "sequence");
        let (va, vb) = (vp8(a), vp8(b));
        let (pa, pb) = (va.picture_id.unwrap().value, vb.picture_id.unwrap().value);
        let same = a.timestamp == b.timestamp;
        let next = if same { pa } else { (pa + 1) & 0x7fff };
        assert_eq!(pb, next, "picture id");
        let (ta, tb) = (va.tl0picidx.unwrap(), vb.tl0picidx.unwrap());
        assert_eq!(tb, if same { ta } else { ta.wrapping_add(1) }, "tl0picidx");
        let step = b.timestamp.wrapping_sub(a.timestamp);
        assert!(step < 90_000 * 3, "timestamp steps by {step}");
    }
}
