//! RTCP that an endpoint sends: reports every second, requests and feedback when they are due.

use std::time::Duration;

use sfu_core::egress::Egress;
use sfu_core::rtcp::{
    ReportBlock, SenderInfo, write_nack, write_pli, write_receiver_report, write_sdes_cname,
    write_sender_report,
};
use sfu_core::time::Time;
use sfu_core::units::Ssrc;

use super::Peer;
use crate::ice::IceAgent;
use crate::reports::ntp;
use crate::twcc::Arrivals;

/// Between reports of our own (RFC 3550 allows less than 5 s with reduced minimum; libwebrtc: 1 s video).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Report blocks of one RR (RFC 3550: five bits).
const REPORT_BLOCKS: usize = 31;
const MOST_BLOCKS: usize = 48;

impl Peer {
    /// NACK, PLI and transport-wide feedback, as reduced-size RTCP (RFC 5506).
    pub(super) fn drain_requests(&mut self, now: Time, egress: &mut Egress) -> bool {
        let rtt = self.ice.as_ref().and_then(IceAgent::rtt);
        let sender = self.report_ssrc();
        for index in 0..self.slots.len() {
            if self.slots[index]
                .next_timeout(rtt)
                .is_none_or(|due| due > now)
            {
                continue;
            }
            if !egress.has_room() {
                return true;
            }
            let mut ask = std::mem::take(&mut self.ask);
            ask.clear();
            let keyframe = self.slots[index].turn(now, rtt, &mut ask);
            let media = self.slots[index].config.ssrc;
            self.emit(egress, |peer, out| {
                let nack = write_nack(out, sender, media, &ask).unwrap_or(0);
                let pli = keyframe
                    .then(|| write_pli(&mut out[nack..], sender, media))
                    .flatten()
                    .unwrap_or(0);
                (nack + pli > 0)
                    .then(|| peer.wire.srtp.protect_rtcp(out, nack + pli).ok())
                    .flatten()
            });
            self.ask = ask;
        }
        let due = |peer: &Peer| {
            peer.feedback
                .as_ref()
                .and_then(Arrivals::next_timeout)
                .is_some_and(|due| due <= now)
        };
        while due(self) {
            let written = self.emit(egress, |peer, out| {
                let room = out.len().min(1200);
                let len = peer
                    .feedback
                    .as_mut()?
                    .write(now, sender, &mut out[..room])?;
                peer.wire.srtp.protect_rtcp(out, len).ok()
            });
            match written {
                None => return true,
                Some(false) => break,
                Some(true) => {}
            }
        }
        false
    }

    /// SR of each layer sent, RR of each slot, SDES.
    pub(super) fn drain_reports(&mut self, now: Time, egress: &mut Egress) -> bool {
        if now < self.report_due {
            return false;
        }
        if !egress.has_room() {
            return true;
        }
        self.report_due = now + REPORT_INTERVAL;
        let blocks: Vec<ReportBlock> = self
            .slots
            .iter_mut()
            .filter_map(|slot| slot.reception.block(now, slot.config.ssrc))
            .collect();
        // 48 blocks fill a datagram beside the sender reports; with more slots the rest is left out,
        // which only costs the server a round-trip estimate of them.
        let mut blocks = blocks[..blocks.len().min(MOST_BLOCKS)].chunks(REPORT_BLOCKS);
        let ntp = ntp(self.unix_nanos_at_origin, now);
        let mut infos: Vec<(Ssrc, SenderInfo)> = Vec::new();
        for track in &self.tracks {
            let (Some(epoch), clock_rate) = (track.epoch, track.shared.clock_rate()) else {
                continue;
            };
            for layer in track.layers.iter().filter(|layer| layer.stats.packets > 0) {
                let rtp = layer.timestamp_at(now, epoch, clock_rate);
                let stats = layer.stats;
                let info = SenderInfo {
                    ntp,
                    rtp,
                    packets: stats.packets as u32,
                    octets: stats.bytes as u32,
                };
                infos.push((layer.ssrc(), info));
            }
        }
        let sender = self.report_ssrc();
        self.emit(egress, |peer, out| {
            let mut len = 0;
            for (ssrc, info) in &infos {
                len += write_sender_report(
                    &mut out[len..],
                    *ssrc,
                    info,
                    blocks.next().unwrap_or(&[]),
                )?;
            }
            for rest in blocks {
                len += write_receiver_report(&mut out[len..], sender, rest)?;
            }
            if len == 0 {
                len = write_receiver_report(out, sender, &[])?;
            }
            len += write_sdes_cname(&mut out[len..], sender, peer.cname.as_bytes())?;
            peer.wire.srtp.protect_rtcp(out, len).ok()
        });
        false
    }

    fn report_ssrc(&self) -> Ssrc {
        self.tracks
            .first()
            .and_then(|track| track.layers.first())
            .map_or(Ssrc(1), |layer| layer.ssrc())
    }
}
