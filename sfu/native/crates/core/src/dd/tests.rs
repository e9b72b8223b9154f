//! Tests of the dependency descriptor.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;

/// A template as the tables of appendix A.10 write it: targets as `S`, `R`, `D` and `-`.
fn template(layer: (u8, u8), fdiffs: &[u16], chains: &[u8], targets: &str) -> Template {
    let dtis = targets
        .chars()
        .enumerate()
        .fold(Dtis::default(), |dtis, (target, symbol)| {
            let dti = match symbol {
                'S' => Dti::Switch,
                'R' => Dti::Required,
                'D' => Dti::Discardable,
                _ => Dti::NotPresent,
            };
            dtis.with(target, dti)
        });
    let numbered = chains.iter().enumerate();
    Template {
        spatial: layer.0,
        temporal: layer.1,
        fdiffs: fdiffs.iter().fold(0, |mask, diff| mask | 1 << (diff - 1)),
        dtis,
        chain_fdiffs: numbered.fold(ChainDiffs::default(), |d, (n, &diff)| d.with(n, diff)),
    }
}

fn structure(targets: u8, chains: u8, templates: &[Template]) -> DdStructure {
    let mut structure = DdStructure {
        template_id_offset: 60,
        decode_targets: targets,
        chains,
        template_count: templates.len() as u8,
        ..DdStructure::default()
    };
    structure.templates[..templates.len()].copy_from_slice(templates);
    structure
}

/// A.10.2.1: one spatial and three temporal layers.
fn l1t3() -> DdStructure {
    structure(
        3,
        1,
        &[
            template((0, 0), &[], &[0], "SSS"),
            template((0, 0), &[4], &[4], "SSS"),
            template((0, 1), &[2], &[2], "SD-"),
            template((0, 2), &[1], &[1], "D--"),
            template((0, 2), &[1], &[3], "D--"),
        ],
    )
}

/// A.10.2.2, cut to two spatial and two temporal layers.
fn l2t2() -> DdStructure {
    let mut structure = structure(
        4,
        2,
        &[
            template((0, 0), &[], &[0, 0], "SSSS"),
            template((0, 0), &[4], &[4, 3], "RRSS"),
            template((0, 1), &[2], &[2, 1], "R-D-"),
            template((1, 0), &[1], &[1, 1], "SS--"),
            template((1, 0), &[1, 4], &[1, 1], "SS--"),
            template((1, 1), &[1, 2], &[3, 2], "D---"),
        ],
    );
    structure.protected_by[..4].copy_from_slice(&[1, 1, 0, 0]);
    structure.resolutions = Some([(319, 179), (639, 359), (0, 0), (0, 0)]);
    structure
}

/// A descriptor that says what template `index` says.
fn descriptor(structure: &DdStructure, index: u8) -> DependencyDescriptor {
    let template = structure.templates()[usize::from(index)];
    let mut fdiffs = FrameDiffs::default();
    for diff in (1..=16).filter(|diff| template.fdiffs >> (diff - 1) & 1 == 1) {
        fdiffs.insert(diff).unwrap();
    }
    let mut chain_fdiffs = [0; MAX_DECODE_TARGETS];
    for (chain, diff) in chain_fdiffs
        .iter_mut()
        .enumerate()
        .take(usize::from(structure.chains))
    {
        *diff = template.chain_fdiffs.get(chain);
    }
    DependencyDescriptor {
        start_of_frame: true,
        end_of_frame: false,
        template_id: (structure.template_id_offset + index) % 64,
        frame_number: 0x1234,
        structure_attached: false,
        active_decode_targets: None,
        spatial: template.spatial,
        temporal: template.temporal,
        dtis: template.dtis,
        fdiffs,
        chain_fdiffs,
        switch_up_to: structure.switch_up_to(template.spatial, template.dtis),
    }
}

fn keyframe(structure: &DdStructure) -> DependencyDescriptor {
    DependencyDescriptor {
        structure_attached: true,
        active_decode_targets: Some((1 << structure.decode_targets) - 1),
        ..descriptor(structure, 0)
    }
}

fn bytes(descriptor: &DependencyDescriptor, structure: &DdStructure) -> Vec<u8> {
    let mut out = vec![0xaa; 1_024];
    let len = write(&mut out, descriptor, structure).expect("fits");
    out.truncate(len);
    out
}

#[test]
fn mandatory_fields_need_no_structure() {
    let fields = mandatory(&hex!("bf fffe")).unwrap();
    assert!(fields.start_of_frame && !fields.end_of_frame);
    assert_eq!((fields.template_id, fields.frame_number), (63, 0xfffe));
    assert_eq!(mandatory(&hex!("bf ff")), None);
}

#[test]
fn frame_number_is_rewritten_in_place() {
    let mut extension = hex!("bf fffe 80 11");
    rewrite_frame_number(&mut extension, 3).unwrap();
    assert_eq!(extension, hex!("bf 0003 80 11"));
    let mut short = hex!("bf ff");
    assert_eq!(rewrite_frame_number(&mut short, 3), None);
    assert_eq!(short, hex!("bf ff"));
}

#[test]
fn a_structure_written_bit_by_bit_is_read() {
    // A.8.2 by hand: L1T2 without chains, 2 targets, 2 templates, offset 5.
    // structure 1, active 0, custom 000 | offset 000101 | targets-1 00001 | layers 01 11
    // | dtis T0 10 10, T1 01 00 | fdiffs T0 0, T1 1 0000 0 | chains ns(3)=0: 0 | resolutions 1, 640x360
    let bits = "10000 000101 00001 01 11 1010 0100 0 100000 0 1 0000001001111111 0000000101100111";
    let bits: String = bits.split(' ').collect();
    let mut extension = hex!("85 0001").to_vec();
    extension.extend(bits.as_bytes().chunks(8).map(|chunk| {
        let byte = format!("{:0<8}", std::str::from_utf8(chunk).unwrap());
        u8::from_str_radix(&byte, 2).unwrap()
    }));
    let mut known = DdStructure::default();
    let read = parse(&extension, &mut known).unwrap();
    assert!(read.structure_attached && read.is_keyframe());
    assert_eq!(read.active_decode_targets, Some(0b11));
    assert_eq!(
        (known.template_id_offset, known.decode_targets, known.chains),
        (5, 2, 0)
    );
    let expected = [
        template((0, 0), &[], &[], "SS"),
        template((0, 1), &[1], &[], "D-"),
    ];
    assert_eq!(known.templates(), expected);
    assert_eq!(known.resolution(0), Some((640, 360)));
    let second = parse(&hex!("86 0002"), &mut known).unwrap();
    assert_eq!((second.temporal, second.fdiffs.as_slice()), (1, &[1][..]));
}

#[test]
fn targets_have_the_layers_of_their_highest_frame() {
    let layers = |s: DdStructure| {
        (0..usize::from(s.decode_targets))
            .map(|t| s.target_layer(t))
            .collect::<Vec<_>>()
    };
    assert_eq!(layers(l1t3()), [(0, 2), (0, 1), (0, 0)]);
    assert_eq!(layers(l2t2()), [(1, 1), (1, 0), (0, 1), (0, 0)]);
    assert_eq!(l2t2().target_of(0, 1), Some(2));
    assert_eq!(l2t2().target_of(2, 0), None);
}

#[test]
fn switch_points_follow_the_indications() {
    let structure = l1t3();
    let up_to = |index| descriptor(&structure, index).switch_up_to;
    assert_eq!(
        [up_to(0), up_to(1), up_to(2), up_to(3)],
        [Some(2), Some(2), Some(2), None]
    );
    // On spatial layer 0 of L2T2 a base frame is a switch for that layer's targets only.
    assert_eq!(descriptor(&l2t2(), 1).switch_up_to, Some(1));
    assert_eq!(descriptor(&l2t2(), 2).switch_up_to, None);
}

/// The definition of [`DdStructure::switch_up_to`], target by target.
fn switch_by_target(structure: &DdStructure, spatial: u8, dtis: Dtis) -> Option<u8> {
    (0..usize::from(structure.decode_targets))
        .filter(|&target| dtis.get(target) == Dti::Switch)
        .map(|target| structure.target_layer(target))
        .filter(|&(layer, _)| layer == spatial)
        .map(|(_, temporal)| temporal)
        .max()
}

#[test]
fn a_keyframe_brings_the_structure_and_later_packets_refer_to_it() {
    for structure in [l1t3(), l2t2()] {
        let mut known = DdStructure::default();
        let first = keyframe(&structure);
        assert_eq!(parse(&bytes(&first, &structure), &mut known), Ok(first));
        assert_eq!(known, structure);
        assert!(first.is_keyframe());
        for index in 0..structure.template_count {
            let later = descriptor(&structure, index);
            let written = bytes(&later, &structure);
            assert_eq!(written.len(), MANDATORY_LEN, "a template says it all");
            assert_eq!(parse(&written, &mut known), Ok(later));
            assert!(!later.is_keyframe());
        }
        let rest = DependencyDescriptor {
            start_of_frame: false,
            ..descriptor(&structure, 0)
        };
        assert!(rest.is_keyframe(), "later packets of the keyframe");
    }
}

#[test]
fn a_template_of_an_unknown_structure_is_an_error() {
    let mut known = DdStructure::default();
    assert_eq!(
        parse(&hex!("80 0001"), &mut known),
        Err(DdError::NoTemplate)
    );
    assert_eq!(
        parse(&hex!("80 0001 40"), &mut known),
        Err(DdError::NoTemplate)
    );
    known = l1t3();
    let beyond = (known.template_id_offset + known.template_count) % 64;
    assert_eq!(
        parse(&[0x80 | beyond, 0, 1], &mut known),
        Err(DdError::NoTemplate)
    );
    assert_eq!(
        known.template(0).map(|t| t.temporal),
        Some(2),
        "identifiers wrap at 64"
    );
}

#[test]
fn custom_fields_replace_the_templates() {
    let structure = l2t2();
    let mut known = structure;
    let mut custom = descriptor(&structure, 1);
    custom.fdiffs = FrameDiffs::default();
    for diff in [4_096, 17, 16, 257] {
        custom.fdiffs.insert(diff).unwrap();
    }
    custom.chain_fdiffs[..2].copy_from_slice(&[255, 16]);
    custom.dtis = custom
        .dtis
        .with(0, Dti::NotPresent)
        .with(3, Dti::Discardable);
    custom.switch_up_to = structure.switch_up_to(custom.spatial, custom.dtis);
    custom.active_decode_targets = Some(0b1010);
    assert_eq!(parse(&bytes(&custom, &structure), &mut known), Ok(custom));
}

#[test]
fn repeated_and_unordered_references_are_a_set() {
    let mut fdiffs = FrameDiffs::default();
    for diff in [6, 1, 6, 3, 1] {
        fdiffs.insert(diff).unwrap();
    }
    assert_eq!(fdiffs.as_slice(), [1, 3, 6]);
    for diff in 10..23 {
        fdiffs.insert(diff).unwrap();
    }
    assert_eq!(fdiffs.insert(9), None, "16 are held");
    assert_eq!(
        fdiffs.insert(6),
        Some(()),
        "one of them again is nothing new"
    );
}

#[test]
fn truncation_at_any_byte_changes_nothing_that_is_known() {
    let structure = l2t2();
    let mut first = keyframe(&structure);
    first.dtis = first.dtis.with(1, Dti::Required);
    first.switch_up_to = structure.switch_up_to(0, first.dtis);
    let whole = bytes(&first, &structure);
    for len in 0..whole.len() {
        for old in [DdStructure::default(), l1t3()] {
            let mut known = old;
            if len == MANDATORY_LEN {
                // Three bytes are a whole descriptor, of a template of the structure before.
                assert_eq!(parse(&whole[..len], &mut known).is_ok(), old.is_known());
            } else {
                assert_eq!(
                    parse(&whole[..len], &mut known),
                    Err(DdError::Truncated),
                    "{len} bytes"
                );
            }
            assert_eq!(known, old);
        }
    }
}

#[test]
fn layers_and_templates_beyond_the_limits_are_refused() {
    let mut known = DdStructure::default();
    // Structure attached, then next_layer_idc 0 (same layer), 1 (temporal) and 2 (spatial) for ever.
    for fill in [0x00, 0x55, 0xaa] {
        let mut extension = hex!("80 0001 80 10").to_vec();
        extension.resize(250, fill);
        assert_eq!(
            parse(&extension, &mut known),
            Err(DdError::Limit),
            "{fill:02x}"
        );
    }
    assert!(!known.is_known());
}

#[test]
fn a_descriptor_that_contradicts_its_structure_is_not_written() {
    let structure = l1t3();
    let mut out = [0; 1_024];
    let unknown = DependencyDescriptor {
        template_id: 20,
        ..descriptor(&structure, 0)
    };
    assert_eq!(write(&mut out, &unknown, &structure), None);
    let mut unordered = structure;
    unordered.templates[1].temporal = 3;
    assert_eq!(write(&mut out, &keyframe(&structure), &unordered), None);
    let whole = bytes(&keyframe(&structure), &structure);
    for len in 0..whole.len() {
        assert_eq!(
            write(&mut out[..len], &keyframe(&structure), &structure),
            None,
            "{len} bytes"
        );
    }
}

#[test]
fn every_first_byte_and_flags_at_every_length_is_parsed_or_refused() {
    for fill in [0x00u8, 0x55, 0xaa, 0xe4, 0xff] {
        let mut extension = vec![fill; 1_500];
        for flags in (0..=255u8).step_by(8) {
            extension[3] = flags | fill & 7;
            for len in (0..=255).chain([256, 1_000, 1_500]) {
                for first in [0x00, 0x3c, 0xbd, 0xff] {
                    extension[0] = first;
                    let mut known = l2t2();
                    let _ = parse(&extension[..len], &mut known);
                    let _ = parse(&extension[..len], &mut DdStructure::default());
                }
            }
        }
    }
}

prop_compose! {
    fn any_structure()(
        offset in 0u8..64, targets in 1u8..=32, chain_share in 0u8..=32,
        steps in proptest::collection::vec(0u8..3, 0..12),
        seeds in proptest::collection::vec(any::<(u64, u16, [u8; 32])>(), 13),
        protected: [u8; 32],
        resolutions in proptest::option::of(any::<[(u16, u16); 4]>()),
    ) -> DdStructure {
        let mut structure = DdStructure {
            template_id_offset: offset,
            decode_targets: targets,
            chains: chain_share.min(targets),
            ..DdStructure::default()
        };
        let mut layer = (0u8, 0u8);
        for (n, &(dtis, fdiffs, chains)) in seeds.iter().enumerate().take(steps.len() + 1) {
            if n > 0 {
                layer = match steps[n - 1] {
                    1 if layer.1 < 7 => (layer.0, layer.1 + 1),
                    2 if layer.0 < 3 => (layer.0 + 1, 0),
                    _ => layer,
                };
            }
            let target = |d: Dtis, t| d.with_bits(t, (dtis >> (2 * t) & 3) as u32);
            structure.templates[n] = Template {
                spatial: layer.0,
                temporal: layer.1,
                fdiffs,
                dtis: (0..usize::from(targets)).fold(Dtis::default(), target),
                chain_fdiffs: (0..usize::from(structure.chains))
                    .fold(ChainDiffs::default(), |d, chain| d.with(chain, chains[chain])),
            };
            structure.template_count += 1;
        }
        for (target, chain) in structure.protected_by.iter_mut().enumerate().take(usize::from(targets)) {
            *chain = protected[target].checked_rem(structure.chains).unwrap_or(0);
        }
        structure.resolutions = resolutions.map(|mut said| {
            said[usize::from(layer.0) + 1..].fill((0, 0));
            said
        });
        structure
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        structure in any_structure(), attach: bool, index: prop::sample::Index, number: u16, ends: (bool, bool),
        active in proptest::option::of(any::<u32>()), dtis in proptest::option::of(any::<u64>()),
        fdiffs in proptest::option::of(proptest::collection::vec(1u16..=4_096, 0..16)),
        chains in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let mut wanted = descriptor(&structure, index.index(usize::from(structure.template_count)) as u8);
        let all = (u64::from(u32::MAX) >> (32 - structure.decode_targets)) as u32;
        wanted.frame_number = number;
        (wanted.start_of_frame, wanted.end_of_frame) = ends;
        wanted.structure_attached = attach;
        wanted.active_decode_targets = active.map(|active| active & all).or(attach.then_some(all));
        if let Some(bits) = dtis {
            wanted.dtis = (0..usize::from(structure.decode_targets))
                .fold(Dtis::default(), |d, t| d.with_bits(t, (bits >> (2 * t) & 3) as u32));
        }
        wanted.switch_up_to = structure.switch_up_to(wanted.spatial, wanted.dtis);
        if let Some(list) = fdiffs {
            wanted.fdiffs = FrameDiffs::default();
            list.into_iter().for_each(|diff| wanted.fdiffs.insert(diff).unwrap());
        }
        if let Some(chains) = chains {
            let used = usize::from(structure.chains);
            wanted.chain_fdiffs[..used].copy_from_slice(&chains[..used]);
        }
        let written = bytes(&wanted, &structure);
        let mut known = if attach { DdStructure::default() } else { structure };
        prop_assert_eq!(parse(&written, &mut known), Ok(wanted));
        prop_assert_eq!(known, structure);
    }

    #[test]
    fn switch_points_of_all_targets_at_once_are_those_of_each(
        mut structure in any_structure(), masks in proptest::collection::vec(any::<u64>(), 64), spatial in 0u8..4, bits: u64,
    ) {
        let narrowed = |dtis: Dtis, mask: u64| (0..32).fold(dtis, |d, t| {
            if mask >> t & 3 == 0 { d } else { d.with(t, Dti::NotPresent) }
        });
        for (template, mask) in structure.templates.iter_mut().zip(masks) {
            template.dtis = narrowed(template.dtis, mask);
        }
        let targets = usize::from(structure.decode_targets);
        let dtis = (0..targets).fold(Dtis::default(), |d, t| d.with_bits(t, (bits >> (2 * t) & 3) as u32));
        // A frame is of a layer that its targets have: what only custom indications say is no layer.
        let on_layer = |t: usize| structure.templates().iter().any(|m| m.spatial == spatial && m.dtis.get(t) != Dti::NotPresent);
        let dtis = (0..targets).fold(dtis, |d, t| if on_layer(t) { d } else { d.with(t, Dti::NotPresent) });
        prop_assert_eq!(structure.switch_up_to(spatial, dtis), switch_by_target(&structure, spatial, dtis));
    }

    #[test]
    fn arbitrary_bytes_never_panic(extension in proptest::collection::vec(any::<u8>(), 0..256), known: bool) {
        let mut structure = if known { l2t2() } else { DdStructure::default() };
        let _ = parse(&extension, &mut structure);
    }
}
