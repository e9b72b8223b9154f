//! The worker: any mix of datagrams (raw, or authentic with arbitrary content), commands and time
//! leaves it without a panic, answers every command once, sends nothing to a tuple that no check
//! validated, and never protects two packets under one SRTP index.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::command::{
    Codec, CodecMapping, Command, CommandBody, Encoding, Extension, IceCredentials, MasterKey,
    SrtpProfile,
};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::rtp;
use sfu_core::srtp::SrtpSender;
use sfu_core::stats::Limits;
use sfu_core::time::Time;
use sfu_core::units::{
    ConsumerId, Kind, PayloadType, ProducerId, RouterId, Ssrc, TransportId, Tuple,
};
use sfu_core::worker::{Worker, WorkerConfig};

const CLIENTS: u8 = 3;
/// Payload types of media streams; 20 is unknown, 97 belongs on another stream.
const MEDIA_TYPES: [u8; 8] = [96, 96, 98, 102, 45, 63, 111, 20];
/// How payloads of those types may begin: VP8 keyframe and delta with both picture numbers, VP9
/// keyframe, H264 parameter sets, AV1 sequence header, RED with one redundant block, anything.
const STARTS: [&[u8]; 8] = [
    &[0x90, 0xe0, 0x80, 0x05, 0x07, 0x00, 0x10, 0x02],
    &[0x90, 0xe0, 0x80, 0x06, 0x08, 0x40, 0x11],
    &[0x8a, 0x80, 0x05, 0x00, 0x11],
    &[0x67, 0x42, 0x00, 0x1f],
    &[0x18, 0x0a, 0x01, 0x00, 0x32, 0x01],
    &[0xef, 0x00, 0x00, 0x01, 0x6f, 0x11],
    &[0x11],
    &[],
];
const PROFILE: SrtpProfile = SrtpProfile::AeadAes128Gcm;

/// Bytes that decide, taken one by one; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

struct Walk {
    worker: Worker,
    now: Time,
    egress: Egress,
    senders: Vec<SrtpSender>,
    sequences: HashMap<(u8, u32), u16>,
    requests: u64,
    answered: u64,
    /// What was sent under each (receiver, SSRC, sequence number, rollovers seen).
    sent: HashMap<(Tuple, u32, u64), Vec<u8>>,
    newest: HashMap<(Tuple, u32), u64>,
}

/// Interprets the bytes as steps.
pub(crate) fn run(data: &[u8]) {
    let limits = Limits {
        history_video: 16 * 1024,
        ssrcs: 64,
        consumers: 8,
        ..Limits::default()
    };
    let config = WorkerConfig {
        seed: 1,
        limits,
        unix_nanos_at_origin: 1 << 60,
    };
    let mut walk = Walk {
        worker: Worker::new(config),
        now: Time::from_millis(1),
        egress: Egress::with_capacity(8 * 1024, 8),
        senders: (0..CLIENTS)
            .map(|n| SrtpSender::new(PROFILE, &key(n)).expect("lengths"))
            .collect(),
        sequences: HashMap::new(),
        requests: 0,
        answered: 0,
        sent: HashMap::new(),
        newest: HashMap::new(),
    };
    walk.set_up();
    let mut choices = Choices(data);
    while !choices.0.is_empty() {
        walk.step(&mut choices);
        walk.turn();
        assert_eq!(
            walk.requests, walk.answered,
            "every command is answered once"
        );
    }
}

fn key(seed: u8) -> MasterKey {
    MasterKey {
        key: vec![seed; 16],
        salt: vec![seed; 12],
    }
}

fn tuple(port: u8) -> Tuple {
    Tuple {
        local: SocketAddr::from(([127, 0, 0, 1], 1)),
        remote: SocketAddr::from(([127, 0, 0, 2], 1000 + u16::from(port))),
    }
}

fn codecs() -> Vec<CodecMapping> {
    let mapping = |codec, payload_type, rtx: Option<u8>, clock_rate| CodecMapping {
        codec,
        payload_type: PayloadType(payload_type),
        rtx: rtx.map(PayloadType),
        clock_rate,
        format: 0,
    };
    vec![
        mapping(Codec::Vp8, 96, Some(97), 90_000),
        mapping(Codec::Vp9, 98, Some(99), 90_000),
        mapping(Codec::H264, 102, Some(103), 90_000),
        mapping(Codec::Av1, 45, Some(46), 90_000),
        mapping(Codec::OpusRed, 63, None, 48_000),
        mapping(Codec::Opus, 111, None, 48_000),
    ]
}

impl Walk {
    fn set_up(&mut self) {
        self.command(CommandBody::CreateRouter {
            router: RouterId(0),
        });
        for n in 0..CLIENTS {
            self.create_client(n);
        }
        for n in 0..CLIENTS {
            self.create_producer(n, 0);
            self.create_consumer(n, (n + 1) % CLIENTS, 0, 0);
        }
    }

    fn create_client(&mut self, n: u8) {
        let transport = TransportId(u64::from(n));
        self.command(CommandBody::CreateTransport {
            router: RouterId(0),
            transport,
            local: IceCredentials {
                ufrag: format!("user{n}"),
                pwd: "a password of 22 bytes".to_owned(),
            },
        });
        self.command(CommandBody::AdoptTuple {
            transport,
            tuple: tuple(n),
        });
        // The key towards each incarnation of a client is another one, as after DTLS.
        let send = (self.requests as u8).wrapping_add(100);
        self.command(CommandBody::InstallKeys {
            transport,
            profile: PROFILE,
            receive: key(n),
            send: key(send),
        });
        let extensions = vec![
            (Extension::Mid, 1),
            (Extension::Rid, 2),
            (Extension::RepairedRid, 3),
            (Extension::AudioLevel, 4),
            (Extension::AbsSendTime, 5),
            (Extension::TransportWideCc, 6),
            (Extension::DependencyDescriptor, 7),
            (Extension::VideoOrientation, 8),
            (Extension::PlayoutDelay, 9),
        ];
        self.command(CommandBody::SetExtensions {
            transport,
            extensions,
            mixed: n.is_multiple_of(2),
        });
    }

    fn create_producer(&mut self, n: u8, kind: u8) {
        let ssrc = |layer: u32| Encoding {
            rid: (layer < 2).then(|| ["l", "h"][layer as usize].to_owned()),
            ssrc: (layer != 1).then_some(Ssrc(100 * u32::from(n) + layer)),
            rtx_ssrc: (layer != 1).then_some(Ssrc(100 * u32::from(n) + layer + 50)),
        };
        self.command(CommandBody::CreateProducer {
            transport: TransportId(u64::from(n)),
            producer: ProducerId(u64::from(n)),
            kind: if kind == 0 { Kind::Video } else { Kind::Audio },
            mid: Some(format!("{n}")),
            codecs: codecs(),
            encodings: vec![ssrc(0), ssrc(1), ssrc(2)],
            paused: kind == 2,
        });
    }

    fn create_consumer(&mut self, n: u8, producer: u8, slot: u8, flags: u8) {
        let slot = 9_000 + u32::from(slot);
        self.command(CommandBody::CreateConsumer {
            transport: TransportId(u64::from(n)),
            consumer: ConsumerId(u64::from(n)),
            producer: ProducerId(u64::from(producer)),
            mid: Some("slot".to_owned()),
            ssrc: Ssrc(slot),
            rtx_ssrc: (flags & 1 == 0).then_some(Ssrc(slot + 100)),
            cname: "c".repeat(usize::from(flags)),
            codecs: codecs()[usize::from(flags) % 6..].to_vec(),
            paused: flags & 2 != 0,
        });
    }

    fn command(&mut self, body: CommandBody) {
        // A new client behind a tuple has new keys: indices start over.
        if let CommandBody::InstallKeys { transport, .. } = &body {
            let tuple = tuple(transport.0 as u8);
            self.sent.retain(|(to, ..), _| *to != tuple);
            self.newest.retain(|(to, _), _| *to != tuple);
        }
        self.requests += 1;
        let request = self.requests;
        self.worker.command(self.now, Command { request, body });
        self.turn();
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let client = choices.below(CLIENTS);
        match choices.below(12) {
            0..=4 => self.rtp(client, choices),
            5 | 6 => self.rtcp(client, choices),
            7 => {
                let from = tuple(choices.below(CLIENTS + 2));
                let len = usize::from(choices.byte());
                let mut bytes = choices.take(len).to_vec();
                self.worker.receive(self.now, from, &mut bytes);
            }
            8 | 9 => {
                let ms = [1, 5, 20, 100, 1_000, 40_000][usize::from(choices.below(6))];
                self.advance(ms);
            }
            _ => self.change(client, choices),
        }
    }

    fn change(&mut self, client: u8, choices: &mut Choices<'_>) {
        let (argument, id) = (choices.byte(), u64::from(client));
        let (producer, consumer) = (ProducerId(id), ConsumerId(id));
        match choices.below(12) {
            0 => self.command(CommandBody::CloseConsumer { consumer }),
            1 => self.create_consumer(client, argument % CLIENTS, argument / 64, argument),
            2 => self.command(CommandBody::CloseProducer { producer }),
            3 => self.create_producer(client, argument % 3),
            4 => {
                let paused = argument % 2 == 0;
                self.command(CommandBody::PauseProducer { producer, paused });
            }
            5 => {
                let paused = argument % 2 == 0;
                self.command(CommandBody::PauseConsumer { consumer, paused });
            }
            6 | 7 => self.command(CommandBody::SetPreferredLayer {
                consumer,
                spatial: argument & 0x0f,
                temporal: argument >> 4,
            }),
            8 => self.command(CommandBody::RequestKeyframe { consumer }),
            9 => self.command(CommandBody::ReadStats),
            10 => {
                let transport = TransportId(id);
                self.command(CommandBody::CloseTransport { transport });
                self.senders[usize::from(client)] =
                    SrtpSender::new(PROFILE, &key(client)).expect("lengths");
                self.sequences.retain(|(owner, _), _| *owner != client);
                self.create_client(client);
            }
            _ => self.command(CommandBody::SendDtls {
                transport: TransportId(id),
                datagram: vec![22; usize::from(argument)],
            }),
        }
    }

    /// An authentic RTP packet of arbitrary content, its sequence mostly rising.
    fn rtp(&mut self, client: u8, choices: &mut Choices<'_>) {
        let stream = choices.below(12);
        let ssrc =
            100 * u32::from(client) + [0, 0, 0, 50, 52, 2, 0, 2, 0, 1, 51, 7][usize::from(stream)];
        let next = self.sequences.entry((client, ssrc)).or_insert(7);
        *next = match choices.below(32) {
            0 => next.wrapping_add(u16::from(choices.byte())),
            1 => next.wrapping_sub(u16::from(choices.below(9))),
            2 => next.wrapping_add(u16::from(choices.byte()) << 7),
            _ => next.wrapping_add(1),
        };
        let sequence = *next;
        // Mostly what the stream was negotiated for.
        let rtx = matches!(stream, 3 | 4 | 10);
        let codec = choices.below(8);
        let types = if rtx {
            [97, 97, 99, 103, 46, 97, 97, 96]
        } else {
            MEDIA_TYPES
        };
        let payload_type = types[usize::from(codec)] | (choices.byte() & 0x80);
        let form = choices.byte();
        let mut packet = vec![0x80 | (form & 0x31), payload_type];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(choices.byte()) * 3_000).to_be_bytes());
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(&[0; 4][..usize::from(form & 1) * 4]);
        if form & 0x10 != 0 {
            let words = choices.below(8);
            packet.extend_from_slice(&[[0xbe, 0xde], [0x10, 0]][usize::from(form >> 7)]);
            packet.extend_from_slice(&[0, words]);
            let elements = choices.take(usize::from(words) * 4);
            packet.extend_from_slice(elements);
            packet.resize(packet.len() + usize::from(words) * 4 - elements.len(), 0);
        }
        if rtx {
            let of = self
                .sequences
                .get(&(client, ssrc - 50))
                .copied()
                .unwrap_or(0);
            let lost = of.wrapping_sub(u16::from(choices.below(6)));
            packet.extend_from_slice(&lost.to_be_bytes());
        }
        if choices.below(4) > 0 {
            packet.extend_from_slice(STARTS[usize::from(codec)]);
        }
        let len = usize::from(choices.byte() >> choices.below(8));
        packet.extend_from_slice(choices.take(len));
        self.protect(client, packet, false);
    }

    fn rtcp(&mut self, client: u8, choices: &mut Choices<'_>) {
        let kind = [200, 201, 202, 203, 205, 206, 207][usize::from(choices.below(7))];
        let words = choices.below(16).max(1);
        let mut packet = vec![0x80 | (choices.byte() & 0x3f), kind, 0, words];
        packet.extend_from_slice(&[0, 0, 0, 1]);
        // Mostly about an SSRC that exists.
        let media = 9_000 + u32::from(choices.below(8) / 6);
        packet.extend_from_slice(&media.to_be_bytes());
        let len = usize::from(words) * 4 + 4;
        packet.extend_from_slice(choices.take(len.saturating_sub(12)));
        packet.resize(len.max(8), 0);
        if choices.below(2) == 0 {
            let newest = self
                .newest
                .get(&(tuple(client), media))
                .copied()
                .unwrap_or(0);
            let first = (newest as u16).wrapping_sub(u16::from(choices.below(20)));
            let [high, low] = first.to_be_bytes();
            packet = vec![0x81, 205, 0, 3, 0, 0, 0, 1];
            packet.extend_from_slice(&media.to_be_bytes());
            packet.extend_from_slice(&[high, low, choices.byte(), choices.byte()]);
        }
        self.protect(client, packet, true);
    }

    fn protect(&mut self, client: u8, mut packet: Vec<u8>, rtcp: bool) {
        let len = packet.len();
        packet.resize(len + 40, 0);
        let sender = &mut self.senders[usize::from(client)];
        let protected = if rtcp {
            sender.protect_rtcp(&mut packet, len)
        } else {
            sender.protect_rtp(&mut packet, len)
        };
        if let Ok(len) = protected {
            packet.truncate(len);
            self.worker.receive(self.now, tuple(client), &mut packet);
        }
    }

    fn advance(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        let mut steps = 0u64;
        while let Some(at) = self.worker.next_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.worker.timeout(self.now);
            self.turn();
            steps += 1;
            assert!(steps < 10 * ms + 1_000, "timers make no progress");
        }
        self.now = end;
    }

    fn turn(&mut self) {
        loop {
            let more = self.worker.drain(self.now, &mut self.egress);
            for (to, datagram) in self.egress.datagrams() {
                let known = (0..CLIENTS).any(|n| to == tuple(n));
                assert!(known, "datagram to a stranger");
                let media = datagram[0] >> 6 == 2 && !rtp::is_rtcp(datagram);
                if media {
                    check_index(&mut self.sent, &mut self.newest, to, datagram);
                }
            }
            self.egress.clear();
            if !more {
                break;
            }
        }
        while let Some(event) = self.worker.poll_event() {
            if let Event::Done { .. } = event {
                self.answered += 1;
            }
        }
    }
}

/// One (SSRC, index) stands for one packet: sent again, it is the same byte for byte.
fn check_index(
    sent: &mut HashMap<(Tuple, u32, u64), Vec<u8>>,
    newest: &mut HashMap<(Tuple, u32), u64>,
    to: Tuple,
    datagram: &[u8],
) {
    let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
    let ssrc = u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]);
    let newest = newest
        .entry((to, ssrc))
        .or_insert((1 << 16) + u64::from(sequence));
    let ahead = i64::from(sequence.wrapping_sub(*newest as u16).cast_signed());
    let index = newest.wrapping_add_signed(ahead);
    *newest = index.max(*newest);
    let before = sent
        .entry((to, ssrc, index))
        .or_insert_with(|| datagram.to_vec());
    assert_eq!(before, datagram, "an SRTP index was used twice");
}
