//! STUN (RFC 8489) as ICE uses it: Binding requests with short-term credentials.
//!
//! [`parse`] reads a datagram without copying; nothing in it is authenticated until
//! [`StunMessage::verify`] has checked MESSAGE-INTEGRITY. The writers build whole messages, with
//! MESSAGE-INTEGRITY and FINGERPRINT, into a slice.

mod integrity;
mod parse;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod write;

pub use integrity::StunKey;
pub use parse::{Fingerprint, StunMessage, UnknownAttributes, parse};
pub use write::{BindingRequest, Role, binding_error, binding_request, binding_success};

/// Marks a message as STUN (RFC 8489 section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_a442;
/// Octets of the header.
pub const HEADER_LEN: usize = 20;
/// Method number of Binding, the only method ICE uses.
pub const BINDING: u16 = 0x001;
/// XORed into the CRC-32 of FINGERPRINT (RFC 8489 section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;
/// Octets of the HMAC-SHA1 in MESSAGE-INTEGRITY.
const INTEGRITY_LEN: usize = 20;
/// Octets that our writers need at most, USERNAME excluded; a reply is never longer.
pub const MAX_REPLY: usize = 128;

/// Ties a response to its request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TransactionId(pub [u8; 12]);

/// Class of a message (RFC 8489 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// Wants an answer.
    Request,
    /// Wants none; keepalives.
    Indication,
    /// Answers a request.
    Success,
    /// Refuses a request.
    Error,
}

/// Error codes (RFC 8489 section 14.8, RFC 8445 section 16.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u16)]
pub enum ErrorCode {
    /// The request is malformed.
    BadRequest = 400,
    /// Credentials are wrong or missing.
    Unauthenticated = 401,
    /// Comprehension-required attributes that we don't know.
    UnknownAttribute = 420,
    /// Both sides believe to have the same ICE role.
    RoleConflict = 487,
    /// Try again later.
    ServerError = 500,
}

/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1).
mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(super) const REALM: u16 = 0x0014;
    pub(super) const NONCE: u16 = 0x0015;
    pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802a;
}

/// Why a datagram is no STUN message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StunError {
    /// Header, magic cookie or length field is wrong.
    #[error("not a STUN header")]
    Header,
    /// An attribute runs past the end, or has the wrong length.
    #[error("malformed attribute")]
    Attribute,
    /// FINGERPRINT doesn't match: damaged, or another protocol.
    #[error("wrong fingerprint")]
    Fingerprint,
}
