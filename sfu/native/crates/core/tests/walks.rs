//! The walks of the fuzz targets on random bytes, so that each test run takes a few thousand of them,
//! and on every crasher that fuzzing found, kept under `fuzz/crashers/<target>`.

use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/walks/ice.rs"]
mod ice;
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
}
