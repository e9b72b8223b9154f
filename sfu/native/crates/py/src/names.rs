//! Names of the core's enumerations in Python.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use sfu_core::command::{Codec, Extension, SrtpProfile};
use sfu_core::event::PathState;
use sfu_core::units::Kind;

/// A two-way table of names; the names are those of `sfu/types.py`, MIME types and RFC 8285 URIs.
macro_rules! names {
    ($parse:ident, $show:ident, $type:ty, { $($value:ident => $name:literal),+ $(,)? }) => {
        #[allow(dead_code, reason = "not every table is needed in both directions")]
        pub(crate) fn $parse(name: &str) -> PyResult<$type> {
            match name {
                $($name => Ok(<$type>::$value),)+
                other => Err(PyValueError::new_err(format!(
                    concat!("unknown ", stringify!($type), ": {}"), other
                ))),
            }
        }

        #[allow(dead_code, reason = "not every table is needed in both directions")]
        pub(crate) fn $show(value: $type) -> &'static str {
            match value {
                $(<$type>::$value => $name,)+
            }
        }
    };
}

names!(parse_kind, show_kind, Kind, { Audio => "audio", Video => "video" });

names!(parse_codec, show_codec, Codec, {
    Opus => "audio/opus",
    OpusRed => "audio/red",
    Vp8 => "video/VP8",
    Vp9 => "video/VP9",
    H264 => "video/H264",
    Av1 => "video/AV1",
});

names!(parse_profile, show_profile, SrtpProfile, {
    AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
    AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
    Aes128CmSha1_80 => "SRTP_AES128_CM_SHA1_80",
});

names!(parse_path, show_path, PathState, {
    New => "new",
    Connected => "connected",
    Silent => "silent",
    ConsentLost => "consent_lost",
});

names!(parse_extension, show_extension, Extension, {
    Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
    Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    TransportWideCc =>
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    DependencyDescriptor =>
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    VideoOrientation => "urn:3gpp:video-orientation",
    PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
});
