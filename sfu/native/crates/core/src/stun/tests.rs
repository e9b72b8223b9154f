//! RFC 5769 vectors, and messages of every kind there and back.

use std::net::SocketAddr;

use hex_literal::hex;
use proptest::prelude::*;

use super::*;

const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: TransactionId = TransactionId(hex!("b7e7a701bc34d686fa87dfae"));
/// RFC 5769 section 2.1.
const REQUEST: [u8; 108] = hex!(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
);
/// RFC 5769 section 2.2.
const RESPONSE_V4: [u8; 80] = hex!(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
);
/// RFC 5769 section 2.3.
const RESPONSE_V6: [u8; 92] = hex!(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1"
    "1784c97c8292c275bfe3ed4180280004c8fb0b4c"
);

fn key() -> StunKey {
    StunKey::new(PASSWORD)
}

fn request(use_candidate: bool, role: Role) -> Vec<u8> {
    let request = BindingRequest {
        transaction: TRANSACTION,
        username: "loc1:rem1",
        priority: 0x6e00_01ff,
        role,
        use_candidate,
    };
    let mut out = vec![0xaa; 200];
    let len = binding_request(&mut out, &request, &key()).unwrap();
    out.truncate(len);
    out
}

#[test]
fn rfc5769_2_1_request() {
    let message = parse(&REQUEST).unwrap();
    assert!(message.is_binding_request());
    assert_eq!(message.transaction, TRANSACTION);
    assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.local_ufrag(), Some(&b"evtj"[..]));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.controlled, Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.controlling, None);
    assert!(!message.use_candidate);
    assert_eq!(message.fingerprint, Fingerprint::Valid);
    assert!(message.unknown.as_slice().is_empty());
    assert!(message.verify(&key()));
    assert!(!message.verify(&StunKey::new("VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn rfc5769_2_2_and_2_3_responses() {
    for (bytes, mapped) in [
        (&RESPONSE_V4[..], "192.0.2.1:32853"),
        (
            &RESPONSE_V6[..],
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        ),
    ] {
        let message = parse(bytes).unwrap();
        assert_eq!((message.class, message.method), (Class::Success, BINDING));
        assert_eq!(message.mapped, Some(mapped.parse().unwrap()));
        assert_eq!(message.fingerprint, Fingerprint::Valid);
        assert!(message.verify(&key()));
    }
}

#[test]
fn our_answers_hold_the_attributes_of_the_vectors() {
    // The vectors differ from ours in SOFTWARE only, so the attribute's octets are the same.
    for (vector, at, len) in [(&RESPONSE_V4[..], 36, 12), (&RESPONSE_V6[..], 36, 24)] {
        let mapped = parse(vector).unwrap().mapped.unwrap();
        let mut out = [0; MAX_REPLY];
        let written = binding_success(&mut out, TRANSACTION, mapped, &key()).unwrap();
        assert_eq!(out[20..20 + len], vector[at..at + len]);
        let message = parse(&out[..written]).unwrap();
        assert_eq!(
            (message.mapped, message.transaction),
            (Some(mapped), TRANSACTION)
        );
        assert!(message.verify(&key()) && message.fingerprint == Fingerprint::Valid);
    }
}

#[test]
fn requests_say_what_they_were_given() {
    for use_candidate in [false, true] {
        for role in [Role::Controlling(u64::MAX), Role::Controlled(3)] {
            let bytes = request(use_candidate, role);
            let message = parse(&bytes).unwrap();
            let tiebreakers = match role {
                Role::Controlling(number) => (Some(number), None),
                Role::Controlled(number) => (None, Some(number)),
            };
            assert_eq!((message.controlling, message.controlled), tiebreakers);
            assert_eq!(message.use_candidate, use_candidate);
            assert_eq!(message.local_ufrag(), Some(&b"loc1"[..]));
            assert!(message.verify(&key()));
        }
    }
}

#[test]
fn errors_carry_code_and_unknown_attributes() {
    let unknown = [0x7fff, 0x0002, 0x0031];
    for code in [
        ErrorCode::BadRequest,
        ErrorCode::Unauthenticated,
        ErrorCode::UnknownAttribute,
        ErrorCode::RoleConflict,
        ErrorCode::ServerError,
    ] {
        let mut out = [0; MAX_REPLY];
        let len = binding_error(&mut out, TRANSACTION, code, &unknown, &key()).unwrap();
        let message = parse(&out[..len]).unwrap();
        assert_eq!(
            (message.class, message.error),
            (Class::Error, Some(code as u16))
        );
        assert!(message.verify(&key()));
        let listed = out[..len]
            .windows(10)
            .any(|window| window == hex!("000a00067fff00020031"));
        assert_eq!(listed, code == ErrorCode::UnknownAttribute);
    }
}

#[test]
fn replies_are_no_larger_than_the_smallest_request() {
    let smallest = request(false, Role::Controlling(1)).len();
    let mut out = [0; MAX_REPLY];
    for mapped in ["1.2.3.4:5", "[2001:db8::1]:5"] {
        let mapped: SocketAddr = mapped.parse().unwrap();
        assert!(binding_success(&mut out, TRANSACTION, mapped, &key()).unwrap() <= smallest);
    }
    // A request with n unknown attributes is 4 n octets larger, its refusal 2 n.
    for count in 0..20usize {
        let unknown = vec![0x7fff; count];
        let code = ErrorCode::UnknownAttribute;
        let len = binding_error(&mut out, TRANSACTION, code, &unknown, &key()).unwrap();
        assert!(len <= smallest + 4 * count);
    }
}

#[test]
fn writers_refuse_space_that_is_too_small() {
    let full = request(true, Role::Controlling(1)).len();
    let request = BindingRequest {
        transaction: TRANSACTION,
        username: "loc1:rem1",
        priority: 1,
        role: Role::Controlling(1),
        use_candidate: true,
    };
    let mapped: SocketAddr = "[::1]:1".parse().unwrap();
    for len in 0..full {
        assert_eq!(binding_request(&mut vec![0; len], &request, &key()), None);
    }
    for len in 0..76 {
        assert_eq!(
            binding_success(&mut vec![0; len], TRANSACTION, mapped, &key()),
            None
        );
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for vector in [&REQUEST[..], &RESPONSE_V4, &RESPONSE_V6] {
        for bit in 0..8 * vector.len() {
            let mut bytes = vector.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(message) = parse(&bytes) {
                // Not FINGERPRINT any more, so integrity has to hold or fail on its own.
                assert_eq!(message.fingerprint, Fingerprint::Missing, "bit {bit}");
            }
        }
    }
}

#[test]
fn every_cut_is_refused() {
    for len in 0..REQUEST.len() {
        assert!(parse(&REQUEST[..len]).is_err());
        // Cut with a length field that agrees: an attribute ends early, or the fingerprint is gone.
        let mut bytes = REQUEST[..len].to_vec();
        if len >= HEADER_LEN {
            bytes[2..4].copy_from_slice(&((len - HEADER_LEN) as u16).to_be_bytes());
            assert!(parse(&bytes).is_err() || !parse(&bytes).unwrap().verify(&key()) || len == 100);
        }
    }
}

/// A message of given attributes, unsigned.
fn raw(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend(MAGIC_COOKIE.to_be_bytes());
    bytes.extend(TRANSACTION.0);
    for (kind, value) in attributes {
        bytes.extend(kind.to_be_bytes());
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0x20);
    }
    let length = (bytes.len() - HEADER_LEN) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[test]
fn classes_and_methods_are_untangled() {
    for (kind, class, method) in [
        (0x0001, Class::Request, 1),
        (0x0011, Class::Indication, 1),
        (0x0101, Class::Success, 1),
        (0x0111, Class::Error, 1),
        (0x0003, Class::Request, 3),
        (0x3eef, Class::Request, 0xfff),
        (0x3fff, Class::Error, 0xfff),
    ] {
        let bytes = raw(kind, &[]);
        let message = parse(&bytes).unwrap();
        assert_eq!(
            (message.class, message.method),
            (class, method),
            "{kind:#06x}"
        );
    }
    assert_eq!(parse(&raw(0x4001, &[])).err(), Some(StunError::Header));
}

#[test]
fn only_comprehension_required_attributes_count_as_unknown() {
    let bytes = raw(
        1,
        &[
            (0x0002, b"a"),
            (0x7fff, b""),
            (0x8000, b"x"),
            (0xc057, b"1234"),
            (0x0002, b""),
            (0xffff, b""),
        ],
    );
    assert_eq!(parse(&bytes).unwrap().unknown.as_slice(), [0x0002, 0x7fff]);
    let many: Vec<_> = (0x0100..0x0140).map(|kind| (kind, &b""[..])).collect();
    assert_eq!(parse(&raw(1, &many)).unwrap().unknown.as_slice().len(), 8);
}

#[test]
fn what_follows_integrity_is_ignored_and_the_first_of_a_kind_counts() {
    let bytes = raw(
        1,
        &[
            (attribute::USERNAME, b"a:b"),
            (attribute::USERNAME, b"c:d"),
            (attribute::MESSAGE_INTEGRITY, &[0; 20]),
            (attribute::USE_CANDIDATE, b""),
            (0x0002, b""),
            (attribute::PRIORITY, &[1; 4]),
        ],
    );
    let message = parse(&bytes).unwrap();
    assert_eq!(message.username, Some(&b"a:b"[..]));
    assert!(!message.use_candidate && message.priority.is_none());
    assert!(message.unknown.as_slice().is_empty() && message.has_integrity());
    assert!(!message.verify(&key()));
}

#[test]
fn attributes_of_wrong_length_are_refused() {
    for (kind, value) in [
        (attribute::PRIORITY, &b"123"[..]),
        (attribute::USE_CANDIDATE, b"1"),
        (attribute::ICE_CONTROLLING, b"1234567"),
        (attribute::ICE_CONTROLLED, b"123456789"),
        (attribute::MESSAGE_INTEGRITY, &[0; 19]),
        (attribute::MESSAGE_INTEGRITY, &[0; 32]),
        (attribute::XOR_MAPPED_ADDRESS, b"\0\x01pp123"),
        (attribute::XOR_MAPPED_ADDRESS, b"\0\x02pp1234"),
        (attribute::XOR_MAPPED_ADDRESS, b"\0\x03pp1234"),
        (attribute::XOR_MAPPED_ADDRESS, b"\0\x01"),
        (attribute::ERROR_CODE, b"\0\0\x04"),
        (attribute::ERROR_CODE, b"\0\0\x04\x64"),
        (attribute::ERROR_CODE, b"\0\0\x02\x01"),
    ] {
        assert_eq!(
            parse(&raw(1, &[(kind, value)])).err(),
            Some(StunError::Attribute)
        );
    }
    assert_eq!(
        parse(&raw(1, &[(attribute::FINGERPRINT, b"1234")])).err(),
        Some(StunError::Fingerprint)
    );
}

#[test]
fn a_fingerprint_is_the_last_attribute_or_none() {
    let mut bytes = raw(1, &[(attribute::FINGERPRINT, &[0; 4]), (0x8000, b"more")]);
    let crc = integrity::fingerprint(&bytes[..HEADER_LEN]).to_be_bytes();
    bytes[HEADER_LEN + 4..HEADER_LEN + 8].copy_from_slice(&crc);
    assert_eq!(parse(&bytes).err(), Some(StunError::Fingerprint));
}

proptest! {
    #[test]
    fn parse_is_total(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let mut framed = raw(1, &[]);
        framed.extend(&bytes);
        framed.truncate(framed.len() / 4 * 4);
        let length = (framed.len() - HEADER_LEN) as u16;
        framed[2..4].copy_from_slice(&length.to_be_bytes());
        if let Ok(message) = parse(&framed) {
            prop_assert!(!message.verify(&key()));
        }
    }
}
