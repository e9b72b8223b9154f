//! Real sockets on loopback.

use std::net::UdpSocket;

use super::*;
use crate::config::SocketConfig;
use crate::sys::receive::Receiver;
use crate::sys::socket::bind_all;

fn sockets(hosts: &[&str]) -> Vec<Socket> {
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    bind_all(
        &SocketConfig {
            hosts,
            ..SocketConfig::default()
        },
        0,
    )
    .unwrap()
}

fn wait_readable(socket: &Socket) {
    let mut poller = crate::sys::Poller::new([socket.as_raw_fd()]);
    poller.wait(Some(std::time::Duration::from_secs(2)));
    assert!(poller.ready(0));
}

fn fill(egress: &mut Egress, tuple: Tuple, lengths: &[usize]) {
    for (index, &len) in lengths.iter().enumerate() {
        egress.space().unwrap()[..len].fill(index as u8 + 1);
        egress.commit(tuple, len);
    }
}

/// Segments leave as one message and come, by GRO or not, as the datagrams they were.
#[test]
fn a_run_arrives_as_its_datagrams() {
    let mut from = sockets(&["127.0.0.1"]);
    let to = sockets(&["127.0.0.1"]);
    let tuple = Tuple {
        local: from[0].info().bound,
        remote: to[0].info().bound,
    };
    let mut egress = Egress::with_capacity(1 << 18, 128);
    let lengths = [1200, 1200, 1200, 300, 1200, 1200];
    fill(&mut egress, tuple, &lengths);
    let mut counters = IoCounters::default();
    Sender::new().send(&mut from, &egress, &mut counters);
    assert_eq!((counters.send_calls, counters.send_messages), (1, 2));
    assert_eq!(counters.datagrams_sent, 6);

    let mut receiver = Receiver::new();
    let mut got = Vec::new();
    while got.len() < lengths.len() {
        wait_readable(&to[0]);
        for index in 0..receiver.receive(&to[0], &mut counters) {
            receiver.deliver(index, &to[0], &mut counters, |tuple, datagram| {
                assert_eq!(tuple.remote, from[0].info().bound);
                assert_eq!(tuple.local, to[0].info().bound);
                got.push((datagram[0], datagram.len()));
            });
        }
    }
    let expected: Vec<_> = lengths
        .iter()
        .enumerate()
        .map(|(index, &len)| (index as u8 + 1, len))
        .collect();
    assert_eq!(got, expected);
    assert!(counters.receive_messages < 6, "loopback joins by GRO");
}

/// A wildcard socket hears which address it was asked on, and answers from it; a dual-stack one
/// shows IPv4 as IPv4.
#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    for (hosts, asked) in [
        (&["0.0.0.0"][..], "127.0.0.2"),
        (&["::"], "127.0.0.2"),
        (&["::"], "::1"),
        (&["0.0.0.0", "::"], "127.0.0.3"),
        (&["0.0.0.0", "::"], "::1"),
    ] {
        let mut server = sockets(hosts);
        let port = server[0].info().bound.port();
        let any = if asked.contains(':') {
            "[::1]:0"
        } else {
            "127.0.0.1:0"
        };
        let client = UdpSocket::bind(any).unwrap();
        let target = std::net::SocketAddr::new(asked.parse().unwrap(), port);
        client.send_to(b"question", target).unwrap();
        let own = server
            .iter()
            .position(|socket| socket.carries(target, client.local_addr().unwrap()));
        let own = own.unwrap();
        wait_readable(&server[own]);

        let (mut receiver, mut counters) = (Receiver::new(), IoCounters::default());
        let mut heard = None;
        assert_eq!(receiver.receive(&server[own], &mut counters), 1);
        receiver.deliver(0, &server[own], &mut counters, |tuple, _| {
            heard = Some(tuple)
        });
        let tuple = heard.unwrap();
        assert_eq!(
            tuple,
            Tuple {
                local: target,
                remote: client.local_addr().unwrap()
            }
        );

        let mut egress = Egress::with_capacity(4096, 4);
        fill(&mut egress, tuple, &[40]);
        Sender::new().send(&mut server, &egress, &mut counters);
        client
            .set_read_timeout(Some(std::time::Duration::from_secs(2)))
            .unwrap();
        let (len, from) = client.recv_from(&mut [0; 100]).unwrap();
        assert_eq!((len, from), (40, target), "{hosts:?}");
    }
}

#[test]
fn a_family_without_a_socket_is_counted() {
    let mut only_v4 = sockets(&["127.0.0.1"]);
    let tuple = Tuple {
        local: "[::1]:1".parse().unwrap(),
        remote: "[::1]:9".parse().unwrap(),
    };
    let mut egress = Egress::with_capacity(4096, 2);
    fill(&mut egress, tuple, &[10, 10]);
    let mut counters = IoCounters::default();
    Sender::new().send(&mut only_v4, &egress, &mut counters);
    assert_eq!((counters.send_no_socket, counters.send_calls), (2, 0));
}

/// Port 0 is no destination: the kernel says EINVAL, segmented or not, and the rest still goes.
#[test]
fn a_refused_message_does_not_hold_up_the_next() {
    let mut from = sockets(&["127.0.0.1"]);
    let to = UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = from[0].info().bound;
    let mut egress = Egress::with_capacity(1 << 16, 16);
    fill(
        &mut egress,
        Tuple {
            local,
            remote: "127.0.0.1:0".parse().unwrap(),
        },
        &[100, 100],
    );
    fill(
        &mut egress,
        Tuple {
            local,
            remote: to.local_addr().unwrap(),
        },
        &[50],
    );
    let mut counters = IoCounters::default();
    Sender::new().send(&mut from, &egress, &mut counters);
    assert_eq!((counters.gso_fallbacks, counters.send_errors), (1, 2));
    to.set_read_timeout(Some(std::time::Duration::from_secs(2)))
        .unwrap();
    assert_eq!(to.recv(&mut [0; 100]).unwrap(), 50);
}
