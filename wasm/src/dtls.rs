//! DTLS 1.0 to 1.3 (RFC 4347, RFC 6347, RFC 9147): fragments of ClientHellos in the records of a
//! datagram.
use crate::number::size;
use crate::reader::{Reader, Short};

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Bytes of a handshake header.
pub const HEADER_BYTES: usize = 12;

/// Whether a datagram begins with a record in clear text: a kind in use, and a version.
#[must_use]
#[inline]
pub fn looks_like_record(payload: &[u8]) -> bool {
    // 0100 is OpenSSL's before DTLS 1.0 had a number.
    matches!(payload, [20..=23, 0xfe, _, ..] | [20..=23, 1, 0, ..])
}

/// A part of a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// message_seq: 0 for the first ClientHello, 1 for the one with a cookie.
    pub sequence: u16,
    /// Length of the message, its header left out.
    pub length: u32,
    /// Offset of `bytes` in it.
    pub offset: u32,
    /// As far as they were captured.
    pub bytes: &'a [u8],
    /// The capture cut the packet.
    pub cut: bool,
}

/// The fragments of ClientHellos in a datagram, in whatever records.
#[derive(Clone, Copy, Debug)]
pub struct Fragments<'a> {
    records: Reader<'a>,
    /// What is left of the current record.
    record: Reader<'a>,
    /// The capture cut the datagram.
    cut: bool,
}

impl<'a> Fragments<'a> {
    /// Those of `datagram`, of which the capture has only the front if `cut`.
    #[must_use]
    pub fn of(datagram: &'a [u8], cut: bool) -> Self {
        Self {
            records: Reader::new(datagram),
            record: Reader::new(&[]),
            cut,
        }
    }

    /// Content of the next record, if it is a handshake in clear text.
    fn record(&mut self) -> Result<Reader<'a>, Short> {
        let reader = &mut self.records;
        let [kind, high, low, epoch0, epoch1, ..] = *reader.array::<11>()?;
        let version = u16::from_be_bytes([high, low]);
        if !matches!(version, 0xfe00..=0xfeff | 0x0100) {
            return Err(Short);
        }
        let content = take(reader, self.cut)?;
        let clear = kind == HANDSHAKE && epoch0 == 0 && epoch1 == 0;
        Ok(Reader::new(if clear { content } else { &[] }))
    }

    /// The next fragment of the current record, if it is one of a ClientHello.
    fn fragment(&mut self) -> Result<Option<Fragment<'a>>, Short> {
        let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *self.record.array::<12>()?;
        let number = |bytes: [u8; 3]| {
            let [high, middle, low] = bytes;
            u32::from_be_bytes([0, high, middle, low])
        };
        let (length, offset) = (number([l0, l1, l2]), number([o0, o1, o2]));
        let wanted = size(number([f0, f1, f2]));
        let rest = self.record.rest();
        let cut = wanted > rest.len();
        if cut && !(self.cut && self.records.rest().is_empty()) {
            return Err(Short);
        }
        let bytes = self.record.take(wanted.min(rest.len()))?;
        let end = size(offset).saturating_add(wanted);
        if kind != CLIENT_HELLO || end > size(length) {
            return Ok(None);
        }
        Ok(Some(Fragment {
            sequence: u16::from_be_bytes([s0, s1]),
            length,
            offset,
            bytes,
            cut,
        }))
    }
}

/// A vector with two bytes of length; less of it if the capture cut the datagram.
fn take<'a>(reader: &mut Reader<'a>, cut: bool) -> Result<&'a [u8], Short> {
    let wanted = usize::from(reader.u16()?);
    let there = if cut {
        wanted.min(reader.rest().len())
    } else {
        wanted
    };
    reader.take(there)
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Fragment<'a>;

    fn next(&mut self) -> Option<Fragment<'a>> {
        loop {
            while self.record.rest().is_empty() {
                self.record = self.record().ok()?;
            }
            match self.fragment() {
                Ok(Some(found)) => return Some(found),
                Ok(None) => {}
                Err(Short) => self.record = Reader::new(&[]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, length];
        bytes.extend(content);
        bytes
    }

    #[test]
    fn fragments_of_all_records_in_clear_text() {
        let first = [1, 0, 0, 5, 0, 2, 0, 0, 0, 0, 0, 2, 7, 8];
        let other = [2, 0, 0, 5, 0, 2, 0, 0, 0, 0, 0, 2, 7, 8];
        let last = [1, 0, 0, 5, 0, 2, 0, 0, 2, 0, 0, 3, 9, 9, 9];
        let mut datagram = record(22, 0, &[first, other].concat());
        datagram.extend(record(22, 1, &first));
        datagram.extend(record(20, 0, &[1]));
        datagram.extend(record(22, 0, &last));
        let found: Vec<_> = Fragments::of(&datagram, false).collect();
        let fragment = |offset, bytes| Fragment {
            sequence: 2,
            length: 5,
            offset,
            bytes,
            cut: false,
        };
        assert_eq!(found, [fragment(0, &[7, 8]), fragment(2, &[9, 9, 9])]);
    }

    #[test]
    fn a_fragment_is_cut_only_where_the_datagram_is() {
        let first = [1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 5];
        let datagram = record(22, 0, &first);
        let short = &datagram[..datagram.len() - 2];
        assert_eq!(Fragments::of(short, false).next(), None);
        let found = Fragments::of(short, true).next().unwrap();
        assert_eq!((found.bytes, found.cut), (&[1, 2, 3][..], true));
        let inner = record(22, 0, &first[..first.len() - 2]);
        assert_eq!(Fragments::of(&inner, false).next(), None);
    }
}
