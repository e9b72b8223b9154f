//! Simulated links from dictionaries of plain numbers (`sfu.sim.Link`).

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sfu_core::units::Bitrate;
use sfu_netem::{LinkConfig, Loss, Rate, Reorder, Trace};

use crate::engine::seconds;

/// Bit/s from a time on (s), the last step or again after a period (s).
type Schedule = (Vec<(f64, u64)>, Option<f64>);

pub(crate) fn parse_link(given: &Bound<'_, PyDict>) -> PyResult<LinkConfig> {
    let mut link = LinkConfig::default();
    for (name, value) in given {
        let name: String = name.extract()?;
        match name.as_str() {
            "delay" => link.delay = seconds(&value)?,
            "jitter" => link.jitter = seconds(&value)?,
            "jitter_sigma" => link.jitter_sigma = seconds(&value)?,
            "jitter_reorders" => link.jitter_reorders = value.extract()?,
            "loss" => link.loss = Loss::Random(probability(&value)?),
            "burst_loss" => {
                let (mean, burst): (f64, f64) = value.extract()?;
                link.loss = Loss::bursts(mean, burst);
            }
            "rate" => link.rate = Rate::Constant(Bitrate(value.extract()?)),
            "schedule" => link.rate = schedule(value.extract()?)?,
            "trace" => {
                let text: String = value.extract()?;
                let trace = Trace::parse(&text).map_err(|error| invalid(error.to_string()))?;
                link.rate = Rate::Trace(trace);
            }
            "queue" => link.queue.time = Some(seconds(&value)?),
            "queue_bytes" => link.queue.bytes = Some(value.extract()?),
            "reorder" => {
                let (probability, by): (f64, f64) = value.extract()?;
                let by = Duration::try_from_secs_f64(by).map_err(|e| invalid(e.to_string()))?;
                link.reorder = Reorder { probability, by };
            }
            "duplicate" => link.duplicate = probability(&value)?,
            _ => return Err(invalid(format!("unknown property of a link: {name}"))),
        }
    }
    Ok(link)
}

fn schedule((steps, period): Schedule) -> PyResult<Rate> {
    let time = |s: f64| Duration::try_from_secs_f64(s).map_err(|error| invalid(error.to_string()));
    let steps = steps
        .into_iter()
        .map(|(from, rate)| Ok((time(from)?, Bitrate(rate))))
        .collect::<PyResult<_>>()?;
    Ok(Rate::Schedule {
        steps,
        period: period.map(time).transpose()?,
    })
}

fn probability(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let value: f64 = value.extract()?;
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(invalid(format!("a probability is 0..1, not {value}")))
}

fn invalid(text: String) -> PyErr {
    PyValueError::new_err(text)
}
