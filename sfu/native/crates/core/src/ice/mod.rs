//! ICE-lite (RFC 8445): we never check, we answer checks, and learn from them where the client is.
//!
//! A tuple is *validated* once a check with our credentials came over it; nothing else is taken from
//! any other. The client, always the controlling side, *nominates* one tuple; that is where we send.
//! Nominating another one moves the path there at once (a phone that leaves its Wi-Fi).
//!
//! Consent: RFC 7675 binds the side that checks. As lite agent we never check, so the client's own
//! checks on the nominated tuple are what we judge by.
//!
//! A restart (RFC 8445 section 9) makes new credentials valid beside the old ones, so that media goes
//! on over the old tuple until one is nominated with the new.

#[cfg(test)]
mod tests;

use crate::command::IceCredentials;
use crate::event::PathState;
use crate::stats::{DropReason, Limits};
use crate::stun::{ErrorCode, Fingerprint, StunKey, StunMessage, binding_error, binding_success};
use crate::time::Time;
use crate::units::Tuple;

/// What a check led to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IceOutcome {
    /// Octets of the reply in `out`, to be sent back to the tuple; 0 for none.
    pub reply: usize,
    /// The tuple became validated by this check.
    pub tuple_validated: bool,
    /// The nominated tuple is another one than before.
    pub nominated_changed: bool,
    /// A tuple that lost its place to this one.
    pub evicted: Option<Tuple>,
    /// Ufrag that a completed restart retired.
    pub retired_ufrag: Option<String>,
}

#[derive(Debug)]
struct Credentials {
    ufrag: String,
    key: StunKey,
}

impl Credentials {
    fn new(credentials: &IceCredentials) -> Credentials {
        Credentials {
            ufrag: credentials.ufrag.clone(),
            key: StunKey::new(&credentials.pwd),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct ValidTuple {
    tuple: Tuple,
    /// Last authenticated check over it.
    checked: Time,
}

/// How long the nominated tuple may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Consent {
    Since(Time),
    /// Adopted without STUN: simulation and bench.
    Forever,
}

/// The agent of one transport.
#[derive(Debug)]
pub struct IceLite {
    current: Credentials,
    next: Option<Credentials>,
    valid: Vec<ValidTuple>,
    selected: Option<Tuple>,
    consent: Consent,
    /// Last authenticated check, or media, from any validated tuple.
    heard: Time,
    limits: IceLimits,
}

#[derive(Clone, Copy, Debug)]
struct IceLimits {
    tuples: usize,
    silence: std::time::Duration,
    consent: std::time::Duration,
}

impl IceLite {
    /// An agent with its local credentials.
    pub fn new(credentials: &IceCredentials, limits: &Limits) -> IceLite {
        let limits = IceLimits {
            tuples: limits.tuples.max(1),
            silence: limits.silence,
            consent: limits.consent,
        };
        IceLite {
            current: Credentials::new(credentials),
            next: None,
            valid: Vec::with_capacity(limits.tuples),
            selected: None,
            consent: Consent::Since(Time::ZERO),
            heard: Time::ZERO,
            limits,
        }
    }

    /// Local ufrags that requests may name: the current one, and the next during a restart.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current)
            .chain(&self.next)
            .map(|it| it.ufrag.as_str())
    }

    /// Begins a restart. Returns the ufrag of an earlier restart that was never completed and is
    /// valid no more.
    pub fn restart(&mut self, credentials: &IceCredentials) -> Option<String> {
        self.next
            .replace(Credentials::new(credentials))
            .map(|it| it.ufrag)
    }

    /// Handles a Binding request for one of our ufrags; the reply goes to `out`, which holds at least
    /// [`crate::stun::MAX_REPLY`] octets.
    ///
    /// # Errors
    /// The counter of a request that gets no reply: not a Binding request, unknown ufrag, wrong or
    /// missing MESSAGE-INTEGRITY or FINGERPRINT, no place for the tuple. A stranger so learns nothing
    /// and can't use us to reflect traffic.
    pub fn on_request(
        &mut self,
        now: Time,
        tuple: Tuple,
        message: &StunMessage<'_>,
        out: &mut [u8],
    ) -> Result<IceOutcome, DropReason> {
        if !message.is_binding_request() {
            return Err(DropReason::StunMalformed);
        }
        let ufrag = message.local_ufrag().ok_or(DropReason::StunUnknownUfrag)?;
        let with_next = self
            .next
            .as_ref()
            .is_some_and(|it| it.ufrag.as_bytes() == ufrag);
        let credentials = match &self.next {
            Some(next) if with_next => next,
            _ if self.current.ufrag.as_bytes() == ufrag => &self.current,
            _ => return Err(DropReason::StunUnknownUfrag),
        };
        if message.fingerprint == Fingerprint::Missing || !message.verify(&credentials.key) {
            return Err(DropReason::StunBadIntegrity);
        }
        let refuse = |out: &mut [u8], code, unknown: &[u16]| {
            let reply = binding_error(out, message.transaction, code, unknown, &credentials.key);
            IceOutcome {
                reply: reply.unwrap_or(0),
                ..IceOutcome::default()
            }
        };
        let unknown = message.unknown.as_slice();
        if !unknown.is_empty() {
            return Ok(refuse(out, ErrorCode::UnknownAttribute, unknown));
        }
        // We are lite, so always controlled (RFC 8445 section 6.1.1): whoever believes to be controlled too
        // has to change, whatever the tiebreakers (section 7.3.1.1).
        if message.controlled.is_some() {
            return Ok(refuse(out, ErrorCode::RoleConflict, &[]));
        }
        let reply = binding_success(out, message.transaction, tuple.remote, &credentials.key);
        let mut outcome = self.admit(now, tuple, message.use_candidate)?;
        outcome.reply = reply.unwrap_or(0);
        self.heard = now;
        if message.use_candidate {
            outcome.nominated_changed = self.selected.replace(tuple) != Some(tuple);
            if with_next && let Some(next) = self.next.take() {
                outcome.retired_ufrag = Some(std::mem::replace(&mut self.current, next).ufrag);
            }
        }
        if self.selected == Some(tuple) && self.consent != Consent::Forever {
            self.consent = Consent::Since(now);
        }
        Ok(outcome)
    }

    /// Enters a tuple into the list, or refreshes it. When the list is full the one not checked for
    /// the longest time makes room, but never the nominated one: an attacker who knows the
    /// credentials of one client still can't push the path of that client away without nominating.
    fn admit(
        &mut self,
        now: Time,
        tuple: Tuple,
        nominates: bool,
    ) -> Result<IceOutcome, DropReason> {
        if let Some(entry) = self.valid.iter_mut().find(|it| it.tuple == tuple) {
            entry.checked = now;
            return Ok(IceOutcome::default());
        }
        let entry = ValidTuple {
            tuple,
            checked: now,
        };
        let mut evicted = None;
        if self.valid.len() < self.limits.tuples {
            self.valid.push(entry);
        } else {
            let kept = if nominates { None } else { self.selected };
            let oldest = self
                .valid
                .iter_mut()
                .filter(|it| Some(it.tuple) != kept)
                .min_by_key(|it| (Some(it.tuple) == self.selected, it.checked))
                .ok_or(DropReason::TupleLimit)?;
            evicted = Some(std::mem::replace(oldest, entry).tuple);
        }
        Ok(IceOutcome {
            tuple_validated: true,
            evicted,
            ..IceOutcome::default()
        })
    }

    /// Takes a tuple as validated and nominated without STUN and keeps consent for good (simulation
    /// and bench). Returns a tuple that lost its place.
    pub fn adopt(&mut self, now: Time, tuple: Tuple) -> Option<Tuple> {
        let evicted = self
            .admit(now, tuple, true)
            .ok()
            .and_then(|outcome| outcome.evicted);
        self.selected = Some(tuple);
        self.consent = Consent::Forever;
        self.heard = now;
        evicted
    }

    /// Media from a validated tuple was authenticated: the client lives. The path stays where it was
    /// nominated, and consent needs checks.
    #[inline]
    pub fn authenticated_at(&mut self, now: Time) {
        self.heard = now;
    }

    /// Whether anything but STUN may be taken from `tuple`.
    #[inline]
    pub fn is_validated(&self, tuple: Tuple) -> bool {
        self.selected == Some(tuple) || self.valid.iter().any(|it| it.tuple == tuple)
    }

    /// The nominated tuple, whether or not consent is fresh.
    #[inline]
    pub fn selected(&self) -> Option<Tuple> {
        self.selected
    }

    /// Where to send now: the nominated tuple while consent is fresh.
    #[inline]
    pub fn send_tuple(&self, now: Time) -> Option<Tuple> {
        if self.has_consent(now) {
            self.selected
        } else {
            None
        }
    }

    /// Where a handshake goes: where media goes, or before the first nomination where the last check
    /// came from. A controlling agent may use a valid pair at once (RFC 8445 section 12.1), and
    /// Chromium says its ClientHello before it nominates; unanswered, it would wait for its timers.
    pub fn handshake_tuple(&self, now: Time) -> Option<Tuple> {
        if self.selected.is_some() {
            return self.send_tuple(now);
        }
        let fresh = |it: &&ValidTuple| now.since(it.checked) < self.limits.consent;
        let last = self.valid.iter().filter(fresh).max_by_key(|it| it.checked);
        last.map(|it| it.tuple)
    }

    /// Validated tuples.
    pub fn tuples(&self) -> impl Iterator<Item = Tuple> {
        self.valid.iter().map(|it| it.tuple)
    }

    #[inline]
    fn has_consent(&self, now: Time) -> bool {
        match self.consent {
            Consent::Forever => true,
            Consent::Since(checked) => now.since(checked) < self.limits.consent,
        }
    }

    /// State of the path.
    pub fn state(&self, now: Time) -> PathState {
        if self.selected.is_none() {
            PathState::New
        } else if !self.has_consent(now) {
            PathState::ConsentLost
        } else if now.since(self.heard) >= self.limits.silence {
            PathState::Silent
        } else {
            PathState::Connected
        }
    }

    /// When [`IceLite::state`] changes next if nothing comes in; `None` when it won't.
    pub fn next_timeout(&self, now: Time) -> Option<Time> {
        let lost = match self.consent {
            Consent::Since(checked) => Some(checked + self.limits.consent),
            Consent::Forever => None,
        };
        match self.state(now) {
            PathState::New | PathState::ConsentLost => None,
            PathState::Silent => lost,
            PathState::Connected => {
                let silent = self.heard + self.limits.silence;
                Some(lost.map_or(silent, |lost| lost.min(silent)))
            }
        }
    }

    /// Forgets validated tuples, the nominated one excepted, that had no check for as long as consent
    /// lasts: a NAT may have given their ports to somebody else. Calls `forgotten` for each.
    pub fn expire(&mut self, now: Time, mut forgotten: impl FnMut(Tuple)) {
        let (selected, consent) = (self.selected, self.limits.consent);
        self.valid.retain(|it| {
            let keep = Some(it.tuple) == selected || now.since(it.checked) < consent;
            if !keep {
                forgotten(it.tuple);
            }
            keep
        });
    }
}
