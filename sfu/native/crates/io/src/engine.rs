//! The engine: worker threads side by side, sharing nothing but the queue of their reports.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use sfu_core::command::Command;

use crate::clock::Clock;
use crate::config::{SocketConfig, SocketInfo};
use crate::core::PacketCore;
use crate::queue::{Mailbox, Outbox, Report};
use crate::sys::socket::{Socket, bind_all};
use crate::worker::WorkerThread;

/// Running worker threads. Dropping it stops them.
#[derive(Debug)]
pub struct Engine {
    workers: Vec<WorkerHandle>,
    outbox: Arc<Outbox>,
}

#[derive(Debug)]
struct WorkerHandle {
    mailbox: Arc<Mailbox>,
    sockets: Vec<SocketInfo>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Binds the sockets of `workers` workers and starts their threads. `make` makes the core of a
    /// worker, given its index and the clock; again after a panic.
    ///
    /// # Errors
    /// What binding a socket or starting a thread says.
    pub fn start<C, F>(config: &SocketConfig, workers: usize, make: F) -> io::Result<Engine>
    where
        C: PacketCore,
        F: Fn(usize, &Clock) -> C + Clone + Send + 'static,
    {
        let clock = Clock::start();
        let mut engine = Engine {
            workers: Vec::new(),
            outbox: Arc::new(Outbox::new()?),
        };
        for index in 0..workers {
            let sockets = bind_all(config, port_of(config, index)?)?;
            engine.spawn(index, clock, sockets, make.clone())?;
        }
        Ok(engine)
    }

    fn spawn<C, F>(
        &mut self,
        index: usize,
        clock: Clock,
        sockets: Vec<Socket>,
        make: F,
    ) -> io::Result<()>
    where
        C: PacketCore,
        F: Fn(usize, &Clock) -> C + Send + 'static,
    {
        let mailbox = Arc::new(Mailbox::new()?);
        let outbox = Arc::clone(&self.outbox);
        let info = sockets.iter().map(|socket| socket.info().clone()).collect();
        let thread_mailbox = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new()
            .name(format!("sfu-worker-{index}"))
            .spawn(move || {
                let make = move || make(index, &clock);
                let core = make();
                let mailbox = thread_mailbox;
                WorkerThread {
                    index,
                    clock,
                    sockets,
                    mailbox,
                    outbox,
                    make,
                    core,
                }
                .run();
            })?;
        self.workers.push(WorkerHandle {
            mailbox,
            sockets: info,
            thread: Some(thread),
        });
        Ok(())
    }

    /// Number of workers.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// What the sockets of a worker got.
    pub fn sockets(&self, worker: usize) -> Option<&[SocketInfo]> {
        self.workers
            .get(worker)
            .map(|worker| worker.sockets.as_slice())
    }

    /// Gives a worker a command; `false` when there is no such worker, or it has been stopped.
    pub fn submit(&self, worker: usize, command: Command) -> bool {
        let running = self
            .workers
            .get(worker)
            .filter(|worker| worker.thread.is_some());
        running.map(|worker| worker.mailbox.push(command)).is_some()
    }

    /// Descriptor that is readable while reports wait. Closed when the engine is dropped.
    pub fn fd(&self) -> RawFd {
        self.outbox.fd()
    }

    /// Takes all reports, oldest first, each with its worker's index.
    pub fn take_reports(&self) -> Vec<(usize, Report)> {
        self.outbox.take()
    }

    /// Lets the workers finish the commands given so far, sends what they caused, and ends the
    /// threads. Blocks for about a turn.
    pub fn stop(&mut self) {
        for worker in &self.workers {
            worker.mailbox.stop();
        }
        for thread in self
            .workers
            .iter_mut()
            .filter_map(|worker| worker.thread.take())
        {
            // A panic in a turn is caught inside; one outside of it has been printed by the hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn port_of(config: &SocketConfig, worker: usize) -> io::Result<u16> {
    if config.port == 0 {
        return Ok(0);
    }
    let port = usize::from(config.port) + worker;
    u16::try_from(port).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the workers' ports go beyond 65535",
        )
    })
}

#[cfg(test)]
mod tests;
