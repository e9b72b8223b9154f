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
mod tests;
