//! A link delivers what its configuration says, when it says, and the same each time.

use std::time::Duration;

use sfu_core::time::Time;
use sfu_core::units::Bitrate;
use sfu_netem::{Link, LinkConfig, Loss, Queue, Rate, Reorder, Trace, seeds};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Pushes packets (time in ms, bytes), numbered from 0, and returns (arrival in us, number) of all.
fn run(
    config: LinkConfig,
    seed: u64,
    packets: &[(u64, usize)],
) -> (Vec<(u64, usize)>, Link<usize>) {
    let mut link = Link::new(Time::ZERO, config, seed);
    let mut arrivals = Vec::new();
    let mut next = 0;
    loop {
        let push_at = packets.get(next).map(|&(at, _)| Time::from_millis(at));
        let now = match (push_at, link.next_time()) {
            (Some(push), Some(event)) => push.min(event),
            (push, event) => match push.or(event) {
                Some(time) => time,
                None => return (arrivals, link),
            },
        };
        while let Some(number) = link.pop(now) {
            arrivals.push((now.as_micros(), number));
        }
        if push_at == Some(now) {
            link.push(now, packets[next].1, next);
            next += 1;
        }
    }
}

fn steady(count: usize, every: u64, bytes: usize) -> Vec<(u64, usize)> {
    (0..count).map(|n| (n as u64 * every, bytes)).collect()
}

#[test]
fn a_wire_delivers_after_its_delay() {
    let (arrivals, _) = run(
        LinkConfig {
            delay: ms(50),
            ..LinkConfig::default()
        },
        1,
        &steady(3, 10, 1200),
    );
    assert_eq!(arrivals, [(50_000, 0), (60_000, 1), (70_000, 2)]);
}

#[test]
fn arrivals_of_a_burst_are_as_far_apart_as_the_rate_makes_them() {
    // 1250 bytes at 1 Mbit/s take 10 ms.
    let cases = [
        (
            Rate::Constant(Bitrate(1_000_000)),
            vec![15_000, 25_000, 35_000],
        ),
        (
            Rate::Trace(Trace::parse("7\n20\n").unwrap()),
            vec![12_000, 25_000, 32_000],
        ),
        (
            Rate::Schedule {
                steps: vec![(ms(0), Bitrate(1_000_000)), (ms(10), Bitrate(500_000))],
                period: None,
            },
            vec![15_000, 35_000, 55_000],
        ),
        (Rate::Unlimited, vec![5_000, 5_000, 5_000]),
    ];
    for (rate, expected) in cases {
        let config = LinkConfig {
            delay: ms(5),
            rate: rate.clone(),
            ..LinkConfig::default()
        };
        let (arrivals, _) = run(config, 1, &[(0, 1250), (0, 1250), (0, 1250)]);
        let times: Vec<u64> = arrivals.iter().map(|&(at, _)| at).collect();
        assert_eq!(times, expected, "{rate:?}");
    }
}

#[test]
fn the_queue_drops_its_tail_by_time_or_by_bytes() {
    // 1 Mbit/s, 1250 bytes: 10 ms a packet. Ten at once.
    let cases = [
        (
            Queue {
                time: Some(ms(35)),
                bytes: None,
            },
            3,
        ),
        (
            Queue {
                time: Some(ms(40)),
                bytes: None,
            },
            4,
        ),
        (
            Queue {
                time: Some(ms(1)),
                bytes: None,
            },
            1,
        ), // an empty queue takes any packet
        (
            Queue {
                time: None,
                bytes: Some(6250),
            },
            5,
        ),
        (
            Queue {
                time: Some(ms(35)),
                bytes: Some(6250),
            },
            3,
        ),
        (Queue::default(), 10),
    ];
    for (queue, passed) in cases {
        let config = LinkConfig {
            rate: Rate::Constant(Bitrate(1_000_000)),
            queue,
            ..LinkConfig::default()
        };
        let (arrivals, link) = run(config, 1, &[(0, 1250); 10]);
        let numbers: Vec<usize> = arrivals.iter().map(|&(_, number)| number).collect();
        assert_eq!(numbers, (0..passed).collect::<Vec<_>>(), "{queue:?}");
        assert_eq!(link.stats().overflowed, 10 - passed as u64);
        assert_eq!(link.stats().longest_queue, ms(10 * passed as u64));
    }
}

#[test]
fn nothing_is_queued_for_a_link_that_never_sends() {
    let config = LinkConfig {
        rate: Rate::Constant(Bitrate(0)),
        ..LinkConfig::default()
    };
    let (arrivals, link) = run(config, 1, &steady(5, 1, 100));
    assert!(arrivals.is_empty());
    assert_eq!(link.stats().overflowed, 5);
    assert_eq!(link.next_time(), None);
}

#[test]
fn loss_and_duplicates_are_as_frequent_as_configured_and_counted() {
    seeds::check(
        "loss_and_duplicates_are_as_frequent_as_configured_and_counted",
        1..=5,
        |seed| {
            let config = LinkConfig {
                loss: Loss::Random(0.1),
                duplicate: 0.05,
                ..LinkConfig::default()
            };
            let (arrivals, link) = run(config, seed, &steady(20_000, 1, 100));
            let stats = link.stats();
            assert!((1800..2200).contains(&stats.lost), "{stats:?}");
            assert!((800..1000).contains(&stats.duplicated), "{stats:?}");
            assert_eq!(
                stats.delivered,
                stats.pushed - stats.lost + stats.duplicated
            );
            assert_eq!(arrivals.len() as u64, stats.delivered);
        },
    );
}

#[test]
fn jitter_stays_in_its_bounds_and_in_order_unless_it_may_reorder() {
    for jitter_reorders in [false, true] {
        let config = LinkConfig {
            delay: ms(20),
            jitter: ms(30),
            jitter_reorders,
            ..LinkConfig::default()
        };
        let (arrivals, _) = run(config, 5, &steady(5_000, 5, 100));
        let late = |&(at, number): &(u64, usize)| at - number as u64 * 5_000;
        let (least, most) = (
            arrivals.iter().map(late).min().unwrap(),
            arrivals.iter().map(late).max().unwrap(),
        );
        assert!((20_000..21_000).contains(&least), "{least}");
        assert!((49_000..=50_000).contains(&most), "{most}");
        let in_order = arrivals.is_sorted_by_key(|&(_, number)| number);
        assert_eq!(in_order, !jitter_reorders);
    }
}

#[test]
fn an_overtaken_packet_comes_later_by_what_was_asked() {
    let config = LinkConfig {
        delay: ms(10),
        reorder: Reorder {
            probability: 0.1,
            by: ms(12),
        },
        ..LinkConfig::default()
    };
    let (arrivals, _) = run(config, 2, &steady(1_000, 5, 100));
    let late = arrivals
        .iter()
        .filter(|&&(at, number)| at == number as u64 * 5_000 + 22_000)
        .count();
    let on_time = arrivals
        .iter()
        .filter(|&&(at, number)| at == number as u64 * 5_000 + 10_000)
        .count();
    assert_eq!(late + on_time, 1_000);
    assert!((70..130).contains(&late), "{late}");
}

#[test]
fn the_same_seed_replays_and_another_does_not() {
    let config = LinkConfig {
        delay: ms(30),
        jitter: ms(20),
        jitter_sigma: ms(5),
        jitter_reorders: true,
        loss: Loss::bursts(0.05, 3.0),
        rate: Rate::Constant(Bitrate(1_500_000)),
        queue: Queue {
            time: Some(ms(100)),
            bytes: None,
        },
        reorder: Reorder {
            probability: 0.01,
            by: ms(7),
        },
        duplicate: 0.01,
    };
    let packets = steady(5_000, 6, 1200);
    let (first, _) = run(config.clone(), 11, &packets);
    let (again, _) = run(config.clone(), 11, &packets);
    let (other, _) = run(config, 12, &packets);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn a_change_of_rate_applies_to_what_stands_in_the_queue() {
    let slow = LinkConfig {
        rate: Rate::Constant(Bitrate(0)),
        ..LinkConfig::default()
    };
    let fast = LinkConfig {
        rate: Rate::Constant(Bitrate(1_000_000)),
        ..LinkConfig::default()
    };
    let mut link = Link::new(Time::ZERO, fast.clone(), 1);
    for number in 0..3 {
        link.push(Time::ZERO, 1250, number);
    }
    assert_eq!(link.pop(Time::from_millis(10)), Some(0));
    link.reconfigure(Time::from_millis(12), slow);
    assert_eq!(link.next_time(), None);
    assert_eq!(link.pop(Time::from_millis(500)), None);
    link.reconfigure(Time::from_millis(1000), fast);
    assert_eq!(link.next_time(), Some(Time::from_millis(1010)));
    assert_eq!(link.pop(Time::from_millis(1010)), Some(1));
    assert_eq!(link.pop(Time::from_millis(1020)), Some(2));
    assert_eq!(link.queued_bytes(), 0);
}
