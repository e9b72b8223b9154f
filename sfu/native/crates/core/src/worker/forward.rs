//! Outbound: client by client, from the queues into the arena.

use std::time::Duration;

use crate::command::Extension;
use crate::consumer::{Consumer, Dress, Route, Written, write};
use crate::egress::Egress;
use crate::event::Event;
use crate::history::{Meta, Stored};
use crate::layer::Choice;
use crate::producer::Producer;
use crate::retransmit::SentPacket;
use crate::rtp::FixedHeader;
use crate::slot::Numbers;
use crate::stats::DropReason;
use crate::time::Time;
use crate::timers::Timer;
use crate::transport::{Pending, Transport};
use crate::twcc::SentPackets;
use crate::units::{Kind, Tuple};

use super::Worker;

/// A stream that begins gets a sender report soon, so that its lip-sync doesn't wait a second.
const FIRST_REPORT: Duration = Duration::from_millis(50);

impl Worker {
    /// Writes what is to be sent. `true`: the arena is full; send it, clear it and call again.
    pub fn drain(&mut self, now: Time, egress: &mut Egress) -> bool {
        let (count, all) = self.outbox.drain(egress);
        self.datagrams_sent += count;
        if !all {
            return true;
        }
        while let Some(&index) = self.ready.get(self.ready_done) {
            let done = self.drain_transport(now, index, egress);
            self.ask_for_waiting(now);
            if !done {
                return true;
            }
            self.ready_done += 1;
        }
        self.ready.clear();
        self.ready_done = 0;
        // Serving clients may have led to keyframe requests.
        let (count, all) = self.outbox.drain(egress);
        self.datagrams_sent += count;
        !all
    }

    /// Sends what waits for one client; `false` when the arena is full.
    fn drain_transport(&mut self, now: Time, index: u32, egress: &mut Egress) -> bool {
        let Some(transport) = self.transports.get_mut(index) else {
            return true;
        };
        let tuple = transport
            .ice
            .send_tuple(now)
            .filter(|_| transport.sender.is_some());
        let Some(tuple) = tuple else {
            let dropped = transport.clear_pending();
            transport.drops.0[DropReason::NotConnected as usize] += dropped as u64;
            return true;
        };
        loop {
            if !egress.has_room() {
                return false;
            }
            let Some(pending) = transport.pop() else {
                return true;
            };
            let Some(consumer) = self.consumers.get_mut(pending.consumer) else {
                continue;
            };
            let Some(producer) = self.producers.get_mut(consumer.producer) else {
                continue;
            };
            let mut way = Way {
                now,
                tuple,
                transport,
                egress,
            };
            let sent = match pending.resend {
                None => way.forward(consumer, producer, &pending),
                Some(sequence) => way.resend(consumer, producer, sequence),
            };
            match sent {
                Ok(Sent { started }) => {
                    self.datagrams_sent += 1;
                    if started {
                        let link = &mut producer.links[consumer.link];
                        link.interest = consumer.selector.interest();
                        link.left = consumer.slot.left();
                        self.events.push_back(layer_event(consumer, producer));
                        catch_up(transport, producer, &pending);
                        transport.next_report = transport.next_report.min(now + FIRST_REPORT);
                        let (at, scheduled) = (transport.next_report, &mut transport.scheduled);
                        self.timers.schedule(Timer::Transport(index), at, scheduled);
                    }
                }
                Err(reason) => {
                    consumer.drops.count(reason);
                    if reason == DropReason::WaitingForKeyframe {
                        let wish = (consumer.producer, consumer.selector.waits_for());
                        if self.waiting.last() != Some(&wish) {
                            self.waiting.push(wish);
                        }
                    }
                }
            }
        }
    }

    /// A client that connects just after a keyframe, or missed it for a reason of its own, is sent
    /// deltas that it can't use: whoever is offered them and waits is what a keyframe is asked for.
    fn ask_for_waiting(&mut self, now: Time) {
        while let Some((producer, layer)) = self.waiting.pop() {
            if let Some(layer) = layer {
                self.want_keyframe(now, producer, layer);
            }
        }
    }
}

/// The layer that a consumer is now sent.
pub(super) fn layer_event(consumer: &Consumer, producer: &Producer) -> Event {
    let spatial = consumer.selector.current();
    let live = spatial.and_then(|s| producer.streams.get(usize::from(s))?.live.as_ref());
    let codec = live.and_then(|live| Some(producer.codecs.get(usize::from(live.mapping))?.codec));
    Event::ConsumerLayer {
        consumer: consumer.id,
        spatial,
        codec,
    }
}

/// The first packet of a keyframe came late, by disorder or by retransmission, and the switch was
/// made at it: what came of the frame before it goes out now.
fn catch_up(transport: &mut Transport, producer: &Producer, first: &Pending) {
    let stream = producer.streams.get(usize::from(first.layer));
    let Some(live) = stream.and_then(|stream| stream.live.as_ref()) else {
        return;
    };
    let Some(start) = live
        .history
        .get(first.position)
        .map(|stored| stored.meta.sequence)
    else {
        return;
    };
    if live.nack.newest().is_none_or(|newest| newest <= start) {
        return;
    }
    for position in live.history.before(first.position) {
        if live
            .history
            .get(position)
            .is_some_and(|stored| stored.meta.sequence > start)
        {
            transport.push(Pending { position, ..*first });
        }
    }
}

/// A packet went out.
struct Sent {
    /// It began a layer.
    started: bool,
}

/// The client that is being served.
struct Way<'a> {
    now: Time,
    tuple: Tuple,
    transport: &'a mut Transport,
    egress: &'a mut Egress,
}

impl Way<'_> {
    fn forward(
        &mut self,
        consumer: &mut Consumer,
        producer: &Producer,
        pending: &Pending,
    ) -> Result<Sent, DropReason> {
        let stored = stored(producer, pending.layer, pending.position)?;
        let meta = stored.meta;
        let route = consumer.routes.get(usize::from(meta.mapping));
        let (reason, route) = match route.copied().flatten() {
            _ if stored.payload.is_empty() => (DropReason::PaddingOnly, None),
            None => (DropReason::CodecNotNegotiated, None),
            route => (DropReason::CodecNotNegotiated, route),
        };
        let Some(route) = route else {
            // Nothing that could be sent: its number is closed up.
            let current = consumer.selector.current() == Some(pending.layer);
            consumer.slot.skip_if(current, meta);
            return Err(reason);
        };
        let (started, numbers) = match consumer.slot.map_left(pending.layer, meta) {
            Some(numbers) => (false, numbers),
            None => choose(consumer, producer, pending.layer, meta, &route)?,
        };
        // RFC 3551 section 4.1: the marker starts a talkspurt, and so does a new voice on the slot.
        let fresh = std::mem::take(&mut consumer.fresh) && consumer.kind == Kind::Audio;
        let marker = meta.marker || fresh;
        let sent = SentPacket {
            index: numbers.index as u32,
            position: pending.position,
            timestamp: numbers.timestamp,
            picture: numbers.picture,
            frame: numbers.frame,
            layer: pending.layer,
            tl0picidx: numbers.tl0picidx,
            marker,
            ..SentPacket::default()
        };
        if !consumer.slot.sent.insert(sent) {
            return Err(DropReason::Duplicate);
        }
        let fixed = FixedHeader {
            marker,
            payload_type: route.payload_type,
            sequence: numbers.index as u16,
            timestamp: numbers.timestamp,
            ssrc: consumer.ssrc,
        };
        let result = self.send(consumer, numbers.index, |space, dress| {
            write(space, dress, &fixed, &route, &numbers, None, &stored)
        });
        match result {
            Ok(payload) => {
                consumer.slot.packets = consumer.slot.packets.wrapping_add(1);
                consumer.slot.octets = consumer.slot.octets.wrapping_add(payload as u32);
                consumer.packets += 1;
                consumer.bytes += payload as u64;
                Ok(Sent { started })
            }
            Err(reason) => Err(reason),
        }
    }

    /// Sends a packet again: on the retransmission stream, or, when there is none, the very bytes
    /// that were sent.
    fn resend(
        &mut self,
        consumer: &mut Consumer,
        producer: &Producer,
        sequence: u16,
    ) -> Result<Sent, DropReason> {
        const REFUSED: DropReason = DropReason::RetransmissionRefused;
        let sent = *consumer.slot.sent.get(sequence).ok_or(REFUSED)?;
        let rtx = consumer.rtx_ssrc;
        let Some(ssrc) = rtx else {
            return self.resend_verbatim(consumer, sequence);
        };
        let stored = stored(producer, sent.layer, sent.position).map_err(|_| REFUSED)?;
        let route = consumer
            .routes
            .get(usize::from(stored.meta.mapping))
            .copied()
            .flatten();
        let route = route.ok_or(REFUSED)?;
        let Some(payload_type) = route.rtx else {
            return self.resend_verbatim(consumer, sequence);
        };
        let index = consumer.rtx_index;
        let fixed = FixedHeader {
            marker: sent.marker,
            payload_type,
            sequence: index as u16,
            timestamp: sent.timestamp,
            ssrc,
        };
        let numbers = Numbers {
            index,
            timestamp: sent.timestamp,
            picture: sent.picture,
            tl0picidx: sent.tl0picidx,
            frame: sent.frame,
        };
        // Used up whatever comes of it: an index must not meet a second plaintext.
        consumer.rtx_index += 1;
        self.send(consumer, index, |space, dress| {
            write(
                space,
                dress,
                &fixed,
                &route,
                &numbers,
                Some(sequence),
                &stored,
            )
        })?;
        consumer.resent += 1;
        Ok(Sent { started: false })
    }

    fn resend_verbatim(
        &mut self,
        consumer: &mut Consumer,
        sequence: u16,
    ) -> Result<Sent, DropReason> {
        const REFUSED: DropReason = DropReason::RetransmissionRefused;
        let ring = consumer.slot.verbatim.as_ref().ok_or(REFUSED)?;
        let datagram = ring.get(sequence).ok_or(REFUSED)?;
        let space = self.egress.space().ok_or(DropReason::SendBufferFull)?;
        space[..datagram.len()].copy_from_slice(datagram);
        let len = datagram.len();
        self.commit(len);
        consumer.resent += 1;
        Ok(Sent { started: false })
    }

    /// Has a packet written, protects it, and commits it; returns its payload's length.
    fn send(
        &mut self,
        consumer: &mut Consumer,
        index: u64,
        write: impl FnOnce(&mut [u8], &Dress<'_>) -> Option<Written>,
    ) -> Result<usize, DropReason> {
        let transport = &mut *self.transport;
        let space = self.egress.space().ok_or(DropReason::SendBufferFull)?;
        let numbered = transport
            .extensions
            .id(Extension::TransportWideCc)
            .is_some();
        if numbered && transport.feedback.is_none() {
            transport.feedback = Some(Box::new(SentPackets::new()));
        }
        let feedback = transport.feedback.as_deref_mut().filter(|_| numbered);
        let dress = Dress {
            now: self.now,
            extensions: &transport.extensions,
            mid: consumer.mid.as_deref().filter(|_| !consumer.reported),
            transport_sequence: feedback.as_ref().map(|sent| sent.sequence()),
        };
        let written = write(space, &dress).ok_or(DropReason::TooLarge)?;
        let sender = transport.sender.as_mut().ok_or(DropReason::NotConnected)?;
        let len = sender
            .protect_indexed(space, written.len, written.header_len, index)
            .map_err(|error| error.drop_reason())?;
        if let Some(sent) = feedback {
            sent.on_sent(self.now, len);
        }
        if let Some(ring) = &mut consumer.slot.verbatim {
            ring.insert(index as u16, &space[..len]);
        }
        self.commit(len);
        Ok(written.payload)
    }

    fn commit(&mut self, len: usize) {
        self.egress.commit(self.tuple, len);
        self.transport.traffic.packets_sent += 1;
        self.transport.traffic.bytes_sent += len as u64;
    }
}

/// Whether a packet goes out, whether it begins a layer, and under which numbers.
fn choose(
    consumer: &mut Consumer,
    producer: &Producer,
    layer: u8,
    meta: &Meta,
    route: &Route,
) -> Result<(bool, Numbers), DropReason> {
    let from = consumer.selector.current();
    let started = match consumer.selector.choose(layer, meta) {
        Choice::Forward => false,
        Choice::Switch => {
            let elapsed = consumer.elapsed(producer, layer, meta);
            let slot = &mut consumer.slot;
            slot.switch(from, meta, elapsed, route.clock_rate);
            consumer.last_layer = Some(layer);
            consumer.fresh = true;
            true
        }
        Choice::Skip => {
            consumer.slot.skip(meta, route.closes_pictures());
            return Err(DropReason::LayerNotSelected);
        }
        Choice::Ignore if from.is_none() => return Err(DropReason::WaitingForKeyframe),
        Choice::Ignore => return Err(DropReason::LayerNotSelected),
    };
    let numbers = consumer.slot.map(meta).ok_or(DropReason::TooOld)?;
    Ok((started, numbers))
}

fn stored(producer: &Producer, layer: u8, position: u32) -> Result<Stored<'_>, DropReason> {
    let live = producer
        .streams
        .get(usize::from(layer))
        .and_then(|stream| stream.live.as_ref());
    live.and_then(|live| live.history.get(position))
        .ok_or(DropReason::TooOld)
}
