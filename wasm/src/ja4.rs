//! JA4, the TLS client fingerprint (FoxIO, JA4.md; BSD-3-Clause, see NOTICE).
use crate::ciphers::CipherForms;
use crate::client_hello::ClientHello;
use crate::digest::sha256_12;
use crate::extensions::{ExtensionForms, extensions_text};
use crate::lists::{CODE_POINTS, Lists};
use crate::text::{Text, hex};

/// Hexadecimal text of all of them, with separators.
const TEXT_BYTES: usize = CODE_POINTS * 5 + 4;

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

/// Parts of the five fingerprints of one ClientHello; the others are in [`CipherForms`] and
/// [`ExtensionForms`].
#[derive(Debug)]
pub struct Ja4 {
    /// First part.
    pub a: [u8; 10],
    /// First part of the stable variant.
    pub stable_a: [u8; 10],
    /// All extensions in wire order, and signature algorithms.
    pub original_c: [u8; 12],
    /// Text under `original_c`.
    pub original_c_text: Text<TEXT_BYTES>,
}

impl Ja4 {
    /// Room for one; [`Ja4::compute`] fills it.
    pub const EMPTY: Self = Self {
        a: [0; 10],
        stable_a: [0; 10],
        original_c: [0; 12],
        original_c_text: Text::EMPTY,
    };

    /// Computes all of them for `hello`, whose lists are the others.
    pub fn compute(
        &mut self,
        hello: &ClientHello<'_>,
        lists: &Lists,
        (ciphers, sorted): (&CipherForms<'_>, &ExtensionForms<'_>),
        transport: Transport,
    ) {
        let extensions = lists.extensions.as_slice();
        let values = extensions.iter().copied();
        extensions_text(&mut self.original_c_text, values, sorted.algorithms_text);
        // Browsers shuffle their extensions: the order on the wire hardly comes twice.
        self.original_c = digest_or_zeros(self.original_c_text.as_bytes());
        let parts = FirstPart::of(hello, transport, ciphers.count);
        self.a = parts.text(extensions.len());
        self.stable_a = parts.text(extensions.len().saturating_sub(sorted.ephemeral));
    }
}

/// The digest of a list's text; zeros stand for that of an empty list.
#[must_use]
pub fn digest_or_zeros(text: &[u8]) -> [u8; 12] {
    if text.is_empty() {
        NOTHING
    } else {
        sha256_12(text)
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
