//! Reports as tuples `(name, worker, ...)`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use sfu_core::event::Event;
use sfu_core::units::Tuple;
use sfu_io::queue::Report;

use crate::names::{show_codec, show_path};
use crate::stats::{io_counters, snapshot};

pub(crate) fn report(
    py: Python<'_>,
    worker: usize,
    report: Report,
) -> PyResult<Bound<'_, PyTuple>> {
    match report {
        Report::Event(value) => event(py, worker, value),
        Report::Stats {
            request,
            snapshot: counters,
            io,
        } => {
            let rows = (snapshot(py, &counters)?, io_counters(py, &io)?);
            ("stats", worker, request, rows.0, rows.1).into_pyobject(py)
        }
    }
}

/// An event of the core; shared with the simulation, whose only worker is 0.
pub(crate) fn event(py: Python<'_>, worker: usize, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    match event {
        Event::Done { request, result } => {
            let error = result.err().map(|error| error.to_string());
            ("done", worker, request, error).into_pyobject(py)
        }
        Event::Dtls {
            transport,
            datagram,
        } => ("dtls", worker, transport.0, PyBytes::new(py, &datagram)).into_pyobject(py),
        Event::Path {
            transport,
            state,
            tuple,
        } => (
            "path",
            worker,
            transport.0,
            show_path(state),
            tuple.map(addresses),
        )
            .into_pyobject(py),
        Event::ProducerStream {
            producer,
            spatial,
            codec,
        } => (
            "producer_stream",
            worker,
            producer.0,
            spatial,
            show_codec(codec),
        )
            .into_pyobject(py),
        Event::ProducerLayer {
            producer,
            spatial,
            active,
        } => ("producer_layer", worker, producer.0, spatial, active).into_pyobject(py),
        Event::ConsumerLayer {
            consumer,
            spatial,
            codec,
        } => {
            let codec = codec.map(show_codec);
            ("consumer_layer", worker, consumer.0, spatial, codec).into_pyobject(py)
        }
        Event::Speaker { router, producer } => {
            ("speaker", worker, router.0, producer.map(|id| id.0)).into_pyobject(py)
        }
        Event::Bye { producer } => ("bye", worker, producer.0).into_pyobject(py),
        Event::RekeyNeeded { transport } => ("rekey_needed", worker, transport.0).into_pyobject(py),
        Event::Stats {
            request,
            snapshot: counters,
        } => {
            let rows = snapshot(py, &counters)?;
            ("stats", worker, request, rows, pyo3::types::PyDict::new(py)).into_pyobject(py)
        }
        Event::WorkerPanicked { reason, routers } => {
            let routers: Vec<u64> = routers.iter().map(|router| router.0).collect();
            ("worker_panicked", worker, reason, routers).into_pyobject(py)
        }
    }
}

/// `(local, remote)` as "address:port".
fn addresses(tuple: Tuple) -> (String, String) {
    (tuple.local.to_string(), tuple.remote.to_string())
}
