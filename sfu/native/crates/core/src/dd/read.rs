//! Reading descriptors: the syntax of A.8.2, function by function.

use super::bits::BitReader;
use super::structure::{ChainDiffs, DdStructure, Dtis, Template};
use super::{
    DdError, DependencyDescriptor, FrameDiffs, MANDATORY_LEN, MAX_DECODE_TARGETS, MAX_SPATIAL,
    MAX_TEMPLATES, MAX_TEMPORAL, mandatory,
};

/// Flags of `extended_descriptor_fields`.
#[derive(Default)]
struct Extended {
    structure_attached: bool,
    active_decode_targets: Option<u32>,
    custom_dtis: bool,
    custom_fdiffs: bool,
    custom_chains: bool,
}

/// Parses a descriptor. `structure` is what the stream's earlier descriptors brought; one that this
/// descriptor brings replaces it, if the whole descriptor is sound.
pub fn parse(
    extension: &[u8],
    structure: &mut DdStructure,
) -> Result<DependencyDescriptor, DdError> {
    let fields = mandatory(extension).ok_or(DdError::Truncated)?;
    let mut reader = BitReader::new(&extension[MANDATORY_LEN..]);
    let mut flags = Extended::default();
    let mut attached = None;
    if extension.len() > MANDATORY_LEN {
        let present = reader.flag()?;
        let active_present = reader.flag()?;
        flags.custom_dtis = reader.flag()?;
        flags.custom_fdiffs = reader.flag()?;
        flags.custom_chains = reader.flag()?;
        if present {
            let new = read_structure(&mut reader)?;
            flags.structure_attached = true;
            flags.active_decode_targets = Some(all_targets(new.decode_targets));
            attached = Some(new);
        }
        if active_present {
            let targets = attached.as_ref().unwrap_or(structure).decode_targets;
            if targets == 0 {
                return Err(DdError::NoTemplate);
            }
            flags.active_decode_targets = Some(reader.bits(u32::from(targets))?);
        }
    }
    let current = attached.as_ref().unwrap_or(structure);
    let template = *current
        .template(fields.template_id)
        .ok_or(DdError::NoTemplate)?;
    let dtis = if flags.custom_dtis {
        read_dtis(&mut reader, current)?
    } else {
        template.dtis
    };
    let fdiffs = if flags.custom_fdiffs {
        read_fdiffs(&mut reader)?
    } else {
        template_fdiffs(&template)
    };
    let chain_fdiffs = read_chains(&mut reader, current, &template, flags.custom_chains)?;
    let descriptor = DependencyDescriptor {
        start_of_frame: fields.start_of_frame,
        end_of_frame: fields.end_of_frame,
        template_id: fields.template_id,
        frame_number: fields.frame_number,
        structure_attached: flags.structure_attached,
        active_decode_targets: flags.active_decode_targets,
        spatial: template.spatial,
        temporal: template.temporal,
        dtis,
        fdiffs,
        chain_fdiffs,
        switch_up_to: current.switch_up_to(template.spatial, dtis),
    };
    if let Some(attached) = attached {
        *structure = attached;
    }
    Ok(descriptor)
}

fn all_targets(count: u8) -> u32 {
    (u64::from(u32::MAX) >> (32 - count.min(32))) as u32
}

fn read_dtis(reader: &mut BitReader<'_>, structure: &DdStructure) -> Result<Dtis, DdError> {
    (0..usize::from(structure.decode_targets)).try_fold(Dtis::default(), |dtis, target| {
        Ok(dtis.with_bits(target, reader.bits(2)?))
    })
}

fn read_fdiffs(reader: &mut BitReader<'_>) -> Result<FrameDiffs, DdError> {
    let mut fdiffs = FrameDiffs::default();
    loop {
        let size = reader.bits(2)?;
        if size == 0 {
            return Ok(fdiffs);
        }
        let diff = reader.bits(4 * size)? as u16 + 1;
        fdiffs.insert(diff).ok_or(DdError::Limit)?;
    }
}

fn template_fdiffs(template: &Template) -> FrameDiffs {
    let mut fdiffs = FrameDiffs::default();
    for diff in (1..=16).filter(|diff| template.fdiffs >> (diff - 1) & 1 == 1) {
        // A template has 16 places, as many as there is room for.
        let _ = fdiffs.insert(diff);
    }
    fdiffs
}

fn read_chains(
    reader: &mut BitReader<'_>,
    structure: &DdStructure,
    template: &Template,
    custom: bool,
) -> Result<[u8; MAX_DECODE_TARGETS], DdError> {
    let mut diffs = [0; MAX_DECODE_TARGETS];
    for (chain, diff) in diffs
        .iter_mut()
        .enumerate()
        .take(usize::from(structure.chains))
    {
        *diff = if custom {
            reader.bits(8)? as u8
        } else {
            template.chain_fdiffs.get(chain)
        };
    }
    Ok(diffs)
}

/// `template_dependency_structure`.
fn read_structure(reader: &mut BitReader<'_>) -> Result<DdStructure, DdError> {
    let mut structure = DdStructure {
        template_id_offset: reader.bits(6)? as u8,
        decode_targets: reader.bits(5)? as u8 + 1,
        ..DdStructure::default()
    };
    read_layers(reader, &mut structure)?;
    let count = usize::from(structure.template_count);
    for n in 0..count {
        structure.templates[n].dtis = read_dtis(reader, &structure)?;
    }
    for template in &mut structure.templates[..count] {
        while reader.flag()? {
            template.fdiffs |= 1 << reader.bits(4)?;
        }
    }
    read_template_chains(reader, &mut structure)?;
    if reader.flag()? {
        let mut resolutions = [(0, 0); MAX_SPATIAL];
        for layer in &mut resolutions[..=usize::from(structure.max_spatial())] {
            *layer = (reader.bits(16)? as u16, reader.bits(16)? as u16);
        }
        structure.resolutions = Some(resolutions);
    }
    Ok(structure)
}

/// `template_layers`: the layers only ever go up (table A.2).
fn read_layers(reader: &mut BitReader<'_>, structure: &mut DdStructure) -> Result<(), DdError> {
    let (mut spatial, mut temporal) = (0u8, 0u8);
    for template in 0..MAX_TEMPLATES {
        structure.templates[template].spatial = spatial;
        structure.templates[template].temporal = temporal;
        structure.template_count += 1;
        match reader.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Ok(()),
        }
        if usize::from(spatial) >= MAX_SPATIAL || usize::from(temporal) >= MAX_TEMPORAL {
            return Err(DdError::Limit);
        }
    }
    Err(DdError::Limit)
}

/// `template_chains`.
fn read_template_chains(
    reader: &mut BitReader<'_>,
    structure: &mut DdStructure,
) -> Result<(), DdError> {
    let chains = reader.non_symmetric(u32::from(structure.decode_targets) + 1)?;
    structure.chains = chains as u8;
    if chains == 0 {
        return Ok(());
    }
    for target in 0..usize::from(structure.decode_targets) {
        structure.protected_by[target] = reader.non_symmetric(chains)? as u8;
    }
    for template in &mut structure.templates[..usize::from(structure.template_count)] {
        template.chain_fdiffs = (0..chains as usize)
            .try_fold(ChainDiffs::default(), |diffs, chain| {
                Ok(diffs.with(chain, reader.bits(4)? as u8))
            })?;
    }
    Ok(())
}
