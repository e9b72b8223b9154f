//! The packet path does not allocate: after a warm-up ten thousand packets are received, forwarded
//! to eight viewers, repaired and reported on without one call to the allocator.

#[path = "worker/harness/mod.rs"]
#[allow(dead_code)]
mod harness;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use harness::*;
use sfu_core::egress::Egress;
use sfu_core::rtcp;
use sfu_core::time::Time;
use sfu_core::units::{Kind, Ssrc, Tuple};

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    if COUNTING.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
    }
}

// SAFETY: hands everything to the system allocator; counts beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work` and returns how often it allocated.
fn allocations(work: impl FnOnce()) -> usize {
    ALLOCATIONS.with(|count| count.set(0));
    COUNTING.with(|counting| counting.set(true));
    work();
    COUNTING.with(|counting| counting.set(false));
    ALLOCATIONS.with(Cell::get)
}

/// What went out.
#[derive(Default)]
struct Sent {
    packets: usize,
    retransmissions: usize,
    /// Newest sequence number of slot 5000, which all viewers have; headers are in clear.
    newest: Vec<(Tuple, u16)>,
}

impl Sent {
    fn look(&mut self, to: Tuple, datagram: &[u8]) {
        self.packets += 1;
        match datagram[8..12] {
            [0, 0, 0x13, 0x88] => {
                let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
                if let Some(entry) = self.newest.iter_mut().find(|(tuple, _)| *tuple == to) {
                    entry.1 = sequence;
                }
            }
            [0, 0, 0x13, 0x89] => self.retransmissions += 1,
            _ => {}
        }
    }
}

/// One turn of a worker thread: a batch in, everything due, everything out.
fn turn(
    net: &mut Net,
    now: Time,
    batch: &mut [(Tuple, Vec<u8>)],
    egress: &mut Egress,
    sent: &mut Sent,
) {
    for (tuple, datagram) in batch {
        net.worker.receive(now, *tuple, datagram);
    }
    if net.worker.next_timeout().is_some_and(|at| at <= now) {
        net.worker.timeout(now);
    }
    loop {
        let more = net.worker.drain(now, egress);
        egress
            .datagrams()
            .for_each(|(to, datagram)| sent.look(to, datagram));
        egress.clear();
        if !more {
            return;
        }
    }
}

#[test]
fn ten_thousand_packets_allocate_nothing() {
    let mut net = Net::new();
    let (mut publisher, first, mut camera) = call(&mut net);
    publisher.produce(&mut net, 2, Kind::Audio, &[OPUS], &[encoding(3000, None)]);
    let mut viewers = vec![first];
    for id in 10..17 {
        let viewer = Peer::join(&mut net, id);
        viewer.consume(&mut net, id, 1, 5000, &[VP8]);
        viewers.push(viewer);
    }
    for viewer in &viewers {
        viewer.consume(&mut net, 100 + viewer.id.0, 2, 6000, &[OPUS]);
    }
    let mut egress = Egress::with_capacity(256 * 1024, 256);
    let newest = viewers.iter().map(|viewer| (viewer.tuple, 0)).collect();
    let mut sent = Sent {
        newest,
        ..Sent::default()
    };
    let (mut allocated, mut received) = (0, 0);
    for round in 0..3_000u64 {
        net.now = Time(net.now.0 + 10_000_000);
        // Built outside of the count: a frame with a loss now and then, a sound, NACKs.
        let mut batch = Vec::new();
        for (n, packet) in camera.frame(round % 300 == 0).into_iter().enumerate() {
            if round % 40 != 7 || n != 1 {
                batch.push((publisher.tuple, publisher.protect(&packet)));
            }
        }
        let (level, number) = ([40u8], publisher.next_twcc().to_be_bytes());
        let extensions: &[(u8, &[u8])] = &[(LEVEL, &level), (TWCC, &number)];
        let sound = rtp_packet(
            111,
            3000,
            round as u16,
            round as u32 * 480,
            false,
            extensions,
            &[7; 80],
        );
        batch.push((publisher.tuple, publisher.protect(&sound)));
        if round % 25 == 3 {
            for (n, viewer) in viewers.iter_mut().enumerate() {
                let lost = sent.newest[n].1.wrapping_sub(20);
                let mut out = [0; 200];
                let len = rtcp::write_nack(&mut out, Ssrc(5), Ssrc(5000), &[lost]).unwrap();
                batch.push((viewer.tuple, viewer.protect_rtcp(&out[..len])));
            }
        }
        if round % 100 == 50 {
            for peer in viewers.iter_mut().chain([&mut publisher]) {
                batch.push((peer.tuple, peer.check_bytes(true)));
            }
        }
        let count = batch.len();
        let now = net.now;
        if round < 500 {
            turn(&mut net, now, &mut batch, &mut egress, &mut sent);
        } else {
            allocated += allocations(|| turn(&mut net, now, &mut batch, &mut egress, &mut sent));
            received += count;
        }
        while net.worker.poll_event().is_some() {}
    }
    assert!(received > 9_900, "{received}");
    assert!(sent.packets > 75_000, "{}", sent.packets);
    assert!(sent.retransmissions > 900, "{}", sent.retransmissions);
    assert_eq!(allocated, 0);
}
