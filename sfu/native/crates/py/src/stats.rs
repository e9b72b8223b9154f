//! Counters as rows, in the field order of the dataclasses in `sfu/stats.py`.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use sfu_core::stats::{
    ConsumerStats, DropReason, Drops, ProducerStats, Snapshot, StreamStats, TransportStats,
};
use sfu_io::counters::IoCounters;

use crate::names::show_path;

pub(crate) fn drop_reasons() -> Vec<&'static str> {
    DropReason::ALL.iter().map(|reason| reason.name()).collect()
}

pub(crate) fn io_counters<'py>(
    py: Python<'py>,
    counters: &IoCounters,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in counters.by_name() {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// `(transports, producers, consumers, drops, datagrams received, datagrams sent)`
pub(crate) fn snapshot<'py>(py: Python<'py>, snapshot: &Snapshot) -> PyResult<Bound<'py, PyTuple>> {
    let transports = rows(py, &snapshot.transports, transport)?;
    let producers = rows(py, &snapshot.producers, producer)?;
    let consumers = rows(py, &snapshot.consumers, consumer)?;
    let drops = drops(py, &snapshot.drops)?;
    let counts = (snapshot.datagrams_received, snapshot.datagrams_sent);
    (transports, producers, consumers, drops, counts.0, counts.1).into_pyobject(py)
}

fn rows<'py, T>(
    py: Python<'py>,
    values: &[T],
    row: fn(Python<'py>, &T) -> PyResult<Bound<'py, PyTuple>>,
) -> PyResult<Vec<Bound<'py, PyTuple>>> {
    values.iter().map(|value| row(py, value)).collect()
}

/// Only the reasons that happened: most never do.
fn drops<'py>(py: Python<'py>, drops: &Drops) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for reason in DropReason::ALL {
        let count = drops.0[*reason as usize];
        if count > 0 {
            dict.set_item(reason.name(), count)?;
        }
    }
    Ok(dict)
}

fn transport<'py>(py: Python<'py>, stats: &TransportStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        stats.transport.0,
        show_path(stats.state),
        stats.packets_received,
        stats.bytes_received,
        stats.packets_sent,
        stats.bytes_sent,
        stats.rtt_us,
        drops(py, &stats.drops)?,
    )
        .into_pyobject(py)
}

fn producer<'py>(py: Python<'py>, stats: &ProducerStats) -> PyResult<Bound<'py, PyTuple>> {
    let streams = rows(py, &stats.streams, stream)?;
    (
        stats.producer.0,
        streams,
        stats.audio_level,
        drops(py, &stats.drops)?,
    )
        .into_pyobject(py)
}

fn stream<'py>(py: Python<'py>, stats: &StreamStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        stats.spatial,
        stats.ssrc,
        stats.packets,
        stats.bytes,
        stats.lost,
        stats.jitter_us,
        stats.nacks_sent,
        stats.retransmissions_received,
        stats.keyframes,
        stats.keyframe_requests_sent,
    )
        .into_pyobject(py)
}

fn consumer<'py>(py: Python<'py>, stats: &ConsumerStats) -> PyResult<Bound<'py, PyTuple>> {
    // Tuples of more than twelve have no conversion of their own: two that are joined.
    let first = (
        stats.consumer.0,
        stats.producer.0,
        stats.spatial,
        stats.packets,
        stats.bytes,
        stats.nacks_received,
        stats.retransmissions_sent,
    )
        .into_pyobject(py)?;
    let second = (
        stats.keyframe_requests_received,
        stats.fraction_lost,
        stats.cumulative_lost,
        stats.jitter_us,
        stats.rtt_us,
        drops(py, &stats.drops)?,
    )
        .into_pyobject(py)?;
    Ok(first
        .as_sequence()
        .concat(second.as_sequence())?
        .cast_into::<PyTuple>()?)
}
