//! Real threads and sockets around a small core of the tests' own.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::time::Duration;

use sfu_core::command::{Command, CommandBody, CommandError};
use sfu_core::egress::Egress;
use sfu_core::event::Event;
use sfu_core::time::Time;
use sfu_core::units::{RouterId, Tuple};

use super::*;
use crate::queue::Report;
use crate::sys::EventFd;

/// Sends every datagram back; panics when asked to, or on a datagram that says so.
#[derive(Default)]
struct Echo {
    pending: VecDeque<(Tuple, Vec<u8>)>,
    events: VecDeque<Event>,
    due: Option<Time>,
}

impl PacketCore for Echo {
    fn receive(&mut self, _now: Time, tuple: Tuple, datagram: &mut [u8]) {
        assert!(datagram != b"panic", "datagram of doom");
        self.pending.push_back((tuple, datagram.to_vec()));
    }

    fn command(&mut self, now: Time, command: Command) {
        match command.body {
            CommandBody::Panic => panic!("asked to"),
            CommandBody::ReadStats => self.due = Some(now + Duration::from_millis(20)),
            _ => {}
        }
        self.events.push_back(Event::Done {
            request: command.request,
            result: Ok(()),
        });
    }

    fn timeout(&mut self, now: Time) {
        assert!(
            self.due.take().is_some_and(|due| due <= now),
            "called before it was due"
        );
        self.events.push_back(Event::Speaker {
            router: RouterId(77),
            producer: None,
        });
    }

    fn next_timeout(&self) -> Option<Time> {
        self.due
    }

    fn drain(&mut self, _now: Time, egress: &mut Egress) -> bool {
        while let Some((tuple, datagram)) = self.pending.pop_front() {
            let Some(space) = egress.space() else {
                self.pending.push_front((tuple, datagram));
                return true;
            };
            space[..datagram.len()].copy_from_slice(&datagram);
            egress.commit(tuple, datagram.len());
        }
        false
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

fn start(workers: usize) -> Engine {
    let hosts = vec!["127.0.0.1".parse().unwrap()];
    let config = SocketConfig {
        hosts,
        ..SocketConfig::default()
    };
    Engine::start(&config, workers, |_, _| Echo::default()).unwrap()
}

fn client(engine: &Engine, worker: usize) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client
        .connect(engine.sockets(worker).unwrap()[0].bound)
        .unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    client
}

fn echo(client: &UdpSocket, text: &[u8]) -> Vec<u8> {
    client.send(text).unwrap();
    let mut answer = [0; 1500];
    let len = client.recv(&mut answer).unwrap();
    answer[..len].to_vec()
}

/// Reports until `enough` says so.
fn reports(engine: &Engine, enough: impl Fn(&[(usize, Report)]) -> bool) -> Vec<(usize, Report)> {
    let mut all = Vec::new();
    for _ in 0..500 {
        let mut poller = crate::sys::Poller::new([engine.fd()]);
        poller.wait(Some(Duration::from_millis(10)));
        all.extend(engine.take_reports());
        if enough(&all) {
            return all;
        }
    }
    panic!("no such reports in 5 s: {all:?}");
}

fn command(request: u64, body: CommandBody) -> Command {
    Command { request, body }
}

#[test]
fn datagrams_commands_and_timers_reach_the_core() {
    let engine = start(1);
    assert_eq!(echo(&client(&engine, 0), b"hello"), b"hello");
    assert!(engine.submit(0, command(5, CommandBody::ReadStats)));
    let all = reports(&engine, |all| all.len() == 2);
    assert_eq!(
        all[0],
        (
            0,
            Report::Event(Event::Done {
                request: 5,
                result: Ok(())
            })
        )
    );
    assert!(matches!(all[1].1, Report::Event(Event::Speaker { .. })));
    assert!(!engine.submit(1, command(6, CommandBody::ReadStats)));
}

#[test]
fn a_panic_ends_one_workers_rooms_and_nothing_else() {
    let engine = start(2);
    for worker in 0..2u64 {
        let router = RouterId(10 + worker);
        let body = CommandBody::CreateRouter { router };
        engine.submit(worker as usize, command(worker, body));
    }
    reports(&engine, |all| all.len() == 2);

    // Of these three the second panics; the third is in the same turn or goes to the fresh core.
    engine.submit(0, command(20, CommandBody::Panic));
    let all = reports(&engine, |all| all.len() == 2);
    let lost = Event::WorkerPanicked {
        reason: "asked to".into(),
        routers: vec![RouterId(10)],
    };
    assert_eq!(all[0], (0, Report::Event(lost)));
    let refused = Event::Done {
        request: 20,
        result: Err(CommandError::WorkerLost),
    };
    assert_eq!(all[1], (0, Report::Event(refused)));

    // The fresh core serves, and the other worker never noticed.
    assert_eq!(echo(&client(&engine, 0), b"again"), b"again");
    assert_eq!(echo(&client(&engine, 1), b"still"), b"still");
    engine.submit(
        0,
        command(
            21,
            CommandBody::CreateRouter {
                router: RouterId(12),
            },
        ),
    );
    let all = reports(&engine, |all| all.len() == 1);
    assert_eq!(
        all[0],
        (
            0,
            Report::Event(Event::Done {
                request: 21,
                result: Ok(())
            })
        )
    );
}

#[test]
fn a_datagram_that_panics_is_survived() {
    let engine = start(1);
    let client = client(&engine, 0);
    client.send(b"panic").unwrap();
    let all = reports(&engine, |all| !all.is_empty());
    assert!(
        matches!(&all[0].1, Report::Event(Event::WorkerPanicked { routers, .. }) if routers.is_empty())
    );
    assert_eq!(echo(&client, b"alive"), b"alive");
}

#[test]
fn every_command_of_a_flood_is_answered_once() {
    let engine = start(1);
    for request in 0..1000 {
        engine.submit(
            0,
            command(
                request,
                CommandBody::CloseRouter {
                    router: RouterId(1),
                },
            ),
        );
    }
    let all = reports(&engine, |all| all.len() == 1000);
    let answered: Vec<u64> = all
        .iter()
        .map(|(_, report)| match report {
            Report::Event(Event::Done { request, .. }) => *request,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answered, (0..1000).collect::<Vec<_>>());
}

/// Forty datagrams of this size fit the client's default receive buffer.
#[test]
fn a_burst_comes_back_whole() {
    let engine = start(1);
    let client = client(&engine, 0);
    for round in 0..50u8 {
        for index in 0..40u8 {
            client
                .send(&[&[round, index][..], &[0; 1000]].concat())
                .unwrap();
        }
        for index in 0..40u8 {
            let mut answer = [0; 1500];
            assert_eq!(client.recv(&mut answer).unwrap(), 1002);
            assert_eq!(answer[..2], [round, index]);
        }
    }
}

#[test]
fn stopping_finishes_commands_and_leaves_no_descriptor_open() {
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    drop(EventFd::new().unwrap());
    let before = open();
    for _ in 0..20 {
        let mut engine = start(2);
        engine.submit(
            1,
            command(
                1,
                CommandBody::CloseRouter {
                    router: RouterId(1),
                },
            ),
        );
        engine.stop();
        assert_eq!(engine.take_reports().len(), 1);
        assert!(!engine.submit(1, command(2, CommandBody::ReadStats)));
    }
    // Other tests of this process open descriptors of their own meanwhile.
    assert!(
        open() < before + 20,
        "{} descriptors, {before} before",
        open()
    );
}
