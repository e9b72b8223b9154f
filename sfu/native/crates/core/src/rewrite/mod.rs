//! Numbers of a forwarded stream. What a receiver sees on one SSRC is one stream without a seam,
//! whichever source or simulcast layer stands behind it: each number space (sequence, timestamp,
//! VP8 PictureID and TL0PICIDX, dependency descriptor frame number) goes on across a switch.

mod number;
mod timestamp;

pub(crate) use number::{Extender, Offset8, Renumber};
pub(crate) use timestamp::{TimestampRewriter, ticks};
