//! Batched sending: runs of equal size by UDP_SEGMENT, several receivers in one `sendmmsg`.

use std::io;
use std::os::fd::AsRawFd;

use sfu_core::egress::Egress;
use sfu_core::units::Tuple;

use super::message::{Control, ControlWriter, Name};
use super::socket::Socket;
use crate::counters::IoCounters;
use crate::segments::{Run, runs};

/// Messages of one `sendmmsg`.
const BATCH: usize = 64;

/// One message of the batch being filled.
#[derive(Clone, Copy)]
struct Message {
    run: Run,
    name_len: libc::socklen_t,
    /// Control bytes before the segment size, which is last so that it can be left out.
    plain_control: usize,
    control: usize,
}

const NO_MESSAGE: Message = Message {
    run: Run {
        at: 0,
        len: 0,
        segment: 0,
        count: 0,
    },
    name_len: 0,
    plain_control: 0,
    control: 0,
};

/// Buffers of one worker thread, used for all its sockets in turn.
pub(crate) struct Sender {
    names: Box<[Name; BATCH]>,
    controls: Box<[Control; BATCH]>,
    iovecs: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
    messages: Box<[Message; BATCH]>,
    filled: usize,
}

impl Sender {
    pub(crate) fn new() -> Sender {
        // SAFETY: null pointers and zero lengths are values of both structs.
        let (iovecs, headers) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Sender {
            names: Box::new([Name::empty(); BATCH]),
            controls: Box::new([Control::EMPTY; BATCH]),
            iovecs: Box::new(iovecs),
            headers: Box::new(headers),
            messages: Box::new([NO_MESSAGE; BATCH]),
            filled: 0,
        }
    }

    /// Sends everything in `egress`, which the caller clears.
    pub(crate) fn send(
        &mut self,
        sockets: &mut [Socket],
        egress: &Egress,
        counters: &mut IoCounters,
    ) {
        // A turn that panicked may have left messages of an arena that is gone.
        self.filled = 0;
        let mut current = 0;
        for group in egress.groups() {
            let spans = egress.spans(group);
            let tuple = group.tuple;
            let Some(chosen) = choose(sockets, &tuple) else {
                counters.send_no_socket += spans.len() as u64;
                continue;
            };
            if chosen != current {
                self.flush(&mut sockets[current], egress.bytes(), counters);
                current = chosen;
            }
            for run in runs(spans, sockets[current].max_segments()) {
                if self.filled == BATCH {
                    self.flush(&mut sockets[current], egress.bytes(), counters);
                }
                self.push(&sockets[current], &tuple, run);
            }
        }
        if let Some(socket) = sockets.get_mut(current) {
            self.flush(socket, egress.bytes(), counters);
        }
    }

    fn push(&mut self, socket: &Socket, tuple: &Tuple, run: Run) {
        let index = self.filled;
        let name_len = self.names[index].write(tuple.remote, socket.is_ipv6());
        let mut control = ControlWriter::new(&mut self.controls[index]);
        if socket.is_wildcard() && !tuple.local.ip().is_unspecified() {
            control.source(tuple.local, socket.is_ipv6());
        }
        let plain_control = control.len();
        if run.count > 1 {
            // At most 1500 (MAX_DATAGRAM), so it fits.
            control.segment(run.segment as u16);
        }
        let control = control.len();
        self.messages[index] = Message {
            run,
            name_len,
            plain_control,
            control,
        };
        self.filled += 1;
    }

    fn flush(&mut self, socket: &mut Socket, bytes: &[u8], counters: &mut IoCounters) {
        let filled = std::mem::take(&mut self.filled);
        self.prepare(filled, bytes);
        let mut next = 0;
        while next < filled {
            counters.send_calls += 1;
            // SAFETY: `prepare` pointed headers `..filled` at names, controls and iovecs of ours and
            // at bytes of the arena, all of the lengths told; the kernel only reads the bytes.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    self.headers[next..].as_mut_ptr(),
                    (filled - next) as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            if let Ok(sent) = usize::try_from(sent) {
                self.count_sent(&self.messages[next..next + sent], socket, counters);
                next += sent;
                continue;
            }
            // The error is about the message at `next`; those before it have been sent.
            match io::Error::last_os_error().raw_os_error().unwrap_or(0) {
                libc::EINTR => {}
                libc::EAGAIN | libc::ENOBUFS => {
                    // The rest would find the buffer as full; waiting would hold up other rooms.
                    let rest = &self.messages[next..filled];
                    counters.send_buffer_full += rest
                        .iter()
                        .map(|message| message.run.count as u64)
                        .sum::<u64>();
                    return;
                }
                error => {
                    self.refused(next, error, socket, bytes, counters);
                    next += 1;
                }
            }
        }
    }

    /// Points the first `filled` headers at their parts, anew for every batch, so that no pointer
    /// outlives a borrow of what it points to.
    fn prepare(&mut self, filled: usize, bytes: &[u8]) {
        let parts = self
            .messages
            .iter()
            .zip(self.names.iter_mut())
            .zip(self.controls.iter_mut());
        let heads = self.headers.iter_mut().zip(self.iovecs.iter_mut());
        for (((message, name), control), (header, iovec)) in parts.zip(heads).take(filled) {
            let payload = &bytes[message.run.at..message.run.at + message.run.len];
            // The kernel doesn't write through it: the type is shared with receiving.
            iovec.iov_base = payload.as_ptr().cast_mut().cast();
            iovec.iov_len = payload.len();
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = message.name_len;
            header.msg_iov = iovec;
            header.msg_iovlen = 1;
            header.msg_control = match message.control {
                0 => std::ptr::null_mut(),
                _ => control.0.as_mut_ptr().cast(),
            };
            header.msg_controllen = message.control as _;
            header.msg_flags = 0;
        }
    }

    fn count_sent(&self, sent: &[Message], socket: &mut Socket, counters: &mut IoCounters) {
        counters.send_messages += sent.len() as u64;
        for message in sent {
            counters.datagrams_sent += message.run.count as u64;
            counters.bytes_sent += message.run.len as u64;
            if message.run.count > 1 {
                socket.segmentation_worked();
            }
        }
    }

    /// The kernel refused message `index`: if it was to be segmented, it is sent piece by piece.
    #[cold]
    fn refused(
        &mut self,
        index: usize,
        error: i32,
        socket: &mut Socket,
        bytes: &[u8],
        counters: &mut IoCounters,
    ) {
        let message = self.messages[index];
        let segmentation = matches!(error, libc::EIO | libc::EINVAL | libc::EMSGSIZE);
        if message.run.count == 1 || !segmentation {
            counters.send_errors += message.run.count as u64;
            return;
        }
        socket.segmentation_refused(error);
        counters.gso_fallbacks += 1;
        let payload = &bytes[message.run.at..message.run.at + message.run.len];
        for datagram in payload.chunks(message.run.segment) {
            self.send_plain(index, &message, datagram, socket, counters);
        }
    }

    fn send_plain(
        &mut self,
        index: usize,
        message: &Message,
        datagram: &[u8],
        socket: &Socket,
        counters: &mut IoCounters,
    ) {
        let mut iovec = libc::iovec {
            iov_base: datagram.as_ptr().cast_mut().cast(),
            iov_len: datagram.len(),
        };
        // SAFETY: all zero is a valid msghdr.
        let mut header = unsafe { std::mem::zeroed::<libc::msghdr>() };
        header.msg_name = std::ptr::from_mut(&mut self.names[index]).cast();
        header.msg_namelen = message.name_len;
        header.msg_iov = &raw mut iovec;
        header.msg_iovlen = 1;
        if message.plain_control > 0 {
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = message.plain_control as _;
        }
        counters.send_calls += 1;
        // SAFETY: the header points to this message's name and control and to `datagram`, which
        // outlive the call, with their lengths; the kernel only reads them.
        let sent =
            unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
        if sent >= 0 {
            counters.send_messages += 1;
            counters.datagrams_sent += 1;
            counters.bytes_sent += datagram.len() as u64;
            return;
        }
        match io::Error::last_os_error().raw_os_error().unwrap_or(0) {
            libc::EAGAIN | libc::ENOBUFS => counters.send_buffer_full += 1,
            _ => counters.send_errors += 1,
        }
    }
}

fn choose(sockets: &[Socket], tuple: &Tuple) -> Option<usize> {
    sockets
        .iter()
        .position(|socket| socket.carries(tuple.local, tuple.remote))
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::config::SocketConfig;
    use crate::sys::receive::Receiver;
    use crate::sys::socket::bind_all;

    fn sockets(hosts: &[&str]) -> Vec<Socket> {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        bind_all(
            &SocketConfig {
                hosts,
                ..SocketConfig::default()
            },
            0,
        )
        .unwrap()
    }

    fn wait_readable(socket: &Socket) {
        let mut poller = crate::sys::Poller::new([socket.as_raw_fd()]);
        poller.wait(Some(std::time::Duration::from_secs(2)));
        assert!(poller.ready(0));
    }

    fn fill(egress: &mut Egress, tuple: Tuple, lengths: &[usize]) {
        for (index, &len) in lengths.iter().enumerate() {
            egress.space().unwrap()[..len].fill(index as u8 + 1);
            egress.commit(tuple, len);
        }
    }

    /// Segments leave as one message and come, by GRO or not, as the datagrams they were.
    #[test]
    fn a_run_arrives_as_its_datagrams() {
        let mut from = sockets(&["127.0.0.1"]);
        let to = sockets(&["127.0.0.1"]);
        let tuple = Tuple {
            local: from[0].info().bound,
            remote: to[0].info().bound,
        };
        let mut egress = Egress::with_capacity(1 << 18, 128);
        let lengths = [1200, 1200, 1200, 300, 1200, 1200];
        fill(&mut egress, tuple, &lengths);
        let mut counters = IoCounters::default();
        Sender::new().send(&mut from, &egress, &mut counters);
        assert_eq!((counters.send_calls, counters.send_messages), (1, 2));
        assert_eq!(counters.datagrams_sent, 6);

        let mut receiver = Receiver::new();
        let mut got = Vec::new();
        while got.len() < lengths.len() {
            wait_readable(&to[0]);
            for index in 0..receiver.receive(&to[0], &mut counters) {
                receiver.deliver(index, &to[0], &mut counters, |tuple, datagram| {
                    assert_eq!(tuple.remote, from[0].info().bound);
                    assert_eq!(tuple.local, to[0].info().bound);
                    got.push((datagram[0], datagram.len()));
                });
            }
        }
        let expected: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(index, &len)| (index as u8 + 1, len))
            .collect();
        assert_eq!(got, expected);
        assert!(counters.receive_messages < 6, "loopback joins by GRO");
    }

    /// A wildcard socket hears which address it was asked on, and answers from it; a dual-stack one
    /// shows IPv4 as IPv4.
    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        for (hosts, asked) in [
            (&["0.0.0.0"][..], "127.0.0.2"),
            (&["::"], "127.0.0.2"),
            (&["::"], "::1"),
            (&["0.0.0.0", "::"], "127.0.0.3"),
            (&["0.0.0.0", "::"], "::1"),
        ] {
            let mut server = sockets(hosts);
            let port = server[0].info().bound.port();
            let any = if asked.contains(':') {
                "[::1]:0"
            } else {
                "127.0.0.1:0"
            };
            let client = UdpSocket::bind(any).unwrap();
            let target = std::net::SocketAddr::new(asked.parse().unwrap(), port);
            client.send_to(b"question", target).unwrap();
            let own = server
                .iter()
                .position(|socket| socket.carries(target, client.local_addr().unwrap()));
            let own = own.unwrap();
            wait_readable(&server[own]);

            let (mut receiver, mut counters) = (Receiver::new(), IoCounters::default());
            let mut heard = None;
            assert_eq!(receiver.receive(&server[own], &mut counters), 1);
            receiver.deliver(0, &server[own], &mut counters, |tuple, _| {
                heard = Some(tuple)
            });
            let tuple = heard.unwrap();
            assert_eq!(
                tuple,
                Tuple {
                    local: target,
                    remote: client.local_addr().unwrap()
                }
            );

            let mut egress = Egress::with_capacity(4096, 4);
            fill(&mut egress, tuple, &[40]);
            Sender::new().send(&mut server, &egress, &mut counters);
            client
                .set_read_timeout(Some(std::time::Duration::from_secs(2)))
                .unwrap();
            let (len, from) = client.recv_from(&mut [0; 100]).unwrap();
            assert_eq!((len, from), (40, target), "{hosts:?}");
        }
    }

    #[test]
    fn a_family_without_a_socket_is_counted() {
        let mut only_v4 = sockets(&["127.0.0.1"]);
        let tuple = Tuple {
            local: "[::1]:1".parse().unwrap(),
            remote: "[::1]:9".parse().unwrap(),
        };
        let mut egress = Egress::with_capacity(4096, 2);
        fill(&mut egress, tuple, &[10, 10]);
        let mut counters = IoCounters::default();
        Sender::new().send(&mut only_v4, &egress, &mut counters);
        assert_eq!((counters.send_no_socket, counters.send_calls), (2, 0));
    }

    /// Port 0 is no destination: the kernel says EINVAL, segmented or not, and the rest still goes.
    #[test]
    fn a_refused_message_does_not_hold_up_the_next() {
        let mut from = sockets(&["127.0.0.1"]);
        let to = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = from[0].info().bound;
        let mut egress = Egress::with_capacity(1 << 16, 16);
        fill(
            &mut egress,
            Tuple {
                local,
                remote: "127.0.0.1:0".parse().unwrap(),
            },
            &[100, 100],
        );
        fill(
            &mut egress,
            Tuple {
                local,
                remote: to.local_addr().unwrap(),
            },
            &[50],
        );
        let mut counters = IoCounters::default();
        Sender::new().send(&mut from, &egress, &mut counters);
        assert_eq!((counters.gso_fallbacks, counters.send_errors), (1, 2));
        to.set_read_timeout(Some(std::time::Duration::from_secs(2)))
            .unwrap();
        assert_eq!(to.recv(&mut [0; 100]).unwrap(), 50);
    }
}
