//! Units and identifiers as types, so that a payload type is never taken for a layer index.

use std::net::SocketAddr;

/// Synchronisation source (RFC 3550 section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ssrc(pub u32);

/// RTP payload type, 0..=127.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PayloadType(pub u8);

/// Bits per second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Bitrate(pub u64);

/// A room on one worker. Chosen by the caller, unique in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RouterId(pub u64);

/// One client's ICE + SRTP association. Chosen by the caller, unique in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransportId(pub u64);

/// One track sent to us. Chosen by the caller, unique in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(pub u64);

/// One track sent by us to one client. Chosen by the caller, unique in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerId(pub u64);

/// Where a datagram came from and which of our addresses it came to. IPv4 is written as IPv4, never
/// as a mapped IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tuple {
    /// Our own address and port: the one the datagram came to, and answers leave from.
    pub local: SocketAddr,
    /// The peer's address and port.
    pub remote: SocketAddr,
}

/// Media kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Audio.
    Audio,
    /// Video, of a camera or a screen.
    Video,
}
