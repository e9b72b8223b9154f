//! What a worker tells the control plane.

use crate::command::{Codec, CommandError};
use crate::stats::Snapshot;
use crate::units::{ConsumerId, ProducerId, RouterId, TransportId, Tuple};

/// How the media path of a transport is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PathState {
    /// No tuple has been nominated yet.
    New,
    /// A tuple is nominated and consent is fresh.
    Connected,
    /// Nothing authenticated came for [`crate::stats::Limits::silence`] (3 s): the person should be told.
    Silent,
    /// No authenticated check for [`crate::stats::Limits::consent`] (30 s): no media is sent.
    ConsentLost,
}

/// An event.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // the field names are the documentation
pub enum Event {
    /// Answer to the command with this number.
    Done {
        request: u64,
        result: Result<(), CommandError>,
    },
    /// A DTLS datagram (RFC 7983 range 20..=63) from a validated tuple.
    Dtls {
        transport: TransportId,
        datagram: Vec<u8>,
    },
    /// The path changed: state or selected tuple.
    Path {
        transport: TransportId,
        state: PathState,
        tuple: Option<Tuple>,
    },
    /// First packet of a stream of a producer, or its codec changed.
    ProducerStream {
        producer: ProducerId,
        spatial: u8,
        codec: Codec,
    },
    /// A simulcast layer stopped (`active` false: nothing for 2 s) or came back.
    ProducerLayer {
        producer: ProducerId,
        spatial: u8,
        active: bool,
    },
    /// The layer now forwarded, after a switch; `None` when nothing is.
    ConsumerLayer {
        consumer: ConsumerId,
        spatial: Option<u8>,
        codec: Option<Codec>,
    },
    /// The loudest audio producer of a room changed; `None` after a silence.
    Speaker {
        router: RouterId,
        producer: Option<ProducerId>,
    },
    /// The client said BYE for all of a producer's streams.
    Bye { producer: ProducerId },
    /// SRTP key usage limit is near (RFC 7714 section 14: 2^48 / 2^31): the session has to rekey by joining again.
    RekeyNeeded { transport: TransportId },
    /// Answer to `ReadStats`.
    Stats {
        request: u64,
        snapshot: Box<Snapshot>,
    },
    /// The worker panicked: its rooms are gone, with this reason. Emitted by `io`, not by `core`.
    WorkerPanicked {
        reason: String,
        routers: Vec<RouterId>,
    },
}
