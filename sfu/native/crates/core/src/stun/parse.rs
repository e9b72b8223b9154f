//! Reading a message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::integrity::fingerprint;
use super::{
    BINDING, Class, HEADER_LEN, INTEGRITY_LEN, MAGIC_COOKIE, StunError, StunKey, TransactionId,
    attribute,
};

/// Unknown attributes that are remembered for a 420 answer; more would make the answer larger than
/// anything a sane client needs.
const MAX_UNKNOWN: usize = 8;

/// Comprehension-required attributes that we don't know, in the order they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnknownAttributes {
    types: [u16; MAX_UNKNOWN],
    len: usize,
}

impl UnknownAttributes {
    /// Their types, at most eight.
    pub fn as_slice(&self) -> &[u16] {
        &self.types[..self.len]
    }

    fn push(&mut self, kind: u16) {
        if self.len < MAX_UNKNOWN && !self.as_slice().contains(&kind) {
            self.types[self.len] = kind;
            self.len += 1;
        }
    }
}

/// Whether a message carries FINGERPRINT. A wrong one is [`StunError::Fingerprint`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fingerprint {
    /// Not there. ICE requires it (RFC 8445 section 7.1).
    Missing,
    /// There, last, and right.
    Valid,
}

/// A parsed message. Attributes behind MESSAGE-INTEGRITY are ignored (RFC 8489 section 14.5), of a
/// repeated attribute the first counts (section 14).
#[derive(Clone, Copy, Debug)]
pub struct StunMessage<'a> {
    bytes: &'a [u8],
    integrity_at: Option<usize>,
    /// Request, indication, success or error.
    pub class: Class,
    /// Method; [`super::BINDING`] in ICE.
    pub method: u16,
    /// Transaction id.
    pub transaction: TransactionId,
    /// USERNAME as sent: `receiver-ufrag:sender-ufrag` in ICE.
    pub username: Option<&'a [u8]>,
    /// PRIORITY.
    pub priority: Option<u32>,
    /// USE-CANDIDATE: the controlling side nominates this pair.
    pub use_candidate: bool,
    /// ICE-CONTROLLING with its tiebreaker.
    pub controlling: Option<u64>,
    /// ICE-CONTROLLED with its tiebreaker.
    pub controlled: Option<u64>,
    /// XOR-MAPPED-ADDRESS.
    pub mapped: Option<SocketAddr>,
    /// Number of ERROR-CODE, 300..=699.
    pub error: Option<u16>,
    /// Comprehension-required attributes that we don't know.
    pub unknown: UnknownAttributes,
    /// FINGERPRINT.
    pub fingerprint: Fingerprint,
}

impl<'a> StunMessage<'a> {
    /// Whether this is a Binding request.
    pub fn is_binding_request(&self) -> bool {
        self.class == Class::Request && self.method == BINDING
    }

    /// The receiver's half of USERNAME: names the transport a request is for.
    pub fn local_ufrag(&self) -> Option<&'a [u8]> {
        let username = self.username?;
        let colon = username.iter().position(|&octet| octet == b':')?;
        Some(&username[..colon])
    }

    /// Whether MESSAGE-INTEGRITY is there.
    pub fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Whether MESSAGE-INTEGRITY is there and made with `key`. Constant time in the value.
    pub fn verify(&self, key: &StunKey) -> bool {
        self.integrity_at
            .is_some_and(|offset| key.verify(self.bytes, offset))
    }
}

/// Parses one datagram. Total: any bytes give a message or an error.
///
/// # Errors
/// [`StunError::Header`] when the header is none or the length field isn't the datagram's,
/// [`StunError::Attribute`] for a broken attribute, [`StunError::Fingerprint`] for a wrong one.
pub fn parse(datagram: &[u8]) -> Result<StunMessage<'_>, StunError> {
    let mut message = parse_header(datagram)?;
    let mut at = HEADER_LEN;
    while at < datagram.len() {
        let header = datagram.get(at..at + 4).ok_or(StunError::Attribute)?;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let value = datagram
            .get(at + 4..at + 4 + len)
            .ok_or(StunError::Attribute)?;
        // Padding to four octets, whatever its content (RFC 8489 section 14).
        let next = at + 4 + len.next_multiple_of(4);
        if next > datagram.len() {
            return Err(StunError::Attribute);
        }
        if kind == attribute::FINGERPRINT {
            message.check_fingerprint(at, value, next)?;
        } else if message.integrity_at.is_none() {
            message.take(kind, value, at)?;
        }
        at = next;
    }
    Ok(message)
}

fn parse_header(datagram: &[u8]) -> Result<StunMessage<'_>, StunError> {
    let header = datagram.get(..HEADER_LEN).ok_or(StunError::Header)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let cookie = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    // The top bits are 0, and the last two of the length, as attributes are padded.
    if kind & 0xc000 != 0
        || cookie != MAGIC_COOKIE
        || !length.is_multiple_of(4)
        || HEADER_LEN + length != datagram.len()
    {
        return Err(StunError::Header);
    }
    let mut transaction = TransactionId::default();
    transaction.0.copy_from_slice(&header[8..]);
    // The class bits C1 and C0 lie between the method bits (RFC 8489 figure 3).
    let class = match (kind & 0x0100 != 0, kind & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    Ok(StunMessage {
        bytes: datagram,
        integrity_at: None,
        class,
        method: (kind & 0x000f) | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2,
        transaction,
        username: None,
        priority: None,
        use_candidate: false,
        controlling: None,
        controlled: None,
        mapped: None,
        error: None,
        unknown: UnknownAttributes::default(),
        fingerprint: Fingerprint::Missing,
    })
}

impl<'a> StunMessage<'a> {
    fn check_fingerprint(&mut self, at: usize, value: &[u8], next: usize) -> Result<(), StunError> {
        // It is the last attribute, or it is no fingerprint (RFC 8489 section 14.7).
        let expected = fingerprint(&self.bytes[..at]).to_be_bytes();
        if next != self.bytes.len() || value != expected {
            return Err(StunError::Fingerprint);
        }
        self.fingerprint = Fingerprint::Valid;
        Ok(())
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), StunError> {
        match kind {
            attribute::USERNAME => keep(&mut self.username, value),
            attribute::MESSAGE_INTEGRITY => {
                if value.len() != INTEGRITY_LEN {
                    return Err(StunError::Attribute);
                }
                self.integrity_at = Some(at);
            }
            attribute::PRIORITY => keep(&mut self.priority, u32::from_be_bytes(array(value)?)),
            attribute::USE_CANDIDATE => {
                array::<0>(value)?;
                self.use_candidate = true;
            }
            attribute::ICE_CONTROLLING => {
                keep(&mut self.controlling, u64::from_be_bytes(array(value)?));
            }
            attribute::ICE_CONTROLLED => {
                keep(&mut self.controlled, u64::from_be_bytes(array(value)?));
            }
            attribute::XOR_MAPPED_ADDRESS => {
                keep(&mut self.mapped, xor_address(value, &self.transaction)?);
            }
            attribute::ERROR_CODE => keep(&mut self.error, error_code(value)?),
            // Known, and of no use to a server with short-term credentials.
            attribute::MAPPED_ADDRESS
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::REALM
            | attribute::NONCE
            | attribute::MESSAGE_INTEGRITY_SHA256 => {}
            // The lower half of the space is comprehension-required (RFC 8489 section 14).
            0..0x8000 => self.unknown.push(kind),
            _ => {}
        }
        Ok(())
    }
}

fn keep<T>(place: &mut Option<T>, value: T) {
    if place.is_none() {
        *place = Some(value);
    }
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], StunError> {
    value.try_into().map_err(|_| StunError::Attribute)
}

/// XOR-MAPPED-ADDRESS (RFC 8489 section 14.2).
fn xor_address(value: &[u8], transaction: &TransactionId) -> Result<SocketAddr, StunError> {
    let (&[_, family, port_high, port_low], address) =
        value.split_first_chunk::<4>().ok_or(StunError::Attribute)?;
    let port = u16::from_be_bytes([port_high, port_low]) ^ (MAGIC_COOKIE >> 16) as u16;
    let ip = match family {
        1 => {
            let bits = u32::from_be_bytes(array(address)?);
            IpAddr::V4(Ipv4Addr::from_bits(bits ^ MAGIC_COOKIE))
        }
        2 => {
            let bits = u128::from_be_bytes(array(address)?);
            IpAddr::V6(Ipv6Addr::from_bits(bits ^ xor_mask(transaction)))
        }
        _ => return Err(StunError::Attribute),
    };
    Ok(SocketAddr::new(ip, port))
}

/// What an IPv6 address is XORed with: magic cookie and transaction id.
pub(super) fn xor_mask(transaction: &TransactionId) -> u128 {
    let id = transaction
        .0
        .iter()
        .fold(0u128, |mask, &octet| mask << 8 | u128::from(octet));
    u128::from(MAGIC_COOKIE) << 96 | id
}

/// Number of ERROR-CODE (RFC 8489 section 14.8): class 3..=6 times 100, plus 0..=99.
fn error_code(value: &[u8]) -> Result<u16, StunError> {
    match value {
        [_, _, class, number, ..] if (3..=6).contains(&(class & 7)) && *number < 100 => {
            Ok(u16::from(class & 7) * 100 + u16::from(*number))
        }
        _ => Err(StunError::Attribute),
    }
}
