//! Session key derivation, RFC 3711 section 4.3 with a key derivation rate of 0.

use aes::cipher::{BlockEncrypt, KeyInit, generic_array::GenericArray};
use aes::{Aes128Enc, Aes256Enc};

use super::SrtpError;

/// Labels of RFC 3711 section 4.3.1 and 4.3.2.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Fills `out` with the AES-CM keystream for `label`. A master salt of 12 octets (RFC 7714
/// section 11) is followed by two zero octets, so both kinds are left aligned in the block.
pub(super) fn derive(
    key: &[u8],
    salt: &[u8],
    label: Label,
    out: &mut [u8],
) -> Result<(), SrtpError> {
    let mut input = [0u8; 16];
    input
        .get_mut(..salt.len())
        .ok_or(SrtpError::KeyLength)?
        .copy_from_slice(salt);
    // key_id = label * 2^48 (the index part is 0), right aligned with the 14 octets of the salt.
    input[7] ^= label as u8;
    match key.len() {
        16 => keystream(&Aes128Enc::new(GenericArray::from_slice(key)), input, out),
        32 => keystream(&Aes256Enc::new(GenericArray::from_slice(key)), input, out),
        _ => return Err(SrtpError::KeyLength),
    }
    Ok(())
}

fn keystream<C>(cipher: &C, mut input: [u8; 16], out: &mut [u8])
where
    C: BlockEncrypt + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
{
    for (counter, chunk) in (0u16..).zip(out.chunks_mut(16)) {
        input[14..].copy_from_slice(&counter.to_be_bytes());
        let mut block = GenericArray::from(input);
        cipher.encrypt_block(&mut block);
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}
