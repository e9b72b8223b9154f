//! SRTP by lines of text, for tests that compare it with another implementation (tests/oracle).
//!
//! Input: `key PROFILE KEYHEX SALTHEX` sets both directions up anew; `protect_rtp HEX`,
//! `unprotect_rtp HEX`, `protect_rtcp HEX` and `unprotect_rtcp HEX` use them. Each line gives one line:
//! `ok HEX` or `error REASON`. PROFILE is as in the DTLS registry: 1 is AES128_CM_SHA1_80, 7 and 8 are
//! AEAD_AES_128_GCM and AEAD_AES_256_GCM.

use std::io::{self, BufRead, Write};

use sfu_core::command::{MasterKey, SrtpProfile};
use sfu_core::srtp::{SrtpError, SrtpReceiver, SrtpSender, rtcp_overhead, rtp_overhead};

fn main() -> io::Result<()> {
    let mut session = None;
    let mut output = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        match answer(&mut session, &line?) {
            Ok(bytes) => writeln!(output, "ok {}", hex(&bytes))?,
            Err(reason) => writeln!(output, "error {reason}")?,
        }
    }
    output.flush()
}

type Session = (SrtpSender, SrtpReceiver);

fn answer(session: &mut Option<Session>, line: &str) -> Result<Vec<u8>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ["key", profile, key, salt] = words[..] else {
        let [verb, packet] = words[..] else {
            return Err(format!("cannot read {line:?}"));
        };
        let session = session.as_mut().ok_or("no key yet")?;
        return apply(session, verb, unhex(packet)?).map_err(|error| error.to_string());
    };
    let profile = match profile {
        "1" => SrtpProfile::Aes128CmSha1_80,
        "7" => SrtpProfile::AeadAes128Gcm,
        "8" => SrtpProfile::AeadAes256Gcm,
        _ => return Err(format!("unknown profile {profile}")),
    };
    let master = MasterKey {
        key: unhex(key)?,
        salt: unhex(salt)?,
    };
    let sender = SrtpSender::new(profile, &master).map_err(|error| error.to_string())?;
    let receiver =
        SrtpReceiver::new(profile, &master, 1024, 1024).map_err(|error| error.to_string())?;
    *session = Some((sender, receiver));
    Ok(Vec::new())
}

fn apply(
    (sender, receiver): &mut Session,
    verb: &str,
    mut packet: Vec<u8>,
) -> Result<Vec<u8>, SrtpError> {
    let len = packet.len();
    let profile = sender.profile();
    let len = match verb {
        "protect_rtp" => {
            packet.resize(len + rtp_overhead(profile), 0);
            sender.protect_rtp(&mut packet, len)?
        }
        "protect_rtcp" => {
            packet.resize(len + rtcp_overhead(profile), 0);
            sender.protect_rtcp(&mut packet, len)?
        }
        "unprotect_rtp" => receiver.unprotect_rtp(&mut packet)?.len,
        "unprotect_rtcp" => receiver.unprotect_rtcp(&mut packet)?,
        _ => return Err(SrtpError::Malformed),
    };
    packet.truncate(len);
    Ok(packet)
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err("not hex".into());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| "not hex".into()))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|octet| format!("{octet:02x}")).collect()
}
