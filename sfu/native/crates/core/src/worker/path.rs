//! A client's path and keys: ICE state and what follows from it.

use std::time::Duration;

use crate::command::{CommandError, IceCredentials, MasterKey, SrtpProfile};
use crate::event::{Event, PathState};
use crate::srtp::{SrtpReceiver, SrtpSender};
use crate::stats::DropReason;
use crate::time::Time;
use crate::timers::Timer;
use crate::units::{TransportId, Tuple};

use super::Worker;
use super::command::Result;

/// A move between tuples is told of at most this often: a client may nominate another one with each
/// check.
const TUPLE_TOLD: Duration = Duration::from_millis(100);

impl Worker {
    pub(super) fn restart_ice(&mut self, id: TransportId, local: &IceCredentials) -> Result {
        let index = self.transport(id)?;
        self.check_credentials(local)?;
        if let Some(stale) = self.transport_mut(index)?.ice.restart(local) {
            self.ufrags.remove(&stale);
        }
        self.ufrags.insert(local.ufrag.clone(), index);
        Ok(())
    }

    pub(super) fn check_credentials(&self, local: &IceCredentials) -> Result {
        if !(4..=256).contains(&local.ufrag.len()) || !(22..=256).contains(&local.pwd.len()) {
            return Err(CommandError::Invalid("ICE credentials"));
        }
        if self.ufrags.contains_key(&local.ufrag) {
            return Err(CommandError::Duplicate("ufrag"));
        }
        Ok(())
    }

    pub(super) fn install_keys(
        &mut self,
        now: Time,
        id: TransportId,
        profile: SrtpProfile,
        receive: &MasterKey,
        send: &MasterKey,
    ) -> Result {
        let index = self.transport(id)?;
        let (window, ssrcs) = (self.limits.replay_window, self.limits.ssrcs);
        let transport = self.transport_mut(index)?;
        // New keys would restart every rollover counter; a client that needs them joins again.
        if transport.sender.is_some() {
            return Err(CommandError::Duplicate("keys"));
        }
        let invalid = |_| CommandError::Invalid("keys");
        let receiver = SrtpReceiver::new(profile, receive, window, ssrcs).map_err(invalid)?;
        transport.sender = Some(SrtpSender::new(profile, send).map_err(invalid)?);
        transport.receiver = Some(receiver);
        transport.next_report = now;
        self.schedule_transport(now, index);
        self.ask_for_client(now, index);
        Ok(())
    }

    pub(super) fn send_dtls(&mut self, now: Time, id: TransportId, datagram: &[u8]) -> Result {
        let index = self.transport(id)?;
        if datagram.is_empty() || datagram.len() > crate::egress::MAX_DATAGRAM {
            return Err(CommandError::Invalid("datagram"));
        }
        let transport = self.transport_mut(index)?;
        match transport.ice.handshake_tuple(now) {
            Some(tuple) => self.post(index, tuple, datagram),
            None => transport.drops.count(DropReason::NotConnected),
        }
        Ok(())
    }

    pub(super) fn adopt(&mut self, now: Time, id: TransportId, tuple: Tuple) -> Result {
        let index = self.transport(id)?;
        if let Some(evicted) = self.transport_mut(index)?.ice.adopt(now, tuple) {
            self.disown(index, &evicted);
        }
        self.claim(index, tuple);
        self.tell_path(now, index);
        self.schedule_transport(now, index);
        Ok(())
    }

    /// A tuple belongs to whoever proved itself on it last: a port may pass from one client to
    /// another behind a NAT.
    pub(super) fn claim(&mut self, index: u32, tuple: Tuple) {
        self.tuples.insert(tuple, index);
    }

    /// A client lost a tuple; whoever claimed it since keeps it.
    pub(super) fn disown(&mut self, index: u32, tuple: &Tuple) {
        if self.tuples.get(tuple) == Some(&index) {
            self.tuples.remove(tuple);
        }
    }

    /// Tells the control plane when the path changed, and keeps its timer.
    pub(super) fn tell_path(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let told = (transport.ice.state(now), transport.ice.selected());
        let (mut regained, mut began) = (false, false);
        let moved = transport.told.0 == told.0 && transport.told.1 != told.1;
        let tell_at = transport.moved_at + TUPLE_TOLD;
        if moved && now < tell_at {
            self.timers
                .schedule(Timer::Transport(index), tell_at, &mut transport.scheduled);
        } else if transport.told != told {
            if moved {
                transport.moved_at = now;
            }
            regained = transport.told.0 == PathState::ConsentLost;
            began = transport.told.0 == PathState::New;
            transport.told = told;
            let (state, tuple) = told;
            self.events.push_back(Event::Path {
                transport: transport.id,
                state,
                tuple,
            });
        }
        if let Some(at) = transport.ice.next_timeout(now) {
            self.timers
                .schedule(Timer::Transport(index), at, &mut transport.scheduled);
        }
        if began {
            self.ask_for_client(now, index);
        } else if regained {
            // Nothing was sent meanwhile: decoders need a keyframe, and sequence numbers must not
            // jump so far that the client's rollover counter is left behind.
            for consumer in transport.consumers.clone() {
                self.restart_consumer(now, consumer, true);
            }
        }
    }

    /// A client can be sent to from now on: what it waits for is asked for at once, and not when
    /// the next packet finds it waiting.
    pub(super) fn ask_for_client(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index).filter(|t| t.is_reachable(now)) else {
            return;
        };
        for consumer in transport.consumers.clone() {
            self.on_consumer_changed(now, consumer);
        }
    }
}
