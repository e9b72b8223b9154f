//! From an authentic packet to its stream, and on to the queues of those who want it.

use crate::event::Event;
use crate::extensions::Elements;
use crate::producer::{PayloadKind, Producer, find_stream};
use crate::rewrite::Extender;
use crate::rtp::{self, RtpPacket};
use crate::speaker;
use crate::stats::DropReason;
use crate::stream::{Incoming, Live, TAKE_OVER, Taken};
use crate::time::Time;
use crate::timers::Timer;
use crate::transport::{Pending, StreamRef};
use crate::units::{Kind, Ssrc};

use super::Worker;

impl Worker {
    /// Learns which stream a new SSRC is. It may take over a stream: a sender that restarted.
    pub(super) fn place(
        &mut self,
        now: Time,
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
        let restarts = !rtx && stream.live.is_some();
        if restarts {
            if stream
                .taken_over
                .is_some_and(|at| now.since(at) < TAKE_OVER)
            {
                return Err(DropReason::UnknownSsrc);
            }
            stream.taken_over = Some(now);
        }
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
        if restarts {
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
            consumer.slot.forget();
            link.left = None;
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
    pub(super) fn route(
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
        let Some(taken) = self.take_in(now, at, &incoming) else {
            return;
        };
        let media = !incoming.payload.is_empty();
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
            && let Some(live) = producer.streams[usize::from(at.layer)].live.as_mut()
        {
            live.throttle.satisfied();
        }
        if !media {
            producer.drops.count(DropReason::PaddingOnly);
        }
        if producer.paused {
            return producer.drops.count(DropReason::ProducerPaused);
        }
        self.hand_out(at, &taken);
    }

    /// Puts a packet into its stream's history; a stream is made at its first.
    fn take_in(&mut self, now: Time, at: StreamRef, incoming: &Incoming<'_>) -> Option<Taken> {
        let producer = self.producers.get_mut(at.producer)?;
        let stream = &mut producer.streams[usize::from(at.layer)];
        // Audio is asked for again as well: browsers answer NACK for Opus when told to.
        let live = stream
            .live
            .get_or_insert_with(|| Box::new(Live::new(producer.kind, true, &self.limits)));
        let taken = match live.receive(now, incoming, &producer.codecs) {
            Ok(taken) => taken,
            Err(reason) => {
                producer.drops.count(reason);
                return None;
            }
        };
        if taken.codec_changed {
            let codec = producer.codecs[usize::from(incoming.mapping)].codec;
            let (producer, spatial) = (producer.id, at.layer);
            self.events.push_back(Event::ProducerStream {
                producer,
                spatial,
                codec,
            });
        }
        let owner = self.transports.get_mut(producer.transport)?;
        if let Some(due) = live.nack.next(owner.rtt()) {
            let timer = Timer::Transport(producer.transport);
            self.timers.schedule(timer, due, &mut owner.scheduled);
        }
        Some(taken)
    }

    /// Queues a packet at every client that wants its layer.
    fn hand_out(&mut self, at: StreamRef, taken: &Taken) {
        let Some(producer) = self.producers.get_mut(at.producer) else {
            return;
        };
        let bit = 1 << at.layer;
        for link in &mut producer.links {
            let repairs = taken.late && link.left == Some(at.layer) && !link.paused;
            if link.interest & bit == 0 && !repairs {
                let count = match link.paused {
                    true => &mut link.ignored_paused,
                    false => &mut link.ignored,
                };
                *count += 1;
                continue;
            }
            let Some(transport) = self.transports.get_mut(link.transport) else {
                continue;
            };
            let pending = Pending {
                consumer: link.consumer,
                position: taken.position,
                layer: at.layer,
                resend: None,
            };
            if transport.push(pending) {
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
