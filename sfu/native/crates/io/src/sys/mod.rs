//! System calls. The only module of the native tree with `unsafe`; each block says why it is sound.

pub mod interfaces;
pub(crate) mod message;
pub mod receive;
pub mod send;
pub mod socket;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// An eventfd: a counter that is readable while it isn't zero.
#[derive(Debug)]
pub struct EventFd(File);

impl EventFd {
    /// A new one, non-blocking and closed on exec.
    pub fn new() -> io::Result<EventFd> {
        // SAFETY: takes no pointers; the result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and nobody else owns it.
        Ok(EventFd(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }

    /// Makes it readable. Its counter can't get near the 2^64 - 2 at which a write would fail.
    pub fn notify(&self) {
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Makes it unreadable; how often it was notified since the last time.
    pub fn clear(&self) -> u64 {
        let mut count = [0; 8];
        match (&self.0).read(&mut count) {
            Ok(8) => u64::from_ne_bytes(count),
            _ => 0,
        }
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// `ppoll` over a fixed set of descriptors: with the two or three a worker has, cheaper than epoll,
/// and its timeout counts in nanoseconds.
#[derive(Debug)]
pub(crate) struct Poller {
    fds: Vec<libc::pollfd>,
}

impl Poller {
    pub(crate) fn new(fds: impl IntoIterator<Item = RawFd>) -> Poller {
        let watch = |fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        Poller {
            fds: fds.into_iter().map(watch).collect(),
        }
    }

    /// Waits until a descriptor is readable or `timeout` has passed; `None` waits without end.
    /// Errors (EINTR) return early with nothing ready.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
        });
        let timeout = timeout
            .as_ref()
            .map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `fds` is a live array of its own length, `timeout` is null or lives through the
        // call, and a null mask leaves the thread's as it is.
        let ready = unsafe {
            let count = self.fds.len() as libc::nfds_t;
            libc::ppoll(self.fds.as_mut_ptr(), count, timeout, std::ptr::null())
        };
        if ready < 0 {
            self.fds.iter_mut().for_each(|fd| fd.revents = 0);
        }
    }

    /// Whether the descriptor at `index` is readable, or has an error to be read.
    pub(crate) fn ready(&self, index: usize) -> bool {
        self.fds[index].revents != 0
    }
}

/// Blocks every signal for this thread, so that they go to the interpreter's main thread.
pub(crate) fn block_signals() {
    // SAFETY: `sigfillset` initialises the set it is given, `pthread_sigmask` reads it and may be
    // given no place for the old mask.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

/// Sets an integer socket option.
pub(crate) fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the option's value is an int that lives through the call, and its length is told.
    let result = unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Reads a socket option of plain integers into `value`; `false` when it can't be read.
pub(crate) fn get_option<const N: usize>(
    fd: RawFd,
    level: i32,
    name: i32,
    value: &mut [u32; N],
) -> bool {
    let mut len = size_of::<[u32; N]>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which `value` has; any bytes make integers.
    unsafe { libc::getsockopt(fd, level, name, value.as_mut_ptr().cast(), &raw mut len) == 0 }
}
