//! A fake client: it checks, sends, and opens what comes.

use sfu_core::command::{
    CodecMapping, CommandBody, CommandError, Encoding, Extension, IceCredentials, MasterKey,
    SrtpProfile,
};
use sfu_core::rtcp;
use sfu_core::rtp;
use sfu_core::srtp::{SrtpReceiver, SrtpSender};
use sfu_core::stun::{self, BindingRequest, Role, StunKey, TransactionId};
use sfu_core::units::{ConsumerId, Kind, ProducerId, Ssrc, TransportId, Tuple};

use super::{EXTENSIONS, Got, Net, ROOM, Received, tuple};

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
