//! Bit strings, most significant bit first, and the ns(n) code (AV1 RTP specification A.8.2).

use super::DdError;

/// Reads from a slice.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    /// f(n) for n up to 32.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, DdError> {
        (0..count).try_fold(0, |value, _| Ok(value << 1 | u32::from(self.flag()?)))
    }

    pub(super) fn flag(&mut self) -> Result<bool, DdError> {
        let byte = self.bytes.get(self.at / 8).ok_or(DdError::Truncated)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// ns(n): a value in 0..n.
    pub(super) fn non_symmetric(&mut self, n: u32) -> Result<u32, DdError> {
        let width = 32 - n.leading_zeros();
        let short = (1 << width) - n;
        let value = self.bits(width.saturating_sub(1))?;
        if value < short {
            return Ok(value);
        }
        Ok((value << 1) + self.bits(1)? - short)
    }
}

/// Writes into a slice that it clears byte by byte.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut [u8]) -> BitWriter<'a> {
        BitWriter { out, at: 0 }
    }

    pub(super) fn bits(&mut self, count: u32, value: u32) -> Option<()> {
        (0..count)
            .rev()
            .try_for_each(|bit| self.flag(value >> bit & 1 == 1))
    }

    pub(super) fn flag(&mut self, set: bool) -> Option<()> {
        let byte = self.out.get_mut(self.at / 8)?;
        if self.at.is_multiple_of(8) {
            *byte = 0;
        }
        *byte |= u8::from(set) << (7 - self.at % 8);
        self.at += 1;
        Some(())
    }

    pub(super) fn non_symmetric(&mut self, n: u32, value: u32) -> Option<()> {
        let width = 32 - n.leading_zeros();
        let short = (1 << width) - n;
        if value < short {
            self.bits(width.saturating_sub(1), value)
        } else {
            self.bits(width, value + short)
        }
    }

    /// Whole bytes written; the bits left of the last are zero.
    pub(super) fn len(&self) -> usize {
        self.at.div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_symmetric_code_of_five_is_the_one_of_the_specification() {
        // A.8.2: values 0..=4 of ns(5) are 00, 01, 10, 110, 111.
        let table = [(0b00, 2), (0b01, 2), (0b10, 2), (0b110, 3), (0b111, 3)];
        for (value, &(code, width)) in table.iter().enumerate() {
            let bytes = [(code << (8 - width)) as u8];
            let mut reader = BitReader::new(&bytes);
            assert_eq!(reader.non_symmetric(5), Ok(value as u32));
            assert_eq!(reader.at, width as usize);
        }
    }

    #[test]
    fn non_symmetric_code_round_trips() {
        for n in 1..=33 {
            for value in 0..n {
                let mut out = [0xff; 2];
                let mut writer = BitWriter::new(&mut out);
                writer.non_symmetric(n, value).unwrap();
                let written = writer.at;
                let mut reader = BitReader::new(&out);
                assert_eq!(reader.non_symmetric(n), Ok(value), "ns({n})");
                assert_eq!(reader.at, written);
            }
        }
    }

    #[test]
    fn reading_past_the_end_is_truncated() {
        let mut reader = BitReader::new(&[0xa5]);
        assert_eq!(reader.bits(8), Ok(0xa5));
        assert_eq!(reader.flag(), Err(DdError::Truncated));
        assert_eq!(BitReader::new(&[]).bits(0), Ok(0));
    }

    #[test]
    fn writing_past_the_end_is_refused() {
        let mut out = [0; 1];
        let mut writer = BitWriter::new(&mut out);
        assert_eq!(writer.bits(8, 0x5a), Some(()));
        assert_eq!(writer.flag(true), None);
        assert_eq!(writer.len(), 1);
        assert_eq!(out, [0x5a]);
    }
}
