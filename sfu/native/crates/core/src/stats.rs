//! Counters, limits and named drop reasons.

use std::time::Duration;

use crate::event::PathState;
use crate::units::{ConsumerId, ProducerId, TransportId};

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal),+ $(,)?) => {
        /// Why a packet went no further. Each has a counter.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(usize)]
        pub enum DropReason { $($(#[$doc])* $name),+ }

        impl DropReason {
            /// All of them, in counter order.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name),+];

            /// Name used in metrics.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$name => $text),+ }
            }
        }
    };
}

drop_reasons! {
    /// First byte in no range of RFC 7983.
    UnknownProtocol => "unknown_protocol",
    /// Shorter than its header says, or than a header.
    Truncated => "truncated",
    /// Not parseable STUN, or a message we don't answer.
    StunMalformed => "stun_malformed",
    /// STUN username names no transport.
    StunUnknownUfrag => "stun_unknown_ufrag",
    /// MESSAGE-INTEGRITY or FINGERPRINT is wrong or missing.
    StunBadIntegrity => "stun_bad_integrity",
    /// DTLS, RTP or RTCP from a tuple that no check validated.
    TupleNotValidated => "tuple_not_validated",
    /// The transport has as many tuples as it may.
    TupleLimit => "tuple_limit",
    /// Handshake datagrams beyond the rate one transport may hand up.
    DtlsRate => "dtls_rate",
    /// Media before keys.
    NoKeys => "no_keys",
    /// SRTP or SRTCP tag did not verify.
    SrtpAuth => "srtp_auth",
    /// Seen before, or older than the replay window.
    SrtpReplay => "srtp_replay",
    /// RTP header or extension length arithmetic is wrong.
    RtpMalformed => "rtp_malformed",
    /// RTCP compound is wrong.
    RtcpMalformed => "rtcp_malformed",
    /// SSRC, mid or rid belongs to no producer.
    UnknownSsrc => "unknown_ssrc",
    /// The transport's SSRC map is full.
    SsrcLimit => "ssrc_limit",
    /// Payload type not negotiated.
    UnknownPayloadType => "unknown_payload_type",
    /// Received again (RTX or network duplicate).
    Duplicate => "duplicate",
    /// Older than the history keeps.
    TooOld => "too_old",
    /// Producer is paused.
    ProducerPaused => "producer_paused",
    /// Padding-only or probing packet: nothing to forward.
    PaddingOnly => "padding_only",
    /// Consumer is paused.
    ConsumerPaused => "consumer_paused",
    /// Not the layer this consumer is sent.
    LayerNotSelected => "layer_not_selected",
    /// Waits for a keyframe.
    WaitingForKeyframe => "waiting_for_keyframe",
    /// Receiver did not negotiate the codec.
    CodecNotNegotiated => "codec_not_negotiated",
    /// Receiver has no nominated tuple, no keys, or lost consent.
    NotConnected => "not_connected",
    /// The kernel did not take it (counted by io).
    SendBufferFull => "send_buffer_full",
    /// Does not fit a datagram after rewriting.
    TooLarge => "too_large",
    /// NACKed packet is gone from the history, or was resent within one RTT, or too often.
    RetransmissionRefused => "retransmission_refused",
    /// A keyframe request that the throttle held back.
    KeyframeThrottled => "keyframe_throttled",
}

/// One counter per [`DropReason`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drops(pub [u64; DropReason::ALL.len()]);

impl Default for Drops {
    fn default() -> Drops {
        Drops([0; DropReason::ALL.len()])
    }
}

impl Drops {
    /// Counts one.
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }
}

/// Every limit, named and configurable.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Validated tuples per transport.
    pub tuples: usize,
    /// Entries of each per-SSRC map of a transport.
    pub ssrcs: usize,
    /// SRTP replay window, packets; at least 64 (RFC 3711 section 3.3.2).
    pub replay_window: usize,
    /// Authenticated silence after which the path is reported silent.
    pub silence: Duration,
    /// Authenticated silence after which nothing is sent (RFC 7675).
    pub consent: Duration,
    /// DTLS datagrams handed up per transport and second.
    pub dtls_rate: u32,
    /// History kept for retransmission, bytes per video stream.
    pub history_video: usize,
    /// History kept for retransmission, bytes per audio stream.
    pub history_audio: usize,
    /// Retransmissions of one packet to one receiver, and NACKs for one packet to a sender.
    pub retries: u32,
    /// Least time between two keyframe requests to one source.
    pub keyframe_source: Duration,
    /// Keyframe requests per viewer and 10 s.
    pub keyframe_viewer: u32,
    /// Routers, transports, producers per transport, consumers per transport.
    pub routers: usize,
    /// Transports in one router.
    pub transports: usize,
    /// Producers of one transport.
    pub producers: usize,
    /// Consumers of one transport.
    pub consumers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            tuples: 8,
            ssrcs: 1024,
            replay_window: 1024,
            silence: Duration::from_secs(3),
            consent: Duration::from_secs(30),
            dtls_rate: 200,
            history_video: 512 * 1024,
            history_audio: 32 * 1024,
            retries: 10,
            keyframe_source: Duration::from_millis(200),
            keyframe_viewer: 3,
            routers: 10_000,
            transports: 1_000,
            producers: 16,
            consumers: 256,
        }
    }
}

/// Counters of one transport since it was created.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // counters of packets and bytes on the wire, UDP payload included
pub struct TransportStats {
    pub transport: TransportId,
    pub state: PathState,
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    pub rtt_us: Option<u32>,
    /// Rate that transport-wide feedback acknowledged lately, bit/s.
    pub acknowledged_bitrate: Option<u64>,
    /// Packets sent that transport-wide feedback reported as arrived.
    pub packets_acknowledged: u64,
    /// Packets sent that it reported as missing.
    pub packets_missing: u64,
    pub drops: Drops,
}

/// Counters of one stream received (a simulcast layer).
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct StreamStats {
    pub spatial: u8,
    pub ssrc: u32,
    pub packets: u64,
    pub bytes: u64,
    /// RFC 3550 cumulative loss after repair.
    pub lost: i64,
    /// RFC 3550 interarrival jitter, microseconds.
    pub jitter_us: u32,
    pub nacks_sent: u64,
    pub retransmissions_received: u64,
    pub keyframes: u64,
    pub keyframe_requests_sent: u64,
}

/// Counters of one producer.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct ProducerStats {
    pub producer: ProducerId,
    pub streams: Vec<StreamStats>,
    /// RFC 6464 level, -dBov (127 is silence), smoothed; `None` for video.
    pub audio_level: Option<u8>,
    pub drops: Drops,
}

/// Counters of one consumer.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct ConsumerStats {
    pub consumer: ConsumerId,
    pub producer: ProducerId,
    pub spatial: Option<u8>,
    pub packets: u64,
    pub bytes: u64,
    pub nacks_received: u64,
    pub retransmissions_sent: u64,
    pub keyframe_requests_received: u64,
    /// Fraction lost of the last receiver report, 0..=255.
    pub fraction_lost: u8,
    pub cumulative_lost: i64,
    pub jitter_us: u32,
    pub rtt_us: Option<u32>,
    pub drops: Drops,
}

/// All counters of a worker at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
#[allow(missing_docs)]
pub struct Snapshot {
    pub transports: Vec<TransportStats>,
    pub producers: Vec<ProducerStats>,
    pub consumers: Vec<ConsumerStats>,
    /// Drops that belong to no transport.
    pub drops: Drops,
    pub datagrams_received: u64,
    pub datagrams_sent: u64,
}
