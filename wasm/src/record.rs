//! TLS records (RFC 8446, section 5.1): finds the ClientHello at the front of a byte stream, in
//! however many records it lies.
use crate::limits::HELLO_BYTES;
use crate::stream::Progress;

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A ClientHello as far as it goes; more is needed.
    More,
    /// No ClientHello.
    Other,
    /// It begins as a ClientHello and then breaks the record layer's rules.
    Malformed,
    /// It says it is longer than what is read.
    TooLong,
    /// A whole ClientHello: its message length with header, and where its last record ends
    /// (which may be beyond the bytes at hand).
    Hello {
        /// Bytes of the message, with the four of its header.
        total: usize,
        /// Offset of the byte after its last record.
        end: usize,
    },
}

/// A place in a stream of records; continues where it stopped when more bytes are there.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Next byte to look at.
    offset: usize,
    /// Bytes of the current record that were not looked at.
    left: usize,
    /// Handshake bytes seen.
    have: usize,
    /// The first four of them.
    header: [u8; 4],
    records: u32,
    /// After a first ClientHello: ChangeCipherSpec may come before, it need not come at all.
    follow_up: bool,
    /// Early data may come before, too.
    early_data: bool,
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
/// 2^14 and the expansion that RFC 5246, section 6.2.3 allows.
const RECORD_BYTES: usize = 16_384 + 2_048;

impl Progress for Walk {
    const START: Self = Self {
        offset: 0,
        left: 0,
        have: 0,
        header: [0; 4],
        records: 0,
        follow_up: false,
        early_data: false,
    };
}

impl Walk {
    /// After a ClientHello: at the front of what may become a second one.
    #[must_use]
    pub fn follow_up(early_data: bool) -> Self {
        Self {
            follow_up: true,
            early_data,
            ..Self::START
        }
    }

    /// Records that hold what was seen of the message.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Whether the first byte of the message said "ClientHello".
    #[must_use]
    pub fn begun(&self) -> bool {
        self.have > 0
    }

    /// Length the message says it has, with its header, once that is known.
    #[must_use]
    pub fn announced(&self) -> Option<usize> {
        let [_, high, middle, low] = self.header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        (self.have >= 4).then(|| crate::number::size(length).saturating_add(4))
    }

    /// Bytes before the first record of the message that need not be kept (always whole
    /// records; may reach beyond the bytes at hand).
    #[must_use]
    pub fn skippable(&self) -> usize {
        if self.have == 0 && self.left == 0 {
            self.offset
        } else {
            0
        }
    }

    /// This place, after `count` bytes were dropped from the front.
    #[must_use]
    pub fn moved(mut self, count: usize) -> Self {
        self.offset = self.offset.saturating_sub(count);
        self
    }

    /// Looks at `stream`, which must begin with the bytes it was given before.
    pub fn advance(&mut self, stream: &[u8]) -> Step {
        loop {
            let rest = stream.get(self.offset..).unwrap_or_default();
            if self.left == 0 {
                match self.record(rest) {
                    Ok(true) => continue,
                    Ok(false) => return Step::More,
                    Err(step) => return step,
                }
            }
            let wanted = self.announced().unwrap_or(4).saturating_sub(self.have);
            let count = self.left.min(wanted).min(rest.len());
            if self.have < 4 {
                let place = self.header.iter_mut().skip(self.have);
                for (place, byte) in place.zip(rest.iter().take(count)) {
                    *place = *byte;
                }
            }
            self.have = self.have.saturating_add(count);
            self.offset = self.offset.saturating_add(count);
            self.left = self.left.saturating_sub(count);
            if self.have > 0 && self.header.first() != Some(&CLIENT_HELLO) {
                return Step::Other;
            }
            match self.announced() {
                Some(total) if total > HELLO_BYTES => return Step::TooLong,
                Some(total) if self.have >= total => {
                    return Step::Hello {
                        total,
                        end: self.offset.saturating_add(self.left),
                    };
                }
                _ if count == 0 => return Step::More,
                _ => {}
            }
        }
    }

    /// Reads a record header at the front of `rest`; false if it is not all there.
    fn record(&mut self, rest: &[u8]) -> Result<bool, Step> {
        // What is no handshake record in the middle of a message breaks it; before it, it is
        // simply something else.
        let refusal = if self.have > 0 {
            Step::Malformed
        } else {
            Step::Other
        };
        let kind_fits = match rest.first() {
            None | Some(&HANDSHAKE) => true,
            Some(&CHANGE_CIPHER_SPEC) => self.follow_up && self.have == 0,
            Some(&APPLICATION_DATA) => self.early_data && self.have == 0,
            _ => false,
        };
        // The record version is 03 something; what exactly says nothing (RFC 8446, appendix D).
        if !kind_fits || rest.get(1).is_some_and(|major| *major != 3) {
            return Err(refusal);
        }
        let Some([kind, _, _, high, low]) = rest.first_chunk() else {
            return Ok(false);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length == 0 || length > RECORD_BYTES {
            return Err(refusal);
        }
        self.offset = self.offset.saturating_add(5);
        if *kind == HANDSHAKE {
            self.left = length;
            self.records = self.records.saturating_add(1);
        } else {
            self.offset = self.offset.saturating_add(length);
        }
        Ok(true)
    }
}

/// The message of `total` bytes in the records at the front of `stream`: borrowed where it lies
/// in one record, else put together in `room`. Records of other kinds between are left out.
pub fn message<'a>(stream: &'a [u8], total: usize, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let (kind, first) = fragment(stream)?;
    if kind == HANDSHAKE && first.len() >= total {
        return first.get(..total);
    }
    let mut filled: usize = 0;
    let mut rest = stream;
    while filled < total {
        let (kind, bytes) = fragment(rest)?;
        rest = rest.get(bytes.len().saturating_add(5)..)?;
        if kind != HANDSHAKE {
            continue;
        }
        let count = bytes.len().min(total.saturating_sub(filled));
        let end = filled.saturating_add(count);
        room.get_mut(filled..end)?
            .copy_from_slice(bytes.get(..count)?);
        filled = end;
    }
    room.get(..total)
}

/// Kind and content of the record at the front of `stream`, as far as it is there.
fn fragment(stream: &[u8]) -> Option<(u8, &[u8])> {
    let ([kind, _, _, high, low], rest) = stream.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Some((*kind, rest.get(..length).unwrap_or(rest)))
}

/// Whether a segment begins like a ClientHello in a handshake record: the test for connections
/// whose beginning was not seen, and for TLS after some other protocol.
#[must_use]
#[inline]
pub fn looks_like_hello(payload: &[u8]) -> bool {
    matches!(
        payload,
        [HANDSHAKE, 3, 0..=4, 0..=0x48, _, CLIENT_HELLO, ..]
    )
}

/// Whether `stream` begins with a ClientHello in the record format of SSL 2.0 (RFC 5246,
/// appendix E.2): two bytes of length, type 1, version, three lengths that add up.
#[must_use]
pub fn is_sslv2(stream: &[u8]) -> bool {
    let Some(
        [
            high @ 0x80..=0xff,
            low,
            CLIENT_HELLO,
            major,
            minor,
            c0,
            c1,
            s0,
            s1,
            r0,
            r1,
        ],
    ) = stream.first_chunk()
    else {
        return false;
    };
    let length = u32::from(u16::from_be_bytes([high & 0x7f, *low]));
    let ciphers = u32::from(u16::from_be_bytes([*c0, *c1]));
    let session = u32::from(u16::from_be_bytes([*s0, *s1]));
    let challenge = u32::from(u16::from_be_bytes([*r0, *r1]));
    let version_fits = matches!((*major, *minor), (0, 2) | (3, 0..=3));
    let sum = ciphers
        .saturating_add(session)
        .saturating_add(challenge)
        .saturating_add(9);
    version_fits
        && ciphers > 0
        && ciphers % 3 == 0
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
        && sum == length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let mut stream = Vec::new();
        for part in message.chunks(size) {
            stream.extend([22, 3, 1, 0, u8::try_from(part.len()).unwrap()]);
            stream.extend(part);
        }
        stream
    }

    #[test]
    fn advance_finds_a_hello_however_it_is_cut() {
        let message: Vec<u8> = [1, 0, 0, 60].into_iter().chain(0..60).collect();
        for size in [1, 3, 4, 5, 63, 64] {
            let stream = records(&message, size);
            let mut walk = Walk::START;
            for end in 0..stream.len() {
                assert_eq!(walk.advance(&stream[..end]), Step::More, "{size} {end}");
            }
            let step = walk.advance(&stream);
            assert_eq!(
                step,
                Step::Hello {
                    total: 64,
                    end: stream.len()
                }
            );
            assert_eq!(
                usize::try_from(walk.records()).unwrap(),
                64_usize.div_ceil(size)
            );
            let mut room = [0; 64];
            assert_eq!(super::message(&stream, 64, &mut room), Some(&message[..]));
        }
    }

    #[test]
    fn advance_tells_what_is_no_hello() {
        let step = |bytes: &[u8]| Walk::START.moved(0).advance(bytes);
        assert_eq!(step(b"GET / HTTP/1.1"), Step::Other);
        assert_eq!(step(&[22, 3, 3, 0, 4, 2, 0, 0, 0]), Step::Other);
        assert_eq!(step(&[22, 2]), Step::Other);
        assert_eq!(step(&[22, 3, 1, 0, 0]), Step::Other);
        assert_eq!(step(&[22, 3, 1, 0, 4, 1, 1, 0, 0]), Step::TooLong);
        assert_eq!(
            step(&[22, 3, 1, 0, 2, 1, 0, 23, 3, 3, 0, 1, 0]),
            Step::Malformed
        );
    }

    #[test]
    fn follow_up_skips_change_cipher_spec_and_early_data_only() {
        let hello = [22, 3, 3, 0, 4, 1, 0, 0, 0];
        let after = |before: &[u8], early_data: bool| {
            let stream: Vec<u8> = before.iter().chain(&hello).copied().collect();
            Walk::follow_up(early_data).advance(&stream)
        };
        let found = |end| Step::Hello { total: 4, end };
        assert_eq!(after(&[], false), found(9));
        assert_eq!(after(&[20, 3, 3, 0, 1, 1], false), found(15));
        assert_eq!(after(&[23, 3, 3, 0, 1, 9], false), Step::Other);
        assert_eq!(after(&[23, 3, 3, 0, 1, 9], true), found(15));
    }

    #[test]
    fn is_sslv2_needs_lengths_that_add_up() {
        let mut hello = vec![0x80, 9 + 6 + 16, 1, 0, 2, 0, 6, 0, 0, 0, 16];
        hello.extend([0; 22]);
        assert!(is_sslv2(&hello));
        hello[1] = 9;
        assert!(!is_sslv2(&hello));
    }
}
