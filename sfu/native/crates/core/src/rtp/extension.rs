//! Header extension elements (RFC 8285): one-byte and two-byte form.

/// Form of the elements in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// 0xBEDE, RFC 8285 section 4.2.
    OneByte,
    /// 0x1000 to 0x100F (the low four bits are "appbits"), RFC 8285 section 4.3.
    TwoByte,
}

/// The "defined by profile" value of a block of one-byte elements.
pub(super) const ONE_BYTE_PROFILE: u16 = 0xbede;
/// The value of a block of two-byte elements with appbits 0.
pub(super) const TWO_BYTE_PROFILE: u16 = 0x1000;

/// The elements of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extensions<'a> {
    form: Form,
    data: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// No element.
    pub const NONE: Extensions<'static> = Extensions {
        form: Form::OneByte,
        data: &[],
    };

    /// A block of another profile holds no element that we know: RFC 8285 lets it be ignored.
    pub(super) fn new(profile: u16, data: &'a [u8]) -> Extensions<'a> {
        match profile {
            ONE_BYTE_PROFILE => Extensions {
                form: Form::OneByte,
                data,
            },
            _ if profile & 0xfff0 == TWO_BYTE_PROFILE => Extensions {
                form: Form::TwoByte,
                data,
            },
            _ => Extensions {
                form: Form::OneByte,
                data: &[],
            },
        }
    }

    /// Value of the first element with this local identifier.
    pub fn get(&self, id: u8) -> Option<&'a [u8]> {
        self.iter()
            .find(|&(found, _)| found == id)
            .map(|(_, value)| value)
    }

    /// All elements in order. Iteration ends at an element that runs over the block.
    pub fn iter(&self) -> ExtensionIter<'a> {
        ExtensionIter {
            form: self.form,
            rest: self.data,
        }
    }
}

/// Iterator over (local identifier, value).
#[derive(Clone, Debug)]
pub struct ExtensionIter<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionIter<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let found = match self.form {
            Form::OneByte => self.one_byte(),
            Form::TwoByte => self.two_byte(),
        };
        if found.is_none() {
            self.rest = &[];
        }
        found
    }
}

impl<'a> ExtensionIter<'a> {
    fn one_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&head, rest) = self.rest.split_first()?;
            let (id, len) = (head >> 4, usize::from(head & 0x0f) + 1);
            match id {
                // A single byte of padding.
                0 if head == 0 => self.rest = rest,
                // RFC 8285 section 4.2: id 0 with a length, and id 15, end the processing.
                0 | 15 => return None,
                _ => return self.take(rest, id, len),
            }
        }
    }

    fn two_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&id, rest) = self.rest.split_first()?;
            if id == 0 {
                self.rest = rest;
                continue;
            }
            let (&len, rest) = rest.split_first()?;
            return self.take(rest, id, usize::from(len));
        }
    }

    fn take(&mut self, rest: &'a [u8], id: u8, len: usize) -> Option<(u8, &'a [u8])> {
        let value = rest.get(..len)?;
        self.rest = rest.get(len..)?;
        Some((id, value))
    }
}
