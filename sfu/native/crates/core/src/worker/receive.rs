//! Inbound: which protocol, whose, authentic? Only then is anything looked at or remembered.

use crate::event::{Event, PathState};
use crate::rtp;
use crate::stats::DropReason;
use crate::stun;
use crate::time::Time;
use crate::timers::Timer;
use crate::units::Tuple;

use super::Worker;

impl Worker {
    /// Takes a datagram; it is decrypted in place.
    pub fn receive(&mut self, now: Time, tuple: Tuple, datagram: &mut [u8]) {
        self.datagrams_received += 1;
        let Some(&first) = datagram.first() else {
            return self.drops.count(DropReason::Truncated);
        };
        // RFC 7983 section 7.
        if first < 4 {
            return self.receive_stun(now, tuple, datagram);
        }
        let Some(&index) = self.tuples.get(&tuple) else {
            return self.drops.count(match first {
                20..=63 | 128..=191 => DropReason::TupleNotValidated,
                _ => DropReason::UnknownProtocol,
            });
        };
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        transport.traffic.packets_received += 1;
        transport.traffic.bytes_received += datagram.len() as u64;
        match first {
            20..=63 => self.receive_dtls(now, index, datagram),
            128..=191 if rtp::is_rtcp(datagram) => self.receive_rtcp(now, index, datagram),
            128..=191 => self.receive_rtp(now, index, datagram),
            _ => transport.drops.count(DropReason::UnknownProtocol),
        }
    }

    fn receive_stun(&mut self, now: Time, tuple: Tuple, datagram: &[u8]) {
        let Ok(message) = stun::parse(datagram) else {
            return self.drops.count(DropReason::StunMalformed);
        };
        let owner = message
            .local_ufrag()
            .and_then(|ufrag| std::str::from_utf8(ufrag).ok())
            .and_then(|ufrag| self.ufrags.get(ufrag).copied());
        let Some(index) = owner else {
            return self.drops.count(DropReason::StunUnknownUfrag);
        };
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let mut reply = [0; stun::MAX_REPLY];
        let outcome = match transport.ice.on_request(now, tuple, &message, &mut reply) {
            Ok(outcome) => outcome,
            Err(reason) => return transport.drops.count(reason),
        };
        transport.traffic.packets_received += 1;
        transport.traffic.bytes_received += datagram.len() as u64;
        let proved = transport.ice.is_validated(tuple);
        if let Some(evicted) = outcome.evicted {
            self.disown(index, &evicted);
        }
        // Not only when it is new to this client: another one may have claimed it meanwhile.
        if proved {
            self.claim(index, tuple);
        }
        if let Some(ufrag) = outcome.retired_ufrag {
            self.ufrags.remove(&ufrag);
        }
        if outcome.reply > 0 {
            self.post(index, tuple, &reply[..outcome.reply]);
        }
        self.tell_path(now, index);
    }

    fn receive_dtls(&mut self, now: Time, index: u32, datagram: &[u8]) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        if !transport.admit_dtls(now, self.limits.dtls_rate) {
            return transport.drops.count(DropReason::DtlsRate);
        }
        let datagram = datagram.to_vec();
        self.events.push_back(Event::Dtls {
            transport: transport.id,
            datagram,
        });
    }

    fn receive_rtp(&mut self, now: Time, index: u32, datagram: &mut [u8]) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let Some(receiver) = &mut transport.receiver else {
            return transport.drops.count(DropReason::NoKeys);
        };
        let opened = match receiver.unprotect_rtp(datagram) {
            Ok(opened) => opened,
            Err(error) => return transport.drops.count(error.drop_reason()),
        };
        transport.ice.authenticated_at(now);
        let silent = transport.told.0 == PathState::Silent;
        let Ok(packet) = rtp::parse(&datagram[..opened.len]) else {
            return transport.drops.count(DropReason::RtpMalformed);
        };
        let elements = transport.extensions.read(&packet.extensions);
        if let Some(sequence) = elements.transport_sequence {
            let recorder = transport.recorder.get_or_insert_with(Default::default);
            recorder.on_packet(now, sequence);
            if let Some(at) = recorder.next() {
                self.timers
                    .schedule(Timer::Transport(index), at, &mut transport.scheduled);
            }
        }
        let stream = match transport.received.get(&packet.ssrc) {
            Some(&stream) => Ok(stream),
            None => self.place(now, index, &packet, &elements),
        };
        match stream {
            Ok(stream) => self.route(now, stream, opened.extended_sequence, &packet, elements),
            Err(reason) => self.count_drop(index, reason),
        }
        if silent {
            self.tell_path(now, index);
        }
    }

    fn count_drop(&mut self, transport: u32, reason: DropReason) {
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.drops.count(reason);
        }
    }
}
