//! Header extension identifiers of one transport, both ways (BUNDLE: one numbering for all).

use crate::command::Extension;
use crate::rtp::Extensions;

/// Extensions in the order of [`Extension`].
const KINDS: [Extension; 9] = [
    Extension::Mid,
    Extension::Rid,
    Extension::RepairedRid,
    Extension::AudioLevel,
    Extension::AbsSendTime,
    Extension::TransportWideCc,
    Extension::DependencyDescriptor,
    Extension::VideoOrientation,
    Extension::PlayoutDelay,
];

/// Identifiers negotiated on a transport.
#[derive(Clone, Debug)]
pub(crate) struct ExtensionIds {
    ids: [u8; KINDS.len()],
    kinds: [Option<Extension>; 256],
    /// One- and two-byte headers may be mixed (RFC 8285 section 4.1.2).
    pub(crate) mixed: bool,
}

impl Default for ExtensionIds {
    fn default() -> ExtensionIds {
        ExtensionIds {
            ids: [0; KINDS.len()],
            kinds: [None; 256],
            mixed: false,
        }
    }
}

impl ExtensionIds {
    /// `None` when an identifier is 0 or stands for two extensions.
    pub(crate) fn new(list: &[(Extension, u8)], mixed: bool) -> Option<ExtensionIds> {
        let mut ids = ExtensionIds {
            mixed,
            ..ExtensionIds::default()
        };
        for &(extension, id) in list {
            let kind = &mut ids.kinds[usize::from(id)];
            if id == 0 || kind.is_some() {
                return None;
            }
            *kind = Some(extension);
            ids.ids[extension as usize] = id;
        }
        Some(ids)
    }

    /// Identifier of an extension, when it was negotiated.
    pub(crate) fn id(&self, extension: Extension) -> Option<u8> {
        let id = self.ids[extension as usize];
        (id != 0).then_some(id)
    }

    /// Reads the elements of a packet in one pass.
    pub(crate) fn read<'a>(&self, extensions: &Extensions<'a>) -> Elements<'a> {
        let mut elements = Elements::default();
        for (id, value) in extensions.iter() {
            let Some(kind) = self.kinds[usize::from(id)] else {
                continue;
            };
            match kind {
                Extension::Mid => elements.mid = Some(value),
                Extension::Rid => elements.rid = Some(value),
                Extension::RepairedRid => elements.repaired_rid = Some(value),
                Extension::AudioLevel => elements.audio_level = value.first().copied(),
                Extension::AbsSendTime => {}
                Extension::TransportWideCc => {
                    elements.transport_sequence =
                        value.first_chunk().map(|b| u16::from_be_bytes(*b));
                }
                Extension::DependencyDescriptor => elements.descriptor = value,
                Extension::VideoOrientation => elements.orientation = value.first().copied(),
                Extension::PlayoutDelay => elements.playout_delay = value.first_chunk().copied(),
            }
        }
        elements
    }
}

/// What a packet carried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elements<'a> {
    pub(crate) mid: Option<&'a [u8]>,
    pub(crate) rid: Option<&'a [u8]>,
    pub(crate) repaired_rid: Option<&'a [u8]>,
    pub(crate) audio_level: Option<u8>,
    pub(crate) transport_sequence: Option<u16>,
    /// Empty when there was none.
    pub(crate) descriptor: &'a [u8],
    pub(crate) orientation: Option<u8>,
    pub(crate) playout_delay: Option<[u8; 3]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_the_order_of_the_enum() {
        for (index, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn an_identifier_stands_for_one_extension() {
        use Extension::{Mid, Rid};
        assert!(ExtensionIds::new(&[(Mid, 1), (Rid, 1)], false).is_none());
        assert!(ExtensionIds::new(&[(Mid, 0)], false).is_none());
        let ids = ExtensionIds::new(&[(Mid, 4), (Rid, 200)], true).unwrap();
        assert_eq!((ids.id(Mid), ids.id(Rid)), (Some(4), Some(200)));
        assert_eq!(ids.id(Extension::AudioLevel), None);
    }
}
