//! What the fuzz targets have in common: how they cut their input into pieces, and what must hold
//! of whatever the parser writes.
use ja4_wasm::event::Writer;
use ja4_wasm::packet::{Endpoint, Path, Span};
use serde::de::IgnoredAny;

/// Cuts the input of a target into pieces; yields zeros and empty pieces at its end.
#[derive(Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Begins with the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that was not taken.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// Two bytes as a number.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A piece with its length before it, in two bytes.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.number());
        self.take(length)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// `bytes` as captured, with some more of them on the wire.
#[must_use]
pub fn span(bytes: &[u8], missing: u8) -> Span<'_> {
    Span {
        bytes,
        wire: bytes.len() + usize::from(missing),
    }
}

/// An end of a connection, one of a few.
#[must_use]
pub fn end(number: u8) -> Endpoint {
    Endpoint {
        address: 0xffff_0a00_0000 | u128::from(number & 3),
        port: 443 + u16::from(number >> 2 & 3),
    }
}

/// No tags, no tunnels.
pub const NO_PATH: Path = Path::EMPTY;

/// Every event is one line of JSON, and the number of the last one says how many there were.
///
/// # Panics
/// If that is not so.
pub fn check_lines(writer: &Writer, before: u64) {
    let mut lines = 0;
    for line in writer.output().split_inclusive(|byte| *byte == b'\n') {
        assert!(line.ends_with(b"}\n"), "a line is cut");
        let read = serde_json::from_slice::<IgnoredAny>(line);
        assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(line));
        lines += 1;
    }
    assert_eq!(writer.sequence() - before, lines);
}
