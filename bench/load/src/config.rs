//! Names shared by the configurations of all modes.

use serde::Deserialize;
use sfu_core::command::SrtpProfile;
use sfu_peer::profile::Profile;

/// A named pattern of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProfileName {
    /// Nine packets of 1200 bytes a frame.
    Equal,
    /// The recorded Chromium camera.
    Browser,
    /// Opus, 20 ms.
    Audio,
}

impl ProfileName {
    /// The pattern, at another frame rate when given.
    pub(crate) fn profile(self, frames_per_second: Option<u64>) -> Profile {
        let profile = match self {
            ProfileName::Equal => Profile::equal(),
            ProfileName::Browser => Profile::browser(),
            ProfileName::Audio => Profile::audio(),
        };
        match frames_per_second {
            Some(rate) => profile.at_rate(rate),
            None => profile,
        }
    }
}

/// SRTP protection profiles by their DTLS-SRTP names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(crate) enum SrtpName {
    /// RFC 7714.
    #[serde(rename = "SRTP_AEAD_AES_256_GCM")]
    Gcm256,
    /// RFC 7714.
    #[serde(rename = "SRTP_AEAD_AES_128_GCM")]
    Gcm128,
    /// RFC 5764.
    #[serde(rename = "SRTP_AES128_CM_SHA1_80")]
    CounterMode,
}

impl SrtpName {
    /// The core's value.
    pub(crate) fn profile(self) -> SrtpProfile {
        match self {
            SrtpName::Gcm256 => SrtpProfile::AeadAes256Gcm,
            SrtpName::Gcm128 => SrtpProfile::AeadAes128Gcm,
            SrtpName::CounterMode => SrtpProfile::Aes128CmSha1_80,
        }
    }
}
