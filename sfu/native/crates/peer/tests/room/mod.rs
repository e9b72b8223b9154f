//! A room in a simulation: clients that send a camera and a microphone and are sent what they ask for.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::time::Duration;

use sfu_core::command::{
    Codec, CodecMapping, CommandBody, Encoding, Extension, IceCredentials, MasterKey, SrtpProfile,
};
use sfu_core::event::Event;
use sfu_core::srtp::key_lengths;
use sfu_core::stats::Limits;
use sfu_core::units::{ConsumerId, Kind, PayloadType, ProducerId, RouterId, Ssrc, TransportId};
use sfu_netem::{LinkConfig, Rng};
use sfu_peer::config::{
    ExtensionIds, Keys, LayerConfig, Path, PeerConfig, SlotConfig, TrackConfig,
};
use sfu_peer::profile::Profile;
use sfu_peer::sim::{ClientId, Sim};
use sfu_peer::stats::SlotStats;

pub const ROUTER: RouterId = RouterId(1);

/// How a client joins.
#[derive(Clone)]
pub struct Join {
    pub up: LinkConfig,
    pub down: LinkConfig,
    pub srtp: SrtpProfile,
    /// Profile and rid of each camera layer; none: it sends no camera.
    pub camera: Vec<(Profile, Option<&'static str>)>,
    pub temporal_layers: u8,
    pub microphone: bool,
    /// Slots it offers, of each kind.
    pub slots: usize,
    /// Audio is repaired too.
    pub nack_audio: bool,
}

impl Join {
    /// Camera, microphone and a slot of each kind, over one kind of link both ways.
    pub fn over(link: LinkConfig) -> Join {
        Join {
            up: link.clone(),
            down: link,
            srtp: SrtpProfile::AeadAes128Gcm,
            camera: vec![(Profile::browser(), None)],
            temporal_layers: 1,
            microphone: true,
            slots: 1,
            nack_audio: true,
        }
    }

    /// Only watches.
    pub fn watching(link: LinkConfig) -> Join {
        Join {
            camera: vec![],
            microphone: false,
            ..Join::over(link)
        }
    }
}

/// A client in the room. Its camera comes before its microphone among its layers and producers.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub client: ClientId,
    pub transport: TransportId,
    pub camera: ProducerId,
    pub microphone: ProducerId,
}

pub struct Room {
    pub sim: Sim,
    next: u64,
    rng: Rng,
}

pub const VP8: CodecMapping = CodecMapping {
    codec: Codec::Vp8,
    payload_type: PayloadType(96),
    rtx: Some(PayloadType(97)),
    clock_rate: 90_000,
    format: 0,
};

pub const OPUS: CodecMapping = CodecMapping {
    codec: Codec::Opus,
    payload_type: PayloadType(111),
    rtx: Some(PayloadType(112)),
    clock_rate: 48_000,
    format: 0,
};

fn extensions(ids: ExtensionIds) -> Vec<(Extension, u8)> {
    [
        (Extension::Mid, ids.mid),
        (Extension::Rid, ids.rid),
        (Extension::RepairedRid, ids.repaired_rid),
        (Extension::AudioLevel, ids.audio_level),
        (Extension::AbsSendTime, ids.abs_send_time),
        (Extension::TransportWideCc, ids.transport_wide_cc),
    ]
    .into_iter()
    .filter_map(|(extension, id)| id.map(|id| (extension, id)))
    .collect()
}

/// SSRC of a client's stream: its transport's number and the place.
fn ssrc(transport: TransportId, place: u32) -> Ssrc {
    Ssrc(transport.0 as u32 * 1000 + place)
}

impl Room {
    pub fn new(seed: u64) -> Room {
        let mut sim = Sim::new(seed, Limits::default());
        sim.ask(CommandBody::CreateRouter { router: ROUTER })
            .unwrap();
        Room {
            sim,
            next: 100,
            rng: Rng::split(seed, 77),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn key(&mut self, profile: SrtpProfile) -> MasterKey {
        let (key, salt) = key_lengths(profile);
        let mut bytes = |n| (0..n).map(|_| self.rng.next_u64() as u8).collect();
        MasterKey {
            key: bytes(key),
            salt: bytes(salt),
        }
    }

    /// A client joins; its media starts once its checks went through.
    pub fn join(&mut self, join: Join) -> Member {
        let transport = TransportId(self.number());
        let local = IceCredentials {
            ufrag: format!("ufrag{}", transport.0),
            pwd: format!("{:0>24}", transport.0),
        };
        self.sim
            .ask(CommandBody::CreateTransport {
                router: ROUTER,
                transport,
                local: local.clone(),
            })
            .unwrap();
        let ids = ExtensionIds::BROWSER;
        self.sim
            .ask(CommandBody::SetExtensions {
                transport,
                extensions: extensions(ids),
                mixed: true,
            })
            .unwrap();
        let (up_key, down_key) = (self.key(join.srtp), self.key(join.srtp));
        self.sim
            .ask(CommandBody::InstallKeys {
                transport,
                profile: join.srtp,
                receive: up_key.clone(),
                send: down_key.clone(),
            })
            .unwrap();
        let (camera, microphone) = self.produce(transport, &join);
        let config = PeerConfig {
            seed: 0,
            local: self.sim.next_address(),
            server: self.sim.next_address(),
            path: Path::Ice {
                ufrag: "client".into(),
                server: local,
            },
            keys: Keys {
                profile: join.srtp,
                send: up_key,
                receive: down_key,
            },
            extensions: ids,
            tracks: tracks(transport, &join),
            slots: slots(transport, &join),
            transport_feedback: true,
            cname: format!("client{}", transport.0),
            unix_nanos_at_origin: 0,
        };
        let client = self.sim.add_client(config, join.up, join.down).unwrap();
        Member {
            client,
            transport,
            camera,
            microphone,
        }
    }

    fn produce(&mut self, transport: TransportId, join: &Join) -> (ProducerId, ProducerId) {
        let (camera, microphone) = (ProducerId(self.number()), ProducerId(self.number()));
        if !join.camera.is_empty() {
            let encoding = |(place, (_, rid)): (usize, &(Profile, Option<&str>))| match rid {
                Some(rid) => Encoding {
                    rid: Some((*rid).into()),
                    ssrc: None,
                    rtx_ssrc: None,
                },
                None => Encoding {
                    rid: None,
                    ssrc: Some(ssrc(transport, 10 + 2 * place as u32)),
                    rtx_ssrc: Some(ssrc(transport, 11 + 2 * place as u32)),
                },
            };
            self.sim
                .ask(CommandBody::CreateProducer {
                    transport,
                    producer: camera,
                    kind: Kind::Video,
                    mid: Some("0".into()),
                    codecs: vec![VP8],
                    encodings: join.camera.iter().enumerate().map(encoding).collect(),
                    paused: false,
                })
                .unwrap();
        }
        if join.microphone {
            let encoding = Encoding {
                rid: None,
                ssrc: Some(ssrc(transport, 30)),
                rtx_ssrc: Some(ssrc(transport, 31)),
            };
            self.sim
                .ask(CommandBody::CreateProducer {
                    transport,
                    producer: microphone,
                    kind: Kind::Audio,
                    mid: Some("1".into()),
                    codecs: vec![OPUS],
                    encodings: vec![encoding],
                    paused: false,
                })
                .unwrap();
        }
        (camera, microphone)
    }

    /// Sends a producer to a client, in its slot `slot` of the kind.
    pub fn consume(
        &mut self,
        to: Member,
        producer: ProducerId,
        kind: Kind,
        slot: usize,
    ) -> ConsumerId {
        let consumer = ConsumerId(self.number());
        let (place, codec) = match kind {
            Kind::Video => (100 + 2 * slot as u32, VP8),
            Kind::Audio => (200 + 2 * slot as u32, OPUS),
        };
        self.sim
            .ask(CommandBody::CreateConsumer {
                transport: to.transport,
                consumer,
                producer,
                mid: Some(format!("{place}")),
                ssrc: ssrc(to.transport, place),
                rtx_ssrc: Some(ssrc(to.transport, place + 1)),
                cname: "slot".into(),
                codecs: vec![codec],
                paused: false,
            })
            .unwrap();
        consumer
    }

    /// Sends everyone's camera and microphone to everyone else.
    pub fn connect_all(&mut self, members: &[Member]) {
        for to in members {
            for (slot, from) in members
                .iter()
                .filter(|from| from.client != to.client)
                .enumerate()
            {
                self.consume(*to, from.camera, Kind::Video, slot);
                self.consume(*to, from.microphone, Kind::Audio, slot);
            }
        }
    }

    /// The client's video slot or audio slot.
    pub fn slot(&self, member: Member, kind: Kind, slot: usize) -> SlotStats {
        let stats = self.sim.stats(member.client);
        let half = stats.slots.len() / 2;
        let place = if kind == Kind::Video {
            slot
        } else {
            half + slot
        };
        stats.slots[place].clone()
    }

    pub fn run(&mut self, seconds: f64) {
        self.sim.run(Duration::from_secs_f64(seconds));
    }

    /// Events since the last call without their times.
    pub fn events(&mut self) -> Vec<Event> {
        self.sim
            .take_events()
            .into_iter()
            .map(|(_, event)| event)
            .collect()
    }
}

fn tracks(transport: TransportId, join: &Join) -> Vec<TrackConfig> {
    let mut tracks = Vec::new();
    if !join.camera.is_empty() {
        let layer = |(place, (profile, rid)): (usize, &(Profile, Option<&str>))| LayerConfig {
            rid: rid.map(Into::into),
            ssrc: ssrc(transport, 10 + 2 * place as u32),
            rtx_ssrc: Some(ssrc(transport, 11 + 2 * place as u32)),
            profile: profile.clone(),
        };
        tracks.push(TrackConfig {
            kind: Kind::Video,
            mid: Some("0".into()),
            payload_type: PayloadType(96),
            rtx_payload_type: Some(PayloadType(97)),
            layers: join.camera.iter().enumerate().map(layer).collect(),
            temporal_layers: join.temporal_layers,
            phase: Duration::from_millis(transport.0 % 33),
        });
    }
    if join.microphone {
        tracks.push(TrackConfig {
            kind: Kind::Audio,
            mid: Some("1".into()),
            payload_type: PayloadType(111),
            rtx_payload_type: Some(PayloadType(112)),
            layers: vec![LayerConfig {
                rid: None,
                ssrc: ssrc(transport, 30),
                rtx_ssrc: Some(ssrc(transport, 31)),
                profile: Profile::audio(),
            }],
            temporal_layers: 1,
            phase: Duration::from_millis(transport.0 % 20),
        });
    }
    tracks
}

fn slots(transport: TransportId, join: &Join) -> Vec<SlotConfig> {
    let slot = |kind, place, nack| SlotConfig {
        kind,
        mid: Some(format!("{place}")),
        ssrc: ssrc(transport, place),
        rtx_ssrc: Some(ssrc(transport, place + 1)),
        nack,
    };
    let video = (0..join.slots).map(|n| slot(Kind::Video, 100 + 2 * n as u32, true));
    let audio = (0..join.slots).map(|n| slot(Kind::Audio, 200 + 2 * n as u32, join.nack_audio));
    video.chain(audio).collect()
}
