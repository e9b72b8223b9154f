//! What the control plane asks of a worker. Every command is answered by one
//! [`crate::event::Event::Done`] with the same request number.

use std::net::SocketAddr;

use crate::units::{ConsumerId, Kind, PayloadType, ProducerId, RouterId, Ssrc, TransportId, Tuple};

/// A command and the number its answer carries.
#[derive(Clone, Debug)]
pub struct Command {
    /// Chosen by the caller; comes back in [`crate::event::Event::Done`].
    pub request: u64,
    /// What to do.
    pub body: CommandBody,
}

/// ICE credentials (RFC 8839 section 5.4): ufrag 4..=256 characters, password 22..=256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IceCredentials {
    /// Username fragment.
    pub ufrag: String,
    /// Password.
    pub pwd: String,
}

/// SRTP protection profiles (RFC 5764, RFC 7714).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProfile {
    /// 0x0008, RFC 7714.
    AeadAes256Gcm,
    /// 0x0007, RFC 7714.
    AeadAes128Gcm,
    /// 0x0001, RFC 5764.
    Aes128CmSha1_80,
}

/// Master key and salt of one direction: 16 + 14 bytes (AES-CM), 16 + 12 or 32 + 12 (AEAD).
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    /// Master key.
    pub key: Vec<u8>,
    /// Master salt.
    pub salt: Vec<u8>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// Codecs the core knows how to forward.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// Redundant audio carrying Opus, RFC 2198.
    OpusRed,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, packetization-mode 0 or 1.
    H264,
    /// AV1 RTP payload specification 1.0.
    Av1,
}

/// RTP header extensions the core understands; the numeric ids are per transport (BUNDLE).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extension {
    /// urn:ietf:params:rtp-hdrext:sdes:mid
    Mid,
    /// urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    Rid,
    /// urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    RepairedRid,
    /// urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464)
    AudioLevel,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`
    AbsSendTime,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    TransportWideCc,
    /// `https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension`
    DependencyDescriptor,
    /// urn:3gpp:video-orientation
    VideoOrientation,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`
    PlayoutDelay,
}

/// One codec as negotiated on one transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodecMapping {
    /// Which codec.
    pub codec: Codec,
    /// Its payload type on this transport.
    pub payload_type: PayloadType,
    /// Payload type of its retransmissions (RFC 4588), when negotiated.
    pub rtx: Option<PayloadType>,
    /// RTP clock, Hz.
    pub clock_rate: u32,
    /// Distinguishes formats of one codec that do not decode each other (H264 profile and
    /// packetization mode, VP9 profile): producer and consumer mappings match on (codec, format).
    pub format: u32,
}

/// One stream of a producer: a simulcast layer, or the only one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Encoding {
    /// RTP stream id (RFC 8852), when the sender uses simulcast. Ordered from lowest to highest quality.
    pub rid: Option<String>,
    /// SSRC, when signalled; otherwise learned from mid/rid after authentication.
    pub ssrc: Option<Ssrc>,
    /// SSRC of its retransmissions, when signalled.
    pub rtx_ssrc: Option<Ssrc>,
}

/// What a worker can be asked to do.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the field names are the documentation: ids and the types above
pub enum CommandBody {
    /// A room.
    CreateRouter { router: RouterId },
    /// Ends a room and everything in it.
    CloseRouter { router: RouterId },
    /// A client; `local` is what its STUN username starts with.
    CreateTransport {
        router: RouterId,
        transport: TransportId,
        local: IceCredentials,
    },
    /// Negotiated header extension ids (1..=255); `mixed` allows one- and two-byte headers
    /// (RFC 8285). May be repeated after a renegotiation.
    SetExtensions {
        transport: TransportId,
        extensions: Vec<(Extension, u8)>,
        mixed: bool,
    },
    /// ICE restart: new credentials become valid beside the old until a tuple is nominated with them.
    RestartIce {
        transport: TransportId,
        local: IceCredentials,
    },
    /// Ends a client; sends BYE for its consumers first.
    CloseTransport { transport: TransportId },
    /// DTLS finished: `receive` decrypts what the client sends, `send` encrypts what we send.
    InstallKeys {
        transport: TransportId,
        profile: SrtpProfile,
        receive: MasterKey,
        send: MasterKey,
    },
    /// A DTLS datagram for the client's nominated tuple, or before one is nominated for the tuple
    /// of its last check; dropped, counted, when there is none.
    SendDtls {
        transport: TransportId,
        datagram: Vec<u8>,
    },
    /// Simulation and bench only: takes a tuple as validated and nominated, without STUN, and keeps
    /// consent until the transport closes.
    AdoptTuple {
        transport: TransportId,
        tuple: Tuple,
    },
    /// A track sent to us. `cname` is informative.
    CreateProducer {
        transport: TransportId,
        producer: ProducerId,
        kind: Kind,
        mid: Option<String>,
        codecs: Vec<CodecMapping>,
        encodings: Vec<Encoding>,
        paused: bool,
    },
    /// A paused producer's packets are received (reports, audio level excluded) but not forwarded.
    PauseProducer { producer: ProducerId, paused: bool },
    /// Ends a track and its consumers.
    CloseProducer { producer: ProducerId },
    /// A track sent by us on the receive slot `mid` with a fixed SSRC: when a former consumer used
    /// the slot (same transport, same ssrc), sequence numbers, timestamps and picture ids go on from there.
    CreateConsumer {
        transport: TransportId,
        consumer: ConsumerId,
        producer: ProducerId,
        mid: Option<String>,
        ssrc: Ssrc,
        rtx_ssrc: Option<Ssrc>,
        cname: String,
        codecs: Vec<CodecMapping>,
        paused: bool,
    },
    /// Stops or resumes forwarding; resuming asks for a keyframe.
    PauseConsumer { consumer: ConsumerId, paused: bool },
    /// Ends it; the slot's stream state is kept for the next consumer.
    CloseConsumer { consumer: ConsumerId },
    /// Highest layer wanted: index into the producer's encodings (spatial) and temporal layer.
    /// The switch happens at a keyframe of the target, which the core asks for.
    SetPreferredLayer {
        consumer: ConsumerId,
        spatial: u8,
        temporal: u8,
    },
    /// Asks the producer behind the consumer for a keyframe, throttled.
    RequestKeyframe { consumer: ConsumerId },
    /// Answered by [`crate::event::Event::Stats`] before `Done`.
    ReadStats,
    /// Addresses and ports that are ours, for diagnostics and tests of STUN answers.
    SetLocalAddresses { addresses: Vec<SocketAddr> },
    /// Test only: panics, to prove that a panic ends the worker's rooms and nothing else.
    Panic,
}

/// Why a command was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// No such router, transport, producer or consumer: it was closed, or its client left.
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// The id is in use.
    #[error("duplicate {0}")]
    Duplicate(&'static str),
    /// A value is out of its range.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// A named limit of [`crate::stats::Limits`] is reached.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// The worker panicked before it answered. Given by `io`, not by `core`.
    #[error("worker lost")]
    WorkerLost,
}
