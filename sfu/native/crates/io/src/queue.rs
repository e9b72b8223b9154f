//! Commands down, events up: a queue and an eventfd each way.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sfu_core::command::Command;
use sfu_core::event::Event;
use sfu_core::stats::Snapshot;

use crate::counters::IoCounters;
use crate::sys::EventFd;

/// What a worker thread tells the control plane.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// An event of the core, or of the thread around it.
    Event(Event),
    /// Answer to `ReadStats`: the core's counters and the thread's own.
    Stats {
        /// Number of the command.
        request: u64,
        /// Counters of the core; `SendBufferFull` is added to its drops.
        snapshot: Box<Snapshot>,
        /// Counters of the thread.
        io: IoCounters,
    },
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Queues are whole between any two statements, so a poisoned lock holds nothing broken.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Commands for one worker thread.
#[derive(Debug)]
pub struct Mailbox {
    commands: Mutex<VecDeque<Command>>,
    pub(crate) wake: EventFd,
    stop: AtomicBool,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> io::Result<Mailbox> {
        Ok(Mailbox {
            commands: Mutex::new(VecDeque::new()),
            wake: EventFd::new()?,
            stop: AtomicBool::new(false),
        })
    }

    /// Queues a command and wakes the thread, unless it is awake for an earlier one.
    pub fn push(&self, command: Command) {
        let mut commands = lock(&self.commands);
        let wake = commands.is_empty();
        commands.push_back(command);
        drop(commands);
        if wake {
            self.wake.notify();
        }
    }

    /// Asks the thread to finish what is queued and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.notify();
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Moves up to `limit` commands into `into`; `true` when more are left.
    pub(crate) fn take(&self, limit: usize, into: &mut VecDeque<Command>) -> bool {
        let mut commands = lock(&self.commands);
        let count = commands.len().min(limit);
        into.extend(commands.drain(..count));
        !commands.is_empty()
    }
}

/// Reports of all workers for the control plane, which watches [`Outbox::fd`].
#[derive(Debug)]
pub struct Outbox {
    reports: Mutex<Vec<(usize, Report)>>,
    wake: EventFd,
}

impl Outbox {
    /// An empty one.
    pub fn new() -> io::Result<Outbox> {
        Ok(Outbox {
            reports: Mutex::new(Vec::new()),
            wake: EventFd::new()?,
        })
    }

    /// Readable while reports wait.
    pub fn fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Adds one turn's reports of a worker, leaving `turn` empty: one wake-up, and none while an
    /// earlier one has not been seen.
    pub(crate) fn push(&self, worker: usize, turn: &mut Vec<Report>) {
        if turn.is_empty() {
            return;
        }
        let mut reports = lock(&self.reports);
        let wake = reports.is_empty();
        reports.extend(turn.drain(..).map(|report| (worker, report)));
        drop(reports);
        if wake {
            self.wake.notify();
        }
    }

    /// Takes all reports, oldest first, each with its worker's index.
    pub fn take(&self) -> Vec<(usize, Report)> {
        // In this order: a report pushed in between is taken now and wakes us once for nothing,
        // the other way round it would be left without a wake-up.
        self.wake.clear();
        std::mem::take(&mut *lock(&self.reports))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(request: u64) -> Report {
        Report::Event(Event::Done {
            request,
            result: Ok(()),
        })
    }

    #[test]
    fn a_turn_of_many_events_wakes_once() {
        let outbox = Outbox::new().unwrap();
        outbox.push(3, &mut vec![done(1), done(2)]);
        outbox.push(3, &mut vec![done(3)]);
        assert_eq!(outbox.wake.clear(), 1);
        let requests: Vec<_> = outbox
            .take()
            .into_iter()
            .map(|(worker, _)| worker)
            .collect();
        assert_eq!(requests, [3, 3, 3]);
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn commands_beyond_the_limit_stay_for_the_next_turn() {
        let mailbox = Mailbox::new().unwrap();
        for request in 0..5 {
            mailbox.push(Command {
                request,
                body: sfu_core::command::CommandBody::ReadStats,
            });
        }
        assert_eq!(mailbox.wake.clear(), 1);
        let mut taken = VecDeque::new();
        assert!(mailbox.take(3, &mut taken));
        assert!(!mailbox.take(3, &mut taken));
        assert_eq!(
            taken.iter().map(|c| c.request).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
    }
}
