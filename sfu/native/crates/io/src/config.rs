//! Settings of the sockets and the turn.

use std::net::{IpAddr, SocketAddr};

/// What each worker's sockets are made like.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    /// Addresses to bind, each on the same port. A lone `::` is bound dual-stack; beside an IPv4
    /// address it is IPv6 only, and left out when the machine has no IPv6.
    pub hosts: Vec<IpAddr>,
    /// UDP port of worker 0; worker i takes `port + i`. 0: every worker takes a free one.
    pub port: u16,
    /// SO_RCVBUF asked for, bytes. 4 MiB hold 0.5 s of 64 Mbit/s, for when a host stalls.
    pub receive_buffer: usize,
    /// SO_SNDBUF asked for, bytes.
    pub send_buffer: usize,
    /// Whether UDP_GRO and UDP_SEGMENT are used where the kernel has them.
    pub offload: bool,
}

impl Default for SocketConfig {
    fn default() -> SocketConfig {
        SocketConfig {
            hosts: vec![IpAddr::from([0, 0, 0, 0]), IpAddr::from([0u16; 8])],
            port: 0,
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            offload: true,
        }
    }
}

/// What one socket got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketInfo {
    /// The address and port it is bound to.
    pub bound: SocketAddr,
    /// SO_RCVBUF the kernel gave, bytes (it doubles what is asked, and caps it at net.core.rmem_max).
    pub receive_buffer: usize,
    /// SO_SNDBUF the kernel gave, bytes.
    pub send_buffer: usize,
    /// UDP_GRO is on.
    pub gro: bool,
    /// UDP_SEGMENT is known to the kernel.
    pub gso: bool,
}
