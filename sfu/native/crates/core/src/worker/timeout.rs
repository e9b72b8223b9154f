//! What time alone makes happen.

use std::time::Duration;

use crate::event::Event;
use crate::speaker;
use crate::stream::INACTIVE;
use crate::time::Time;
use crate::timers::Timer;

use super::Worker;

/// A timer that would be due at once waits at least this long: time has to pass for progress.
const LEAST_WAIT: Duration = Duration::from_millis(1);

impl Worker {
    /// Does what is due.
    pub fn timeout(&mut self, now: Time) {
        while let Some((at, timer)) = self.timers.pop(now) {
            match timer {
                Timer::Transport(index) => self.transport_timeout(now, at, index),
                Timer::Router(index) => self.router_timeout(now, at, index),
            }
        }
    }

    fn transport_timeout(&mut self, now: Time, at: Time, index: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        if transport.scheduled != Some(at) {
            return; // an earlier wish was served since
        }
        transport.scheduled = None;
        let mut gone = Vec::new();
        transport.ice.expire(now, |tuple| gone.push(tuple));
        for tuple in gone {
            self.disown(index, &tuple);
        }
        self.tell_path(now, index);
        for n in 0.. {
            let owned = self
                .transports
                .get(index)
                .and_then(|t| t.producers.get(n).copied());
            let Some(producer) = owned else { break };
            self.end_layers(now, producer);
            self.send_nacks(now, producer);
            self.repeat_keyframes(now, producer);
        }
        self.send_transport_feedback(now, index);
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        if transport.sender.is_some() && transport.next_report <= now {
            if transport.ice.send_tuple(now).is_some() {
                self.report(now, index);
            } else if let Some(transport) = self.transports.get_mut(index) {
                transport.next_report = now + Duration::from_millis(500);
            }
        }
        self.tell_rekey(index);
        self.schedule_transport(now, index);
    }

    /// Next time that a transport has something to do.
    pub(super) fn schedule_transport(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        let mut next = transport.ice.next_timeout(now);
        let mut sooner = |at: Option<Time>| next = next.into_iter().chain(at).min();
        if transport.sender.is_some() {
            sooner(Some(transport.next_report));
        }
        sooner(
            transport
                .recorder
                .as_ref()
                .and_then(|recorder| recorder.next()),
        );
        let rtt = transport.rtt();
        for producer in transport
            .producers
            .iter()
            .filter_map(|&p| self.producers.get(p))
        {
            let layered = producer.streams.len() > 1;
            for live in producer
                .streams
                .iter()
                .filter_map(|stream| stream.live.as_ref())
            {
                sooner(live.nack.next(rtt));
                sooner(live.throttle.next(rtt));
                sooner((layered && live.active).then(|| live.last + INACTIVE));
            }
        }
        if let Some(at) = next {
            self.wake(index, at.max(now + LEAST_WAIT));
        }
    }

    /// Takes layers that stopped out of the choice. A producer of one layer has no choice.
    fn end_layers(&mut self, now: Time, index: u32) {
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        if producer.streams.len() < 2 {
            return;
        }
        let mut changed = false;
        for (layer, stream) in producer.streams.iter_mut().enumerate() {
            let Some(live) = &mut stream.live else {
                continue;
            };
            if live.active && now.since(live.last) >= INACTIVE {
                live.active = false;
                changed = true;
                let (producer, spatial) = (producer.id, layer as u8);
                self.events.push_back(Event::ProducerLayer {
                    producer,
                    spatial,
                    active: false,
                });
            }
        }
        if changed {
            self.on_layers_changed(now, index, None);
        }
    }

    fn tell_rekey(&mut self, index: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let needed = transport
            .sender
            .as_ref()
            .is_some_and(|sender| sender.rekey_needed());
        if needed && !std::mem::replace(&mut transport.rekey_told, true) {
            self.events.push_back(Event::RekeyNeeded {
                transport: transport.id,
            });
        }
    }

    fn router_timeout(&mut self, now: Time, at: Time, index: u32) {
        let Some(router) = self.routers.get_mut(index) else {
            return;
        };
        if router.scheduled != Some(at) {
            return;
        }
        router.scheduled = None;
        let producers = &self.producers;
        let mut heard = false;
        let levels = router.audio.iter().filter_map(|&producer| {
            let producer = producers
                .get(producer)
                .filter(|producer| !producer.paused)?;
            let level = producer.loudness.level(now);
            heard |= level < speaker::SILENT;
            Some((producer.id, level))
        });
        if let Some(producer) = router.speaker.judge(now, levels) {
            self.events.push_back(Event::Speaker {
                router: router.id,
                producer,
            });
        }
        if heard || router.speaker.is_active() {
            let owner = Timer::Router(index);
            self.timers
                .schedule(owner, now + speaker::TICK, &mut router.scheduled);
        }
    }
}
