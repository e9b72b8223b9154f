//! `NativeEngine`: worker threads on real sockets.

use std::net::IpAddr;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use sfu_core::command::Command as CoreCommand;
use sfu_core::stats::Limits;
use sfu_core::worker::{Worker, WorkerConfig};
use sfu_io::config::{SocketConfig, SocketInfo};
use sfu_io::engine::Engine;

use crate::command::Command;
use crate::report::report;

/// Worker threads, each with its sockets. `fd` is readable while reports wait.
#[pyclass(frozen, module = "sfu._native")]
pub(crate) struct NativeEngine {
    engine: Mutex<Option<Engine>>,
    fd: RawFd,
}

impl NativeEngine {
    fn lock(&self) -> MutexGuard<'_, Option<Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl NativeEngine {
    #[new]
    #[pyo3(signature = (hosts, port, workers, seed, limits, *, receive_buffer, send_buffer, offload))]
    #[allow(clippy::too_many_arguments, reason = "settings, by keyword in Python")]
    fn new(
        hosts: Vec<String>,
        port: u16,
        workers: usize,
        seed: u64,
        limits: &Bound<'_, PyDict>,
        receive_buffer: usize,
        send_buffer: usize,
        offload: bool,
    ) -> PyResult<NativeEngine> {
        let hosts = hosts
            .iter()
            .map(|host| parse_host(host))
            .collect::<PyResult<_>>()?;
        let config = SocketConfig {
            hosts,
            port,
            receive_buffer,
            send_buffer,
            offload,
        };
        let limits = parse_limits(limits)?;
        let engine = Engine::start(&config, workers, move |index, clock| {
            // The time makes the core after a panic differ from the one before.
            let own = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ clock.now().0;
            Worker::new(WorkerConfig {
                seed: seed ^ own,
                limits: limits.clone(),
                unix_nanos_at_origin: clock.unix_nanos_at_origin(),
            })
        })
        .map_err(|error| PyOSError::new_err((error.raw_os_error(), error.to_string())))?;
        let fd = engine.fd();
        Ok(NativeEngine {
            engine: Mutex::new(Some(engine)),
            fd,
        })
    }

    /// Descriptor to watch; closed by `close`.
    #[getter]
    fn fd(&self) -> RawFd {
        self.fd
    }

    /// `(address, port, receive buffer, send buffer, gro, gso)` of a worker's sockets.
    fn sockets(&self, worker: usize) -> Vec<(String, u16, usize, usize, bool, bool)> {
        let row = |info: &SocketInfo| {
            let (ip, port) = (info.bound.ip().to_string(), info.bound.port());
            (
                ip,
                port,
                info.receive_buffer,
                info.send_buffer,
                info.gro,
                info.gso,
            )
        };
        let engine = self.lock();
        let sockets = engine.as_ref().and_then(|engine| engine.sockets(worker));
        sockets.unwrap_or_default().iter().map(row).collect()
    }

    /// Gives a worker a command, answered by a "done" report with the same number.
    fn submit(&self, worker: usize, request: u64, command: &Command) -> PyResult<()> {
        let command = CoreCommand {
            request,
            body: command.0.clone(),
        };
        let engine = self.lock();
        if engine
            .as_ref()
            .is_some_and(|engine| engine.submit(worker, command))
        {
            return Ok(());
        }
        Err(PyRuntimeError::new_err(
            "no such worker, or the engine is closed",
        ))
    }

    /// Takes what was reported since the last call.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let reports = match self.lock().as_ref() {
            Some(engine) => engine.take_reports(),
            None => Vec::new(),
        };
        let tuples = reports
            .into_iter()
            .map(|(worker, value)| report(py, worker, value))
            .collect::<PyResult<Vec<Bound<'py, PyTuple>>>>()?;
        PyList::new(py, tuples)
    }

    /// Ends the threads after the commands given so far; returns their last reports. Blocks for
    /// about a turn, without the interpreter's lock.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let engine = self.lock().take();
        let reports = py.detach(|| {
            engine.map(|mut engine| {
                engine.stop();
                engine.take_reports()
            })
        });
        let tuples = reports
            .unwrap_or_default()
            .into_iter()
            .map(|(worker, value)| report(py, worker, value))
            .collect::<PyResult<Vec<Bound<'py, PyTuple>>>>()?;
        PyList::new(py, tuples)
    }
}

/// `(interface, address, is loopback)` of every address of this machine but IPv6 link-local ones.
#[pyfunction]
pub(crate) fn interfaces() -> PyResult<Vec<(String, String, bool)>> {
    let found = sfu_io::sys::interfaces::interfaces()?;
    Ok(found
        .into_iter()
        .map(|one| (one.name, one.address.to_string(), one.loopback))
        .collect())
}

fn parse_host(host: &str) -> PyResult<IpAddr> {
    host.parse()
        .map_err(|_| PyValueError::new_err(format!("not an IP address: {host}")))
}

/// The default limits with what `overrides` names; durations are in seconds.
pub(crate) fn parse_limits(overrides: &Bound<'_, PyDict>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    for (name, value) in overrides {
        let name: String = name.extract()?;
        match name.as_str() {
            "tuples" => limits.tuples = value.extract()?,
            "ssrcs" => limits.ssrcs = value.extract()?,
            "replay_window" => limits.replay_window = value.extract()?,
            "silence" => limits.silence = seconds(&value)?,
            "consent" => limits.consent = seconds(&value)?,
            "dtls_rate" => limits.dtls_rate = value.extract()?,
            "history_video" => limits.history_video = value.extract()?,
            "history_audio" => limits.history_audio = value.extract()?,
            "retries" => limits.retries = value.extract()?,
            "keyframe_source" => limits.keyframe_source = seconds(&value)?,
            "keyframe_viewer" => limits.keyframe_viewer = value.extract()?,
            "routers" => limits.routers = value.extract()?,
            "transports" => limits.transports = value.extract()?,
            "producers" => limits.producers = value.extract()?,
            "consumers" => limits.consumers = value.extract()?,
            _ => return Err(PyValueError::new_err(format!("unknown limit: {name}"))),
        }
    }
    Ok(limits)
}

pub(crate) fn seconds(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value.extract()?)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}
