//! Writing descriptors: what a sender of media does. The forwarding path rewrites in place instead.

use super::bits::BitWriter;
use super::structure::DdStructure;
use super::{DependencyDescriptor, FrameDiffs};

/// Writes a descriptor and gives its length; `None` when it does not fit, or contradicts the structure.
/// With `structure_attached` the structure goes with it. Fields that differ from the template's
/// are written as custom ones, a set of active decode targets when there is one and it is not the
/// one an attached structure implies.
pub fn write(
    out: &mut [u8],
    descriptor: &DependencyDescriptor,
    structure: &DdStructure,
) -> Option<usize> {
    let template = structure.template(descriptor.template_id)?;
    let chains = usize::from(structure.chains);
    let custom_dtis = descriptor.dtis != template.dtis;
    let custom_fdiffs = template_mask(&descriptor.fdiffs) != Some(template.fdiffs);
    let custom_chains = descriptor
        .chain_fdiffs
        .iter()
        .take(chains)
        .enumerate()
        .any(|(chain, &diff)| diff != template.chain_fdiffs.get(chain));
    let everything = u64::from(u32::MAX) >> (32 - structure.decode_targets.clamp(1, 32));
    let active = descriptor
        .active_decode_targets
        .filter(|&active| !descriptor.structure_attached || u64::from(active) != everything);
    let mut writer = BitWriter::new(out);
    writer.flag(descriptor.start_of_frame)?;
    writer.flag(descriptor.end_of_frame)?;
    writer.bits(6, u32::from(descriptor.template_id))?;
    writer.bits(16, u32::from(descriptor.frame_number))?;
    let extended = descriptor.structure_attached
        || active.is_some()
        || custom_dtis
        || custom_fdiffs
        || custom_chains;
    if !extended {
        return Some(writer.len());
    }
    for flag in [
        descriptor.structure_attached,
        active.is_some(),
        custom_dtis,
        custom_fdiffs,
        custom_chains,
    ] {
        writer.flag(flag)?;
    }
    if descriptor.structure_attached {
        write_structure(&mut writer, structure)?;
    }
    if let Some(active) = active {
        writer.bits(u32::from(structure.decode_targets), active)?;
    }
    if custom_dtis {
        (0..usize::from(structure.decode_targets))
            .try_for_each(|target| writer.bits(2, descriptor.dtis.get(target) as u32))?;
    }
    if custom_fdiffs {
        write_fdiffs(&mut writer, &descriptor.fdiffs)?;
    }
    if custom_chains {
        descriptor
            .chain_fdiffs
            .iter()
            .take(chains)
            .try_for_each(|&diff| writer.bits(8, u32::from(diff)))?;
    }
    Some(writer.len())
}

/// The differences as a template would hold them; `None` when it cannot.
fn template_mask(fdiffs: &FrameDiffs) -> Option<u16> {
    fdiffs
        .as_slice()
        .iter()
        .try_fold(0u16, |mask, &diff| match diff {
            1..=16 => Some(mask | 1 << (diff - 1)),
            _ => None,
        })
}

fn write_fdiffs(writer: &mut BitWriter<'_>, fdiffs: &FrameDiffs) -> Option<()> {
    for &diff in fdiffs.as_slice() {
        let minus_one = u32::from(diff.checked_sub(1)?);
        let size = match minus_one {
            0..=0xf => 1,
            0x10..=0xff => 2,
            0x100..=0xfff => 3,
            _ => return None,
        };
        writer.bits(2, size)?;
        writer.bits(4 * size, minus_one)?;
    }
    writer.bits(2, 0)
}

fn write_structure(writer: &mut BitWriter<'_>, structure: &DdStructure) -> Option<()> {
    writer.bits(6, u32::from(structure.template_id_offset))?;
    writer.bits(5, u32::from(structure.decode_targets.checked_sub(1)?))?;
    write_layers(writer, structure)?;
    let targets = usize::from(structure.decode_targets);
    for template in structure.templates() {
        (0..targets).try_for_each(|target| writer.bits(2, template.dtis.get(target) as u32))?;
    }
    for template in structure.templates() {
        for diff in (0..16).filter(|diff| template.fdiffs >> diff & 1 == 1) {
            writer.flag(true)?;
            writer.bits(4, diff)?;
        }
        writer.flag(false)?;
    }
    write_template_chains(writer, structure)?;
    writer.flag(structure.resolutions.is_some())?;
    if let Some(resolutions) = structure.resolutions {
        for &(width, height) in resolutions.get(..=usize::from(structure.max_spatial()))? {
            writer.bits(16, u32::from(width))?;
            writer.bits(16, u32::from(height))?;
        }
    }
    Some(())
}

/// Layers in ascending order are all the code can say.
fn write_layers(writer: &mut BitWriter<'_>, structure: &DdStructure) -> Option<()> {
    let (first, rest) = structure.templates().split_first()?;
    if (first.spatial, first.temporal) != (0, 0) {
        return None;
    }
    let mut at = (0, 0);
    for template in rest {
        let next = (template.spatial, template.temporal);
        let code = match next {
            _ if next == at => 0,
            _ if next == (at.0, at.1 + 1) => 1,
            _ if next == (at.0 + 1, 0) => 2,
            _ => return None,
        };
        writer.bits(2, code)?;
        at = next;
    }
    writer.bits(2, 3)
}

fn write_template_chains(writer: &mut BitWriter<'_>, structure: &DdStructure) -> Option<()> {
    let chains = u32::from(structure.chains);
    if chains > u32::from(structure.decode_targets) {
        return None;
    }
    writer.non_symmetric(u32::from(structure.decode_targets) + 1, chains)?;
    if chains == 0 {
        return Some(());
    }
    for &chain in structure
        .protected_by
        .iter()
        .take(usize::from(structure.decode_targets))
    {
        if u32::from(chain) >= chains {
            return None;
        }
        writer.non_symmetric(chains, u32::from(chain))?;
    }
    structure.templates().iter().try_for_each(|template| {
        (0..chains as usize)
            .try_for_each(|chain| writer.bits(4, u32::from(template.chain_fdiffs.get(chain))))
    })
}
