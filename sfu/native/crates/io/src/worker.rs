//! A worker thread: one core, its sockets, its turn.

use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sfu_core::command::{Command, CommandBody, CommandError};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::stats::DropReason;
use sfu_core::time::Time;
use sfu_core::units::RouterId;

use crate::clock::Clock;
use crate::core::PacketCore;
use crate::counters::IoCounters;
use crate::queue::{Mailbox, Outbox, Report};
use crate::sys::receive::{BATCH, Receiver};
use crate::sys::send::Sender;
use crate::sys::socket::Socket;
use crate::sys::{Poller, block_signals};

/// Commands taken in one turn, so that a flood of them holds media up for well under a millisecond.
const COMMANDS_PER_TURN: usize = 128;

/// Full batches taken in one turn before commands and timers are looked at again.
const ROUNDS_PER_TURN: usize = 8;

/// Datagrams received before what they caused is sent. More make longer runs for a receiver, fewer
/// make shorter waits; 256 is a frame of each of thirty cameras.
const DATAGRAMS_PER_DRAIN: usize = 256;

/// The arena of one `drain`. It should stay in the second-level cache until the kernel has copied it.
const EGRESS_BYTES: usize = 512 * 1024;
const EGRESS_DATAGRAMS: usize = 512;

/// What a worker thread is started with.
pub(crate) struct WorkerThread<C, F> {
    pub(crate) index: usize,
    pub(crate) clock: Clock,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) outbox: Arc<Outbox>,
    /// Makes a core: the first, and a fresh one after a panic.
    pub(crate) make: F,
    pub(crate) core: C,
}

impl<C: PacketCore, F: Fn() -> C> WorkerThread<C, F> {
    /// The thread's body: returns when the mailbox says stop, its commands done and sent.
    pub(crate) fn run(mut self) {
        block_signals();
        let mut state = Turn::new(&self.sockets, &self.mailbox);
        loop {
            let stopping = self.mailbox.stopping();
            if !stopping {
                state.wait(self.core.next_timeout(), self.clock.now());
            }
            let turn = catch_unwind(AssertUnwindSafe(|| state.turn(&mut self, stopping)));
            if let Err(panic) = turn {
                self.core = (self.make)();
                state.recover(panic.as_ref());
            }
            self.outbox.push(self.index, &mut state.reports);
            if stopping && !state.backlog {
                return;
            }
        }
    }
}

/// What a turn works with, allocated once.
struct Turn {
    poller: Poller,
    receiver: Receiver,
    sender: Sender,
    egress: Egress,
    counters: IoCounters,
    readable: Vec<bool>,
    commands: VecDeque<Command>,
    /// More commands wait than a turn takes; the eventfd has already told of them.
    backlog: bool,
    reports: Vec<Report>,
    /// Commands given to the core and not answered yet.
    unanswered: Vec<u64>,
    routers: HashSet<RouterId>,
}

impl Turn {
    fn new(sockets: &[Socket], mailbox: &Mailbox) -> Turn {
        let fds = sockets.iter().map(AsRawFd::as_raw_fd);
        Turn {
            poller: Poller::new(std::iter::once(mailbox.wake.as_raw_fd()).chain(fds)),
            receiver: Receiver::new(),
            sender: Sender::new(),
            egress: Egress::with_capacity(EGRESS_BYTES, EGRESS_DATAGRAMS),
            counters: IoCounters::default(),
            readable: vec![false; sockets.len()],
            commands: VecDeque::with_capacity(COMMANDS_PER_TURN),
            backlog: false,
            reports: Vec::with_capacity(COMMANDS_PER_TURN),
            unanswered: Vec::with_capacity(COMMANDS_PER_TURN),
            routers: HashSet::new(),
        }
    }

    fn wait(&mut self, next: Option<Time>, now: Time) {
        let timeout = if self.backlog { Some(now) } else { next };
        self.poller.wait(timeout.map(|due| due.since(now)));
    }

    fn turn<C: PacketCore, F>(&mut self, worker: &mut WorkerThread<C, F>, stopping: bool) {
        self.counters.turns += 1;
        let mut now = worker.clock.now();
        if self.backlog || stopping || self.poller.ready(0) {
            self.take_commands(worker, now);
        }
        if worker.core.next_timeout().is_some_and(|due| due <= now) {
            worker.core.timeout(now);
        }
        for (index, readable) in self.readable.iter_mut().enumerate() {
            *readable = self.poller.ready(index + 1);
        }
        for _ in 0..ROUNDS_PER_TURN {
            let more = self.receive(worker, now);
            self.drain(worker, now);
            if !more {
                break;
            }
            now = worker.clock.now();
        }
        self.collect_events(worker);
    }

    fn take_commands<C: PacketCore, F>(&mut self, worker: &mut WorkerThread<C, F>, now: Time) {
        worker.mailbox.wake.clear();
        self.backlog = worker.mailbox.take(COMMANDS_PER_TURN, &mut self.commands);
        while let Some(command) = self.commands.pop_front() {
            self.counters.commands += 1;
            self.unanswered.push(command.request);
            match &command.body {
                CommandBody::CreateRouter { router } => drop(self.routers.insert(*router)),
                CommandBody::CloseRouter { router } => drop(self.routers.remove(router)),
                _ => {}
            }
            worker.core.command(now, command);
        }
    }

    /// One batch from each readable socket; `true` when a socket may hold more.
    fn receive<C: PacketCore, F>(&mut self, worker: &mut WorkerThread<C, F>, now: Time) -> bool {
        let mut more = false;
        for socket in 0..worker.sockets.len() {
            if !self.readable[socket] {
                continue;
            }
            let count = self
                .receiver
                .receive(&worker.sockets[socket], &mut self.counters);
            let mut datagrams = 0;
            for message in 0..count {
                let core = &mut worker.core;
                datagrams += self.receiver.deliver(
                    message,
                    &worker.sockets[socket],
                    &mut self.counters,
                    |tuple, datagram| core.receive(now, tuple, datagram),
                );
                if datagrams >= DATAGRAMS_PER_DRAIN {
                    datagrams = 0;
                    self.drain(worker, now);
                }
            }
            self.readable[socket] = count == BATCH;
            more |= count == BATCH;
        }
        more
    }

    fn drain<C: PacketCore, F>(&mut self, worker: &mut WorkerThread<C, F>, now: Time) {
        loop {
            let more = worker.core.drain(now, &mut self.egress);
            let progress = !self.egress.is_empty();
            if progress {
                self.sender
                    .send(&mut worker.sockets, &self.egress, &mut self.counters);
                self.egress.clear();
            }
            // A core that asks for more room than an empty arena has would turn here for ever.
            if !more || !progress {
                debug_assert!(progress || !more, "drain wants more room than there is");
                return;
            }
        }
    }

    fn collect_events<C: PacketCore, F>(&mut self, worker: &mut WorkerThread<C, F>) {
        while let Some(event) = worker.core.poll_event() {
            let report = match event {
                Event::Stats {
                    request,
                    mut snapshot,
                } => {
                    self.counters.receive_buffer_full =
                        worker.sockets.iter().map(Socket::dropped).sum();
                    snapshot.drops.0[DropReason::SendBufferFull as usize] +=
                        self.counters.send_buffer_full;
                    Report::Stats {
                        request,
                        snapshot,
                        io: self.counters.clone(),
                    }
                }
                Event::Done { request, .. } => {
                    self.unanswered.retain(|&waiting| waiting != request);
                    Report::Event(event)
                }
                event => Report::Event(event),
            };
            self.reports.push(report);
        }
    }

    /// After a panic, when a fresh core has taken over: says which rooms are gone, and answers the
    /// commands that the old core never will.
    #[cold]
    fn recover(&mut self, panic: &(dyn Any + Send)) {
        self.counters.panics += 1;
        self.egress.clear();
        let mut routers: Vec<_> = self.routers.drain().collect();
        routers.sort_unstable_by_key(|router| router.0);
        let lost = Event::WorkerPanicked {
            reason: panic_message(panic),
            routers,
        };
        self.reports.push(Report::Event(lost));
        let rest = self.commands.drain(..).map(|command| command.request);
        for request in self.unanswered.drain(..).chain(rest) {
            let result = Err(CommandError::WorkerLost);
            self.reports
                .push(Report::Event(Event::Done { request, result }));
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".into())
}
