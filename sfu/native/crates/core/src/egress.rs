//! The arena that outgoing datagrams are written into, grouped by receiver.

use crate::units::Tuple;

/// Largest datagram the core sends.
pub const MAX_DATAGRAM: usize = 1500;

/// A run of consecutive datagrams for one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Receiver.
    pub tuple: Tuple,
    first: usize,
    count: usize,
}

/// Outgoing datagrams of one turn of a worker. Allocated once; the packet path writes into it, the
/// sockets (or a simulation) send what it holds and clear it.
#[derive(Debug)]
pub struct Egress {
    buffer: Box<[u8]>,
    used: usize,
    spans: Vec<(usize, usize)>,
    groups: Vec<Group>,
}

impl Egress {
    /// An arena for at most `bytes` bytes in at most `datagrams` datagrams.
    pub fn with_capacity(bytes: usize, datagrams: usize) -> Egress {
        Egress {
            buffer: vec![0; bytes.max(MAX_DATAGRAM)].into_boxed_slice(),
            used: 0,
            spans: Vec::with_capacity(datagrams),
            groups: Vec::with_capacity(datagrams),
        }
    }

    /// Whether one more datagram of the largest size fits.
    pub fn has_room(&self) -> bool {
        self.buffer.len() - self.used >= MAX_DATAGRAM && self.spans.len() < self.spans.capacity()
    }

    /// Space for the next datagram, or `None` when the arena is full and has to be sent first.
    pub fn space(&mut self) -> Option<&mut [u8]> {
        if !self.has_room() {
            return None;
        }
        Some(&mut self.buffer[self.used..self.used + MAX_DATAGRAM])
    }

    /// Takes the first `len` bytes of the space given by [`Egress::space`] as a datagram to `tuple`.
    /// It joins the open group when that goes to the same receiver.
    pub fn commit(&mut self, tuple: Tuple, len: usize) {
        debug_assert!(len <= MAX_DATAGRAM && self.has_room());
        let index = self.spans.len();
        self.spans.push((self.used, len));
        self.used += len;
        match self.groups.last_mut() {
            Some(group) if group.tuple == tuple => group.count += 1,
            _ => self.groups.push(Group {
                tuple,
                first: index,
                count: 1,
            }),
        }
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Number of datagrams held.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Forgets what was sent.
    pub fn clear(&mut self) {
        self.used = 0;
        self.spans.clear();
        self.groups.clear();
    }

    /// The groups in order. Datagrams of one group lie back to back in memory.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Offsets and lengths of a group's datagrams in [`Egress::bytes`].
    pub fn spans(&self, group: &Group) -> &[(usize, usize)] {
        &self.spans[group.first..group.first + group.count]
    }

    /// The whole arena.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Every datagram with its receiver, in order.
    pub fn datagrams(&self) -> impl Iterator<Item = (Tuple, &[u8])> {
        self.groups.iter().flat_map(move |group| {
            self.spans(group)
                .iter()
                .map(move |&(at, len)| (group.tuple, &self.buffer[at..at + len]))
        })
    }
}
