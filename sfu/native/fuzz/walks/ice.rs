//! ICE-lite agent: any sequence of checks, forged checks, media, restarts and time keeps its promises.

use std::time::Duration;

use sfu_core::command::IceCredentials;
use sfu_core::event::PathState;
use sfu_core::ice::IceLite;
use sfu_core::stats::{DropReason, Limits};
use sfu_core::stun::{
    BindingRequest, MAX_REPLY, Role, StunKey, TransactionId, binding_request, parse,
};
use sfu_core::time::Time;
use sfu_core::units::Tuple;

const TUPLES: usize = 4;

/// What the walk knows of the agent from outside.
struct Walk {
    agent: IceLite,
    now: Time,
    /// Generations of credentials: the valid one, and the next during a restart.
    current: u32,
    next: Option<u32>,
    generations: u32,
    selected: Option<Tuple>,
    /// Last check on the selected tuple, last authenticated anything.
    consent: Time,
    heard: Time,
}

/// Two bytes a step: what happens, and its argument.
pub(crate) fn run(data: &[u8]) {
    let limits = Limits {
        tuples: TUPLES,
        ..Limits::default()
    };
    let mut walk = Walk {
        agent: IceLite::new(&credentials(0), &limits),
        now: Time::from_millis(1),
        current: 0,
        next: None,
        generations: 1,
        selected: None,
        consent: Time::ZERO,
        heard: Time::ZERO,
    };
    for step in data.chunks_exact(2) {
        walk.step(step[0], step[1]);
        walk.check(&limits);
    }
}

impl Walk {
    fn step(&mut self, what: u8, argument: u8) {
        match what {
            0..160 => self.request(what, argument),
            160..200 => self.now += Duration::from_millis(u64::from(argument) * 50),
            200..220 => {
                self.agent.authenticated_at(self.now);
                self.heard = self.now;
            }
            220..240 => {
                let retired = self.agent.restart(&credentials(self.generations));
                assert_eq!(retired, self.next.map(|it| credentials(it).ufrag));
                self.next = Some(self.generations);
                self.generations += 1;
            }
            _ => {
                let selected = self.selected;
                self.agent
                    .expire(self.now, |tuple| assert_ne!(Some(tuple), selected));
            }
        }
    }

    /// `what`: whose name and whose password, nomination, role. `argument`: from where; damaged or not.
    fn request(&mut self, what: u8, argument: u8) {
        let pick = |number: u8| match number % 4 {
            0 | 1 => self.current,
            2 => self.next.unwrap_or(self.current),
            _ => 1_000_000,
        };
        let (name, password) = (pick(what & 3), pick(what >> 2 & 3));
        let (nominate, controlled) = (what & 16 != 0, what & 0x60 == 0x60);
        let (tuple, damaged) = (tuple(argument & 15), argument & 0x70 == 0x70);
        let role = if controlled {
            Role::Controlled(1)
        } else {
            Role::Controlling(1)
        };
        let mut bytes = request(name, password, role, nominate);
        if damaged {
            // A bit of the transaction id; the fingerprint would give others away before.
            bytes[8] ^= 1;
            let end = bytes.len() - 8;
            let crc = (crc32fast::hash(&bytes[..end]) ^ 0x5354_554e).to_be_bytes();
            bytes[end + 4..].copy_from_slice(&crc);
        }
        let before = (
            self.agent.selected(),
            self.agent.tuples().collect::<Vec<_>>(),
        );
        let mut out = [0; MAX_REPLY];
        let message = parse(&bytes).expect("own request");
        let outcome = self.agent.on_request(self.now, tuple, &message, &mut out);
        let known = name == self.current || Some(name) == self.next;
        let expected = if !known {
            Some(DropReason::StunUnknownUfrag)
        } else if name != password || damaged {
            Some(DropReason::StunBadIntegrity)
        } else {
            None
        };
        assert_eq!(outcome.as_ref().err(), expected.as_ref());
        let Ok(outcome) = outcome else {
            let after = (
                self.agent.selected(),
                self.agent.tuples().collect::<Vec<_>>(),
            );
            return assert_eq!(before, after, "a refused check changed something");
        };
        let reply = parse(&out[..outcome.reply]).expect("a reply");
        assert!(reply.verify(&StunKey::new(&credentials(name).pwd)));
        assert!(outcome.reply <= bytes.len());
        if controlled {
            return assert_eq!(reply.error, Some(487));
        }
        assert_eq!(reply.mapped, Some(tuple.remote));
        assert_eq!(outcome.tuple_validated, !before.1.contains(&tuple));
        assert!(
            outcome
                .evicted
                .is_none_or(|evicted| before.1.contains(&evicted))
        );
        self.heard = self.now;
        if nominate {
            assert_eq!(outcome.nominated_changed, self.selected != Some(tuple));
            self.selected = Some(tuple);
            if Some(name) == self.next {
                assert_eq!(outcome.retired_ufrag, Some(credentials(self.current).ufrag));
                (self.current, self.next) = (name, None);
            }
        }
        if self.selected == Some(tuple) {
            self.consent = self.now;
        }
    }

    fn check(&self, limits: &Limits) {
        let (agent, now) = (&self.agent, self.now);
        assert!(agent.tuples().count() <= TUPLES);
        assert_eq!(agent.selected(), self.selected);
        assert!(self.selected.is_none_or(|tuple| agent.is_validated(tuple)));
        let state = if self.selected.is_none() {
            PathState::New
        } else if now.since(self.consent) >= limits.consent {
            PathState::ConsentLost
        } else if now.since(self.heard) >= limits.silence {
            PathState::Silent
        } else {
            PathState::Connected
        };
        assert_eq!(agent.state(now), state);
        let sends = matches!(state, PathState::Connected | PathState::Silent);
        assert_eq!(agent.send_tuple(now), self.selected.filter(|_| sends));
        if let Some(timeout) = agent.next_timeout(now) {
            assert!(timeout > now);
            assert_eq!(
                agent.state(Time(timeout.0 - 1)),
                state,
                "a change before the timeout"
            );
            assert_ne!(agent.state(timeout), state, "a timeout without a change");
        }
    }
}

fn credentials(generation: u32) -> IceCredentials {
    IceCredentials {
        ufrag: format!("ufrag{generation}"),
        pwd: format!("password number {generation:06}"),
    }
}

fn tuple(number: u8) -> Tuple {
    let local = ([192, 0, 2, number >> 3], 3478).into();
    Tuple {
        local,
        remote: ([198, 51, 100, 7], 40_000 + u16::from(number & 7)).into(),
    }
}

fn request(name: u32, password: u32, role: Role, use_candidate: bool) -> Vec<u8> {
    let request = BindingRequest {
        transaction: TransactionId([3; 12]),
        username: &format!("{}:peer", credentials(name).ufrag),
        priority: 1,
        role,
        use_candidate,
    };
    let mut out = vec![0; 300];
    let key = StunKey::new(&credentials(password).pwd);
    let len = binding_request(&mut out, &request, &key).expect("fits");
    out.truncate(len);
    out
}
