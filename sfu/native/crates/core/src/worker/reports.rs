//! Outbound RTCP: reports every second or sooner, NACK, transport-wide feedback, BYE.
//!
//! Reports are compounds (RFC 3550 section 6.1); feedback goes alone (RFC 5506, `rtcp-rsize` is in
//! every answer).

use std::time::Duration;

use crate::consumer::Consumer;
use crate::producer::Producer;
use crate::report::WallClock;
use crate::rewrite::ticks;
use crate::rtcp::{self, ReportBlock, SenderInfo};
use crate::stats::DropReason;
use crate::time::Time;
use crate::transport::Transport;
use crate::units::Ssrc;

use super::Worker;

/// Space of one RTCP datagram before protection, which adds 20 bytes at most.
const SPACE: usize = 1200;
/// Blocks in one report (five bits), and reports of them at most.
const BLOCKS: usize = 31;
/// Reports go out this often or a little sooner: both sides know within 3 s that the other is gone.
const INTERVAL: Duration = Duration::from_millis(900);
/// How much sooner at most, so that the reports of a room don't fall together.
const JITTER_MS: u64 = 200;
/// NACKed numbers in one message.
const MOST_LOST: usize = 256;

impl Worker {
    /// Has an RTCP packet written, protects and queues it. Nothing goes out before keys and path.
    pub(super) fn send_rtcp(
        &mut self,
        now: Time,
        index: u32,
        write: impl FnOnce(&mut [u8], Ssrc) -> Option<usize>,
    ) -> bool {
        let Some(transport) = self.transports.get_mut(index) else {
            return false;
        };
        let (Some(tuple), Some(sender)) = (transport.ice.send_tuple(now), &mut transport.sender)
        else {
            transport.drops.count(DropReason::NotConnected);
            return false;
        };
        let mut space = [0; SPACE + 64];
        let Some(len) = write(&mut space[..SPACE], transport.ssrc) else {
            return false;
        };
        match sender.protect_rtcp(&mut space, len) {
            Ok(len) => self.post(index, tuple, &space[..len]),
            Err(error) => transport.drops.count(error.drop_reason()),
        }
        true
    }

    /// The regular report: a sender report for each stream that we send, report blocks on each that
    /// we receive, CNAMEs.
    pub(super) fn report(&mut self, now: Time, index: u32) {
        let jitter = Duration::from_millis(self.random.below(JITTER_MS));
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        transport.next_report = now + (INTERVAL - jitter);
        let (mut blocks, count) = self.report_blocks(now, index);
        let mut blocks = &mut blocks[..count];
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        let (ssrc, consumers) = (transport.ssrc, transport.consumers.len());
        let mut space = [0; SPACE];
        let mut at = 0;
        for n in 0..consumers {
            let Some(report) = self.sender_report(now, index, n) else {
                continue;
            };
            let with = std::mem::take(&mut blocks);
            let taken = with.len().min(BLOCKS);
            let (now_blocks, rest) = with.split_at_mut(taken);
            blocks = rest;
            let needed = report.len(taken);
            if at + needed > SPACE {
                self.send_rtcp(now, index, |out, _| copy(out, &space[..at]));
                at = 0;
            }
            let Some(consumer) = self.consumer_at(index, n) else {
                continue;
            };
            at += report
                .write(&mut space[at..], &consumer.cname, now_blocks)
                .unwrap_or(0);
        }
        while at == 0 || !blocks.is_empty() {
            let with = std::mem::take(&mut blocks);
            let (now_blocks, rest) = with.split_at_mut(with.len().min(BLOCKS));
            blocks = rest;
            if at + 16 + 24 * now_blocks.len() + 32 > SPACE {
                self.send_rtcp(now, index, |out, _| copy(out, &space[..at]));
                at = 0;
            }
            at += rtcp::write_receiver_report(&mut space[at..], ssrc, now_blocks).unwrap_or(0);
            at += rtcp::write_sdes_cname(&mut space[at..], ssrc, b"sfu").unwrap_or(0);
        }
        self.send_rtcp(now, index, |out, _| copy(out, &space[..at]));
    }

    fn consumer_at(&self, transport: u32, n: usize) -> Option<&Consumer> {
        self.consumers
            .get(*self.transports.get(transport)?.consumers.get(n)?)
    }

    /// The n-th consumer's report, when it sends.
    fn sender_report(&self, now: Time, index: u32, n: usize) -> Option<SenderReport> {
        let consumer = self.consumer_at(index, n)?;
        let producer = self.producers.get(consumer.producer)?;
        let source = self.transports.get(producer.transport)?;
        sender_report(now, self.wall, consumer, producer, source)
    }

    /// Blocks on the streams received, at most as many as two reports hold.
    fn report_blocks(&mut self, now: Time, index: u32) -> ([ReportBlock; 2 * BLOCKS], usize) {
        let mut blocks = [ReportBlock::default(); 2 * BLOCKS];
        let mut count = 0;
        let owned = self
            .transports
            .get(index)
            .map_or(&[][..], |t| &t.producers[..]);
        for &producer in owned {
            let Some(producer) = self.producers.get_mut(producer) else {
                continue;
            };
            for stream in &mut producer.streams {
                let (Some(ssrc), Some(live)) = (stream.ssrc, &mut stream.live) else {
                    continue;
                };
                // A layer that stopped has nothing to report.
                if count == blocks.len() || !live.active {
                    continue;
                }
                let Some(reception) = live.statistics.report() else {
                    continue;
                };
                let (last_sr, delay) = live.clock.map_or((0, 0), |clock| clock.last_report(now));
                blocks[count] = ReportBlock {
                    ssrc,
                    fraction_lost: reception.fraction_lost,
                    cumulative_lost: reception.cumulative_lost,
                    highest_sequence: reception.highest_sequence,
                    jitter: reception.jitter,
                    last_sr,
                    delay_since_last_sr: delay,
                };
                count += 1;
            }
        }
        (blocks, count)
    }

    /// Asks the client for what is missing of a producer's streams.
    pub(super) fn send_nacks(&mut self, now: Time, producer: u32) {
        let Some(owner) = self.producers.get(producer) else {
            return;
        };
        let transport = owner.transport;
        let rtt = self
            .transports
            .get(transport)
            .map_or_else(Default::default, |t| t.rtt());
        for layer in 0..owner.streams.len() {
            let Some(owner) = self.producers.get_mut(producer) else {
                return;
            };
            let stream = &mut owner.streams[layer];
            let (Some(media), Some(live)) = (stream.ssrc, &mut stream.live) else {
                continue;
            };
            let mut lost = [0; MOST_LOST];
            let count = live.nack.due(now, rtt, &mut lost);
            if count == 0 {
                continue;
            }
            live.nacks += 1;
            self.send_rtcp(now, transport, |out, own| {
                rtcp::write_nack(out, own, media, &lost[..count])
            });
        }
    }

    /// Tells the client's bandwidth estimator what arrived.
    pub(super) fn send_transport_feedback(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let Some(mut recorder) = transport.recorder.take() else {
            return;
        };
        let media = transport
            .received
            .keys()
            .next()
            .copied()
            .unwrap_or_default();
        if recorder.next().is_some_and(|at| at <= now) {
            while self.send_rtcp(now, index, |out, own| recorder.write(now, own, media, out)) {}
        }
        if let Some(transport) = self.transports.get_mut(index) {
            transport.recorder = Some(recorder);
        }
    }

    /// Says goodbye for everything that is sent to a client which is about to be forgotten.
    pub(super) fn send_bye(&mut self, now: Time, index: u32) {
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        if transport.sender.is_none() || transport.consumers.is_empty() {
            return;
        }
        let mut gone = [Ssrc(0); BLOCKS];
        let consumers: Vec<u32> = transport.consumers.clone();
        for part in consumers.chunks(BLOCKS) {
            let ssrcs = part
                .iter()
                .filter_map(|&c| Some(self.consumers.get(c)?.ssrc));
            let count = gone
                .iter_mut()
                .zip(ssrcs)
                .map(|(to, ssrc)| *to = ssrc)
                .count();
            self.send_rtcp(now, index, |out, own| {
                let at = rtcp::write_receiver_report(out, own, &[])?;
                Some(at + rtcp::write_bye(&mut out[at..], &gone[..count])?)
            });
        }
    }
}

fn copy(out: &mut [u8], from: &[u8]) -> Option<usize> {
    out.get_mut(..from.len())?.copy_from_slice(from);
    (!from.is_empty()).then_some(from.len())
}

/// A sender report about to be written.
struct SenderReport {
    ssrc: Ssrc,
    info: SenderInfo,
    cname: usize,
}

impl SenderReport {
    /// Bytes with its CNAME and `blocks` report blocks.
    fn len(&self, blocks: usize) -> usize {
        28 + 24 * blocks + (11 + self.cname).next_multiple_of(4)
    }

    fn write(&self, out: &mut [u8], cname: &str, blocks: &[ReportBlock]) -> Option<usize> {
        let at = rtcp::write_sender_report(out, self.ssrc, &self.info, blocks)?;
        Some(at + rtcp::write_sdes_cname(&mut out[at..], self.ssrc, cname.as_bytes())?)
    }
}

/// What a stream's timestamp is now, by the publisher's own clock: its last sender report carried
/// on, and one offset between its NTP clock and ours for all its streams, so that sound and picture
/// stay together. Before its first report: by when its packets came.
fn sender_report(
    now: Time,
    wall: WallClock,
    consumer: &Consumer,
    producer: &Producer,
    source: &Transport,
) -> Option<SenderReport> {
    let layer = consumer
        .selector
        .current()
        .filter(|_| !consumer.paused && !producer.paused)?;
    let live = producer.streams.get(usize::from(layer))?.live.as_ref()?;
    let newest = consumer.slot.timestamp().newest()?;
    let clock_rate = producer.codecs.get(usize::from(live.mapping))?.clock_rate;
    let ours = wall.ntp(now);
    let input = match (live.clock, source.clock.theirs(ours)) {
        (Some(clock), Some(theirs)) => clock.rtp_at(theirs),
        _ => newest
            .input
            .wrapping_add(ticks(now.since(newest.arrival), clock_rate)),
    };
    let info = SenderInfo {
        ntp: ours,
        rtp: input.wrapping_add(consumer.slot.timestamp().offset()),
        packets: consumer.slot.packets,
        octets: consumer.slot.octets,
    };
    Some(SenderReport {
        ssrc: consumer.ssrc,
        info,
        cname: consumer.cname.len(),
    })
}
