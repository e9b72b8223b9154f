//! One track sent: its layers and what they share.

use sfu_core::time::Time;
use sfu_netem::Rng;

use crate::config::TrackConfig;
use crate::layer::{Layer, Shared};

/// A track at work.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) shared: Shared,
    pub(crate) layers: Vec<Layer>,
    /// When its frame 0 was due; `None` before the connection stands.
    pub(crate) epoch: Option<Time>,
    phase: std::time::Duration,
}

impl Track {
    pub(crate) fn new(config: TrackConfig, rng: &mut Rng) -> Track {
        Track {
            shared: Shared {
                kind: config.kind,
                mid: config.mid,
                payload_type: config.payload_type,
                rtx_payload_type: config.rtx_payload_type,
                temporal_layers: config.temporal_layers,
                audio_level: 127,
            },
            layers: config
                .layers
                .into_iter()
                .map(|layer| Layer::new(layer, rng))
                .collect(),
            epoch: None,
            phase: config.phase,
        }
    }

    /// The connection stands.
    pub(crate) fn start(&mut self, now: Time) {
        let phase = self.phase;
        self.epoch.get_or_insert_with(|| now + phase);
    }

    /// Layer and time of the packet due first.
    pub(crate) fn due(&self) -> Option<(Time, usize)> {
        let epoch = self.epoch?;
        let due = |(index, layer): (usize, &Layer)| layer.due(epoch).map(|time| (time, index));
        self.layers.iter().enumerate().filter_map(due).min()
    }
}
