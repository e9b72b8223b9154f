//! The other end of the bare loop on loopback: as many sockets as receivers, which count what arrives and
//! how long it took. Reads the time from the packets' clear headers, so it decrypts nothing.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sfu_peer::histogram::Histogram;

use crate::forward::Latency;
use crate::limit::TIME_AT;
use crate::sys::{self, Poller, Receiver};

/// What to listen with.
#[derive(Deserialize)]
pub(crate) struct Config {
    receivers: usize,
    /// Ends after this long in all, and after `quiet` without a packet once one came.
    seconds: f64,
    quiet: f64,
    core: Option<usize>,
}

/// What came.
#[derive(Serialize)]
pub(crate) struct Report {
    packets: u64,
    latency_us: Latency,
}

/// Binds, prints the ports as one line, and listens.
pub(crate) fn run(config: &Config) -> io::Result<Report> {
    if let Some(core) = config.core {
        sys::pin(core)?;
    }
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let sockets: Vec<UdpSocket> = (0..config.receivers)
        .map(|_| sys::udp_socket(any))
        .collect::<io::Result<_>>()?;
    let ports: Vec<u16> = sockets
        .iter()
        .map(|socket| Ok(socket.local_addr()?.port()))
        .collect::<io::Result<_>>()?;
    println!("{{\"ports\": {ports:?}}}");
    io::stdout().flush()?;
    let (mut poller, mut receiver) = (Poller::new(&sockets)?, Receiver::new());
    let end = sys::monotonic() + (config.seconds * 1e9) as u64;
    let quiet = (config.quiet * 1e9) as u64;
    let (mut packets, mut last, mut latency) = (0, None, Histogram::default());
    let mut ready = Vec::new();
    loop {
        let now = sys::monotonic();
        if now >= end || last.is_some_and(|last| now > last + quiet) {
            return Ok(Report {
                packets,
                latency_us: Latency::of(&latency),
            });
        }
        ready.clear();
        ready.extend(poller.wait(100_000_000));
        for &index in &ready {
            while let Some((message, segment)) = receiver.receive(&sockets[index]) {
                let now = sys::monotonic();
                last = Some(now);
                for datagram in sys::datagrams(message, segment) {
                    packets += 1;
                    if let Some(&sent) = datagram
                        .get(TIME_AT..)
                        .and_then(|rest| rest.first_chunk::<8>())
                    {
                        latency.record(Duration::from_nanos(
                            now.saturating_sub(u64::from_be_bytes(sent)),
                        ));
                    }
                }
            }
        }
    }
}
