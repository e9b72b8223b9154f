//! RTCP: the walk over a compound is total, its iterators end, and what was read can be written and
//! reads the same.

use sfu_core::rtcp::{
    Rtcp, SenderInfo, TwccFeedback, packets, write_bye, write_fir, write_nack, write_pli,
    write_receiver_report, write_remb, write_sdes_cname, write_sender_report, write_transport_cc,
};
use sfu_core::time::Time;

/// Reads a compound and writes each packet anew.
pub(crate) fn run(data: &[u8]) {
    // A packet has at least four bytes, so that the walk ends by itself.
    assert!(packets(data).count() <= data.len().div_ceil(4));
    let mut out = [0xaa; 8_000];
    for packet in packets(data).flatten() {
        let Some(len) = write(&mut out, &packet) else {
            continue;
        };
        let mut again = packets(&out[..len]);
        let read = again.next().expect("a packet").expect("own packet");
        assert!(again.next().is_none());
        assert_eq!(meaning(&read), meaning(&packet));
    }
}

/// Writes what a packet says; `None` for what cannot be written whole.
fn write(out: &mut [u8], packet: &Rtcp<'_>) -> Option<usize> {
    match packet {
        Rtcp::SenderReport {
            ssrc,
            ntp,
            rtp,
            packets,
            octets,
            reports,
        } => {
            let info = SenderInfo {
                ntp: *ntp,
                rtp: *rtp,
                packets: *packets,
                octets: *octets,
            };
            write_sender_report(out, *ssrc, &info, &reports.clone().collect::<Vec<_>>())
        }
        Rtcp::ReceiverReport { ssrc, reports } => {
            write_receiver_report(out, *ssrc, &reports.clone().collect::<Vec<_>>())
        }
        Rtcp::Sdes(chunks) => {
            let mut chunks = chunks.clone();
            let (ssrc, cname) = chunks.next()?;
            chunks
                .next()
                .is_none()
                .then(|| write_sdes_cname(out, ssrc, cname))?
        }
        Rtcp::Bye(bye) => write_bye(out, &bye.ssrcs.clone().collect::<Vec<_>>()),
        Rtcp::Nack {
            sender,
            media,
            lost,
        } => write_nack(out, *sender, *media, &lost.clone().collect::<Vec<_>>()),
        Rtcp::Pli { sender, media } => write_pli(out, *sender, *media),
        Rtcp::Fir { sender, entries } => {
            write_fir(out, *sender, &entries.clone().collect::<Vec<_>>())
        }
        Rtcp::TransportCc(feedback) => write_feedback(out, feedback),
        Rtcp::Remb(remb) => write_remb(
            out,
            remb.sender,
            remb.bitrate,
            &remb.ssrcs.clone().collect::<Vec<_>>(),
        ),
        Rtcp::Other { .. } => None,
    }
}

/// Times before the origin, which only a clock of the sender's own can have, cannot be written.
fn write_feedback(out: &mut [u8], feedback: &TwccFeedback<'_>) -> Option<usize> {
    let base = u64::from(feedback.base_sequence);
    let mut arrivals = Vec::new();
    for (n, (_, arrival)) in feedback.arrivals().enumerate() {
        if let Some(micros) = arrival {
            arrivals.push((
                base + n as u64,
                Time::from_micros(u64::try_from(micros).ok()?),
            ));
        }
    }
    let all = arrivals.len();
    let written = write_transport_cc(
        out,
        feedback.sender,
        feedback.media,
        feedback.feedback_count,
        base,
        &arrivals,
    )?;
    (written.taken == all).then_some(written.len)
}

/// What a packet says, comparable. The order of a NACK's items and losses after the last arrival of
/// transport-wide feedback carry no meaning that is kept.
fn meaning(packet: &Rtcp<'_>) -> String {
    match packet {
        Rtcp::SenderReport {
            ssrc,
            ntp,
            rtp,
            packets,
            octets,
            reports,
        } => {
            let reports: Vec<_> = reports.clone().collect();
            format!("{ssrc:?} {ntp} {rtp} {packets} {octets} {reports:?}")
        }
        Rtcp::ReceiverReport { ssrc, reports } => {
            format!("{ssrc:?} {:?}", reports.clone().collect::<Vec<_>>())
        }
        Rtcp::Sdes(chunks) => format!("{:?}", chunks.clone().collect::<Vec<_>>()),
        Rtcp::Bye(bye) => format!("{:?}", bye.ssrcs.clone().collect::<Vec<_>>()),
        Rtcp::Nack {
            sender,
            media,
            lost,
        } => {
            let lost: std::collections::BTreeSet<_> = lost.clone().collect();
            format!("{sender:?} {media:?} {lost:?}")
        }
        Rtcp::Pli { sender, media } => format!("{sender:?} {media:?}"),
        Rtcp::Fir { sender, entries } => {
            format!("{sender:?} {:?}", entries.clone().collect::<Vec<_>>())
        }
        Rtcp::TransportCc(feedback) => {
            let arrivals: Vec<_> = feedback.arrivals().filter(|(_, at)| at.is_some()).collect();
            format!(
                "{:?} {:?} {} {arrivals:?}",
                feedback.sender, feedback.media, feedback.feedback_count
            )
        }
        Rtcp::Remb(remb) => {
            let ssrcs: Vec<_> = remb.ssrcs.clone().collect();
            format!("{:?} {:?} {ssrcs:?}", remb.sender, remb.bitrate)
        }
        Rtcp::Other {
            packet_type,
            format,
        } => format!("{packet_type} {format}"),
    }
}
