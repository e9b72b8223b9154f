//! Keyframes: who waits for one, and asking for it.

use crate::rtcp;
use crate::stats::DropReason;
use crate::time::Time;
use crate::units::Kind;

use super::Worker;

impl Worker {
    /// The set of active layers of a producer changed: consumers aim anew. `arriving` is a layer of
    /// which a keyframe is just coming in, so that none has to be asked for.
    pub(super) fn on_layers_changed(&mut self, now: Time, index: u32, arriving: Option<u8>) {
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        let active = producer.active();
        let mut wanted = 0u8;
        for link in &mut producer.links {
            let Some(consumer) = self.consumers.get_mut(link.consumer) else {
                continue;
            };
            consumer.selector.set_active(active);
            if link.paused {
                continue;
            }
            link.interest = consumer.selector.interest();
            let waits_for = consumer.selector.waits_for();
            let client = self.transports.get(consumer.transport);
            if let Some(layer) = waits_for
                .filter(|&l| Some(l) != arriving && client.is_some_and(|t| t.is_reachable(now)))
            {
                wanted |= 1 << layer;
            }
        }
        for layer in (0..8).filter(|layer| wanted & (1 << layer) != 0) {
            self.want_keyframe(now, index, layer);
        }
    }

    /// A consumer's wish, pause or layers changed: its link is set, and a keyframe asked for.
    pub(super) fn on_consumer_changed(&mut self, now: Time, index: u32) {
        let Some(consumer) = self.consumers.get(index) else {
            return;
        };
        let Some(producer) = self.producers.get_mut(consumer.producer) else {
            return;
        };
        let paused = consumer.paused;
        let client = self.transports.get(consumer.transport);
        // A keyframe for a client that can't be sent to yet is lost, and delays the one it needs by
        // the throttle's interval.
        let useful = !paused && client.is_some_and(|t| t.is_reachable(now));
        let waits_for = consumer.selector.waits_for().filter(|_| useful);
        let link = &mut producer.links[consumer.link];
        link.paused = paused;
        link.interest = if paused {
            0
        } else {
            consumer.selector.interest()
        };
        let producer = consumer.producer;
        if let Some(layer) = waits_for {
            self.want_keyframe(now, producer, layer);
        }
    }

    /// The server needs a keyframe of a layer (start, switch, outage); asked for until it comes.
    pub(super) fn want_keyframe(&mut self, now: Time, producer: u32, layer: u8) {
        let Some(owner) = self.producers.get_mut(producer) else {
            return;
        };
        let transport = owner.transport;
        let rtt = self
            .transports
            .get(transport)
            .map_or_else(Default::default, |t| t.rtt());
        if owner.kind != Kind::Video {
            return;
        }
        let Some(live) = owner.streams[usize::from(layer)].live.as_mut() else {
            return;
        };
        live.throttle.want();
        match live.throttle.next(rtt) {
            Some(at) if at > now => self.wake(transport, at),
            _ => self.ask_keyframe(now, producer, layer),
        }
    }

    /// A viewer asks for a keyframe of what it is sent: throttled per viewer, then per source.
    pub(super) fn viewer_asks(&mut self, now: Time, index: u32) {
        let Some(consumer) = self.consumers.get_mut(index) else {
            return;
        };
        if consumer.kind != Kind::Video {
            return;
        }
        consumer.keyframe_requests += 1;
        if !consumer.viewer.ask(now) {
            return consumer.drops.count(DropReason::KeyframeThrottled);
        }
        let layer = consumer
            .selector
            .current()
            .or(consumer.selector.waits_for());
        let (Some(layer), producer) = (layer, consumer.producer) else {
            return;
        };
        let Some(owner) = self.producers.get_mut(producer) else {
            return;
        };
        let Some(live) = owner.streams[usize::from(layer)].live.as_mut() else {
            return;
        };
        if live.throttle.ask(now) {
            return self.ask_keyframe(now, producer, layer);
        }
        consumer.drops.count(DropReason::KeyframeThrottled);
        self.repeat_keyframe(now, producer, layer);
    }

    /// Sends a PLI.
    fn ask_keyframe(&mut self, now: Time, producer: u32, layer: u8) {
        let Some(owner) = self.producers.get_mut(producer) else {
            return;
        };
        let transport = owner.transport;
        let stream = &mut owner.streams[usize::from(layer)];
        let (Some(media), Some(live)) = (stream.ssrc, stream.live.as_mut()) else {
            return;
        };
        live.throttle.on_asked(now);
        live.requests += 1;
        self.send_rtcp(now, transport, |out, own| rtcp::write_pli(out, own, media));
        self.repeat_keyframe(now, producer, layer);
    }

    /// Sees to it that a request is repeated when its time comes.
    fn repeat_keyframe(&mut self, now: Time, producer: u32, layer: u8) {
        let Some(owner) = self.producers.get(producer) else {
            return;
        };
        let Some(live) = owner.streams[usize::from(layer)].live.as_ref() else {
            return;
        };
        let transport = owner.transport;
        let rtt = self
            .transports
            .get(transport)
            .map_or_else(Default::default, |t| t.rtt());
        if let Some(at) = live.throttle.next(rtt) {
            self.wake(transport, at.max(now));
        }
    }

    /// Repeats what is due for the streams of a producer, as long as somebody waits and the layer
    /// sends at all.
    pub(super) fn repeat_keyframes(&mut self, now: Time, producer: u32) {
        let Some(owner) = self.producers.get(producer) else {
            return;
        };
        for layer in 0..owner.streams.len() as u8 {
            let Some(owner) = self.producers.get_mut(producer) else {
                return;
            };
            let rtt = self
                .transports
                .get(owner.transport)
                .map_or_else(Default::default, |t| t.rtt());
            let (consumers, transports) = (&self.consumers, &self.transports);
            let waits = owner.links.iter().any(|link| {
                !link.paused
                    && consumers.get(link.consumer).is_some_and(|consumer| {
                        let client = transports.get(consumer.transport);
                        consumer.selector.waits_for() == Some(layer)
                            && client.is_some_and(|t| t.is_reachable(now))
                    })
            });
            let Some(live) = owner.streams[usize::from(layer)].live.as_mut() else {
                continue;
            };
            if !(waits && live.active) {
                live.throttle.release();
            }
            if live.throttle.next(rtt).is_some_and(|at| at <= now) {
                self.ask_keyframe(now, producer, layer);
            }
        }
    }
}
