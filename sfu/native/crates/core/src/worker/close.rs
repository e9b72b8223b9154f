//! Endings. A router ends its transports, a transport its producers and consumers, a producer its
//! consumers; each goes out of every list that holds its index before the index is free.
//!
//! BYE is said for an SSRC that will not be used again: when its transport ends. The SSRC of a slot
//! whose consumer ends stays with the slot for the next consumer, and a source that said goodbye
//! must not come back (RFC 3550 section 6.3.7).

use crate::time::Time;
use crate::transport::Parked;

use super::Worker;
use super::route::signalled;

impl Worker {
    pub(super) fn close_router(&mut self, now: Time, index: u32) {
        let Some(router) = self.routers.get(index) else {
            return;
        };
        let transports = router.transports.clone();
        // All goodbyes first: a publisher that goes takes its consumers with it.
        for &transport in &transports {
            self.send_bye(now, transport);
        }
        for transport in transports {
            self.forget_transport(transport);
        }
        if let Some(router) = self.routers.remove(index) {
            self.router_ids.remove(&router.id);
        }
    }

    pub(super) fn close_transport(&mut self, now: Time, index: u32) {
        self.send_bye(now, index);
        self.forget_transport(index);
    }

    fn forget_transport(&mut self, index: u32) {
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        let (producers, consumers) = (transport.producers.clone(), transport.consumers.clone());
        for consumer in consumers {
            self.close_consumer(consumer);
        }
        for producer in producers {
            self.close_producer(producer);
        }
        let Some(transport) = self.transports.remove(index) else {
            return;
        };
        self.transport_ids.remove(&transport.id);
        for tuple in transport.ice.tuples().chain(transport.ice.selected()) {
            self.disown(index, &tuple);
        }
        for ufrag in transport.ice.ufrags() {
            self.ufrags.remove(ufrag);
        }
        if let Some(router) = self.routers.get_mut(transport.router) {
            router.transports.retain(|&other| other != index);
        }
    }

    pub(super) fn close_producer(&mut self, index: u32) {
        let Some(producer) = self.producers.get(index) else {
            return;
        };
        let consumers: Vec<u32> = producer.links.iter().map(|link| link.consumer).collect();
        for consumer in consumers {
            self.close_consumer(consumer);
        }
        let Some(producer) = self.producers.remove(index) else {
            return;
        };
        self.producer_ids.remove(&producer.id);
        if let Some(transport) = self.transports.get_mut(producer.transport) {
            transport.producers.retain(|&other| other != index);
            for (ssrc, ..) in signalled(&producer) {
                if transport
                    .received
                    .get(&ssrc)
                    .is_some_and(|at| at.producer == index)
                {
                    transport.received.remove(&ssrc);
                }
            }
        }
        self.leave_speakers(producer.router, producer.id);
        if let Some(router) = self.routers.get_mut(producer.router) {
            router.audio.retain(|&other| other != index);
        }
    }

    pub(super) fn close_consumer(&mut self, index: u32) {
        let Some(consumer) = self.consumers.remove(index) else {
            return;
        };
        self.consumer_ids.remove(&consumer.id);
        if let Some(producer) = self.producers.get_mut(consumer.producer) {
            producer.links.swap_remove(consumer.link);
            if let Some(moved) = producer.links.get(consumer.link)
                && let Some(moved) = self.consumers.get_mut(moved.consumer)
            {
                moved.link = consumer.link;
            }
        }
        let Some(transport) = self.transports.get_mut(consumer.transport) else {
            return;
        };
        transport.consumers.retain(|&other| other != index);
        transport.forget_pending(index);
        transport.sent.remove(&consumer.ssrc);
        let next_index = consumer.slot.next_index();
        let slot = Some(Box::new(consumer.slot));
        transport
            .parked
            .insert(consumer.ssrc, Parked { slot, next_index });
        if let Some(ssrc) = consumer.rtx_ssrc {
            transport.sent.remove(&ssrc);
            let next_index = consumer.rtx_index;
            transport.parked.insert(
                ssrc,
                Parked {
                    slot: None,
                    next_index,
                },
            );
        }
    }
}
