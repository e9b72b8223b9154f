//! For tests of what our own writers never send.

use super::attribute::{FINGERPRINT, MESSAGE_INTEGRITY};
use super::integrity::fingerprint;
use super::{HEADER_LEN, StunKey};

/// Appends MESSAGE-INTEGRITY and FINGERPRINT to a message, whatever it holds.
pub(crate) fn sign(mut message: Vec<u8>, key: &StunKey) -> Vec<u8> {
    let integrity = key.sign(&message, message.len());
    message.extend(MESSAGE_INTEGRITY.to_be_bytes());
    message.extend(20u16.to_be_bytes());
    message.extend(integrity);
    let length = (message.len() + 8 - HEADER_LEN) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let crc = fingerprint(&message);
    message.extend(FINGERPRINT.to_be_bytes());
    message.extend(4u16.to_be_bytes());
    message.extend(crc.to_be_bytes());
    message
}
