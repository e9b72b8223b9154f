//! Making routers, transports, producers and consumers: everything is checked before anything changes.

use crate::command::{CodecMapping, CommandError, Encoding, IceCredentials};
use crate::consumer::{Consumer, Route, routes};
use crate::keyframe::ViewerThrottle;
use crate::layer::LayerSelector;
use crate::producer::{Link, MOST_CODECS, Producer, is_usable};
use crate::router::Router;
use crate::slot::{Slot, first_index};
use crate::stats::Drops;
use crate::time::Time;
use crate::transport::{StreamRef, Transport};
use crate::units::{ConsumerId, Kind, ProducerId, RouterId, Ssrc, TransportId};

use super::Worker;
use super::command::Result;
use super::route::signalled;

/// Longest mid or CNAME (an SDES item has 255 bytes; ours are short).
const MOST_TEXT: usize = 255;

impl Worker {
    pub(super) fn create_router(&mut self, id: RouterId) -> Result {
        if self.router_ids.contains_key(&id) {
            return Err(CommandError::Duplicate("router"));
        }
        if self.routers.len() >= self.limits.routers {
            return Err(CommandError::Limit("routers"));
        }
        let index = self.routers.insert(Router::new(id));
        self.router_ids.insert(id, index);
        Ok(())
    }

    pub(super) fn create_transport(
        &mut self,
        router: RouterId,
        id: TransportId,
        local: &IceCredentials,
    ) -> Result {
        let room = self.router(router)?;
        if self.transport_ids.contains_key(&id) {
            return Err(CommandError::Duplicate("transport"));
        }
        self.check_credentials(local)?;
        let seed = self.random.next();
        let transport = Transport::new(id, room, local, &self.limits, seed);
        let members = self
            .routers
            .get_mut(room)
            .ok_or(CommandError::Unknown("router"))?;
        if members.transports.len() >= self.limits.transports {
            return Err(CommandError::Limit("transports"));
        }
        let index = self.transports.insert(transport);
        members.transports.push(index);
        self.transport_ids.insert(id, index);
        self.ufrags.insert(local.ufrag.clone(), index);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the fields of the command
    pub(super) fn create_producer(
        &mut self,
        transport: TransportId,
        id: ProducerId,
        kind: Kind,
        mid: Option<String>,
        codecs: Vec<CodecMapping>,
        encodings: Vec<Encoding>,
        paused: bool,
    ) -> Result {
        let owner = self.transport(transport)?;
        if self.producer_ids.contains_key(&id) {
            return Err(CommandError::Duplicate("producer"));
        }
        let (most, ssrcs) = (self.limits.producers, self.limits.ssrcs);
        let client = self.transport_mut(owner)?;
        if client.producers.len() >= most {
            return Err(CommandError::Limit("producers"));
        }
        let room = client.router;
        let producer = Producer::new(id, owner, room, kind, mid, codecs, encodings, paused)
            .map_err(CommandError::Invalid)?;
        if client.received.len() + 2 * producer.streams.len() > ssrcs {
            return Err(CommandError::Limit("ssrcs"));
        }
        let mut seen = Vec::new();
        for (ssrc, ..) in signalled(&producer) {
            if client.received.contains_key(&ssrc) || seen.contains(&ssrc) {
                return Err(CommandError::Duplicate("ssrc"));
            }
            seen.push(ssrc);
        }
        let index = self.producers.insert(producer);
        self.producer_ids.insert(id, index);
        let client = self
            .transports
            .get_mut(owner)
            .ok_or(CommandError::Unknown("transport"))?;
        client.producers.push(index);
        if let Some(producer) = self.producers.get(index) {
            for (ssrc, layer, rtx) in signalled(producer) {
                client.received.insert(
                    ssrc,
                    StreamRef {
                        producer: index,
                        layer,
                        rtx,
                    },
                );
            }
        }
        if let (Kind::Audio, Some(router)) = (kind, self.routers.get_mut(room)) {
            router.audio.push(index);
        }
        Ok(())
    }

    pub(super) fn create_consumer(&mut self, now: Time, new: NewConsumer) -> Result {
        let owner = self.transport(new.transport)?;
        let source = self.producer(new.producer)?;
        if self.consumer_ids.contains_key(&new.consumer) {
            return Err(CommandError::Duplicate("consumer"));
        }
        let (id, transport, paused) = (new.consumer, owner, new.paused);
        let consumer = self.make_consumer(owner, source, new)?;
        let index = self.consumers.insert(consumer);
        self.consumer_ids.insert(id, index);
        let Some(producer) = self.producers.get_mut(source) else {
            return Ok(());
        };
        let link = Link {
            consumer: index,
            transport,
            interest: 0,
            paused,
            left: None,
            ignored: 0,
            ignored_paused: 0,
        };
        producer.links.push(link);
        let (place, active) = (producer.links.len() - 1, producer.active());
        if let Some(consumer) = self.consumers.get_mut(index) {
            consumer.link = place;
            consumer.selector.set_active(active);
            if let Some(client) = self.transports.get_mut(transport) {
                client.consumers.push(index);
                client.sent.insert(consumer.ssrc, index);
                if let Some(rtx) = consumer.rtx_ssrc {
                    client.sent.insert(rtx, index);
                }
            }
        }
        self.on_consumer_changed(now, index);
        Ok(())
    }

    /// Checks everything, then takes the slot's state over, or makes it.
    fn make_consumer(&mut self, owner: u32, source: u32, new: NewConsumer) -> Result<Consumer> {
        let (kind, routes) = self.check_consumer(owner, source, &new)?;
        let client = self.transports.get_mut(owner);
        let client = client.ok_or(CommandError::Unknown("transport"))?;
        let parked = client.parked.remove(&new.ssrc);
        let next = parked.as_ref().map(|parked| parked.next_index);
        let slot = match parked.and_then(|parked| parked.slot) {
            Some(slot) => *slot,
            None => Slot::new(kind, next.unwrap_or_else(|| first_index(&mut self.random))),
        };
        let parked = new.rtx_ssrc.and_then(|rtx| client.parked.remove(&rtx));
        let rtx_index = parked.map(|parked| parked.next_index);
        let rtx_index = rtx_index.unwrap_or_else(|| first_index(&mut self.random));
        Ok(Consumer {
            id: new.consumer,
            transport: owner,
            producer: source,
            link: 0,
            kind,
            mid: new.mid,
            cname: new.cname,
            ssrc: new.ssrc,
            rtx_ssrc: new.rtx_ssrc,
            rtx_index,
            routes,
            selector: LayerSelector::new(kind == Kind::Video),
            slot: slot.reused(kind, new.rtx_ssrc.is_none()),
            paused: new.paused,
            viewer: ViewerThrottle::new(self.limits.keyframe_viewer),
            reported: false,
            fir: None,
            last_layer: None,
            fresh: false,
            packets: 0,
            bytes: 0,
            nacks: 0,
            resent: 0,
            keyframe_requests: 0,
            fraction_lost: 0,
            cumulative_lost: 0,
            jitter: 0,
            drops: Drops::default(),
        })
    }

    fn check_consumer(
        &self,
        owner: u32,
        source: u32,
        new: &NewConsumer,
    ) -> Result<(Kind, Vec<Option<Route>>)> {
        let producer = self.producers.get(source);
        let producer = producer.ok_or(CommandError::Unknown("producer"))?;
        let client = self.transports.get(owner);
        let client = client.ok_or(CommandError::Unknown("transport"))?;
        if client.router != producer.router {
            return Err(CommandError::Invalid("producer"));
        }
        if new.codecs.len() > MOST_CODECS || new.codecs.iter().any(unusable) {
            return Err(CommandError::Invalid("codecs"));
        }
        let routes = routes(&producer.codecs, &new.codecs);
        if routes.iter().all(Option::is_none) {
            return Err(CommandError::Invalid("codecs"));
        }
        let mid = new.mid.as_ref().map_or(0, String::len);
        if mid > MOST_TEXT || new.cname.len() > MOST_TEXT {
            return Err(CommandError::Invalid("mid or cname"));
        }
        if client.consumers.len() >= self.limits.consumers {
            return Err(CommandError::Limit("consumers"));
        }
        let taken = |ssrc: Ssrc| client.sent.contains_key(&ssrc);
        let rtx_taken = |rtx| rtx == new.ssrc || taken(rtx);
        if taken(new.ssrc) || new.rtx_ssrc.is_some_and(rtx_taken) {
            return Err(CommandError::Duplicate("ssrc"));
        }
        let known = |ssrc: Ssrc| usize::from(client.parked.contains_key(&ssrc));
        let returning = known(new.ssrc) + new.rtx_ssrc.map_or(0, known);
        if client.parked.len() + client.sent.len() + 2 > self.limits.ssrcs + returning {
            return Err(CommandError::Limit("ssrcs"));
        }
        Ok((producer.kind, routes))
    }
}

fn unusable(mapping: &CodecMapping) -> bool {
    let types = std::iter::once(mapping.payload_type).chain(mapping.rtx);
    mapping.clock_rate == 0
        || types
            .into_iter()
            .any(|payload_type| !is_usable(payload_type))
}

/// The fields of the command that makes a consumer.
pub(super) struct NewConsumer {
    pub(super) transport: TransportId,
    pub(super) consumer: ConsumerId,
    pub(super) producer: ProducerId,
    pub(super) mid: Option<String>,
    pub(super) ssrc: Ssrc,
    pub(super) rtx_ssrc: Option<Ssrc>,
    pub(super) cname: String,
    pub(super) codecs: Vec<CodecMapping>,
    pub(super) paused: bool,
}
