//! STUN: the parser is total, and no altered message passes for authentic.

use sfu_core::stun::{
    BindingRequest, MAX_REPLY, Role, StunKey, TransactionId, binding_request, binding_success,
    parse,
};

/// Offset of MESSAGE-INTEGRITY in the request of [`authentic`]: header, username, priority, role.
const INTEGRITY_AT: usize = 20 + 16 + 8 + 12;

/// Parses the bytes as they are, then as alterations of an authentic request.
pub(crate) fn run(data: &[u8]) {
    let key = StunKey::new("a password of 22 bytes");
    if let Ok(message) = parse(data) {
        assert!(!message.verify(&key), "forged without the key");
        assert!(
            message
                .local_ufrag()
                .is_none_or(|ufrag| ufrag.len() < data.len())
        );
        assert!(message.unknown.as_slice().iter().all(|&kind| kind < 0x8000));
        if let Some(mapped) = message.mapped {
            let mut out = [0; MAX_REPLY];
            let len = binding_success(&mut out, message.transaction, mapped, &key).expect("fits");
            assert_eq!(parse(&out[..len]).expect("own reply").mapped, Some(mapped));
        }
    }
    let original = authentic(&key);
    let mut altered = original.clone();
    for change in data.chunks_exact(2) {
        let at = usize::from(change[0]) % altered.len();
        altered[at] ^= change[1];
    }
    let covered = INTEGRITY_AT + 24;
    // The length field isn't covered itself: it is set for the sum.
    let same = altered[..2] == original[..2] && altered[4..covered] == original[4..covered];
    match parse(&altered) {
        Ok(message) => assert_eq!(message.verify(&key), same),
        Err(_) => assert_ne!(altered, original),
    }
}

fn authentic(key: &StunKey) -> Vec<u8> {
    let request = BindingRequest {
        transaction: TransactionId(*b"transaction."),
        username: "local:remote",
        priority: 1,
        role: Role::Controlling(2),
        use_candidate: false,
    };
    let mut out = vec![0; 200];
    let len = binding_request(&mut out, &request, key).expect("fits");
    out.truncate(len);
    out
}
