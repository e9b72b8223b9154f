//! Inbound: which protocol, whose, authentic? Only then is anything looked at or remembered.

use std::time::Duration;

use crate::event::{Event, PathState};
use crate::extensions::Elements;
use crate::producer::{PayloadKind, Producer, find_stream};
use crate::rewrite::Extender;
use crate::rtp::{self, RtpPacket};
use crate::speaker;
use crate::stats::DropReason;
use crate::stream::{Incoming, Live};
use crate::stun;
use crate::time::Time;
use crate::timers::Timer;
use crate::transport::{Pending, StreamRef};
use crate::units::{Kind, Ssrc, Tuple};

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
        if let Some(evicted) = outcome.evicted {
            self.tuples.remove(&evicted);
        }
        if outcome.tuple_validated {
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

    /// A tuple belongs to whoever proved itself on it last: a port may pass from one client to
    /// another behind a NAT.
    pub(super) fn claim(&mut self, index: u32, tuple: Tuple) {
        self.tuples.insert(tuple, index);
    }

    /// Tells the control plane when the path changed, and keeps its timer.
    pub(super) fn tell_path(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let told = (transport.ice.state(now), transport.ice.selected());
        let (mut regained, mut began) = (false, false);
        if transport.told != told {
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
        let Some(transport) = self.transports.get(index).filter(|t| t.sender.is_some()) else {
            return;
        };
        if transport.ice.send_tuple(now).is_none() {
            return;
        }
        for consumer in transport.consumers.clone() {
            self.on_consumer_changed(now, consumer);
        }
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
            None => self.place(index, &packet, &elements),
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

    /// Learns which stream a new SSRC is. It may take over a stream: a sender that restarted.
    fn place(
        &mut self,
        index: u32,
        packet: &RtpPacket<'_>,
        elements: &Elements<'_>,
    ) -> Result<StreamRef, DropReason> {
        let transport = self
            .transports
            .get_mut(index)
            .ok_or(DropReason::UnknownSsrc)?;
        let producers = &self.producers;
        let candidates = transport
            .producers
            .iter()
            .filter_map(|&index| Some((index, producers.get(index)?)));
        let Elements {
            mid,
            rid,
            repaired_rid,
            ..
        } = *elements;
        let (owner, layer, rtx) =
            find_stream(candidates, mid, rid, repaired_rid, packet.payload_type)
                .ok_or(DropReason::UnknownSsrc)?;
        if transport.received.len() >= self.limits.ssrcs {
            return Err(DropReason::SsrcLimit);
        }
        let producer = self
            .producers
            .get_mut(owner)
            .ok_or(DropReason::UnknownSsrc)?;
        let stream = &mut producer.streams[usize::from(layer)];
        let own = if rtx {
            &mut stream.rtx_ssrc
        } else {
            &mut stream.ssrc
        };
        let former = own.replace(packet.ssrc);
        if let Some(former) = former {
            transport.received.remove(&former);
        }
        let reference = StreamRef {
            producer: owner,
            layer,
            rtx,
        };
        transport.received.insert(packet.ssrc, reference);
        if !rtx && stream.live.is_some() {
            self.restart_stream(owner, layer);
        }
        Ok(reference)
    }

    /// Another SSRC has taken a stream over: its numbers have nothing to do with those before, so
    /// consumers start over at a keyframe.
    fn restart_stream(&mut self, producer: u32, layer: u8) {
        let Some(owner) = self.producers.get_mut(producer) else {
            return;
        };
        owner.streams[usize::from(layer)].live = None;
        let active = owner.active();
        for link in &mut owner.links {
            let Some(consumer) = self.consumers.get_mut(link.consumer) else {
                continue;
            };
            if consumer.selector.current() == Some(layer) {
                consumer.selector.reset();
            }
            consumer.slot.sent.forget();
            consumer.selector.set_active(active);
            link.interest = if link.paused {
                0
            } else {
                consumer.selector.interest()
            };
            if let Some(transport) = self.transports.get_mut(link.transport) {
                transport.forget_pending(link.consumer);
            }
        }
    }

    /// Hands a packet to its stream, and an entry of it to every client that wants it.
    fn route(
        &mut self,
        now: Time,
        at: StreamRef,
        sequence: u64,
        packet: &RtpPacket<'_>,
        elements: Elements<'_>,
    ) {
        let Some(producer) = self.producers.get_mut(at.producer) else {
            return;
        };
        let incoming = match unwrap(producer, at, sequence, packet, elements) {
            Ok(incoming) => incoming,
            Err(reason) => return producer.drops.count(reason),
        };
        self.hear(now, at.producer, &incoming);
        let Some(producer) = self.producers.get_mut(at.producer) else {
            return;
        };
        let layer = usize::from(at.layer);
        let first = producer.streams[layer].live.is_none();
        if first {
            // Audio is asked for again as well: browsers answer NACK for Opus when told to.
            let live = Live::new(producer.kind, true, &self.limits);
            producer.streams[layer].live = Some(Box::new(live));
        }
        let Some(live) = producer.streams[layer].live.as_mut() else {
            return;
        };
        let taken = match live.receive(now, &incoming, &producer.codecs) {
            Ok(taken) => taken,
            Err(reason) => return producer.drops.count(reason),
        };
        let transport = producer.transport;
        let media = !incoming.payload.is_empty();
        if taken.codec_changed {
            let codec = producer.codecs[usize::from(incoming.mapping)].codec;
            let event = Event::ProducerStream {
                producer: producer.id,
                spatial: at.layer,
                codec,
            };
            self.events.push_back(event);
        }
        let rtt = self
            .transports
            .get(transport)
            .map_or(Duration::ZERO, |t| t.rtt());
        if let Some(due) = live.nack.next(rtt) {
            self.wake(transport, due);
        }
        if media {
            self.on_media(now, at.producer, at.layer, taken.starts_keyframe);
        }
        if taken.outage {
            self.want_keyframe(now, at.producer, at.layer);
        }
        let Some(producer) = self.producers.get_mut(at.producer) else {
            return;
        };
        if taken.starts_keyframe
            && let Some(live) = producer.streams[layer].live.as_mut()
        {
            live.throttle.satisfied();
        }
        if !media {
            producer.drops.count(DropReason::PaddingOnly);
        }
        if producer.paused {
            return producer.drops.count(DropReason::ProducerPaused);
        }
        let bit = 1 << at.layer;
        let pending = |consumer| Pending {
            consumer,
            position: taken.position,
            layer: at.layer,
            resend: None,
        };
        for link in &mut producer.links {
            if link.interest & bit == 0 {
                *(if link.paused {
                    &mut link.ignored_paused
                } else {
                    &mut link.ignored
                }) += 1;
                continue;
            }
            let Some(transport) = self.transports.get_mut(link.transport) else {
                continue;
            };
            if transport.push(pending(link.consumer)) {
                self.ready.push(link.transport);
            }
        }
    }

    /// Loudness of an audio producer, for the choice of the speaker.
    fn hear(&mut self, now: Time, index: u32, incoming: &Incoming<'_>) {
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        let Some(level) = incoming.elements.audio_level else {
            return;
        };
        if producer.kind != Kind::Audio || producer.paused {
            return;
        }
        producer.loudness.on_level(now, level);
        if let Some(router) = self.routers.get_mut(producer.router)
            && router.scheduled.is_none()
        {
            let owner = Timer::Router(producer.router);
            self.timers
                .schedule(owner, now + speaker::TICK, &mut router.scheduled);
        }
    }

    /// Media of a layer came: it is active again if it wasn't.
    fn on_media(&mut self, now: Time, index: u32, layer: u8, keyframe: bool) {
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        let Some(live) = producer.streams[usize::from(layer)].live.as_mut() else {
            return;
        };
        let returned = !live.active && live.last != Time::ZERO;
        live.last = now;
        live.ended = false;
        producer.bye_told = false;
        if live.active {
            return;
        }
        live.active = true;
        if returned {
            let (producer, spatial) = (producer.id, layer);
            self.events.push_back(Event::ProducerLayer {
                producer,
                spatial,
                active: true,
            });
        }
        self.on_layers_changed(now, index, keyframe.then_some(layer));
    }
}

/// Takes the retransmission wrapping off (RFC 4588 section 4) and finds the codec.
fn unwrap<'a>(
    producer: &Producer,
    at: StreamRef,
    sequence: u64,
    packet: &RtpPacket<'a>,
    elements: Elements<'a>,
) -> Result<Incoming<'a>, DropReason> {
    let kind = producer
        .payload_kind(packet.payload_type)
        .ok_or(DropReason::UnknownPayloadType)?;
    let mut incoming = Incoming {
        sequence,
        timestamp: packet.timestamp,
        marker: packet.marker,
        mapping: 0,
        repaired: at.rtx,
        elements,
        payload: packet.payload,
    };
    match kind {
        PayloadKind::Media(mapping) if !at.rtx => incoming.mapping = mapping,
        PayloadKind::Rtx(mapping) if at.rtx => {
            // Padding on the RTX stream probes for bandwidth; there is nothing in it.
            let (original, payload) =
                rtp::original_sequence(packet.payload).ok_or(DropReason::PaddingOnly)?;
            let stream = &producer.streams[usize::from(at.layer)];
            let newest = stream.live.as_ref().and_then(|live| live.nack.newest());
            let newest = newest.ok_or(DropReason::TooOld)?;
            incoming.mapping = mapping;
            incoming.sequence = Extender::<16>::near(newest, u64::from(original));
            incoming.payload = payload;
        }
        _ => return Err(DropReason::UnknownPayloadType),
    }
    Ok(incoming)
}

/// SSRCs signalled for a producer's streams.
pub(super) fn signalled(producer: &Producer) -> impl Iterator<Item = (Ssrc, u8, bool)> + '_ {
    producer
        .streams
        .iter()
        .enumerate()
        .flat_map(|(layer, stream)| {
            let layer = layer as u8;
            let media = stream.ssrc.map(|ssrc| (ssrc, layer, false));
            let rtx = stream.rtx_ssrc.map(|ssrc| (ssrc, layer, true));
            media.into_iter().chain(rtx)
        })
}
