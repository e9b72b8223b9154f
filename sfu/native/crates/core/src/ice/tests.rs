use std::time::Duration;

use super::*;
use crate::stun::{BindingRequest, MAX_REPLY, Role, TransactionId, binding_request, parse};

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{name}00"),
        pwd: format!("{name}-password-of-22-characters"),
    }
}

fn tuple(port: u16) -> Tuple {
    let local = "192.0.2.1:3478".parse().unwrap();
    Tuple {
        local,
        remote: ([198, 51, 100, 7], port).into(),
    }
}

fn agent() -> IceLite {
    IceLite::new(
        &credentials("one"),
        &Limits {
            tuples: 4,
            ..Limits::default()
        },
    )
}

/// A check as a client sends it.
#[derive(Clone, Copy)]
struct Check<'a> {
    name: &'a str,
    pwd: &'a str,
    role: Role,
    nominate: bool,
}

const PLAIN: Check<'_> = Check {
    name: "one",
    pwd: "one",
    role: Role::Controlling(5),
    nominate: false,
};
const NOMINATE: Check<'_> = Check {
    nominate: true,
    ..PLAIN
};

impl Check<'_> {
    fn bytes(&self) -> Vec<u8> {
        let request = BindingRequest {
            transaction: TransactionId([7; 12]),
            username: &format!("{}:peer", credentials(self.name).ufrag),
            priority: 1,
            role: self.role,
            use_candidate: self.nominate,
        };
        let mut out = vec![0; 300];
        let key = StunKey::new(&credentials(self.pwd).pwd);
        let len = binding_request(&mut out, &request, &key).unwrap();
        out.truncate(len);
        out
    }

    fn send(&self, agent: &mut IceLite, now: Time, port: u16) -> Result<IceOutcome, DropReason> {
        deliver(agent, now, port, &self.bytes()).map(|(outcome, _)| outcome)
    }
}

fn deliver(
    agent: &mut IceLite,
    now: Time,
    port: u16,
    bytes: &[u8],
) -> Result<(IceOutcome, Vec<u8>), DropReason> {
    let mut out = [0; MAX_REPLY];
    let message = parse(bytes).expect("tests send STUN");
    let outcome = agent.on_request(now, tuple(port), &message, &mut out)?;
    let reply = out[..outcome.reply].to_vec();
    Ok((outcome, reply))
}

fn at(seconds: u64) -> Time {
    Time::from_millis(1000 * seconds)
}

#[test]
fn a_check_validates_its_tuple_and_is_answered_with_its_address() {
    let mut agent = agent();
    assert!(!agent.is_validated(tuple(1)));
    let (outcome, reply) = deliver(&mut agent, at(1), 1, &PLAIN.bytes()).unwrap();
    assert!(outcome.tuple_validated && !outcome.nominated_changed);
    assert!(agent.is_validated(tuple(1)) && !agent.is_validated(tuple(2)));
    assert_eq!(
        (agent.selected(), agent.state(at(1))),
        (None, PathState::New)
    );
    let reply = parse(&reply).unwrap();
    assert_eq!(reply.mapped, Some(tuple(1).remote));
    assert_eq!(reply.transaction, TransactionId([7; 12]));
    assert!(reply.verify(&StunKey::new(&credentials("one").pwd)));
    let again = PLAIN.send(&mut agent, at(2), 1).unwrap();
    assert!(!again.tuple_validated && again.reply > 0);
}

#[test]
fn nomination_selects_and_another_one_moves_the_path() {
    let mut agent = agent();
    assert!(
        NOMINATE
            .send(&mut agent, at(1), 1)
            .unwrap()
            .nominated_changed
    );
    assert_eq!(agent.selected(), Some(tuple(1)));
    assert!(
        !NOMINATE
            .send(&mut agent, at(2), 1)
            .unwrap()
            .nominated_changed
    );
    assert!(!PLAIN.send(&mut agent, at(3), 2).unwrap().nominated_changed);
    assert_eq!(agent.selected(), Some(tuple(1)));
    assert!(
        NOMINATE
            .send(&mut agent, at(4), 2)
            .unwrap()
            .nominated_changed
    );
    assert_eq!(agent.selected(), Some(tuple(2)));
    assert!(
        agent.is_validated(tuple(1)),
        "packets under way are still taken"
    );
}

#[test]
fn the_local_address_is_part_of_the_tuple() {
    let mut agent = agent();
    PLAIN.send(&mut agent, at(1), 1).unwrap();
    let other = Tuple {
        local: "192.0.2.2:3478".parse().unwrap(),
        ..tuple(1)
    };
    assert!(!agent.is_validated(other));
}

#[test]
fn strangers_get_no_answer_and_change_nothing() {
    let mut agent = agent();
    let unknown = Check {
        name: "two",
        pwd: "one",
        ..NOMINATE
    };
    assert_eq!(
        unknown.send(&mut agent, at(1), 1),
        Err(DropReason::StunUnknownUfrag)
    );
    let forged = Check {
        pwd: "two",
        ..NOMINATE
    };
    assert_eq!(
        forged.send(&mut agent, at(1), 1),
        Err(DropReason::StunBadIntegrity)
    );

    // Without MESSAGE-INTEGRITY or without FINGERPRINT: the 24 and 8 octets at the end.
    for (cut, reason) in [
        (32, DropReason::StunBadIntegrity),
        (8, DropReason::StunBadIntegrity),
    ] {
        let mut bytes = NOMINATE.bytes();
        bytes.truncate(bytes.len() - cut);
        let length = (bytes.len() - 20) as u16;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(deliver(&mut agent, at(1), 1, &bytes).err(), Some(reason));
    }
    // An indication and a response are nothing we answer.
    for kind in [0x0011u16, 0x0101, 0x0111] {
        let mut bytes = NOMINATE.bytes();
        bytes.truncate(bytes.len() - 8);
        bytes[..2].copy_from_slice(&kind.to_be_bytes());
        let length = (bytes.len() - 20) as u16;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(
            deliver(&mut agent, at(1), 1, &bytes).err(),
            Some(DropReason::StunMalformed)
        );
    }
    assert_eq!(
        (agent.selected(), agent.is_validated(tuple(1))),
        (None, false)
    );
}

#[test]
fn a_controlled_client_is_told_of_the_conflict_whatever_its_tiebreaker() {
    let mut agent = agent();
    for tiebreaker in [0, u64::MAX] {
        let check = Check {
            role: Role::Controlled(tiebreaker),
            ..NOMINATE
        };
        let (outcome, reply) = deliver(&mut agent, at(1), 1, &check.bytes()).unwrap();
        assert_eq!(parse(&reply).unwrap().error, Some(487));
        assert!(!outcome.tuple_validated && !agent.is_validated(tuple(1)));
    }
}

#[test]
fn unknown_required_attributes_are_refused_after_authentication_only() {
    // Attribute 0x7ffe before MESSAGE-INTEGRITY, signed by hand through the writer's own parts.
    let plain = PLAIN.bytes();
    let body = plain.len() - 32;
    for (pwd, expected) in [
        ("one", Ok(Some(420))),
        ("two", Err(DropReason::StunBadIntegrity)),
    ] {
        let mut bytes = plain[..body].to_vec();
        bytes.extend([0x7f, 0xfe, 0, 0]);
        let key = StunKey::new(&credentials(pwd).pwd);
        let signed = crate::stun::testing::sign(bytes, &key);
        let mut agent = agent();
        let error =
            deliver(&mut agent, at(1), 1, &signed).map(|(_, reply)| parse(&reply).unwrap().error);
        assert_eq!(error, expected);
        assert!(!agent.is_validated(tuple(1)));
    }
}

#[test]
fn tuples_are_capped_and_the_nominated_one_stays() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    for port in 2..=4 {
        PLAIN.send(&mut agent, at(u64::from(port)), port).unwrap();
    }
    // 1 is the oldest but nominated; 2 is the next.
    let outcome = PLAIN.send(&mut agent, at(5), 5).unwrap();
    assert_eq!(outcome.evicted, Some(tuple(2)));
    for port in 100..200 {
        PLAIN.send(&mut agent, at(u64::from(port)), port).unwrap();
        assert_eq!(
            (agent.tuples().count(), agent.selected()),
            (4, Some(tuple(1)))
        );
        assert!(agent.is_validated(tuple(1)) && agent.is_validated(tuple(port)));
    }
}

#[test]
fn a_nomination_in_a_full_list_spares_the_path_it_leaves() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    for port in 2..=4 {
        PLAIN.send(&mut agent, at(u64::from(port)), port).unwrap();
    }
    let outcome = NOMINATE.send(&mut agent, at(5), 5).unwrap();
    assert_eq!(
        outcome.evicted,
        Some(tuple(2)),
        "1 is older, but media is under way on it"
    );
    assert!(agent.is_validated(tuple(1)) && agent.selected() == Some(tuple(5)));
}

#[test]
fn with_room_for_one_tuple_only_nomination_replaces_it() {
    let mut agent = IceLite::new(
        &credentials("one"),
        &Limits {
            tuples: 1,
            ..Limits::default()
        },
    );
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    assert_eq!(
        PLAIN.send(&mut agent, at(2), 2),
        Err(DropReason::TupleLimit)
    );
    let outcome = NOMINATE.send(&mut agent, at(3), 3).unwrap();
    assert_eq!(
        (outcome.evicted, agent.selected()),
        (Some(tuple(1)), Some(tuple(3)))
    );
    assert!(!agent.is_validated(tuple(1)));
}

#[test]
fn silence_is_told_and_ended_by_checks_or_media() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(10), 1).unwrap();
    assert_eq!(agent.state(at(10)), PathState::Connected);
    assert_eq!(agent.next_timeout(at(10)), Some(at(13)));
    assert_eq!(agent.state(Time(at(13).0 - 1)), PathState::Connected);
    assert_eq!(agent.state(at(13)), PathState::Silent);
    assert_eq!(agent.next_timeout(at(13)), Some(at(40)));
    agent.authenticated_at(at(20));
    assert_eq!(agent.state(at(20)), PathState::Connected);
    assert_eq!(agent.next_timeout(at(20)), Some(at(23)));
}

#[test]
fn consent_needs_checks_on_the_nominated_tuple() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(0), 1).unwrap();
    for second in 1..30 {
        agent.authenticated_at(at(second));
        PLAIN.send(&mut agent, at(second), 2).unwrap();
        assert_eq!(agent.send_tuple(at(second)), Some(tuple(1)));
    }
    assert_eq!(
        agent.next_timeout(at(29)),
        Some(at(30)),
        "consent ends before silence begins"
    );
    assert_eq!(agent.state(at(30)), PathState::ConsentLost);
    assert_eq!(agent.send_tuple(at(30)), None);
    assert_eq!(agent.next_timeout(at(30)), None);
    // A check on it brings consent back without another nomination.
    PLAIN.send(&mut agent, at(31), 1).unwrap();
    assert_eq!(
        (agent.state(at(31)), agent.send_tuple(at(31))),
        (PathState::Connected, Some(tuple(1)))
    );
}

#[test]
fn a_restart_keeps_the_old_path_until_the_new_is_nominated() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    assert_eq!(agent.restart(&credentials("two")), None);
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), ["one00", "two00"]);
    let next = Check {
        name: "two",
        pwd: "two",
        ..PLAIN
    };
    // Old checks go on, new checks validate but don't move the path.
    assert!(PLAIN.send(&mut agent, at(2), 1).is_ok());
    assert!(next.send(&mut agent, at(2), 2).unwrap().tuple_validated);
    assert_eq!(agent.selected(), Some(tuple(1)));
    // Credentials are not mixed.
    let mixed = Check {
        name: "two",
        pwd: "one",
        ..PLAIN
    };
    assert_eq!(
        mixed.send(&mut agent, at(2), 2),
        Err(DropReason::StunBadIntegrity)
    );
    let outcome = Check {
        nominate: true,
        ..next
    }
    .send(&mut agent, at(3), 2)
    .unwrap();
    assert!(outcome.nominated_changed);
    assert_eq!(outcome.retired_ufrag.as_deref(), Some("one00"));
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), ["two00"]);
    assert_eq!(
        PLAIN.send(&mut agent, at(4), 1),
        Err(DropReason::StunUnknownUfrag)
    );
    assert!(
        agent.is_validated(tuple(1)),
        "media under way on the old path is still taken"
    );
}

#[test]
fn a_restart_on_the_same_tuple_completes_too() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    agent.restart(&credentials("two"));
    let next = Check {
        name: "two",
        pwd: "two",
        ..NOMINATE
    };
    let outcome = next.send(&mut agent, at(2), 1).unwrap();
    assert!(!outcome.nominated_changed && outcome.retired_ufrag.is_some());
}

#[test]
fn a_second_restart_retires_the_unfinished_first() {
    let mut agent = agent();
    agent.restart(&credentials("two"));
    assert_eq!(
        agent.restart(&credentials("three")).as_deref(),
        Some("two00")
    );
    let unfinished = Check {
        name: "two",
        pwd: "two",
        ..NOMINATE
    };
    assert_eq!(
        unfinished.send(&mut agent, at(1), 1),
        Err(DropReason::StunUnknownUfrag)
    );
    let next = Check {
        name: "three",
        pwd: "three",
        ..NOMINATE
    };
    assert!(next.send(&mut agent, at(1), 1).is_ok());
}

#[test]
fn idle_tuples_are_forgotten_and_the_nominated_one_is_not() {
    let mut agent = agent();
    NOMINATE.send(&mut agent, at(1), 1).unwrap();
    PLAIN.send(&mut agent, at(1), 2).unwrap();
    PLAIN.send(&mut agent, at(20), 3).unwrap();
    let mut forgotten = Vec::new();
    agent.expire(at(30), |tuple| forgotten.push(tuple));
    assert!(forgotten.is_empty());
    agent.expire(at(31), |tuple| forgotten.push(tuple));
    assert_eq!(forgotten, [tuple(2)]);
    assert!(agent.is_validated(tuple(1)) && agent.is_validated(tuple(3)));
}

#[test]
fn an_adopted_tuple_keeps_consent_for_good() {
    let mut agent = agent();
    assert_eq!(agent.adopt(at(0), tuple(1)), None);
    assert!(agent.is_validated(tuple(1)));
    assert_eq!(agent.state(at(0)), PathState::Connected);
    let later = at(0) + Duration::from_secs(1_000_000);
    assert_eq!(
        (agent.send_tuple(later), agent.state(later)),
        (Some(tuple(1)), PathState::Silent)
    );
    assert_eq!(agent.next_timeout(later), None);
    PLAIN.send(&mut agent, later, 1).unwrap();
    assert_eq!(agent.state(later), PathState::Connected);
}
