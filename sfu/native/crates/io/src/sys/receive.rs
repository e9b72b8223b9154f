//! Batched receiving: `recvmmsg` with UDP_GRO into a fixed arena.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use sfu_core::units::Tuple;

use super::message::{Control, Name, read_control};
use super::socket::Socket;
use crate::counters::IoCounters;
use crate::segments::split;

/// Messages of one `recvmmsg`.
pub const BATCH: usize = 32;

/// One message: UDP_GRO joins datagrams up to this. Pages that are never written cost nothing.
const BUFFER: usize = 65_536;

/// Buffers of one worker thread, used for all its sockets in turn.
pub(crate) struct Receiver {
    arena: Box<[u8]>,
    names: Box<[Name; BATCH]>,
    controls: Box<[Control; BATCH]>,
    iovecs: Box<[libc::iovec; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

impl Receiver {
    pub(crate) fn new() -> Receiver {
        // SAFETY: null pointers and zero lengths are values of both structs.
        let (iovecs, headers) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Receiver {
            arena: vec![0; BATCH * BUFFER].into_boxed_slice(),
            names: Box::new([Name::empty(); BATCH]),
            controls: Box::new([Control::EMPTY; BATCH]),
            iovecs: Box::new(iovecs),
            headers: Box::new(headers),
        }
    }

    /// Receives what waits at `socket`, up to [`BATCH`] messages; returns how many came.
    pub(crate) fn receive(&mut self, socket: &Socket, counters: &mut IoCounters) -> usize {
        self.prepare();
        counters.receive_calls += 1;
        // SAFETY: `prepare` pointed every header at a name, a control buffer and an iovec of ours,
        // each of the length told and none shared; nothing else touches them until the call returns.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) {
                counters.receive_errors += 1;
            }
            return 0;
        };
        counters.receive_messages += count as u64;
        count
    }

    /// Points the headers at the buffers. Done for every batch, since the kernel overwrites the
    /// lengths, and so that no pointer outlives a mutable borrow of what it points to.
    fn prepare(&mut self) {
        let buffers = self.arena.chunks_exact_mut(BUFFER);
        let parts = buffers
            .zip(self.names.iter_mut())
            .zip(self.controls.iter_mut());
        let heads = self.headers.iter_mut().zip(self.iovecs.iter_mut());
        for (((buffer, name), control), (header, iovec)) in parts.zip(heads) {
            iovec.iov_base = buffer.as_mut_ptr().cast();
            iovec.iov_len = BUFFER;
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = size_of::<Name>() as libc::socklen_t;
            header.msg_iov = iovec;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = control.0.len() as _;
            header.msg_flags = 0;
        }
    }

    /// Hands the datagrams of the batch's message `index` to `take`; returns how many they were.
    pub(crate) fn deliver(
        &mut self,
        index: usize,
        socket: &Socket,
        counters: &mut IoCounters,
        mut take: impl FnMut(Tuple, &mut [u8]),
    ) -> usize {
        let message = &self.headers[index];
        let header = &message.msg_hdr;
        if header.msg_flags & libc::MSG_TRUNC != 0 {
            counters.receive_truncated += 1;
            return 0;
        }
        let Some(remote) = self.names[index].read() else {
            return 0;
        };
        // SAFETY: `msg_control` points to this message's control buffer, aligned to 8, of which the
        // kernel wrote `msg_controllen` bytes; nobody has written to it since.
        let received = unsafe { read_control(header) };
        let tuple = Tuple {
            local: local_address(socket, received.local),
            remote,
        };
        let len = (message.msg_len as usize).min(BUFFER);
        let bytes = &mut self.arena[index * BUFFER..index * BUFFER + len];
        let mut count = 0;
        for datagram in split(bytes, received.segment) {
            count += 1;
            take(tuple, datagram);
        }
        counters.datagrams_received += count as u64;
        counters.bytes_received += len as u64;
        count
    }
}

fn local_address(socket: &Socket, asked: Option<(std::net::IpAddr, u32)>) -> SocketAddr {
    let mut local = socket.info().bound;
    if let Some((ip, scope_id)) = asked {
        local = SocketAddr::new(ip, local.port());
        if let SocketAddr::V6(v6) = &mut local {
            v6.set_scope_id(scope_id);
        }
    }
    local
}
