//! What a connection can say in clear text before its ClientHello.
use crate::packet::Endpoint;

/// The kinds that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// The ClientHello came first.
    None,
    /// PROXY protocol, text form.
    ProxyV1,
    /// PROXY protocol, binary form.
    ProxyV2,
    /// SOCKS 4.
    Socks4,
    /// SOCKS 5 (RFC 1928).
    Socks5,
    /// HTTP CONNECT (RFC 9110, section 9.3.6).
    HttpConnect,
    /// SMTP with STARTTLS (RFC 3207).
    StarttlsSmtp,
    /// Some other protocol that asks for TLS in its first words.
    Starttls,
    /// PostgreSQL's SSLRequest.
    Postgres,
    /// Anything else.
    Other,
}

impl Preamble {
    /// As events print it.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::None => b"none",
            Self::ProxyV1 => b"proxy_v1",
            Self::ProxyV2 => b"proxy_v2",
            Self::Socks4 => b"socks4",
            Self::Socks5 => b"socks5",
            Self::HttpConnect => b"http_connect",
            Self::StarttlsSmtp => b"starttls_smtp",
            Self::Starttls => b"starttls",
            Self::Postgres => b"postgres",
            Self::Other => b"other",
        }
    }

    /// Names what `stream` begins with.
    #[must_use]
    pub fn of(stream: &[u8]) -> Self {
        let head = stream.get(..64).unwrap_or(stream);
        let contains = |word: &[u8]| {
            head.windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word))
        };
        let begins = |word: &[u8]| {
            head.get(..word.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(word))
        };
        match head {
            [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, ..] => Self::Postgres,
            [5, methods, ..] if stream.len() == usize::from(*methods).saturating_add(2) => {
                Self::Socks5
            }
            [4, 1 | 2, ..] => Self::Socks4,
            _ if begins(b"CONNECT ") => Self::HttpConnect,
            _ if begins(b"EHLO") || begins(b"HELO") || begins(b"LHLO") => Self::StarttlsSmtp,
            _ if contains(b"STARTTLS") || contains(b"AUTH TLS") || begins(b"STLS") => {
                Self::Starttls
            }
            _ => Self::Other,
        }
    }
}

/// A PROXY protocol header: its length, and the client it names.
pub type Proxied = (Preamble, usize, Option<Endpoint>);

/// Reads a PROXY header at the front of `stream` (HAProxy, proxy-protocol.txt, section 2).
#[must_use]
pub fn proxy(stream: &[u8]) -> Option<Proxied> {
    if let Some(rest) = stream.strip_prefix(b"PROXY ") {
        // 107 bytes at most with the line's end.
        let line = rest.get(..101).unwrap_or(rest);
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        let text = core::str::from_utf8(line.get(..end)?).ok()?;
        return Some((Preamble::ProxyV1, end.saturating_add(8), proxy_v1(text)));
    }
    let rest = stream.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let ([command, family, high, low], body) = rest.split_first_chunk()?;
    if command & 0xf0 != 0x20 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let client = match (command & 0x0f, family >> 4) {
        (1, 1) => proxy_v2_v4(body),
        (1, 2) => proxy_v2_v6(body),
        _ => None,
    };
    Some((Preamble::ProxyV2, length.saturating_add(16), client))
}

fn proxy_v1(text: &str) -> Option<Endpoint> {
    let mut words = text.split(' ');
    words.next().filter(|family| family.starts_with("TCP"))?;
    let address = match words.next()?.parse().ok()? {
        core::net::IpAddr::V4(address) => address.to_ipv6_mapped(),
        core::net::IpAddr::V6(address) => address,
    };
    words.next()?;
    Some(Endpoint {
        address: u128::from(address),
        port: words.next()?.parse().ok()?,
    })
}

fn proxy_v2_v4(body: &[u8]) -> Option<Endpoint> {
    let [a, b, c, d, _, _, _, _, high, low, ..] = body.first_chunk::<12>()?;
    let address = core::net::Ipv4Addr::new(*a, *b, *c, *d).to_ipv6_mapped();
    Some(Endpoint {
        address: u128::from(address),
        port: u16::from_be_bytes([*high, *low]),
    })
}

fn proxy_v2_v6(body: &[u8]) -> Option<Endpoint> {
    let (source, rest) = body.split_first_chunk::<16>()?;
    let ports = rest.get(16..)?.first_chunk()?;
    Some(Endpoint {
        address: u128::from_be_bytes(*source),
        port: u16::from_be_bytes(*ports),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_reads_both_forms() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\n\x16";
        let (kind, length, client) = proxy(line).unwrap();
        assert_eq!((kind, length), (Preamble::ProxyV1, line.len() - 1));
        assert_eq!(client.unwrap().port, 5000);
        assert_eq!(
            crate::ip::ipv4(client.unwrap().address),
            Some([192, 0, 2, 1])
        );

        let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        binary.extend([192, 0, 2, 9, 198, 51, 100, 1, 0x13, 0x88, 1, 0xbb]);
        let (kind, length, client) = proxy(&binary).unwrap();
        assert_eq!((kind, length), (Preamble::ProxyV2, binary.len()));
        assert_eq!(client.unwrap().port, 5000);
        assert_eq!(proxy(b"PROXY TCP4 no end"), None);
    }

    #[test]
    fn preamble_of_first_words() {
        assert_eq!(Preamble::of(b"EHLO a\r\n"), Preamble::StarttlsSmtp);
        assert_eq!(Preamble::of(b"a1 STARTTLS\r\n"), Preamble::Starttls);
        assert_eq!(Preamble::of(&[5, 1, 0]), Preamble::Socks5);
        assert_eq!(Preamble::of(b"GET / HTTP/1.1"), Preamble::Other);
    }
}
