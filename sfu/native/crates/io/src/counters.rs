//! What the I/O loop counts.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters of one worker thread since its start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct IoCounters { $($(#[$doc])* pub $name: u64),+ }

        impl IoCounters {
            /// Every counter by its name, as metrics show it.
            pub fn by_name(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

counters! {
    /// Turns of the loop, one `ppoll` each.
    turns,
    /// `recvmmsg` calls.
    receive_calls,
    /// Messages they returned: with GRO one holds several datagrams.
    receive_messages,
    /// Datagrams received.
    datagrams_received,
    /// UDP payload received, bytes.
    bytes_received,
    /// Messages larger than a receive buffer, not looked at.
    receive_truncated,
    /// Datagrams the kernel dropped for a full receive buffer (SO_MEMINFO).
    receive_buffer_full,
    /// `recvmmsg` failures other than "nothing there".
    receive_errors,
    /// `sendmmsg` and `sendmsg` calls.
    send_calls,
    /// Messages they took: with GSO one holds several datagrams.
    send_messages,
    /// Datagrams sent.
    datagrams_sent,
    /// UDP payload sent, bytes.
    bytes_sent,
    /// Datagrams not sent because a buffer was full (EAGAIN, ENOBUFS).
    send_buffer_full,
    /// Datagrams not sent because no socket of ours reaches their address family.
    send_no_socket,
    /// Datagrams the kernel refused for another reason (no route, firewall, message size).
    send_errors,
    /// Messages sent datagram by datagram after their segmentation was refused.
    gso_fallbacks,
    /// Commands taken.
    commands,
    /// Panics caught.
    panics,
}
