//! When which transport or router has to be looked at next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Who asked to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// Index of a transport.
    Transport(u32),
    /// Index of a router.
    Router(u32),
}

/// A heap of wishes. An earlier wish of the same owner leaves the later one behind; waking for
/// nothing is harmless, because whoever is woken looks what is due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Timer)>>,
}

impl Timers {
    /// Wakes `timer` at `at`, unless `scheduled` says that it is woken by then.
    pub(crate) fn schedule(&mut self, timer: Timer, at: Time, scheduled: &mut Option<Time>) {
        if scheduled.is_some_and(|before| before <= at) {
            return;
        }
        *scheduled = Some(at);
        self.heap.push(Reverse((at, timer)));
    }

    /// Next one due, with the time it was scheduled for.
    pub(crate) fn pop(&mut self, now: Time) -> Option<(Time, Timer)> {
        if self.heap.peek().is_none_or(|Reverse((at, _))| *at > now) {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_later_wishes_are_merged() {
        let mut timers = Timers::default();
        let (mut a, mut b) = (None, None);
        timers.schedule(Timer::Transport(1), Time(50), &mut a);
        timers.schedule(Timer::Transport(1), Time(60), &mut a);
        timers.schedule(Timer::Router(2), Time(40), &mut b);
        assert_eq!(timers.next(), Some(Time(40)));
        assert_eq!(timers.pop(Time(39)), None);
        assert_eq!(timers.pop(Time(70)), Some((Time(40), Timer::Router(2))));
        assert_eq!(timers.pop(Time(70)), Some((Time(50), Timer::Transport(1))));
        assert_eq!(timers.pop(Time(70)), None);
    }
}
