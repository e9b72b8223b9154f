//! The walks of the fuzz targets on random bytes, so that each test run takes a few thousand of them,
//! and on every crasher that fuzzing found, kept under `fuzz/crashers/<target>`.

use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/walks/codec.rs"]
mod codec;
#[path = "../../../fuzz/walks/dd.rs"]
mod dd;
#[path = "../../../fuzz/walks/ice.rs"]
mod ice;
#[path = "../../../fuzz/walks/rtcp.rs"]
mod rtcp;
#[path = "../../../fuzz/walks/rtp.rs"]
mod rtp;
#[path = "../../../fuzz/walks/srtp.rs"]
mod srtp;
#[path = "../../../fuzz/walks/stun.rs"]
mod stun;
#[path = "../../../fuzz/walks/worker.rs"]
mod worker;

fn crashers(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/crashers")
        .join(target);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("readable folder").path();
        run(&std::fs::read(&path).expect("readable crasher"));
    }
}

#[test]
fn crashers_stay_fixed() {
    crashers("stun", stun::run);
    crashers("ice", ice::run);
    crashers("srtp", srtp::run);
    crashers("rtp", rtp::run);
    crashers("rtcp", rtcp::run);
    crashers("codec", codec::run);
    crashers("dd", dd::run);
    crashers("worker", worker::run);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn stun_walk(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        stun::run(&bytes);
    }

    #[test]
    fn ice_walk(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        ice::run(&bytes);
    }

    #[test]
    fn srtp_walk(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        srtp::run(&bytes);
    }

    #[test]
    fn worker_walk(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        worker::run(&bytes);
    }

    #[test]
    fn rtp_walk(mut bytes in proptest::collection::vec(any::<u8>(), 12..200), plausible: bool) {
        if plausible {
            bytes[0] = bytes[0] & 0x31 | 0x80;
        }
        rtp::run(&bytes);
    }

    #[test]
    fn rtcp_walk(
        kind in 199u8..208,
        count in 0u8..32,
        body in proptest::collection::vec(any::<u8>(), 0..200),
        remb: bool,
    ) {
        rtcp::run(&body);
        let words = (body.len() / 4) as u16;
        let mut packet = vec![0x80 | count, kind, (words >> 8) as u8, words as u8];
        packet.extend(&body[..usize::from(words) * 4]);
        if remb && packet.len() >= 16 {
            packet[0] = 0x8f;
            packet[12..16].copy_from_slice(b"REMB");
        }
        rtcp::run(&packet);
    }

    #[test]
    fn codec_walk(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        codec::run(&bytes);
    }

    #[test]
    fn dd_walk(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        dd::run(&bytes);
    }
}
