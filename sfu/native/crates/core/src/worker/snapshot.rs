//! Counters, read by the control plane about once a second.

use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::stats::{
    ConsumerStats, DropReason, Drops, ProducerStats, Snapshot, StreamStats, TransportStats,
};
use crate::time::Time;
use crate::transport::Transport;
use crate::units::Kind;

use super::Worker;

impl Worker {
    /// All counters at this moment.
    pub(super) fn snapshot(&self, now: Time) -> Snapshot {
        Snapshot {
            transports: self
                .transports
                .iter()
                .map(|(_, t)| transport_stats(now, t))
                .collect(),
            producers: self
                .producers
                .iter()
                .map(|(_, p)| producer_stats(now, p))
                .collect(),
            consumers: self
                .consumers
                .iter()
                .filter_map(|(_, c)| self.consumer_stats(c))
                .collect(),
            drops: self.drops.clone(),
            datagrams_received: self.datagrams_received,
            datagrams_sent: self.datagrams_sent,
        }
    }

    fn consumer_stats(&self, consumer: &Consumer) -> Option<ConsumerStats> {
        let producer = self.producers.get(consumer.producer)?;
        let link = producer.links.get(consumer.link)?;
        let transport = self.transports.get(consumer.transport)?;
        let mut drops = consumer.drops.clone();
        drops.0[DropReason::LayerNotSelected as usize] += link.ignored;
        drops.0[DropReason::ConsumerPaused as usize] += link.ignored_paused;
        let clock_rate = consumer
            .routes
            .iter()
            .flatten()
            .next()
            .map_or(1, |r| r.clock_rate);
        let jitter = u64::from(consumer.jitter) * 1_000_000 / u64::from(clock_rate);
        Some(ConsumerStats {
            consumer: consumer.id,
            producer: producer.id,
            spatial: consumer.selector.current(),
            packets: consumer.packets,
            bytes: consumer.bytes,
            nacks_received: consumer.nacks,
            retransmissions_sent: consumer.resent,
            keyframe_requests_received: consumer.keyframe_requests,
            fraction_lost: consumer.fraction_lost,
            cumulative_lost: i64::from(consumer.cumulative_lost),
            jitter_us: u32::try_from(jitter).unwrap_or(u32::MAX),
            rtt_us: rtt_us(transport),
            drops,
        })
    }
}

fn rtt_us(transport: &Transport) -> Option<u32> {
    transport
        .round_trip
        .get()
        .map(|rtt| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX))
}

fn transport_stats(now: Time, transport: &Transport) -> TransportStats {
    let traffic = transport.traffic;
    let feedback = transport.feedback.as_deref();
    let (acknowledged, missing) = feedback.map_or((0, 0), |sent| sent.counts());
    TransportStats {
        transport: transport.id,
        state: transport.ice.state(now),
        packets_received: traffic.packets_received,
        bytes_received: traffic.bytes_received,
        packets_sent: traffic.packets_sent,
        bytes_sent: traffic.bytes_sent,
        rtt_us: rtt_us(transport),
        acknowledged_bitrate: feedback.and_then(|sent| sent.bitrate()),
        packets_acknowledged: acknowledged,
        packets_missing: missing,
        drops: transport.drops.clone(),
    }
}

fn producer_stats(now: Time, producer: &Producer) -> ProducerStats {
    let stream = |(layer, stream): (usize, &crate::stream::Stream)| {
        let live = stream.live.as_ref()?;
        let clock_rate = producer
            .codecs
            .get(usize::from(live.mapping))
            .map_or(1, |m| m.clock_rate);
        Some(StreamStats {
            spatial: layer as u8,
            ssrc: stream.ssrc?.0,
            packets: live.packets,
            bytes: live.bytes,
            lost: live.statistics.lost_after_repair(),
            jitter_us: live.statistics.jitter_us(clock_rate),
            nacks_sent: live.nacks,
            retransmissions_received: live.retransmissions,
            keyframes: live.keyframes,
            keyframe_requests_sent: live.requests,
        })
    };
    ProducerStats {
        producer: producer.id,
        streams: producer
            .streams
            .iter()
            .enumerate()
            .filter_map(stream)
            .collect(),
        audio_level: (producer.kind == Kind::Audio)
            .then(|| producer.loudness.level(now).round() as u8),
        drops: Drops::clone(&producer.drops),
    }
}
