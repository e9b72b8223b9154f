//! UDP sockets of a worker: a set on one port number, for one or both address families.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use socket2::{Domain, Protocol, Type};

use super::{get_option, set_option};
use crate::config::{SocketConfig, SocketInfo};
use crate::segments::MAX_SEGMENTS;

/// Tries at finding a port number that is free in both families.
const PORT_TRIES: usize = 32;

/// After this many refused segmentations in a row the socket stops asking for them.
const GSO_REFUSALS: u32 = 64;

/// SO_MEMINFO's index of dropped datagrams, and how many values there are (linux/sock_diag.h).
const MEMINFO_DROPS: usize = 8;
const MEMINFO_VALUES: usize = 9;

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct Socket {
    inner: socket2::Socket,
    info: SocketInfo,
    /// IPv6, taking IPv4 too by mapped addresses.
    dual: bool,
    /// Whether segmentation may still be asked for.
    gso: bool,
    refusals: u32,
}

impl Socket {
    /// A socket bound to `address`, dual-stack when asked to.
    pub fn bind(address: SocketAddr, dual: bool, config: &SocketConfig) -> io::Result<Socket> {
        let inner = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM.nonblocking().cloexec(),
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            inner.set_only_v6(!dual)?;
        }
        set_buffers(&inner, config);
        if address.ip().is_unspecified() {
            ask_for_local_address(inner.as_raw_fd(), address.is_ipv6())?;
        }
        let fd = inner.as_raw_fd();
        let gro = config.offload && set_option(fd, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
        let gso =
            config.offload && get_option(fd, libc::SOL_UDP, libc::UDP_SEGMENT, &mut [0u32; 1]);
        inner.bind(&address.into())?;
        let bound = inner
            .local_addr()?
            .as_socket()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        let info = SocketInfo {
            bound,
            receive_buffer: inner.recv_buffer_size()?,
            send_buffer: inner.send_buffer_size()?,
            gro,
            gso,
        };
        Ok(Socket {
            inner,
            info,
            dual,
            gso,
            refusals: 0,
        })
    }

    /// What it got.
    pub fn info(&self) -> &SocketInfo {
        &self.info
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        self.info.bound.is_ipv6()
    }

    /// Bound to every address, so that each datagram says which it was sent to.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.info.bound.ip().is_unspecified()
    }

    /// Whether a datagram from `local` to `remote` can leave here. An unspecified `local` leaves the
    /// choice of the source to the kernel.
    pub(crate) fn carries(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let family = self.is_ipv6() == remote.is_ipv6() || (self.dual && remote.is_ipv4());
        let bound = self.info.bound;
        family && (self.is_wildcard() || local.ip().is_unspecified() || local.ip() == bound.ip())
    }

    /// Longest run that may be sent in one message: 1 when segmentation is off.
    pub(crate) fn max_segments(&self) -> usize {
        if self.gso { MAX_SEGMENTS } else { 1 }
    }

    /// The kernel took a segmented message.
    pub(crate) fn segmentation_worked(&mut self) {
        self.refusals = 0;
    }

    /// The kernel refused one. EIO says that a device or a transform on the way can't (no checksum
    /// offload, IPsec). EINVAL and EMSGSIZE concern one path (segments over its MTU), so the socket
    /// gives up only when nothing else is heard for long.
    pub(crate) fn segmentation_refused(&mut self, error: i32) {
        self.refusals += 1;
        if error == libc::EIO || self.refusals >= GSO_REFUSALS {
            self.gso = false;
        }
    }

    /// Datagrams the kernel dropped since the socket was made because its buffer was full.
    pub(crate) fn dropped(&self) -> u64 {
        let mut values = [0; MEMINFO_VALUES];
        let read = get_option(
            self.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            &mut values,
        );
        if read {
            u64::from(values[MEMINFO_DROPS])
        } else {
            0
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

fn set_buffers(socket: &socket2::Socket, config: &SocketConfig) {
    let fd = socket.as_raw_fd();
    let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    // FORCE goes past net.core.{r,w}mem_max but needs CAP_NET_ADMIN; else take what is given.
    for (force, plain, bytes) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, config.receive_buffer),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, config.send_buffer),
    ] {
        if set_option(fd, libc::SOL_SOCKET, force, size(bytes)).is_err() {
            let _ = set_option(fd, libc::SOL_SOCKET, plain, size(bytes));
        }
    }
}

fn ask_for_local_address(fd: RawFd, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        // A dual-stack socket tells of IPv4 datagrams by this too, with a mapped address.
        set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    } else {
        set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }
}

/// Binds every host of `config` on one port: `port`, or a free one when it is 0.
pub fn bind_all(config: &SocketConfig, port: u16) -> io::Result<Vec<Socket>> {
    let tries = if port == 0 { PORT_TRIES } else { 1 };
    let mut result = Err(io::ErrorKind::InvalidInput.into());
    for _ in 0..tries {
        result = bind_once(config, port);
        match &result {
            // The free port of the first socket may be taken in the other family.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            _ => break,
        }
    }
    result
}

fn bind_once(config: &SocketConfig, mut port: u16) -> io::Result<Vec<Socket>> {
    let dual = config.hosts.as_slice() == [IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let mut sockets: Vec<Socket> = Vec::with_capacity(config.hosts.len());
    for &host in &config.hosts {
        match Socket::bind(SocketAddr::new(host, port), dual, config) {
            Ok(socket) => {
                port = socket.info.bound.port();
                sockets.push(socket);
            }
            // A machine without IPv6 serves IPv4.
            Err(error) if host == Ipv6Addr::UNSPECIFIED && no_ipv6(&error) && !dual => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no address to bind",
        ));
    }
    Ok(sockets)
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(hosts: &[&str]) -> SocketConfig {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        SocketConfig {
            hosts,
            ..SocketConfig::default()
        }
    }

    #[test]
    fn both_families_share_a_free_port() {
        let sockets = bind_all(&config(&["127.0.0.1", "::1"]), 0).unwrap();
        let ports: Vec<_> = sockets
            .iter()
            .map(|socket| socket.info.bound.port())
            .collect();
        assert_eq!(ports.len(), 2);
        assert_eq!(ports[0], ports[1]);
        assert_ne!(ports[0], 0);
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let first = bind_all(&config(&["127.0.0.1"]), 0).unwrap();
        let port = first[0].info.bound.port();
        let error = bind_all(&config(&["127.0.0.1"]), port).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_device_that_cannot_segment_turns_it_off_at_once_a_small_path_only_in_the_long_run() {
        let mut socket = bind_all(&config(&["127.0.0.1"]), 0).unwrap().remove(0);
        assert_eq!(socket.max_segments(), MAX_SEGMENTS);
        for _ in 0..1000 {
            socket.segmentation_refused(libc::EMSGSIZE);
            socket.segmentation_worked();
        }
        assert_eq!(socket.max_segments(), MAX_SEGMENTS);
        socket.segmentation_refused(libc::EIO);
        assert_eq!(socket.max_segments(), 1);
    }
}
