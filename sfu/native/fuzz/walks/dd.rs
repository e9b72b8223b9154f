//! Dependency descriptors of one stream: the reader is total over any history of structures, and
//! what it read can be written and reads the same.

use sfu_core::dd::{self, DdStructure};

/// Takes the bytes as descriptors, each after a byte with its length.
pub(crate) fn run(data: &[u8]) {
    let mut structure = DdStructure::default();
    let mut rest = data;
    while let Some((&len, tail)) = rest.split_first() {
        let (extension, tail) = tail.split_at(usize::from(len).min(tail.len()));
        rest = tail;
        step(extension, &mut structure);
    }
}

fn step(extension: &[u8], structure: &mut DdStructure) {
    let before = *structure;
    let Ok(descriptor) = dd::parse(extension, structure) else {
        assert_eq!(*structure, before, "a bad descriptor changes nothing");
        return;
    };
    assert!(structure.is_known());
    let fields = dd::mandatory(extension).expect("parsed");
    assert_eq!(fields.frame_number, descriptor.frame_number);
    let mut out = [0xaa; 2048];
    let len =
        dd::write(&mut out, &descriptor, structure).expect("whatever was read can be written");
    let mut again = before;
    assert_eq!(dd::parse(&out[..len], &mut again), Ok(descriptor));
    assert_eq!(again, *structure);
    let number = !descriptor.frame_number;
    dd::rewrite_frame_number(&mut out[..len], number).expect("has one");
    let rewritten = dd::parse(&out[..len], &mut again).expect("still one");
    assert_eq!(
        dd::DependencyDescriptor {
            frame_number: descriptor.frame_number,
            ..rewritten
        },
        descriptor
    );
    assert_eq!(rewritten.frame_number, number);
}
