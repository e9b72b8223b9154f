//! Addresses and control messages as the kernel writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for the control messages of one datagram: packet info (40 bytes over IPv6) and the segment
/// size (24), each with its header and padding.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(crate) struct Control(pub(crate) [u8; 128]);

impl Control {
    pub(crate) const EMPTY: Control = Control([0; 128]);
}

/// A socket address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) union Name {
    pub(crate) v4: libc::sockaddr_in,
    pub(crate) v6: libc::sockaddr_in6,
}

impl Name {
    pub(crate) fn empty() -> Name {
        // SAFETY: both members are plain integers, for which zero is a value; it makes AF_UNSPEC.
        unsafe { std::mem::zeroed() }
    }

    /// Writes `address`, IPv4 as a mapped address when the socket is IPv6; returns its length.
    pub(crate) fn write(&mut self, address: SocketAddr, ipv6_socket: bool) -> libc::socklen_t {
        match address {
            SocketAddr::V4(v4) if !ipv6_socket => {
                self.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: in_addr(*v4.ip()),
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>() as libc::socklen_t
            }
            SocketAddr::V4(v4) => self.write_v6(v4.ip().to_ipv6_mapped(), v4.port(), 0),
            SocketAddr::V6(v6) => self.write_v6(*v6.ip(), v6.port(), v6.scope_id()),
        }
    }

    fn write_v6(&mut self, ip: Ipv6Addr, port: u16, scope_id: u32) -> libc::socklen_t {
        self.v6 = libc::sockaddr_in6 {
            sin6_family: libc::AF_INET6 as libc::sa_family_t,
            sin6_port: port.to_be(),
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr {
                s6_addr: ip.octets(),
            },
            sin6_scope_id: scope_id,
        };
        size_of::<libc::sockaddr_in6>() as libc::socklen_t
    }

    /// The address, a mapped one as IPv4; `None` for another family.
    pub(crate) fn read(&self) -> Option<SocketAddr> {
        // SAFETY: both members begin with the family, and all bytes were initialised by `empty`.
        match i32::from(unsafe { self.v4.sin_family }) {
            libc::AF_INET => {
                // SAFETY: the kernel or `write` wrote this member, as the family says.
                let v4 = unsafe { self.v4 };
                let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                // SAFETY: the kernel or `write` wrote this member, as the family says.
                let v6 = unsafe { self.v6 };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(match ip.to_ipv4_mapped() {
                    Some(ip) => SocketAddrV4::new(ip, port).into(),
                    None => SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into(),
                })
            }
            _ => None,
        }
    }
}

fn in_addr(ip: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(ip.octets()),
    }
}

/// What came with a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// The address it was sent to, and the interface for a link-local one.
    pub(crate) local: Option<(IpAddr, u32)>,
    /// Size of the datagrams that UDP_GRO joined; 0: it is one datagram.
    pub(crate) segment: usize,
}

/// Reads the control messages the kernel wrote for `header`.
///
/// # Safety
/// `header.msg_control` points to `header.msg_controllen` readable bytes, written by the kernel and
/// aligned for `cmsghdr`, or is null.
pub(crate) unsafe fn read_control(header: &libc::msghdr) -> Received {
    let mut received = Received::default();
    // SAFETY: the caller promises a buffer that is valid for its length, which is all that the
    // macros look at; they return null at its end.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: `message` is null or a whole header inside that buffer.
    while let Some(head) = unsafe { message.as_ref() } {
        // SAFETY: as above; the data lies behind its header.
        let data = unsafe { libc::CMSG_DATA(message) };
        match (head.cmsg_level, head.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: the kernel wrote an in_pktinfo there; read unaligned, as CMSG_DATA promises none.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                received.local = Some((ip.into(), 0));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: the kernel wrote an in6_pktinfo there.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let scope = if ip.is_unicast_link_local() {
                    info.ipi6_ifindex as u32
                } else {
                    0
                };
                received.local = Some((ip.to_canonical(), scope));
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: the kernel wrote an int there.
                let segment = unsafe { data.cast::<i32>().read_unaligned() };
                received.segment = usize::try_from(segment).unwrap_or(0);
            }
            _ => {}
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    received
}

/// Writes control messages one behind the other.
pub(crate) struct ControlWriter<'a> {
    control: &'a mut Control,
    len: usize,
}

impl<'a> ControlWriter<'a> {
    pub(crate) fn new(control: &'a mut Control) -> ControlWriter<'a> {
        ControlWriter { control, len: 0 }
    }

    /// Bytes written: what `msg_controllen` has to be.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The address to send from. `ipv6_socket` tells which form the socket understands.
    pub(crate) fn source(&mut self, local: SocketAddr, ipv6_socket: bool) {
        match local {
            SocketAddr::V4(v4) if !ipv6_socket => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: in_addr(*v4.ip()),
                    ipi_addr: in_addr(Ipv4Addr::UNSPECIFIED),
                };
                self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            SocketAddr::V4(v4) => self.source_v6(v4.ip().to_ipv6_mapped(), 0),
            SocketAddr::V6(v6) => self.source_v6(*v6.ip(), v6.scope_id()),
        }
    }

    fn source_v6(&mut self, ip: Ipv6Addr, interface: u32) {
        let info = libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr {
                s6_addr: ip.octets(),
            },
            ipi6_ifindex: interface as _,
        };
        self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
    }

    /// The size of the segments to cut the message into (UDP_SEGMENT).
    pub(crate) fn segment(&mut self, size: u16) {
        self.push(libc::SOL_UDP, libc::UDP_SEGMENT, size);
    }

    fn push<T: Copy>(&mut self, level: i32, kind: i32, value: T) {
        let size = size_of::<T>() as u32;
        // SAFETY: these compute lengths only.
        let (space, len) = unsafe { (libc::CMSG_SPACE(size), libc::CMSG_LEN(size)) };
        let (space, len) = (space as usize, len as usize);
        let Some(room) = self.control.0.get_mut(self.len..self.len + space) else {
            debug_assert!(false, "control buffer too small");
            return;
        };
        room.fill(0);
        let head = room.as_mut_ptr().cast::<libc::cmsghdr>();
        // SAFETY: `room` has CMSG_SPACE(size_of T) bytes, so header and value fit; the buffer is
        // aligned to 8 and CMSG_SPACE keeps that, so the header is aligned; the value is written unaligned.
        unsafe {
            (*head).cmsg_level = level;
            (*head).cmsg_type = kind;
            (*head).cmsg_len = len as _;
            libc::CMSG_DATA(head).cast::<T>().write_unaligned(value);
        }
        self.len += space;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn names_round_trip_and_mapped_addresses_become_ipv4() {
        let mut name = Name::empty();
        assert_eq!(name.read(), None);
        for text in ["192.0.2.1:4000", "[2001:db8::1]:4000", "[fe80::1%3]:4000"] {
            for ipv6_socket in [false, true] {
                name.write(address(text), ipv6_socket);
                assert_eq!(name.read(), Some(address(text)), "{text}");
            }
        }
    }

    #[test]
    fn control_messages_round_trip() {
        for (local, ipv6_socket) in [
            ("192.0.2.1:1", false),
            ("192.0.2.1:1", true),
            ("[2001:db8::1]:1", true),
        ] {
            let mut control = Control::EMPTY;
            let mut writer = ControlWriter::new(&mut control);
            writer.source(address(local), ipv6_socket);
            let len = writer.len();
            // SAFETY: all zero is a valid msghdr; it points to `control` for the length written.
            let received = unsafe {
                let mut header = std::mem::zeroed::<libc::msghdr>();
                header.msg_control = control.0.as_mut_ptr().cast();
                header.msg_controllen = len as _;
                read_control(&header)
            };
            assert_eq!(received.local, Some((address(local).ip(), 0)));
        }
    }
}
