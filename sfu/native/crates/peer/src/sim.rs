//! A server's worker and its clients joined by simulated links, in virtual time.
//!
//! Everything random comes from one seed; the same calls with the same seed give the same run,
//! counter for counter. Nobody sleeps: time jumps to the next thing that happens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sfu_core::command::{Command, CommandBody, CommandError};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::srtp::SrtpError;
use sfu_core::stats::{Limits, Snapshot};
use sfu_core::time::Time;
use sfu_core::units::Tuple;
use sfu_core::worker::{Worker, WorkerConfig};
use sfu_netem::{Link, LinkConfig, LinkStats, Rng};

use crate::config::PeerConfig;
use crate::peer::Peer;
use crate::stats::PeerStats;

/// What UDP over IPv4 adds to a datagram on the wire, bytes; link rates count it.
const IP_UDP: usize = 28;
/// The server's address in a simulation.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 3478);
/// 2026-01-01T00:00:00Z: the wall clock at [`Time::ZERO`], fixed so that reports replay too.
pub const UNIX_NANOS_AT_ORIGIN: u64 = 1_767_225_600_000_000_000;

/// A datagram under way and the client's address it belongs to.
#[derive(Clone, Debug)]
struct Datagram {
    client: SocketAddr,
    bytes: Vec<u8>,
}

struct Client {
    peer: Peer,
    up: Link<Datagram>,
    down: Link<Datagram>,
    gone: bool,
}

/// A client of a simulation, in the order they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub usize);

/// The simulation.
pub struct Sim {
    now: Time,
    seed: u64,
    worker: Worker,
    clients: Vec<Client>,
    egress: Egress,
    request: u64,
    events: Vec<(Time, Event)>,
}

impl Sim {
    /// An empty server at [`Time::ZERO`].
    pub fn new(seed: u64, limits: Limits) -> Sim {
        Sim {
            now: Time::ZERO,
            seed,
            worker: Worker::new(WorkerConfig {
                seed: Rng::split(seed, u64::MAX).next_u64(),
                limits,
                unix_nanos_at_origin: UNIX_NANOS_AT_ORIGIN,
            }),
            clients: Vec::new(),
            egress: Egress::with_capacity(1 << 20, 1024),
            request: 0,
            events: Vec::new(),
        }
    }

    /// The present.
    pub fn now(&self) -> Time {
        self.now
    }

    /// An address for the next client; unique in the simulation.
    pub fn next_address(&self) -> SocketAddr {
        let number = self.clients.len() as u32;
        SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0001 + number), 40_000))
    }

    /// Adds a client behind two links, up to the server and down from it. Its seed, server address and
    /// wall clock are set here.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when its keys do not fit their profile.
    pub fn add_client(
        &mut self,
        config: PeerConfig,
        up: LinkConfig,
        down: LinkConfig,
    ) -> Result<ClientId, SrtpError> {
        let id = self.clients.len();
        let mut rng = Rng::split(self.seed, id as u64);
        let config = PeerConfig {
            seed: rng.next_u64(),
            server: SERVER,
            unix_nanos_at_origin: UNIX_NANOS_AT_ORIGIN,
            ..config
        };
        self.clients.push(Client {
            peer: Peer::new(config)?,
            up: Link::new(self.now, up, rng.next_u64()),
            down: Link::new(self.now, down, rng.next_u64()),
            gone: false,
        });
        Ok(ClientId(id))
    }

    /// A client's endpoint, to steer it.
    pub fn peer(&mut self, client: ClientId) -> &mut Peer {
        &mut self.clients[client.0].peer
    }

    /// A client vanishes without a word.
    pub fn silence(&mut self, client: ClientId) {
        self.clients[client.0].gone = true;
    }

    /// Changes a client's links.
    pub fn set_links(&mut self, client: ClientId, up: LinkConfig, down: LinkConfig) {
        let client = &mut self.clients[client.0];
        client.up.reconfigure(self.now, up);
        client.down.reconfigure(self.now, down);
    }

    /// Counters of a client.
    pub fn stats(&self, client: ClientId) -> PeerStats {
        self.clients[client.0].peer.stats()
    }

    /// Counters of its links, up and down.
    pub fn link_stats(&self, client: ClientId) -> (LinkStats, LinkStats) {
        let client = &self.clients[client.0];
        (client.up.stats(), client.down.stats())
    }

    /// Gives the server a command; its answer and other events are read by [`Sim::take_events`].
    pub fn command(&mut self, body: CommandBody) -> u64 {
        self.request += 1;
        self.worker.command(
            self.now,
            Command {
                request: self.request,
                body,
            },
        );
        self.turn_server();
        self.request
    }

    /// Gives the server a command and returns its answer.
    ///
    /// # Errors
    /// What the server answered; [`CommandError::Unknown`] when it did not.
    pub fn ask(&mut self, body: CommandBody) -> Result<(), CommandError> {
        let request = self.command(body);
        let answer = |(_, event): &(Time, Event)| match event {
            Event::Done {
                request: done,
                result,
            } if *done == request => Some(*result),
            _ => None,
        };
        let result = self.events.iter().find_map(answer);
        self.events.retain(|event| answer(event).is_none());
        result.unwrap_or(Err(CommandError::Unknown("answer")))
    }

    /// The server's counters.
    pub fn snapshot(&mut self) -> Snapshot {
        let request = self.command(CommandBody::ReadStats);
        let mut found = Snapshot::default();
        self.events.retain_mut(|(_, event)| match event {
            Event::Stats {
                request: done,
                snapshot,
            } if *done == request => {
                found = std::mem::take(snapshot);
                false
            }
            Event::Done { request: done, .. } => *done != request,
            _ => true,
        });
        found
    }

    /// Events since the last call, with their times.
    pub fn take_events(&mut self) -> Vec<(Time, Event)> {
        std::mem::take(&mut self.events)
    }

    /// Lets `duration` pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.turn();
            let Some(next) = self.next_time().filter(|&next| next <= end) else {
                break;
            };
            // Something due now that a turn did not settle must not stop time.
            self.now = next.max(self.now + Duration::from_nanos(1));
        }
        self.now = end;
    }

    fn next_time(&self) -> Option<Time> {
        let clients = self.clients.iter().flat_map(|client| {
            let peer = if client.gone {
                None
            } else {
                client.peer.next_timeout()
            };
            [peer, client.up.next_time(), client.down.next_time()]
        });
        clients.chain([self.worker.next_timeout()]).flatten().min()
    }

    fn turn(&mut self) {
        for index in 0..self.clients.len() {
            self.turn_client(index);
        }
        for index in 0..self.clients.len() {
            while let Some(mut datagram) = self.clients[index].up.pop(self.now) {
                let tuple = Tuple {
                    local: SERVER,
                    remote: datagram.client,
                };
                self.worker.receive(self.now, tuple, &mut datagram.bytes);
            }
        }
        if self
            .worker
            .next_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.worker.timeout(self.now);
        }
        self.turn_server();
    }

    fn turn_client(&mut self, index: usize) {
        let client = &mut self.clients[index];
        while let Some(mut datagram) = client.down.pop(self.now) {
            // What was sent to an address the client has left is lost.
            if !client.gone && datagram.client == client.peer.local() {
                client.peer.receive(self.now, &mut datagram.bytes);
            }
        }
        if client.gone || client.peer.next_timeout().is_none_or(|due| due > self.now) {
            return;
        }
        client.peer.timeout(self.now);
        loop {
            let more = client.peer.drain(self.now, &mut self.egress);
            for (tuple, bytes) in self.egress.datagrams() {
                let datagram = Datagram {
                    client: tuple.local,
                    bytes: bytes.to_vec(),
                };
                client.up.push(self.now, bytes.len() + IP_UDP, datagram);
            }
            self.egress.clear();
            if !more {
                return;
            }
        }
    }

    fn turn_server(&mut self) {
        loop {
            let more = self.worker.drain(self.now, &mut self.egress);
            for (tuple, bytes) in self.egress.datagrams() {
                let client = self
                    .clients
                    .iter_mut()
                    .find(|client| client.peer.local() == tuple.remote);
                if let Some(client) = client {
                    let datagram = Datagram {
                        client: tuple.remote,
                        bytes: bytes.to_vec(),
                    };
                    client.down.push(self.now, bytes.len() + IP_UDP, datagram);
                }
            }
            self.egress.clear();
            if !more {
                break;
            }
        }
        while let Some(event) = self.worker.poll_event() {
            self.events.push((self.now, event));
        }
    }
}
