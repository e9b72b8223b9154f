//! What an endpoint is told when it is made.

use std::net::SocketAddr;
use std::time::Duration;

use sfu_core::command::{IceCredentials, MasterKey, SrtpProfile};
use sfu_core::units::{Kind, PayloadType, Ssrc};

use crate::profile::Profile;

/// Header extension ids of both directions; `None` where not negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExtensionIds {
    /// urn:ietf:params:rtp-hdrext:sdes:mid
    pub mid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
    pub rid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
    pub repaired_rid: Option<u8>,
    /// urn:ietf:params:rtp-hdrext:ssrc-audio-level
    pub audio_level: Option<u8>,
    /// abs-send-time
    pub abs_send_time: Option<u8>,
    /// transport-wide-cc
    pub transport_wide_cc: Option<u8>,
}

impl ExtensionIds {
    /// The ids Chromium usually gives.
    pub const BROWSER: ExtensionIds = ExtensionIds {
        audio_level: Some(1),
        abs_send_time: Some(2),
        transport_wide_cc: Some(3),
        mid: Some(4),
        rid: Some(10),
        repaired_rid: Some(11),
    };
}

/// Keys of both directions, from this endpoint's point of view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// Protection profile.
    pub profile: SrtpProfile,
    /// Protects what the endpoint sends.
    pub send: MasterKey,
    /// Opens what it receives.
    pub receive: MasterKey,
}

/// One simulcast layer, or the only stream of a track.
#[derive(Clone, PartialEq, Debug)]
pub struct LayerConfig {
    /// RTP stream id, when the track is sent in several layers.
    pub rid: Option<String>,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// SSRC of its retransmissions (RFC 4588); without one a NACKed datagram is sent again as it was.
    pub rtx_ssrc: Option<Ssrc>,
    /// What it sends and when.
    pub profile: Profile,
}

/// A track to send.
#[derive(Clone, PartialEq, Debug)]
pub struct TrackConfig {
    /// Video is sent as VP8, audio as Opus.
    pub kind: Kind,
    /// Its m-section.
    pub mid: Option<String>,
    /// Payload type.
    pub payload_type: PayloadType,
    /// Payload type of retransmissions.
    pub rtx_payload_type: Option<PayloadType>,
    /// Layers, lowest quality first.
    pub layers: Vec<LayerConfig>,
    /// Temporal layers of VP8, 1..=3.
    pub temporal_layers: u8,
    /// First frame after the connection stands; spreads publishers over a frame interval.
    pub phase: Duration,
}

/// A receive slot: an m-section on which the server sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotConfig {
    /// Media kind.
    pub kind: Kind,
    /// Its m-section.
    pub mid: Option<String>,
    /// SSRC the server answered with.
    pub ssrc: Ssrc,
    /// SSRC of retransmissions.
    pub rtx_ssrc: Option<Ssrc>,
    /// Whether lost packets are asked for again.
    pub nack: bool,
}

/// How the endpoint comes to its path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Path {
    /// By connectivity checks against the server's credentials.
    Ice {
        /// Our ufrag (the server, being lite, never checks our password).
        ufrag: String,
        /// The server's credentials.
        server: IceCredentials,
    },
    /// At once: the server adopted our tuple.
    Adopted,
}

/// An endpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct PeerConfig {
    /// Feeds transaction ids, first sequence numbers and timestamps.
    pub seed: u64,
    /// Our address.
    pub local: SocketAddr,
    /// The server's address.
    pub server: SocketAddr,
    /// Connectivity checks, or none.
    pub path: Path,
    /// Media keys.
    pub keys: Keys,
    /// Negotiated header extensions.
    pub extensions: ExtensionIds,
    /// Tracks to send.
    pub tracks: Vec<TrackConfig>,
    /// Slots to receive on.
    pub slots: Vec<SlotConfig>,
    /// Sends transport-wide feedback on what it receives.
    pub transport_feedback: bool,
    /// CNAME of its reports.
    pub cname: String,
    /// Wall clock at [`sfu_core::time::Time::ZERO`], for sender reports, nanoseconds since 1970.
    pub unix_nanos_at_origin: u64,
}
