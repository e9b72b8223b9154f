//! The loop allocates nothing per packet: counted by the allocator itself, over real sockets.
#![allow(missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sfu_core::command::Command;
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::time::Time;
use sfu_core::units::Tuple;
use sfu_io::config::SocketConfig;
use sfu_io::core::PacketCore;
use sfu_io::engine::Engine;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller keeps the trait's promises, which are passed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the caller keeps the trait's promises, which are passed on.
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

/// Sends back the last datagram of a batch ten times, and asks for a timer now and then.
struct Fan {
    last: Option<(Tuple, usize)>,
    buffer: [u8; 1500],
    due: Time,
}

impl PacketCore for Fan {
    fn receive(&mut self, now: Time, tuple: Tuple, datagram: &mut [u8]) {
        self.buffer[..datagram.len()].copy_from_slice(datagram);
        self.last = Some((tuple, datagram.len()));
        self.due = now + Duration::from_micros(500);
    }

    fn command(&mut self, _now: Time, _command: Command) {}

    fn timeout(&mut self, now: Time) {
        self.due = now + Duration::from_millis(1);
    }

    fn next_timeout(&self) -> Option<Time> {
        Some(self.due)
    }

    fn drain(&mut self, _now: Time, egress: &mut Egress) -> bool {
        if let Some((tuple, len)) = self.last.take() {
            for _ in 0..10 {
                egress.space().expect("room for ten")[..len].copy_from_slice(&self.buffer[..len]);
                egress.commit(tuple, len);
            }
        }
        false
    }

    fn poll_event(&mut self) -> Option<Event> {
        None
    }
}

fn exchange(client: &UdpSocket, rounds: usize) {
    let mut answer = [0; 1500];
    for _ in 0..rounds {
        client.send(&[7; 1200]).unwrap();
        for _ in 0..10 {
            assert_eq!(client.recv(&mut answer).unwrap(), 1200);
        }
    }
}

#[test]
fn nothing_is_allocated_per_packet() {
    let hosts = vec!["127.0.0.1".parse().unwrap()];
    let config = SocketConfig {
        hosts,
        ..SocketConfig::default()
    };
    let make = |_: usize, _: &_| Fan {
        last: None,
        buffer: [0; 1500],
        due: Time::ZERO,
    };
    let engine = Engine::start(&config, 1, make).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(engine.sockets(0).unwrap()[0].bound).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    exchange(&client, 20);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    exchange(&client, 1000);
    let during = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // Eleven thousand packets; the test harness's own thread may wake once.
    assert!(during < 10, "{during} allocations in 1000 rounds");
}
