//! `NativeSim`: the same core and clients of its own in virtual time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use sfu_core::command::{IceCredentials, MasterKey};
use sfu_core::event::Event;
use sfu_core::time::Time;
use sfu_core::units::{Kind, PayloadType, Ssrc};
use sfu_netem::LinkStats;
use sfu_peer::config::{
    ExtensionIds, Keys, LayerConfig, Path, PeerConfig, SlotConfig, TrackConfig,
};
use sfu_peer::profile::Profile;
use sfu_peer::sim::{ClientId, SERVER, Sim, UNIX_NANOS_AT_ORIGIN};
use sfu_peer::stats::{LayerStats, PeerStats, SlotStats};

use crate::command::Command;
use crate::engine::parse_limits;
use crate::link::parse_link;
use crate::names::{parse_kind, parse_profile};
use crate::report::event;

/// `(rid, ssrc, ssrc of retransmissions, profile, frames per second)`
type LayerRow = (Option<String>, u32, Option<u32>, String, Option<u64>);
/// `(kind, mid, payload type, its RTX payload type, layers, temporal layers, phase in s)`
type TrackRow = (
    String,
    Option<String>,
    u8,
    Option<u8>,
    Vec<LayerRow>,
    u8,
    f64,
);
/// `(kind, mid, ssrc, ssrc of retransmissions, asks for repair)`
type SlotRow = (String, Option<String>, u32, Option<u32>, bool);
/// `(profile, send key, send salt, receive key, receive salt)`, as the client sees them.
type KeyRow = (String, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);

struct State {
    sim: Sim,
    clients: usize,
    /// The engine's number of each command the simulation numbered itself.
    requests: HashMap<u64, u64>,
}

/// A worker and its clients, joined by simulated links, in virtual time.
#[pyclass(frozen, module = "sfu._native")]
pub(crate) struct NativeSim(Mutex<State>);

impl NativeSim {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_client<T>(
        &self,
        client: usize,
        act: impl FnOnce(&mut Sim, ClientId) -> T,
    ) -> PyResult<T> {
        let mut state = self.lock();
        if client >= state.clients {
            return Err(PyValueError::new_err("no such client"));
        }
        Ok(act(&mut state.sim, ClientId(client)))
    }
}

#[pymethods]
impl NativeSim {
    #[new]
    fn new(seed: u64, limits: &Bound<'_, PyDict>) -> PyResult<NativeSim> {
        let sim = Sim::new(seed, parse_limits(limits)?);
        Ok(NativeSim(Mutex::new(State {
            sim,
            clients: 0,
            requests: HashMap::new(),
        })))
    }

    /// The server's address and port.
    #[staticmethod]
    fn server() -> (String, u16) {
        (SERVER.ip().to_string(), SERVER.port())
    }

    /// Seconds since the start, virtual.
    #[getter]
    fn now(&self) -> f64 {
        self.lock().sim.now().since(Time::ZERO).as_secs_f64()
    }

    /// Gives the worker a command; it is done at once, and its answer is drained.
    fn submit(&self, _worker: usize, request: u64, command: &Command) {
        let mut state = self.lock();
        let own = state.sim.command(command.0.clone());
        state.requests.insert(own, request);
    }

    /// Lets `duration` seconds pass, without the interpreter's lock.
    fn run(&self, py: Python<'_>, duration: f64) -> PyResult<()> {
        let duration = Duration::try_from_secs_f64(duration)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        py.detach(|| self.lock().sim.run(duration));
        Ok(())
    }

    /// Takes what was reported since the last call.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut state = self.lock();
        let events = state.sim.take_events();
        let events: Vec<Event> = events
            .into_iter()
            .map(|(_, event)| renumbered(event, &mut state.requests))
            .collect();
        drop(state);
        let tuples = events
            .into_iter()
            .map(|value| event(py, 0, value))
            .collect::<PyResult<Vec<Bound<'py, PyTuple>>>>()?;
        PyList::new(py, tuples)
    }

    /// Adds a client; returns its number.
    #[allow(
        clippy::too_many_arguments,
        reason = "what a client is, by keyword in Python"
    )]
    #[pyo3(signature = (*, ufrag, server_ufrag, server_pwd, keys, tracks, slots, transport_feedback, cname, up, down))]
    fn add_client(
        &self,
        ufrag: String,
        server_ufrag: String,
        server_pwd: String,
        keys: KeyRow,
        tracks: Vec<TrackRow>,
        slots: Vec<SlotRow>,
        transport_feedback: bool,
        cname: String,
        up: &Bound<'_, PyDict>,
        down: &Bound<'_, PyDict>,
    ) -> PyResult<usize> {
        let (up, down) = (parse_link(up)?, parse_link(down)?);
        let server = IceCredentials {
            ufrag: server_ufrag,
            pwd: server_pwd,
        };
        let mut state = self.lock();
        let config = PeerConfig {
            // The simulation sets this, the server's address and the wall clock itself.
            seed: 0,
            server: SERVER,
            unix_nanos_at_origin: UNIX_NANOS_AT_ORIGIN,
            local: state.sim.next_address(),
            path: Path::Ice { ufrag, server },
            keys: parse_keys(keys)?,
            extensions: ExtensionIds::BROWSER,
            tracks: tracks
                .into_iter()
                .map(parse_track)
                .collect::<PyResult<_>>()?,
            slots: slots.into_iter().map(parse_slot).collect::<PyResult<_>>()?,
            transport_feedback,
            cname,
        };
        let client = state.sim.add_client(config, up, down);
        let client = client.map_err(|error| PyValueError::new_err(error.to_string()))?;
        state.clients += 1;
        Ok(client.0)
    }

    /// Adds a receive slot to a client.
    fn add_slot(&self, client: usize, slot: SlotRow) -> PyResult<()> {
        let slot = parse_slot(slot)?;
        self.with_client(client, |sim, client| sim.peer(client).add_slot(slot))
    }

    /// Changes a client's links.
    fn set_links(
        &self,
        client: usize,
        up: &Bound<'_, PyDict>,
        down: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let (up, down) = (parse_link(up)?, parse_link(down)?);
        self.with_client(client, |sim, client| sim.set_links(client, up, down))
    }

    /// A client vanishes without a word.
    fn silence(&self, client: usize) -> PyResult<()> {
        self.with_client(client, |sim, client| sim.silence(client))
    }

    /// A client goes on from another address.
    fn move_to(&self, client: usize, address: &str) -> PyResult<()> {
        let address = address
            .parse()
            .map_err(|_| PyValueError::new_err("not an address and port"))?;
        self.with_client(client, |sim, client| {
            let now = sim.now();
            sim.peer(client).move_to(now, address);
        })
    }

    /// Stops or starts a track's layer, or all of them.
    #[pyo3(signature = (client, track, layer, active))]
    fn set_active(
        &self,
        client: usize,
        track: usize,
        layer: Option<usize>,
        active: bool,
    ) -> PyResult<()> {
        self.with_client(client, |sim, client| {
            let now = sim.now();
            sim.peer(client).set_active(now, track, layer, active);
        })
    }

    /// Sets the level of an audio track (-dBov) and whether it is voice.
    fn set_audio_level(&self, client: usize, track: usize, level: u8, voice: bool) -> PyResult<()> {
        self.with_client(client, |sim, client| {
            sim.peer(client).set_audio_level(track, level, voice);
        })
    }

    /// A client's counters, in the field order of `sfu.sim`'s dataclasses: `(peer, layers, slots, up, down)`.
    fn stats<'py>(&self, py: Python<'py>, client: usize) -> PyResult<Bound<'py, PyTuple>> {
        let (stats, links) = self.with_client(client, |sim, client| {
            (sim.stats(client), sim.link_stats(client))
        })?;
        let layers = stats.layers.iter().map(|one| layer_row(py, one));
        let layers = layers.collect::<PyResult<Vec<_>>>()?;
        let slots = stats.slots.iter().map(|one| slot_row(py, one));
        let slots = slots.collect::<PyResult<Vec<_>>>()?;
        let (up, down) = (link_row(py, &links.0)?, link_row(py, &links.1)?);
        (peer_row(py, &stats)?, layers, slots, up, down).into_pyobject(py)
    }
}

fn renumbered(event: Event, requests: &mut HashMap<u64, u64>) -> Event {
    match event {
        Event::Done { request, result } => Event::Done {
            request: requests.remove(&request).unwrap_or(request),
            result,
        },
        Event::Stats { request, snapshot } => Event::Stats {
            request: requests.get(&request).copied().unwrap_or(request),
            snapshot,
        },
        other => other,
    }
}

fn parse_keys((profile, send_key, send_salt, receive_key, receive_salt): KeyRow) -> PyResult<Keys> {
    Ok(Keys {
        profile: parse_profile(&profile)?,
        send: MasterKey {
            key: send_key,
            salt: send_salt,
        },
        receive: MasterKey {
            key: receive_key,
            salt: receive_salt,
        },
    })
}

fn parse_track(row: TrackRow) -> PyResult<TrackConfig> {
    let (kind, mid, payload_type, rtx, layers, temporal_layers, phase) = row;
    Ok(TrackConfig {
        kind: parse_kind(&kind)?,
        mid,
        payload_type: PayloadType(payload_type),
        rtx_payload_type: rtx.map(PayloadType),
        layers: layers
            .into_iter()
            .map(parse_layer)
            .collect::<PyResult<_>>()?,
        temporal_layers,
        phase: Duration::try_from_secs_f64(phase)
            .map_err(|error| PyValueError::new_err(error.to_string()))?,
    })
}

fn parse_layer((rid, ssrc, rtx_ssrc, profile, rate): LayerRow) -> PyResult<LayerConfig> {
    let profile = match profile.as_str() {
        "equal" => Profile::equal(),
        "browser" => Profile::browser(),
        "audio" => Profile::audio(),
        other => match other
            .split_once('x')
            .map(|(n, size)| (n.parse(), size.parse()))
        {
            // "3x800": bursts of 3 packets of 800 bytes.
            Some((Ok(packets), Ok(payload))) => Profile::bursts(packets, payload),
            _ => return Err(PyValueError::new_err(format!("unknown profile: {other}"))),
        },
    };
    let profile = match rate {
        Some(rate) => profile.at_rate(rate),
        None => profile,
    };
    Ok(LayerConfig {
        rid,
        ssrc: Ssrc(ssrc),
        rtx_ssrc: rtx_ssrc.map(Ssrc),
        profile,
    })
}

fn parse_slot((kind, mid, ssrc, rtx_ssrc, nack): SlotRow) -> PyResult<SlotConfig> {
    let kind: Kind = parse_kind(&kind)?;
    Ok(SlotConfig {
        kind,
        mid,
        ssrc: Ssrc(ssrc),
        rtx_ssrc: rtx_ssrc.map(Ssrc),
        nack,
    })
}

fn peer_row<'py>(py: Python<'py>, stats: &PeerStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        stats.connected,
        stats.rtt.map(|rtt| rtt.as_secs_f64()),
        stats.received,
        stats.sent,
        stats.rejected,
        stats.unknown_ssrc,
        stats.rtcp,
        stats.byes,
        stats.checks,
        stats.check_answers,
        stats.feedback_received,
        stats.feedback_lost,
    )
        .into_pyobject(py)
}

fn layer_row<'py>(py: Python<'py>, stats: &LayerStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        stats.ssrc.0,
        stats.packets,
        stats.bytes,
        stats.frames,
        stats.keyframes,
        stats.keyframe_requests,
        stats.nacked,
        stats.retransmitted,
        stats.reported_lost,
    )
        .into_pyobject(py)
}

fn slot_row<'py>(py: Python<'py>, stats: &SlotStats) -> PyResult<Bound<'py, PyTuple>> {
    // Tuples of more than twelve have no conversion of their own: two that are joined.
    let first = (
        stats.ssrc.0,
        stats.packets,
        stats.bytes,
        stats.repaired,
        stats.duplicates,
        stats.lost,
        stats.missing,
        stats.gaps,
        stats.nacked,
        stats.keyframe_requests,
    )
        .into_pyobject(py)?;
    let latency = |q| stats.latency.quantile(q).as_secs_f64();
    let second = (
        stats.frames,
        stats.keyframes,
        stats.undecodable,
        stats.freezes,
        stats.frozen.as_secs_f64(),
        stats.residual_loss(),
        stats.raw_loss(),
        latency(0.5),
        latency(0.99),
    )
        .into_pyobject(py)?;
    Ok(first
        .as_sequence()
        .concat(second.as_sequence())?
        .cast_into::<PyTuple>()?)
}

fn link_row<'py>(py: Python<'py>, stats: &LinkStats) -> PyResult<Bound<'py, PyTuple>> {
    (
        stats.pushed,
        stats.delivered,
        stats.delivered_bytes,
        stats.lost,
        stats.overflowed,
        stats.duplicated,
        stats.longest_queue.as_secs_f64(),
    )
        .into_pyobject(py)
}
