//! The frame dependency structure: templates, decode targets, chains, resolutions.

use super::{MAX_DECODE_TARGETS, MAX_SPATIAL, MAX_TEMPLATES};

/// Decode target indication (A.8.3, table A.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Dti {
    /// The frame is no part of the target.
    NotPresent = 0,
    /// Part of it, and no other frame of the target needs it.
    Discardable = 1,
    /// Part of it, and the target may be switched to here.
    Switch = 2,
    /// Part of it.
    Required = 3,
}

/// The lower bit of each pair.
const LOW_BITS: u64 = 0x5555_5555_5555_5555;

/// Indications for all decode targets, two bits each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Dtis(u64);

impl Dtis {
    /// Indication for target `target`; targets that cannot be are not present.
    pub fn get(self, target: usize) -> Dti {
        if target >= MAX_DECODE_TARGETS {
            return Dti::NotPresent;
        }
        match self.0 >> (2 * target) & 3 {
            0 => Dti::NotPresent,
            1 => Dti::Discardable,
            2 => Dti::Switch,
            _ => Dti::Required,
        }
    }

    /// With the indication for `target` set; others stay.
    pub fn with(self, target: usize, dti: Dti) -> Dtis {
        if target >= MAX_DECODE_TARGETS {
            return self;
        }
        Dtis(self.0 & !(3 << (2 * target)) | (dti as u64) << (2 * target))
    }

    /// The targets the frame is part of: bit 2i for target i.
    fn present(self) -> u64 {
        (self.0 | self.0 >> 1) & LOW_BITS
    }

    /// The targets with a Switch indication (binary 10): bit 2i for target i.
    fn switch(self) -> u64 {
        self.0 >> 1 & !self.0 & LOW_BITS
    }

    pub(super) fn with_bits(self, target: usize, bits: u32) -> Dtis {
        let dti = match bits {
            0 => Dti::NotPresent,
            1 => Dti::Discardable,
            2 => Dti::Switch,
            _ => Dti::Required,
        };
        self.with(target, dti)
    }
}

/// Distances to the previous frame of each chain as templates say them: 0..=15, four bits each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ChainDiffs([u64; 2]);

impl ChainDiffs {
    /// Distance for `chain`; 0 for chains that cannot be.
    pub fn get(self, chain: usize) -> u8 {
        self.0
            .get(chain / 16)
            .map_or(0, |half| (half >> (4 * (chain % 16)) & 0xf) as u8)
    }

    /// With the distance for `chain` set to the low four bits of `diff`.
    pub fn with(mut self, chain: usize, diff: u8) -> ChainDiffs {
        let shift = 4 * (chain % 16);
        if let Some(half) = self.0.get_mut(chain / 16) {
            *half = *half & !(0xf << shift) | u64::from(diff & 0xf) << shift;
        }
        self
    }
}

/// One frame dependency template.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Template {
    /// Spatial layer.
    pub spatial: u8,
    /// Temporal layer.
    pub temporal: u8,
    /// Bit i: refers to the frame i + 1 before. The order of references carries no meaning.
    pub fdiffs: u16,
    /// Decode target indications.
    pub dtis: Dtis,
    /// Chain distances.
    pub chain_fdiffs: ChainDiffs,
}

/// The structure last received on a stream. The default holds none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DdStructure {
    /// Identifier of the first template.
    pub template_id_offset: u8,
    /// Decode targets, 1..=32; 0 when there is no structure.
    pub decode_targets: u8,
    /// Chains, 0..=32, at most as many as decode targets.
    pub chains: u8,
    /// Chain that protects each decode target.
    pub protected_by: [u8; MAX_DECODE_TARGETS],
    /// Templates used of [`DdStructure::templates`].
    pub template_count: u8,
    /// Templates, ordered by spatial, then temporal layer.
    pub templates: [Template; MAX_TEMPLATES],
    /// Highest render resolution (width - 1, height - 1) of each spatial layer, when said.
    pub resolutions: Option<[(u16, u16); MAX_SPATIAL]>,
}

impl Default for DdStructure {
    fn default() -> DdStructure {
        DdStructure {
            template_id_offset: 0,
            decode_targets: 0,
            chains: 0,
            protected_by: [0; MAX_DECODE_TARGETS],
            template_count: 0,
            templates: [Template::default(); MAX_TEMPLATES],
            resolutions: None,
        }
    }
}

impl DdStructure {
    /// Whether a structure was received.
    pub fn is_known(&self) -> bool {
        self.template_count > 0
    }

    /// The templates.
    pub fn templates(&self) -> &[Template] {
        self.templates
            .get(..usize::from(self.template_count))
            .unwrap_or(&self.templates)
    }

    /// Template with this identifier (A.8.2: counted from the offset, modulo 64).
    pub fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.template_id_offset) & 0x3f;
        self.templates().get(usize::from(index))
    }

    /// Highest spatial layer.
    pub fn max_spatial(&self) -> u8 {
        self.templates()
            .iter()
            .map(|template| template.spatial)
            .max()
            .unwrap_or(0)
    }

    /// (Spatial, temporal) layer of a decode target: the highest of the frames it contains.
    pub fn target_layer(&self, target: usize) -> (u8, u8) {
        let members = self
            .templates()
            .iter()
            .filter(|t| t.dtis.get(target) != Dti::NotPresent);
        members.fold((0, 0), |(s, t), member| {
            (s.max(member.spatial), t.max(member.temporal))
        })
    }

    /// Decode target of a (spatial, temporal) layer.
    pub fn target_of(&self, spatial: u8, temporal: u8) -> Option<usize> {
        (0..usize::from(self.decode_targets)).find(|&t| self.target_layer(t) == (spatial, temporal))
    }

    /// Width and height in pixels of a spatial layer, when said.
    pub fn resolution(&self, spatial: u8) -> Option<(u32, u32)> {
        let (width, height) = *self.resolutions?.get(usize::from(spatial))?;
        Some((u32::from(width) + 1, u32::from(height) + 1))
    }

    /// Highest temporal layer of the targets on `spatial` that may be switched to with these
    /// indications. All targets at once, because this runs for every packet and a sender may fill
    /// the structure to its limits.
    pub(super) fn switch_up_to(&self, spatial: u8, dtis: Dtis) -> Option<u8> {
        let templates = self.templates();
        let members = |wanted: fn(u8, u8) -> bool| {
            let chosen = templates
                .iter()
                .filter(move |template| wanted(template.spatial, spatial));
            chosen.fold(0, |targets, template| targets | template.dtis.present())
        };
        let here = members(|layer, spatial| layer == spatial);
        let above = members(|layer, spatial| layer > spatial);
        let targets = dtis.switch() & here & !above;
        let of_targets = templates
            .iter()
            .filter(|template| template.dtis.present() & targets != 0);
        of_targets.map(|template| template.temporal).max()
    }
}
