//! MESSAGE-INTEGRITY (RFC 8489 section 14.5) and FINGERPRINT (section 14.7).

use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{FINGERPRINT_XOR, HEADER_LEN, INTEGRITY_LEN};

/// A short-term key: the ICE password with its HMAC block already hashed in, so that a check costs
/// only the hash of the message. Passwords are ASCII (RFC 8839 section 5.4), so SASLprep changes
/// nothing.
#[derive(Clone)]
pub struct StunKey(Hmac<Sha1>);

impl StunKey {
    /// Key of an ICE password.
    pub fn new(password: &str) -> StunKey {
        // HMAC takes keys of every length; this cannot fail.
        let mac = <Hmac<Sha1> as Mac>::new_from_slice(password.as_bytes());
        StunKey(mac.expect("HMAC takes any key length"))
    }

    /// HMAC of the message up to its MESSAGE-INTEGRITY at `offset`, with the header's length field
    /// as if the message ended behind that attribute.
    fn digest(&self, message: &[u8], offset: usize) -> Hmac<Sha1> {
        let length = (offset + 4 + INTEGRITY_LEN - HEADER_LEN) as u16;
        let mut mac = self.0.clone();
        mac.update(&message[..2]);
        mac.update(&length.to_be_bytes());
        mac.update(&message[4..offset]);
        mac
    }

    /// The value of the MESSAGE-INTEGRITY that goes to `offset`.
    pub(super) fn sign(&self, message: &[u8], offset: usize) -> [u8; INTEGRITY_LEN] {
        self.digest(message, offset).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, message: &[u8], offset: usize) -> bool {
        let Some(value) = message.get(offset + 4..offset + 4 + INTEGRITY_LEN) else {
            return false;
        };
        self.digest(message, offset).verify_slice(value).is_ok()
    }
}

impl std::fmt::Debug for StunKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StunKey(..)")
    }
}

/// The value of a FINGERPRINT behind `message`, whose length field already counts it.
pub(super) fn fingerprint(message: &[u8]) -> u32 {
    crc32fast::hash(message) ^ FINGERPRINT_XOR
}
