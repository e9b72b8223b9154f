//! Who sends and receives what, as JSON from the bench.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use sfu_core::command::{IceCredentials, MasterKey};
use sfu_core::units::{Kind, PayloadType, Ssrc};
use sfu_peer::config::{
    ExtensionIds, Keys, LayerConfig, Path, PeerConfig, SlotConfig, TrackConfig,
};

use crate::config::{ProfileName, SrtpName};

/// A run of publishers and subscribers.
#[derive(Deserialize)]
pub(crate) struct Scenario {
    pub(crate) server: SocketAddr,
    pub(crate) core: Option<usize>,
    /// Seconds between connection and measuring.
    pub(crate) warmup: f64,
    pub(crate) seconds: f64,
    pub(crate) srtp: SrtpName,
    pub(crate) peers: Vec<Endpoint>,
}

/// One endpoint.
#[derive(Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) local: SocketAddr,
    /// None: the server adopts the tuple.
    ice: Option<Ice>,
    send_key: String,
    send_salt: String,
    receive_key: String,
    receive_salt: String,
    #[serde(default)]
    tracks: Vec<Track>,
    #[serde(default)]
    slots: Vec<Slot>,
    #[serde(default)]
    transport_feedback: bool,
}

#[derive(Deserialize)]
struct Ice {
    ufrag: String,
    server_ufrag: String,
    server_pwd: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    Audio,
    Video,
}

impl KindName {
    fn kind(self) -> Kind {
        match self {
            KindName::Audio => Kind::Audio,
            KindName::Video => Kind::Video,
        }
    }
}

#[derive(Deserialize)]
struct Track {
    kind: KindName,
    mid: Option<String>,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    profile: ProfileName,
    frames_per_second: Option<u64>,
    phase_us: u64,
}

#[derive(Deserialize)]
struct Slot {
    kind: KindName,
    mid: Option<String>,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    nack: bool,
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits
        .filter(|digits| digits.len().is_multiple_of(2))
        .ok_or("a key is not hexadecimal")?;
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}

impl Track {
    fn config(&self) -> TrackConfig {
        TrackConfig {
            kind: self.kind.kind(),
            mid: self.mid.clone(),
            payload_type: PayloadType(self.payload_type),
            rtx_payload_type: self.rtx_payload_type.map(PayloadType),
            layers: vec![LayerConfig {
                rid: None,
                ssrc: Ssrc(self.ssrc),
                rtx_ssrc: self.rtx_ssrc.map(Ssrc),
                profile: self.profile.profile(self.frames_per_second),
            }],
            temporal_layers: 1,
            phase: Duration::from_micros(self.phase_us),
        }
    }
}

impl Endpoint {
    pub(crate) fn track_count(&self) -> usize {
        self.tracks.len()
    }

    /// The endpoint's configuration, bound to `local`.
    pub(crate) fn config(
        &self,
        seed: u64,
        local: SocketAddr,
        server: SocketAddr,
        srtp: SrtpName,
    ) -> Result<PeerConfig, String> {
        let key = |key: &str, salt: &str| {
            Ok::<_, String>(MasterKey {
                key: unhex(key)?,
                salt: unhex(salt)?,
            })
        };
        let path = match &self.ice {
            None => Path::Adopted,
            Some(ice) => Path::Ice {
                ufrag: ice.ufrag.clone(),
                server: IceCredentials {
                    ufrag: ice.server_ufrag.clone(),
                    pwd: ice.server_pwd.clone(),
                },
            },
        };
        Ok(PeerConfig {
            seed,
            local,
            server,
            path,
            keys: Keys {
                profile: srtp.profile(),
                send: key(&self.send_key, &self.send_salt)?,
                receive: key(&self.receive_key, &self.receive_salt)?,
            },
            extensions: ExtensionIds::BROWSER,
            tracks: self.tracks.iter().map(Track::config).collect(),
            slots: self
                .slots
                .iter()
                .map(|slot| SlotConfig {
                    kind: slot.kind.kind(),
                    mid: slot.mid.clone(),
                    ssrc: Ssrc(slot.ssrc),
                    rtx_ssrc: slot.rtx_ssrc.map(Ssrc),
                    nack: slot.nack,
                })
                .collect(),
            transport_feedback: self.transport_feedback,
            cname: format!("load{seed}"),
            unix_nanos_at_origin: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal() {
        assert_eq!(unhex("00ff7A"), Ok(vec![0, 255, 0x7a]));
        assert!(unhex("0").is_err() && unhex("zz").is_err());
    }
}
