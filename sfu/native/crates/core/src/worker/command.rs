//! What the control plane asks for.

use crate::command::{Command, CommandBody, CommandError};
use crate::event::Event;
use crate::extensions::ExtensionIds;
use crate::time::Time;
use crate::transport::Transport;
use crate::units::{ConsumerId, Kind, ProducerId, RouterId, TransportId};

use super::Worker;
use super::create::NewConsumer;

pub(super) type Result<T = ()> = std::result::Result<T, CommandError>;

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

    pub(super) fn router(&self, id: RouterId) -> Result<u32> {
        self.router_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("router"))
    }

    pub(super) fn transport(&self, id: TransportId) -> Result<u32> {
        self.transport_ids
            .get(&id)
            .copied()
            .ok_or(CommandError::Unknown("transport"))
    }

    pub(super) fn producer(&self, id: ProducerId) -> Result<u32> {
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

    pub(super) fn transport_mut(&mut self, index: u32) -> Result<&mut Transport> {
        self.transports
            .get_mut(index)
            .ok_or(CommandError::Unknown("transport"))
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
            self.leave_speakers(router, id);
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
    pub(super) fn leave_speakers(&mut self, router: u32, id: ProducerId) {
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
