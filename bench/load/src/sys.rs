//! What the load generator asks of the kernel: the clock, CPU time, affinity, batched sockets.
//!
//! Written independently of the server's own I/O on purpose: the limit has to stay a limit when the
//! server's code has a fault.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Segments of one message (UDP_MAX_SEGMENTS before Linux 6.11).
const MAX_SEGMENTS: usize = 64;
/// Largest UDP payload over IPv4.
const MAX_PAYLOAD: usize = 65_507;
/// A message that UDP_GRO has put together is at most this long.
const GRO_BUFFER: usize = 1 << 16;

fn timespec_nanos(t: &libc::timespec) -> u64 {
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// CLOCK_MONOTONIC, nanoseconds: the same in all processes of the machine.
pub(crate) fn monotonic() -> u64 {
    // SAFETY: the struct is plain numbers, and lives through the call that fills it.
    unsafe {
        let mut t: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut t);
        timespec_nanos(&t)
    }
}

/// User and system CPU time of this process, nanoseconds.
pub(crate) fn cpu_nanos() -> u64 {
    // SAFETY: as above.
    unsafe {
        let mut usage: libc::rusage = zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        let micros = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
        (micros(usage.ru_utime) + micros(usage.ru_stime)) * 1_000
    }
}

/// Sleeps until `nanos` on [`monotonic`]'s clock.
pub(crate) fn sleep_until(nanos: u64) {
    let at = libc::timespec {
        tv_sec: (nanos / 1_000_000_000) as libc::time_t,
        tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: `at` lives through the call; no remainder is asked for with an absolute time.
    unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &raw const at,
            std::ptr::null_mut(),
        );
    }
}

/// Timers of this thread fire on time: the default slack of 50 us would show as latency.
pub(crate) fn precise_timers() {
    // SAFETY: takes plain numbers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0) };
}

/// Binds this thread, and those it will start, to one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    // SAFETY: the set is plain bits; `core` is below CPU_SETSIZE or CPU_SET does nothing.
    let result = unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn set_option(socket: &UdpSocket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the value is an int, its length is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A non-blocking socket with large buffers and GRO.
pub(crate) fn udp_socket(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    for (force, plain) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
    ] {
        if set_option(&socket, libc::SOL_SOCKET, force, 8 << 20).is_err() {
            let _ = set_option(&socket, libc::SOL_SOCKET, plain, 4 << 20);
        }
    }
    let _ = set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    Ok(socket)
}

/// A destination in the kernel's form.
#[derive(Clone, Copy)]
pub(crate) struct Destination {
    name: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl Destination {
    pub(crate) fn new(address: SocketAddr) -> Destination {
        // SAFETY: sockaddr_storage is plain bytes, large and aligned enough for either family.
        unsafe {
            let mut name: libc::sockaddr_storage = zeroed();
            let len = match address {
                SocketAddr::V4(v4) => {
                    let to = (&raw mut name).cast::<libc::sockaddr_in>();
                    (*to).sin_family = libc::AF_INET as libc::sa_family_t;
                    (*to).sin_port = v4.port().to_be();
                    (*to).sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                    size_of::<libc::sockaddr_in>()
                }
                SocketAddr::V6(v6) => {
                    let to = (&raw mut name).cast::<libc::sockaddr_in6>();
                    (*to).sin6_family = libc::AF_INET6 as libc::sa_family_t;
                    (*to).sin6_port = v6.port().to_be();
                    (*to).sin6_addr.s6_addr = v6.ip().octets();
                    (*to).sin6_scope_id = v6.scope_id();
                    size_of::<libc::sockaddr_in6>()
                }
            };
            Destination {
                name,
                len: len as libc::socklen_t,
            }
        }
    }
}

/// One message: a run of datagrams of equal size (the last may be shorter) to one destination.
struct Message {
    at: usize,
    len: usize,
    segment: usize,
    count: usize,
    destination: usize,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 32]);

/// Gathers datagrams into segmented messages and sends them by sendmmsg. Everything is allocated once.
pub(crate) struct Sender {
    messages: Vec<Message>,
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    controls: Vec<Control>,
    /// Datagrams the kernel did not take.
    pub(crate) refused: u64,
    /// Messages (GSO runs) handed to the kernel.
    pub(crate) runs: u64,
}

impl Sender {
    pub(crate) fn new(capacity: usize) -> Sender {
        Sender {
            messages: Vec::with_capacity(capacity),
            headers: Vec::with_capacity(capacity),
            vectors: Vec::with_capacity(capacity),
            controls: Vec::with_capacity(capacity),
            refused: 0,
            runs: 0,
        }
    }

    /// Adds a datagram at `at..at + len` of the arena given to [`Sender::flush`]; joins it to the last
    /// message when the kernel's rules allow.
    pub(crate) fn push(&mut self, destination: usize, at: usize, len: usize) {
        if let Some(last) = self.messages.last_mut() {
            let joins = last.destination == destination
                && last.at + last.len == at
                && last.len == last.count * last.segment
                && len <= last.segment
                && last.count < MAX_SEGMENTS
                && last.len + len <= MAX_PAYLOAD;
            if joins {
                last.len += len;
                last.count += 1;
                return;
            }
        }
        self.messages.push(Message {
            at,
            len,
            segment: len,
            count: 1,
            destination,
        });
    }

    /// Sends what was pushed and forgets it. What the kernel does not take is counted, not tried again:
    /// a benchmark that waits would hide loss.
    pub(crate) fn flush(&mut self, socket: &UdpSocket, destinations: &[Destination], arena: &[u8]) {
        self.build(destinations, arena);
        let mut sent = 0;
        while sent < self.headers.len() {
            // SAFETY: headers, vectors and controls live in `self` and the arena is borrowed; lengths
            // are those of the slices. The kernel does not write to the buffers of a send.
            let result = unsafe {
                let first = self.headers.as_mut_ptr().add(sent);
                let count = (self.headers.len() - sent) as libc::c_uint;
                libc::sendmmsg(socket.as_raw_fd(), first, count, libc::MSG_DONTWAIT)
            };
            if result > 0 {
                sent += result as usize;
            } else {
                self.refused += self.messages[sent].count as u64;
                sent += 1;
            }
        }
        self.runs += self.messages.len() as u64;
        self.messages.clear();
    }

    fn build(&mut self, destinations: &[Destination], arena: &[u8]) {
        self.headers.clear();
        self.vectors.clear();
        self.controls.clear();
        // Reserved before any pointer is taken, so that no push below moves what they point to.
        let count = self.messages.len();
        self.headers.reserve(count);
        self.vectors.reserve(count);
        self.controls.reserve(count);
        for message in &self.messages {
            let data = &arena[message.at..message.at + message.len];
            self.vectors.push(libc::iovec {
                iov_base: data.as_ptr().cast_mut().cast(),
                iov_len: data.len(),
            });
            self.controls.push(Control([0; 32]));
            let (Some(vector), Some(control)) = (self.vectors.last_mut(), self.controls.last_mut())
            else {
                return;
            };
            let destination = &destinations[message.destination];
            // SAFETY: all zero is a valid mmsghdr; the pointers put in it stay valid because the vectors
            // do not grow any more. The control buffer (32 bytes, aligned) holds CMSG_SPACE(2) = 24.
            unsafe {
                let mut header: libc::mmsghdr = zeroed();
                header.msg_hdr.msg_name = (&raw const destination.name).cast_mut().cast();
                header.msg_hdr.msg_namelen = destination.len;
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                if message.count > 1 {
                    header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
                    header.msg_hdr.msg_controllen = libc::CMSG_SPACE(2) as _;
                    let head = libc::CMSG_FIRSTHDR(&header.msg_hdr);
                    (*head).cmsg_level = libc::SOL_UDP;
                    (*head).cmsg_type = libc::UDP_SEGMENT;
                    (*head).cmsg_len = libc::CMSG_LEN(2) as _;
                    libc::CMSG_DATA(head)
                        .cast::<u16>()
                        .write_unaligned(message.segment as u16);
                }
                self.headers.push(header);
            }
        }
    }
}

/// Receives messages that UDP_GRO may have joined, one buffer for all sockets.
pub(crate) struct Receiver {
    buffer: Box<[u8]>,
}

impl Receiver {
    pub(crate) fn new() -> Receiver {
        Receiver {
            buffer: vec![0; GRO_BUFFER].into_boxed_slice(),
        }
    }

    /// Takes one message; `None` when nothing waits. The result is cut into datagrams of the size
    /// returned beside it (0: one datagram).
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> Option<(&mut [u8], usize)> {
        let mut control = Control([0; 32]);
        let mut vector = libc::iovec {
            iov_base: self.buffer.as_mut_ptr().cast(),
            iov_len: self.buffer.len(),
        };
        // SAFETY: buffer, vector and control live through the call; the kernel writes at most their
        // lengths, and the control messages it wrote are walked by the macros made for that.
        let (len, segment) = unsafe {
            let mut header: libc::msghdr = zeroed();
            header.msg_iov = &raw mut vector;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = control.0.len() as _;
            let len = libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT);
            if len < 0 {
                return None;
            }
            let mut segment = 0;
            let head = libc::CMSG_FIRSTHDR(&raw const header);
            if !head.is_null()
                && (*head).cmsg_level == libc::SOL_UDP
                && (*head).cmsg_type == libc::UDP_GRO
            {
                segment = libc::CMSG_DATA(head).cast::<i32>().read_unaligned();
            }
            (len as usize, segment as usize)
        };
        Some((&mut self.buffer[..len], segment))
    }
}

/// Cuts a message of [`Receiver::receive`] into datagrams.
pub(crate) fn datagrams(message: &mut [u8], segment: usize) -> impl Iterator<Item = &mut [u8]> {
    let size = if segment == 0 { message.len() } else { segment };
    message.chunks_mut(size.max(1))
}

/// Readiness of many sockets.
pub(crate) struct Poller {
    epoll: std::os::fd::OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    /// Watches the sockets; each is named by its index.
    pub(crate) fn new(sockets: &[UdpSocket]) -> io::Result<Poller> {
        use std::os::fd::FromRawFd;
        // SAFETY: takes no pointer; the result is checked before it is owned.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            std::os::fd::OwnedFd::from_raw_fd(fd)
        };
        for (index, socket) in sockets.iter().enumerate() {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: index as u64,
            };
            // SAFETY: both descriptors are open, `event` lives through the call.
            let result = unsafe {
                libc::epoll_ctl(
                    epoll.as_raw_fd(),
                    libc::EPOLL_CTL_ADD,
                    socket.as_raw_fd(),
                    &raw mut event,
                )
            };
            if result < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; 256];
        Ok(Poller { epoll, events })
    }

    /// Waits at most `nanos` for a readable socket; returns the indices of those that are.
    pub(crate) fn wait(&mut self, nanos: u64) -> impl Iterator<Item = usize> {
        let timeout = libc::timespec {
            tv_sec: (nanos / 1_000_000_000) as libc::time_t,
            tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: the event array is as long as told; `timeout` lives through the call, no mask is given.
        let ready = unsafe {
            libc::epoll_pwait2(
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as i32,
                &raw const timeout,
                std::ptr::null(),
            )
        };
        self.events[..usize::try_from(ready).unwrap_or(0)]
            .iter()
            .map(|event| event.u64 as usize)
    }
}
