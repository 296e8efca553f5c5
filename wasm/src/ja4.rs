//! JA4, the TLS client fingerprint (FoxIO, JA4.md; BSD-3-Clause, see NOTICE).
use crate::client_hello::{ClientHello, extension};
use crate::digest::{Memo, sha256_12};
use crate::lists::{CODE_POINTS, Lists};
use crate::text::{Text, hex};

/// Hexadecimal text of all of them, with separators.
const TEXT_BYTES: usize = CODE_POINTS * 5 + 1;

/// Extensions that come and go with session resumption, so that a client has one JA4 for its
/// first connection and others for the next: padding, session_ticket, pre_shared_key, early_data.
const EPHEMERAL: [u16; 4] = [
    extension::PADDING,
    extension::SESSION_TICKET,
    extension::PRE_SHARED_KEY,
    extension::EARLY_DATA,
];

/// Digest of an empty list.
const NOTHING: [u8; 12] = *b"000000000000";

/// What carried the ClientHello: the first letter of JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

impl Transport {
    fn letter(self) -> u8 {
        match self {
            Self::Tcp => b't',
            Self::Quic => b'q',
            Self::Dtls => b'd',
        }
    }

    /// As events print it.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Tcp => b"tcp",
            Self::Quic => b"quic",
            Self::Dtls => b"dtls",
        }
    }
}

/// Parts of the five fingerprints of one ClientHello; the texts are what the digests are of.
#[derive(Debug)]
pub struct Ja4 {
    /// First part.
    pub a: [u8; 10],
    /// First part of the stable variant.
    pub stable_a: [u8; 10],
    /// Sorted cipher suites.
    pub b: [u8; 12],
    /// Sorted extensions without server_name and ALPN, and signature algorithms.
    pub c: [u8; 12],
    /// Cipher suites in wire order.
    pub original_b: [u8; 12],
    /// All extensions in wire order, and signature algorithms.
    pub original_c: [u8; 12],
    /// As `c`, without the extensions that come with resumption.
    pub stable_c: [u8; 12],
    /// Text under `b`.
    pub b_text: Text<TEXT_BYTES>,
    /// Text under `c`.
    pub c_text: Text<TEXT_BYTES>,
    /// Text under `original_b`.
    pub original_b_text: Text<TEXT_BYTES>,
    /// Text under `original_c`.
    pub original_c_text: Text<TEXT_BYTES>,
    stable_c_text: Text<TEXT_BYTES>,
    memo: Memo<1024, 12>,
}

impl Ja4 {
    /// Room for one; [`Ja4::compute`] fills it.
    pub const EMPTY: Self = Self {
        a: [0; 10],
        stable_a: [0; 10],
        b: [0; 12],
        c: [0; 12],
        original_b: [0; 12],
        original_c: [0; 12],
        stable_c: [0; 12],
        b_text: Text::EMPTY,
        c_text: Text::EMPTY,
        original_b_text: Text::EMPTY,
        original_c_text: Text::EMPTY,
        stable_c_text: Text::EMPTY,
        memo: Memo::EMPTY,
    };

    /// Computes all of them for `hello`, whose lists are `lists`.
    pub fn compute(&mut self, hello: &ClientHello<'_>, lists: &Lists, transport: Transport) {
        let ciphers = lists.ciphers.as_slice();
        list_text(&mut self.original_b_text, ciphers.iter().copied());
        let sorted = lists.sorted_ciphers.as_slice();
        list_text(&mut self.b_text, sorted.iter().copied());
        self.b = remembered(&mut self.memo, &self.b_text);
        self.original_b = remembered(&mut self.memo, &self.original_b_text);

        // Browsers shuffle their extensions: the order on the wire hardly comes twice.
        let extensions = lists.extensions.as_slice();
        let sorted = lists.sorted_extensions.as_slice();
        let algorithms = lists.signature_algorithms.as_slice();
        let original = extensions.iter().copied();
        extensions_text(&mut self.original_c_text, original, algorithms);
        self.original_c = part(self.original_c_text.as_bytes());
        let hashed = sorted.iter().copied().filter(is_hashed);
        extensions_text(&mut self.c_text, hashed.clone(), algorithms);
        self.c = remembered(&mut self.memo, &self.c_text);

        let parts = FirstPart::of(hello, transport, ciphers.len());
        self.a = parts.text(extensions.len());
        let ephemeral = sorted.iter().filter(|kind| is_ephemeral(kind)).count();
        self.stable_a = parts.text(extensions.len().saturating_sub(ephemeral));
        self.stable_c = self.c;
        if ephemeral > 0 {
            let lasting = hashed.filter(|kind| !is_ephemeral(kind));
            extensions_text(&mut self.stable_c_text, lasting, algorithms);
            self.stable_c = remembered(&mut self.memo, &self.stable_c_text);
        }
    }
}

fn is_ephemeral(kind: &u16) -> bool {
    EPHEMERAL.contains(kind)
}

/// server_name and ALPN are in the first part already (JA4.md, "Extension hash").
fn is_hashed(kind: &u16) -> bool {
    !matches!(*kind, extension::SERVER_NAME | extension::ALPN)
}

fn list_text<const N: usize>(text: &mut Text<N>, values: impl Iterator<Item = u16>) {
    text.clear();
    text.push_hex_list(values);
}

fn part(text: &[u8]) -> [u8; 12] {
    if text.is_empty() {
        NOTHING
    } else {
        sha256_12(text)
    }
}

fn remembered<const N: usize>(memo: &mut Memo<1024, 12>, text: &Text<N>) -> [u8; 12] {
    memo.get(text.as_bytes(), part)
}

/// Without signature algorithms there is no underscore; without extensions there is nothing.
fn extensions_text<const N: usize>(
    text: &mut Text<N>,
    extensions: impl Iterator<Item = u16>,
    algorithms: &[u16],
) {
    list_text(text, extensions);
    if !text.as_bytes().is_empty() && !algorithms.is_empty() {
        text.push(b"_");
        text.push_hex_list(algorithms.iter().copied());
    }
}

/// The first part but for the count of extensions, which is another in the stable variant.
struct FirstPart {
    before: [u8; 6],
    alpn: [u8; 2],
}

impl FirstPart {
    fn of(hello: &ClientHello<'_>, transport: Transport, ciphers: usize) -> Self {
        let [v0, v1] = version(hello.version_offered());
        let sni = if hello.has_server_name() { b'd' } else { b'i' };
        let [c0, c1] = two_digits(ciphers);
        Self {
            before: [transport.letter(), v0, v1, sni, c0, c1],
            alpn: alpn(hello.alpns().next()),
        }
    }

    fn text(&self, extensions: usize) -> [u8; 10] {
        let [p0, p1, p2, p3, p4, p5] = self.before;
        let [e0, e1] = two_digits(extensions);
        let [a0, a1] = self.alpn;
        [p0, p1, p2, p3, p4, p5, e0, e1, a0, a1]
    }
}

fn version(number: u16) -> [u8; 2] {
    *match number {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = u8::try_from(count.min(99)).unwrap_or(99);
    [b'0'.wrapping_add(count / 10), b'0'.wrapping_add(count % 10)]
}

/// First and last character of the first protocol; where one of them is not a letter or digit,
/// the first and last hexadecimal digit of it all (JA4.md, "ALPN Extension Value").
fn alpn(name: Option<&[u8]>) -> [u8; 2] {
    let (Some(first), Some(last)) = (
        name.and_then(<[u8]>::first).copied(),
        name.and_then(<[u8]>::last).copied(),
    ) else {
        return *b"00";
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last];
    }
    let [high, _] = hex(first);
    let [_, low] = hex(last);
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpn_characters() {
        // JA4.md, "ALPN Extension Value".
        for (name, want) in [
            (&b"h2"[..], b"h2"),
            (b"http/1.1", b"h1"),
            (b"a", b"aa"),
            (b"\xab", b"ab"),
            (b"\xab\xcd", b"ad"),
            (b"\x30\xab", b"3b"),
            (b"\x30\x31\xab\xcd", b"3d"),
            (b"\x30\xab\xcd\x31", b"01"),
            (b"", b"00"),
        ] {
            assert_eq!(&alpn(Some(name)), want, "{name:?}");
        }
        assert_eq!(&alpn(None), b"00");
    }

    #[test]
    fn counts_stop_at_99() {
        assert_eq!(&two_digits(7), b"07");
        assert_eq!(&two_digits(130), b"99");
    }
}
