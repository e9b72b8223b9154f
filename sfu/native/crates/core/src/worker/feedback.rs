//! Inbound RTCP.

use crate::event::{Event, PathState};
use crate::report::SenderClock;
use crate::rtcp::{self, NackIter, ReportBlock, Rtcp};
use crate::stats::DropReason;
use crate::time::Time;
use crate::transport::Pending;
use crate::units::Ssrc;

use super::Worker;

/// Numbers of one NACK that are looked at: a whole history's worth.
const MOST_LOST: usize = 1024;

impl Worker {
    pub(super) fn receive_rtcp(&mut self, now: Time, index: u32, datagram: &mut [u8]) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let Some(receiver) = &mut transport.receiver else {
            return transport.drops.count(DropReason::NoKeys);
        };
        let len = match receiver.unprotect_rtcp(datagram) {
            Ok(len) => len,
            Err(error) => return transport.drops.count(error.drop_reason()),
        };
        transport.ice.authenticated_at(now);
        let silent = transport.told.0 == PathState::Silent;
        for packet in rtcp::packets(&datagram[..len]) {
            match packet {
                Ok(packet) => self.on_rtcp(now, index, packet),
                Err(_) => {
                    if let Some(transport) = self.transports.get_mut(index) {
                        transport.drops.count(DropReason::RtcpMalformed);
                    }
                }
            }
        }
        if silent {
            self.tell_path(now, index);
        }
    }

    fn on_rtcp(&mut self, now: Time, index: u32, packet: Rtcp<'_>) {
        match packet {
            Rtcp::SenderReport {
                ssrc,
                ntp,
                rtp,
                reports,
                ..
            } => {
                self.on_sender_report(now, index, ssrc, ntp, rtp);
                reports.for_each(|block| self.on_report(now, index, &block));
            }
            Rtcp::ReceiverReport { reports, .. } => {
                reports.for_each(|block| self.on_report(now, index, &block));
            }
            Rtcp::Nack { media, lost, .. } => self.on_nack(now, index, media, lost),
            Rtcp::Pli { media, .. } => {
                if let Some(consumer) = self.consumer_of(index, media) {
                    self.viewer_asks(now, consumer);
                }
            }
            Rtcp::Fir { entries, .. } => {
                entries.for_each(|(media, sequence)| self.on_fir(now, index, media, sequence));
            }
            Rtcp::TransportCc(feedback) => {
                let Some(transport) = self.transports.get_mut(index) else {
                    return;
                };
                if let Some(sent) = &mut transport.feedback {
                    // The seam of a bandwidth estimator: it will be told each packet's fate here.
                    sent.on_feedback(now, &feedback, |_| {});
                }
            }
            Rtcp::Bye(bye) => bye.ssrcs.for_each(|ssrc| self.on_bye(index, ssrc)),
            Rtcp::Sdes(_) | Rtcp::Remb(_) | Rtcp::Other { .. } => {}
        }
    }

    /// Consumer that sends on an SSRC, of the media itself (feedback speaks of that one).
    fn consumer_of(&self, transport: u32, media: Ssrc) -> Option<u32> {
        self.transports.get(transport)?.sent.get(&media).copied()
    }

    fn on_sender_report(&mut self, now: Time, index: u32, ssrc: Ssrc, ntp: u64, rtp: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let Some(&at) = transport.received.get(&ssrc) else {
            return;
        };
        let ours = self.wall.ntp(now);
        transport.clock.on_report(now, ours, ntp);
        let Some(producer) = self.producers.get_mut(at.producer).filter(|_| !at.rtx) else {
            return;
        };
        let Some(live) = producer.streams[usize::from(at.layer)].live.as_mut() else {
            return;
        };
        let Some(mapping) = producer.codecs.get(usize::from(live.mapping)) else {
            return;
        };
        live.clock = Some(SenderClock::new(ntp, rtp, now, mapping.clock_rate));
    }

    /// A block about what we send.
    fn on_report(&mut self, now: Time, index: u32, block: &ReportBlock) {
        let Some(consumer) = self.consumer_of(index, block.ssrc) else {
            return;
        };
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let ours = self.wall.ntp(now);
        transport
            .round_trip
            .on_report(ours, block.last_sr, block.delay_since_last_sr);
        let Some(consumer) = self.consumers.get_mut(consumer) else {
            return;
        };
        if consumer.ssrc == block.ssrc {
            consumer.reported = true;
            consumer.fraction_lost = block.fraction_lost;
            consumer.cumulative_lost = block.cumulative_lost;
            consumer.jitter = block.jitter;
        }
    }

    fn on_nack(&mut self, now: Time, index: u32, media: Ssrc, lost: NackIter<'_>) {
        let Some(at) = self.consumer_of(index, media) else {
            return;
        };
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let Some(consumer) = self.consumers.get_mut(at).filter(|c| c.ssrc == media) else {
            return;
        };
        consumer.nacks += 1;
        // A little less than an RTT, because the client's next request is timed by its own figure.
        let rtt = transport.round_trip.get().unwrap_or_default() * 3 / 4;
        for sequence in lost.take(MOST_LOST) {
            if consumer
                .slot
                .sent
                .ask(now, sequence, rtt, self.limits.retries)
                .is_err()
            {
                consumer.drops.count(DropReason::RetransmissionRefused);
                continue;
            }
            let entry = Pending {
                consumer: at,
                position: 0,
                layer: 0,
                resend: Some(sequence),
            };
            if transport.push(entry) {
                self.ready.push(index);
            }
        }
    }

    fn on_fir(&mut self, now: Time, index: u32, media: Ssrc, sequence: u8) {
        let Some(at) = self.consumer_of(index, media) else {
            return;
        };
        let Some(consumer) = self.consumers.get_mut(at) else {
            return;
        };
        if consumer.fir.replace(sequence) != Some(sequence) {
            self.viewer_asks(now, at);
        }
    }

    /// A source says goodbye; when it was the last stream of its producer the control plane hears.
    fn on_bye(&mut self, index: u32, ssrc: Ssrc) {
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        let Some(&at) = transport.received.get(&ssrc) else {
            return;
        };
        let Some(producer) = self.producers.get_mut(at.producer).filter(|_| !at.rtx) else {
            return;
        };
        if let Some(live) = producer.streams[usize::from(at.layer)].live.as_mut() {
            live.ended = true;
        }
        let mut heard = producer
            .streams
            .iter()
            .filter_map(|stream| stream.live.as_ref());
        if heard.all(|live| live.ended) && !std::mem::replace(&mut producer.bye_told, true) {
            self.events.push_back(Event::Bye {
                producer: producer.id,
            });
        }
    }
}
