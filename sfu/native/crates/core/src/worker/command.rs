//! What the control plane asks for.

use crate::command::{CodecMapping, MasterKey};
use crate::command::{Command, CommandBody, CommandError, Encoding, IceCredentials, SrtpProfile};
use crate::consumer::{Consumer, routes};
use crate::event::Event;
use crate::extensions::ExtensionIds;
use crate::keyframe::ViewerThrottle;
use crate::layer::LayerSelector;
use crate::producer::{Link, MOST_CODECS, Producer, is_usable};
use crate::router::Router;
use crate::slot::{Slot, first_index};
use crate::srtp::{SrtpReceiver, SrtpSender};
use crate::stats::{DropReason, Drops};
use crate::time::Time;
use crate::transport::{StreamRef, Transport};
use crate::units::{ConsumerId, Kind, ProducerId, RouterId, Ssrc, TransportId, Tuple};

use super::Worker;
use super::receive::signalled;

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Longest mid or CNAME (an SDES item has 255 bytes; ours are short).
const MOST_TEXT: usize = 255;

impl Worker {
    /// Obeys a command; its answer is an [`Event::Done`].
    pub fn command(&mut self, now: Time, command: Command) {
        let Command { request, body } = command;
        let result = self.obey(now, request, body);
        self.events.push_back(Event::Done { request, result });
    }

    fn obey(&mut self, now: Time, request: u64, body: CommandBody) -> Result {
        match body {
            CommandBody::CreateRouter { router } => self.create_router(router),
            CommandBody::CloseRouter { router } => {
                let index = self.router(router)?;
                self.close_router(now, index);
                Ok(())
            }
            CommandBody::CreateTransport {
                router,
                transport,
                local,
            } => self.create_transport(router, transport, &local),
            CommandBody::SetExtensions {
                transport,
                extensions,
                mixed,
            } => {
                let index = self.transport(transport)?;
                let ids = ExtensionIds::new(&extensions, mixed);
                let ids = ids.ok_or(CommandError::Invalid("extensions"))?;
                self.transport_mut(index)?.extensions = ids;
                Ok(())
            }
            CommandBody::RestartIce { transport, local } => self.restart_ice(transport, &local),
            CommandBody::CloseTransport { transport } => {
                let index = self.transport(transport)?;
                self.close_transport(now, index);
                Ok(())
            }
            CommandBody::InstallKeys {
                transport,
                profile,
                receive,
                send,
            } => self.install_keys(now, transport, profile, &receive, &send),
            CommandBody::SendDtls {
                transport,
                datagram,
            } => self.send_dtls(now, transport, &datagram),
            CommandBody::AdoptTuple { transport, tuple } => self.adopt(now, transport, tuple),
            CommandBody::CreateProducer {
                transport,
                producer,
                kind,
                mid,
                codecs,
                encodings,
                paused,
            } => self.create_producer(transport, producer, kind, mid, codecs, encodings, paused),
            CommandBody::PauseProducer { producer, paused } => {
                self.pause_producer(now, producer, paused)
            }
            CommandBody::CloseProducer { producer } => {
                let index = self.producer(producer)?;
                self.close_producer(index);
                Ok(())
            }
            CommandBody::CreateConsumer {
                transport,
                consumer,
                producer,
                mid,
                ssrc,
                rtx_ssrc,
                cname,
                codecs,
                paused,
            } => self.create_consumer(
                now,
                NewConsumer {
                    transport,
                    consumer,
                    producer,
                    mid,
                    ssrc,
                    rtx_ssrc,
                    cname,
                    codecs,
                    paused,
                },
            ),
            CommandBody::PauseConsumer { consumer, paused } => {
                self.pause_consumer(now, consumer, paused)
            }
            CommandBody::CloseConsumer { consumer } => {
                let index = self.consumer(consumer)?;
                self.close_consumer(index);
                Ok(())
            }
            CommandBody::SetPreferredLayer {
                consumer,
                spatial,
                temporal,
            } => {
                let index = self.consumer(consumer)?;
                if let Some(consumer) = self.consumers.get_mut(index) {
                    consumer.selector.prefer(spatial, temporal);
                }
                self.on_consumer_changed(now, index);
                Ok(())
            }
            CommandBody::RequestKeyframe { consumer } => {
                let index = self.consumer(consumer)?;
                let consumer = self
                    .consumers
                    .get(index)
                    .ok_or(CommandError::Unknown("consumer"))?;
                let layer = consumer
                    .selector
                    .current()
                    .or(consumer.selector.waits_for());
                if let (Some(layer), Kind::Video) = (layer, consumer.kind) {
                    self.want_keyframe(now, consumer.producer, layer);
                }
                Ok(())
            }
            CommandBody::ReadStats => {
                let snapshot = Box::new(self.snapshot(now));
                self.events.push_back(Event::Stats { request, snapshot });
                Ok(())
            }
            // Candidates are written by the control plane; the core answers from whichever local
            // address a check came to.
            CommandBody::SetLocalAddresses { .. } => Ok(()),
            #[allow(clippy::panic)] // asked for by a test
            CommandBody::Panic => panic!("asked to panic by a test command"),
        }
    }

    fn router(&self, id: RouterId) -> Result<u32> {
        self.router_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("router"))
    }

    fn transport(&self, id: TransportId) -> Result<u32> {
        self.transport_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("transport"))
    }

    fn producer(&self, id: ProducerId) -> Result<u32> {
        self.producer_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("producer"))
    }

    fn consumer(&self, id: ConsumerId) -> Result<u32> {
        self.consumer_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("consumer"))
    }

    fn transport_mut(&mut self, index: u32) -> Result<&mut Transport> {
        self.transports
            .get_mut(index)
            .ok_or(CommandError::Unknown("transport"))
    }

    fn create_router(&mut self, id: RouterId) -> Result {
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

    fn create_transport(
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

    fn check_credentials(&self, local: &IceCredentials) -> Result {
        if !(4..=256).contains(&local.ufrag.len()) || !(22..=256).contains(&local.pwd.len()) {
            return Err(CommandError::Invalid("ICE credentials"));
        }
        if self.ufrags.contains_key(&local.ufrag) {
            return Err(CommandError::Duplicate("ufrag"));
        }
        Ok(())
    }

    fn restart_ice(&mut self, id: TransportId, local: &IceCredentials) -> Result {
        let index = self.transport(id)?;
        self.check_credentials(local)?;
        if let Some(stale) = self.transport_mut(index)?.ice.restart(local) {
            self.ufrags.remove(&stale);
        }
        self.ufrags.insert(local.ufrag.clone(), index);
        Ok(())
    }

    fn install_keys(
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

    fn send_dtls(&mut self, now: Time, id: TransportId, datagram: &[u8]) -> Result {
        let index = self.transport(id)?;
        if datagram.is_empty() || datagram.len() > crate::egress::MAX_DATAGRAM {
            return Err(CommandError::Invalid("datagram"));
        }
        let transport = self.transport_mut(index)?;
        match transport.ice.send_tuple(now) {
            Some(tuple) => self.post(index, tuple, datagram),
            None => transport.drops.count(DropReason::NotConnected),
        }
        Ok(())
    }

    fn adopt(&mut self, now: Time, id: TransportId, tuple: Tuple) -> Result {
        let index = self.transport(id)?;
        if let Some(evicted) = self.transport_mut(index)?.ice.adopt(now, tuple) {
            self.tuples.remove(&evicted);
        }
        self.claim(index, tuple);
        self.tell_path(now, index);
        self.schedule_transport(now, index);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // the fields of the command
    fn create_producer(
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

    fn pause_producer(&mut self, now: Time, id: ProducerId, paused: bool) -> Result {
        let index = self.producer(id)?;
        let producer = self
            .producers
            .get_mut(index)
            .ok_or(CommandError::Unknown("producer"))?;
        if std::mem::replace(&mut producer.paused, paused) == paused {
            return Ok(());
        }
        let (router, consumers) = (producer.router, producer.links.clone());
        if paused {
            producer.loudness = Default::default();
            self.leave_speakers(router, index, id);
        }
        for link in consumers {
            self.restart_consumer(now, link.consumer, false);
        }
        if !paused {
            self.on_layers_changed(now, index, None);
        }
        Ok(())
    }

    /// Who left or was muted is not the speaker.
    pub(super) fn leave_speakers(&mut self, router: u32, _producer: u32, id: ProducerId) {
        let Some(router) = self.routers.get_mut(router) else {
            return;
        };
        if router.speaker.remove(id) {
            self.events.push_back(Event::Speaker {
                router: router.id,
                producer: None,
            });
        }
    }

    /// A consumer begins anew at a keyframe: its source was interrupted. `ask` for one now.
    pub(super) fn restart_consumer(&mut self, now: Time, index: u32, ask: bool) {
        let Some(consumer) = self.consumers.get_mut(index) else {
            return;
        };
        let sent_before = consumer.selector.current().is_some();
        consumer.selector.reset();
        let (transport, id) = (consumer.transport, consumer.id);
        if let Some(transport) = self.transports.get_mut(transport) {
            transport.forget_pending(index);
        }
        if sent_before {
            let event = Event::ConsumerLayer {
                consumer: id,
                spatial: None,
                codec: None,
            };
            self.events.push_back(event);
        }
        if ask {
            self.on_consumer_changed(now, index);
            return;
        }
        let Some(consumer) = self.consumers.get(index) else {
            return;
        };
        if let Some(producer) = self.producers.get_mut(consumer.producer) {
            let link = &mut producer.links[consumer.link];
            link.interest = if consumer.paused {
                0
            } else {
                consumer.selector.interest()
            };
        }
    }

    fn create_consumer(&mut self, now: Time, new: NewConsumer) -> Result {
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
        let NewConsumer {
            mid,
            ssrc,
            rtx_ssrc,
            cname,
            codecs,
            ..
        } = new;
        let producer = self
            .producers
            .get(source)
            .ok_or(CommandError::Unknown("producer"))?;
        let (kind, room) = (producer.kind, producer.router);
        if codecs.len() > MOST_CODECS || codecs.iter().any(unusable) {
            return Err(CommandError::Invalid("codecs"));
        }
        let routes = routes(&producer.codecs, &codecs);
        if routes.iter().all(Option::is_none) {
            return Err(CommandError::Invalid("codecs"));
        }
        if mid.as_ref().is_some_and(|mid| mid.len() > MOST_TEXT) || cname.len() > MOST_TEXT {
            return Err(CommandError::Invalid("mid or cname"));
        }
        let limits = &self.limits;
        let client = self
            .transports
            .get_mut(owner)
            .ok_or(CommandError::Unknown("transport"))?;
        if client.router != room {
            return Err(CommandError::Invalid("producer"));
        }
        if client.consumers.len() >= limits.consumers {
            return Err(CommandError::Limit("consumers"));
        }
        let taken = |ssrc: Ssrc| client.sent.contains_key(&ssrc);
        if taken(ssrc) || rtx_ssrc.is_some_and(|rtx| rtx == ssrc || taken(rtx)) {
            return Err(CommandError::Duplicate("ssrc"));
        }
        if client.parked.len() + client.sent.len() + 2 > limits.ssrcs {
            return Err(CommandError::Limit("ssrcs"));
        }
        let parked = client.parked.remove(&ssrc);
        let first = parked.as_ref().map(|parked| parked.next_index);
        let mut slot = match parked.and_then(|parked| parked.slot) {
            Some(slot) => *slot,
            None => {
                let first = first.unwrap_or_else(|| first_index(&mut self.random));
                Slot::new(kind, first, rtx_ssrc.is_none())
            }
        };
        slot.sent.forget();
        let parked = rtx_ssrc.and_then(|rtx| client.parked.remove(&rtx));
        let rtx_index = parked.map(|parked| parked.next_index);
        Ok(Consumer {
            id: new.consumer,
            transport: owner,
            producer: source,
            link: 0,
            kind,
            mid,
            cname,
            ssrc,
            rtx_ssrc,
            rtx_index: rtx_index.unwrap_or_else(|| first_index(&mut self.random)),
            routes,
            selector: LayerSelector::new(kind == Kind::Video),
            slot,
            paused: new.paused,
            viewer: ViewerThrottle::new(limits.keyframe_viewer),
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

    fn pause_consumer(&mut self, now: Time, id: ConsumerId, paused: bool) -> Result {
        let index = self.consumer(id)?;
        let consumer = self
            .consumers
            .get_mut(index)
            .ok_or(CommandError::Unknown("consumer"))?;
        if std::mem::replace(&mut consumer.paused, paused) != paused {
            self.restart_consumer(now, index, true);
        }
        Ok(())
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
struct NewConsumer {
    transport: TransportId,
    consumer: ConsumerId,
    producer: ProducerId,
    mid: Option<String>,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    cname: String,
    codecs: Vec<CodecMapping>,
    paused: bool,
}
