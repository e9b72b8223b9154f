//! Writing messages. Each function gives the length, or `None` when `out` is too small.

use std::net::{IpAddr, SocketAddr};

use super::integrity::fingerprint;
use super::parse::xor_mask;
use super::{
    ErrorCode, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, StunKey, TransactionId, attribute,
};

/// Message types of method Binding (RFC 8489 section 5).
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;
/// Octets of FINGERPRINT.
const FINGERPRINT_LEN: usize = 8;

/// ICE role with its tiebreaker (RFC 8445 section 16.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Nominates pairs.
    Controlling(u64),
    /// Waits for nomination.
    Controlled(u64),
}

/// What a connectivity check says.
#[derive(Clone, Copy, Debug)]
pub struct BindingRequest<'a> {
    /// Fresh random for each transaction.
    pub transaction: TransactionId,
    /// `remote-ufrag:local-ufrag`, as the sender sees it.
    pub username: &'a str,
    /// Priority a peer-reflexive candidate would have.
    pub priority: u32,
    /// Role of the sender.
    pub role: Role,
    /// Nominates; controlling side only.
    pub use_candidate: bool,
}

/// A connectivity or consent check; `key` is of the receiver's password.
pub fn binding_request(
    out: &mut [u8],
    request: &BindingRequest<'_>,
    key: &StunKey,
) -> Option<usize> {
    let mut message = Writer::new(out, REQUEST, request.transaction)?;
    message.attribute(attribute::USERNAME, request.username.as_bytes())?;
    message.attribute(attribute::PRIORITY, &request.priority.to_be_bytes())?;
    match request.role {
        Role::Controlling(tiebreaker) => {
            message.attribute(attribute::ICE_CONTROLLING, &tiebreaker.to_be_bytes())?;
        }
        Role::Controlled(tiebreaker) => {
            message.attribute(attribute::ICE_CONTROLLED, &tiebreaker.to_be_bytes())?;
        }
    }
    if request.use_candidate {
        message.attribute(attribute::USE_CANDIDATE, &[])?;
    }
    message.finish(key)
}

/// The answer to a check that came from `mapped`.
pub fn binding_success(
    out: &mut [u8],
    transaction: TransactionId,
    mapped: SocketAddr,
    key: &StunKey,
) -> Option<usize> {
    let mut message = Writer::new(out, SUCCESS, transaction)?;
    let port = mapped.port() ^ (MAGIC_COOKIE >> 16) as u16;
    match mapped.ip() {
        IpAddr::V4(ip) => {
            let mut value = [0, 1, 0, 0, 0, 0, 0, 0];
            value[2..4].copy_from_slice(&port.to_be_bytes());
            value[4..].copy_from_slice(&(ip.to_bits() ^ MAGIC_COOKIE).to_be_bytes());
            message.attribute(attribute::XOR_MAPPED_ADDRESS, &value)?;
        }
        IpAddr::V6(ip) => {
            let mut value = [0; 20];
            value[1] = 2;
            value[2..4].copy_from_slice(&port.to_be_bytes());
            value[4..].copy_from_slice(&(ip.to_bits() ^ xor_mask(&transaction)).to_be_bytes());
            message.attribute(attribute::XOR_MAPPED_ADDRESS, &value)?;
        }
    }
    message.finish(key)
}

/// A refusal, without a reason phrase: it would only make the answer larger. `unknown` is listed for
/// [`ErrorCode::UnknownAttribute`].
pub fn binding_error(
    out: &mut [u8],
    transaction: TransactionId,
    code: ErrorCode,
    unknown: &[u16],
    key: &StunKey,
) -> Option<usize> {
    let mut message = Writer::new(out, ERROR, transaction)?;
    let (class, number) = ((code as u16 / 100) as u8, (code as u16 % 100) as u8);
    message.attribute(attribute::ERROR_CODE, &[0, 0, class, number])?;
    if code == ErrorCode::UnknownAttribute {
        let mut value = [0; 16];
        let count = unknown.len().min(value.len() / 2);
        for (place, kind) in value.chunks_exact_mut(2).zip(unknown) {
            place.copy_from_slice(&kind.to_be_bytes());
        }
        message.attribute(attribute::UNKNOWN_ATTRIBUTES, &value[..2 * count])?;
    }
    message.finish(key)
}

struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut [u8], kind: u16, transaction: TransactionId) -> Option<Writer<'a>> {
        let header = out.get_mut(..HEADER_LEN)?;
        header[..2].copy_from_slice(&kind.to_be_bytes());
        header[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
        header[8..].copy_from_slice(&transaction.0);
        Some(Writer {
            out,
            len: HEADER_LEN,
        })
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        let next = self.len + 4 + value.len().next_multiple_of(4);
        let place = self.out.get_mut(self.len..next)?;
        place[..2].copy_from_slice(&kind.to_be_bytes());
        place[2..4].copy_from_slice(&u16::try_from(value.len()).ok()?.to_be_bytes());
        place[4..4 + value.len()].copy_from_slice(value);
        place[4 + value.len()..].fill(0);
        self.len = next;
        Some(())
    }

    /// Appends MESSAGE-INTEGRITY and FINGERPRINT.
    fn finish(mut self, key: &StunKey) -> Option<usize> {
        let integrity = key.sign(self.out, self.len);
        self.attribute(attribute::MESSAGE_INTEGRITY, &integrity)?;
        let length = u16::try_from(self.len + FINGERPRINT_LEN - HEADER_LEN).ok()?;
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
        let crc = fingerprint(&self.out[..self.len]).to_be_bytes();
        self.attribute(attribute::FINGERPRINT, &crc)?;
        debug_assert_eq!(integrity.len(), INTEGRITY_LEN);
        Some(self.len)
    }
}
