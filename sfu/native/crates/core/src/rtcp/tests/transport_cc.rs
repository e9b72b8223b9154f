//! Tests of transport-wide feedback.

use super::*;
use crate::time::Time;

/// The control information of a transport-wide feedback packet, padded to a word.
fn twcc(base: u16, count: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = hex!("8fcd0000 01020304 05060708").to_vec();
    bytes.extend(base.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(hex!("000002 09"));
    bytes.extend(rest);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes[3] = (bytes.len() / 4 - 1) as u8;
    bytes
}

fn arrivals(bytes: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
    match one(bytes) {
        Ok(Rtcp::TransportCc(feedback)) => Some(feedback.arrivals().collect()),
        _ => None,
    }
}

#[test]
fn twcc_run_of_small_deltas_adds_up_from_the_reference_time() {
    let read = arrivals(&twcc(65_535, 3, &hex!("2003 04 00 08"))).unwrap();
    assert_eq!(
        read,
        [
            (65_535, Some(129_000)),
            (0, Some(129_000)),
            (1, Some(131_000))
        ]
    );
}

#[test]
fn twcc_one_bit_vector_marks_received_packets() {
    // 1 0 1, the other eleven places are beyond the count.
    let read = arrivals(&twcc(10, 3, &hex!("a800 04 04"))).unwrap();
    assert_eq!(read, [(10, Some(129_000)), (11, None), (12, Some(130_000))]);
}

#[test]
fn twcc_two_bit_vector_holds_negative_deltas() {
    // small, lost, large
    let read = arrivals(&twcc(10, 3, &hex!("d200 04 fffc"))).unwrap();
    assert_eq!(read, [(10, Some(129_000)), (11, None), (12, Some(128_000))]);
}

#[test]
fn twcc_reserved_symbol_is_refused_within_the_count_only() {
    assert_eq!(arrivals(&twcc(0, 1, &hex!("f000 04 04"))), None, "vector");
    assert_eq!(arrivals(&twcc(0, 2, &hex!("6002 0404"))), None, "run");
    assert!(
        arrivals(&twcc(0, 1, &hex!("dfff 04"))).is_some(),
        "places beyond the count say nothing"
    );
}

#[test]
fn twcc_counts_must_be_covered() {
    assert_eq!(
        arrivals(&twcc(0, 0, &hex!("2001 0400"))),
        None,
        "nothing reported"
    );
    assert_eq!(
        arrivals(&twcc(0, 9, &hex!("2003 0400"))),
        None,
        "chunks end early"
    );
    assert_eq!(
        arrivals(&twcc(0, 4, &hex!("2004 0400"))),
        None,
        "deltas end early"
    );
    assert_eq!(
        arrivals(&twcc(0, 2, &hex!("4002 0400"))),
        None,
        "large deltas end early"
    );
    assert!(
        arrivals(&twcc(0, 1, &hex!("0000 2001 0400"))).is_some(),
        "an empty run says nothing"
    );
    assert!(
        arrivals(&twcc(0, 2, &hex!("3fff 0400"))).is_some(),
        "a run may reach beyond the count"
    );
}

#[test]
fn twcc_reference_time_is_signed() {
    let mut bytes = twcc(0, 1, &hex!("2001 0400"));
    bytes[16..19].copy_from_slice(&[0xff, 0xff, 0xff]);
    assert_eq!(arrivals(&bytes).unwrap(), [(0, Some(-63_000))]);
}

#[test]
fn twcc_as_libwebrtc_pads_it_is_read() {
    // One chunk, one delta, and a byte of padding which the P bit counts.
    let mut bytes = twcc(0, 1, &hex!("2001 04 01"));
    bytes[0] |= 0x20;
    assert_eq!(arrivals(&bytes).unwrap(), [(0, Some(129_000))]);
}

fn written(base: u64, list: &[(u64, Time)], room: usize) -> Option<(Vec<u8>, TwccWritten)> {
    let mut out = vec![0xaa; room];
    let written = write_transport_cc(&mut out, SENDER, MEDIA, 9, base, list)?;
    out.truncate(written.len);
    Some((out, written))
}

#[test]
fn twcc_writes_what_it_reads() {
    let ms = Time::from_millis;
    // Small, lost, large, negative, across the wrap of the sequence number.
    let list = [
        (65_534, ms(1_000)),
        (65_536, ms(1_100)),
        (65_537, ms(1_090)),
        (65_560, ms(1_091)),
    ];
    let (bytes, result) = written(65_530, &list, 200).unwrap();
    assert_eq!((result.taken, result.next_base), (4, 65_561));
    let read = arrivals(&bytes).unwrap();
    assert_eq!(read.len(), 31);
    assert_eq!(read[0], (65_530, None));
    let seen: Vec<_> = read
        .iter()
        .filter_map(|&(n, at)| at.map(|at| (n, at)))
        .collect();
    assert_eq!(
        seen,
        [
            (65_534, 1_000_000),
            (0, 1_100_000),
            (1, 1_090_000),
            (24, 1_091_000)
        ]
    );
}

#[test]
fn twcc_takes_what_fits_and_says_how_much() {
    let list: Vec<_> = (0..2_000)
        .map(|n| (100 + n, Time::from_micros(5_000 * n)))
        .collect();
    for room in 24..400 {
        let Some((bytes, result)) = written(100, &list, room) else {
            panic!("{room} bytes hold one")
        };
        assert!(result.len <= room && result.len % 4 == 0);
        assert_eq!(result.next_base, 100 + result.taken as u64);
        assert_eq!(arrivals(&bytes).unwrap().len(), result.taken);
        assert!(
            result.taken + 3 >= room - 24,
            "{} of {room} bytes used",
            result.taken
        );
    }
    assert_eq!(written(100, &list, 23), None);
    assert_eq!(written(100, &[], 100), None);
    assert_eq!(written(101, &list, 100), None, "a base behind the first");
}

#[test]
fn twcc_ends_where_a_delta_or_the_count_cannot_reach() {
    let seconds = |s: u64| Time::from_millis(1_000 * s);
    let (_, far) = written(0, &[(0, seconds(1)), (1, seconds(10))], 100).unwrap();
    assert_eq!(far.taken, 1, "9 s are more than 2^15 ticks");
    let (bytes, wide) = written(
        0,
        &[(0, seconds(1)), (65_534, seconds(2)), (65_535, seconds(2))],
        100,
    )
    .unwrap();
    assert_eq!((wide.taken, wide.next_base), (2, 65_535));
    assert_eq!(arrivals(&bytes).unwrap().len(), 65_535);
    assert_eq!(written(0, &[(70_000, seconds(1))], 100), None);
}

proptest! {
    #[test]
    fn twcc_reads_as_written(
        base in 0u64..200_000, ahead in 0u64..30, start in 0u64..4_000_000_000,
        steps in proptest::collection::vec((prop_oneof![8 => Just(1u64), 1 => 2u64..30, 1 => 30u64..9_000],
            prop_oneof![8 => 0i64..60_000, 1 => -2_000_000i64..2_000_000, 1 => -12_000_000i64..12_000_000]), 0..300),
        room in 24usize..1_500,
    ) {
        let mut list = vec![(base + ahead, Time::from_micros(start))];
        for (gap, delta) in steps {
            let &(sequence, at) = list.last().unwrap();
            list.push((sequence + gap, Time::from_micros(at.as_micros().saturating_add_signed(delta))));
        }
        let Some((bytes, result)) = written(base, &list, room) else { return Ok(()) };
        let Ok(Rtcp::TransportCc(feedback)) = one(&bytes) else { panic!("own packet") };
        prop_assert_eq!(feedback.base_sequence, base as u16);
        prop_assert_eq!(u64::from(feedback.status_count), result.next_base - base);
        let read: Vec<_> = feedback.arrivals().enumerate()
            .filter_map(|(n, (_, at))| at.map(|at| (base + n as u64, at))).collect();
        let expected: Vec<_> = list[..result.taken].iter()
            .map(|&(sequence, at)| (sequence, at.as_micros() as i64 / 250 * 250)).collect();
        prop_assert_eq!(read, expected);
    }
}
