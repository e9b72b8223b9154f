//! The controlling agent of a full ICE endpoint whose server is lite: it checks one pair, nominates
//! it, and keeps consent.

use std::time::Duration;

use sfu_core::stun::{
    BindingRequest, Class, Role, StunKey, StunMessage, TransactionId, binding_request,
};
use sfu_core::time::Time;
use sfu_netem::Rng;

use crate::config::Path;

/// Between checks until the pair is nominated; libwebrtc's weak ping interval is 48 ms.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Between consent checks once connected, as libwebrtc does; RFC 7675 asks for 5 s.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2_500);
/// An answer may take this long; libwebrtc forgets a check after 10 s, RFC 7675 waits 30 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Type preference of a peer-reflexive candidate (RFC 8445 section 5.1.2), local preference, component.
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
/// Checks in flight that are remembered.
const IN_FLIGHT: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No answer yet.
    Checking,
    /// The pair is valid; the nomination is on its way.
    Nominating,
    Connected,
}

/// The agent.
#[derive(Debug)]
pub(crate) struct IceAgent {
    username: String,
    key: StunKey,
    tiebreaker: u64,
    state: State,
    next_check: Time,
    in_flight: Vec<(TransactionId, Time, bool)>,
    rtt: Option<Duration>,
}

impl IceAgent {
    /// `None` for an adopted path.
    pub(crate) fn new(path: &Path, rng: &mut Rng) -> Option<IceAgent> {
        let Path::Ice { ufrag, server } = path else {
            return None;
        };
        Some(IceAgent {
            username: format!("{}:{ufrag}", server.ufrag),
            key: StunKey::new(&server.pwd),
            tiebreaker: rng.next_u64(),
            state: State::Checking,
            next_check: Time::ZERO,
            in_flight: Vec::with_capacity(IN_FLIGHT),
            rtt: None,
        })
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(crate) fn next_timeout(&self) -> Time {
        self.next_check
    }

    /// Our address changed: the new pair has to be checked and nominated, media goes on meanwhile.
    pub(crate) fn path_changed(&mut self, now: Time) {
        self.in_flight.clear();
        self.next_check = now;
    }

    /// Writes the check that is due; `None` when none is.
    pub(crate) fn check(&mut self, now: Time, rng: &mut Rng, out: &mut [u8]) -> Option<usize> {
        if now < self.next_check {
            return None;
        }
        let interval = if self.is_connected() {
            CONSENT_INTERVAL
        } else {
            CHECK_INTERVAL
        };
        self.next_check = now + interval;
        self.in_flight
            .retain(|&(_, sent, _)| now.since(sent) < ANSWER_TIMEOUT);
        if self.in_flight.len() == IN_FLIGHT {
            self.in_flight.remove(0);
        }
        let mut id = [0; 12];
        id[..8].copy_from_slice(&rng.next_u64().to_be_bytes());
        id[8..].copy_from_slice(&(rng.next_u64() as u32).to_be_bytes());
        let transaction = TransactionId(id);
        // The first check asks whether the pair works, the next ones nominate it, and so do consent
        // checks: a check over a new address then moves the nomination with it.
        let use_candidate = self.state != State::Checking;
        self.in_flight.push((transaction, now, use_candidate));
        let request = BindingRequest {
            transaction,
            username: &self.username,
            priority: PRIORITY,
            role: Role::Controlling(self.tiebreaker),
            use_candidate,
        };
        binding_request(out, &request, &self.key)
    }

    /// Takes an answer; `false` when it is none of ours.
    pub(crate) fn on_message(&mut self, now: Time, message: &StunMessage<'_>) -> bool {
        let found = self
            .in_flight
            .iter()
            .position(|&(id, ..)| id == message.transaction);
        let Some(found) =
            found.filter(|_| message.class == Class::Success && message.verify(&self.key))
        else {
            return false;
        };
        let (_, sent, nominated) = self.in_flight.swap_remove(found);
        self.rtt = Some(now.since(sent));
        match (self.state, nominated) {
            (State::Checking, _) => {
                self.state = State::Nominating;
                self.next_check = now;
            }
            (State::Nominating, true) => {
                self.state = State::Connected;
                self.next_check = now + CONSENT_INTERVAL;
            }
            _ => {}
        }
        true
    }
}
