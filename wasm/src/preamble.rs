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
    /// SMTP or LMTP with STARTTLS (RFC 3207).
    StarttlsSmtp,
    /// IMAP (RFC 9051, section 6.2.1).
    StarttlsImap,
    /// POP3 (RFC 2595, section 4).
    StarttlsPop3,
    /// FTP (RFC 4217, section 4).
    StarttlsFtp,
    /// LDAP (RFC 4511, section 4.14).
    StarttlsLdap,
    /// PostgreSQL's SSLRequest.
    StarttlsPostgres,
    /// MySQL's SSLRequest.
    StarttlsMysql,
    /// XMPP (RFC 6120, section 5).
    StarttlsXmpp,
    /// Some other protocol that asks for TLS.
    Starttls,
    /// Anything else.
    Other,
}

/// Longest segment that a command for TLS is looked for in: they are short.
const COMMAND_BYTES: usize = 512;

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
            Self::StarttlsImap => b"starttls_imap",
            Self::StarttlsPop3 => b"starttls_pop3",
            Self::StarttlsFtp => b"starttls_ftp",
            Self::StarttlsLdap => b"starttls_ldap",
            Self::StarttlsPostgres => b"starttls_postgres",
            Self::StarttlsMysql => b"starttls_mysql",
            Self::StarttlsXmpp => b"starttls_xmpp",
            Self::Starttls => b"starttls",
            Self::Other => b"other",
        }
    }

    /// What is known once `segment` was said in clear text, too: a client greets first and asks
    /// for TLS later.
    #[must_use]
    pub fn then(self, segment: &[u8]) -> Self {
        match self {
            Self::None | Self::Other | Self::Starttls if segment.len() <= COMMAND_BYTES => {
                match Self::of(segment) {
                    Self::Other if self != Self::None => self,
                    found => found,
                }
            }
            Self::None => Self::of(segment.get(..COMMAND_BYTES).unwrap_or(segment)),
            _ => self,
        }
    }

    /// Names the protocol that `segment` speaks.
    fn of(segment: &[u8]) -> Self {
        match segment {
            [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f | 0x30, ..] => return Self::StarttlsPostgres,
            // 32 bytes, number 1, with the capability CLIENT_SSL.
            [32, 0, 0, 1, _, flags, ..] if flags & 0x08 != 0 && segment.len() == 36 => {
                return Self::StarttlsMysql;
            }
            [5, methods, ..] if segment.len() == usize::from(*methods).saturating_add(2) => {
                return Self::Socks5;
            }
            [4, 1 | 2, ..] => return Self::Socks4,
            [0x30, ..] if contains(segment, b"1.3.6.1.4.1.1466.20037") => {
                return Self::StarttlsLdap;
            }
            _ => {}
        }
        // IMAP puts a name before each command.
        let command = segment.iter().position(|byte| *byte == b' ');
        let command = command.and_then(|at| segment.get(at.saturating_add(1)..));
        let any = |words: &[&[u8]]| words.iter().any(|word| begins(segment, word));
        if begins(segment, b"CONNECT ") {
            Self::HttpConnect
        } else if any(&[b"EHLO", b"HELO", b"LHLO"]) {
            Self::StarttlsSmtp
        } else if any(&[b"STLS", b"CAPA\r\n"]) {
            Self::StarttlsPop3
        } else if any(&[b"AUTH TLS", b"AUTH SSL", b"FEAT\r\n"]) {
            Self::StarttlsFtp
        } else if any(&[b"STARTTLS"]) {
            Self::Starttls
        } else if command.is_some_and(is_imap) {
            Self::StarttlsImap
        } else if begins(segment, b"<") && is_xmpp(segment) {
            Self::StarttlsXmpp
        } else {
            Self::Other
        }
    }
}

fn is_imap(command: &[u8]) -> bool {
    begins(command, b"STARTTLS\r\n") || begins(command, b"CAPABILITY\r\n")
}

fn is_xmpp(segment: &[u8]) -> bool {
    contains(segment, b"<stream:stream") || contains(segment, b"<starttls")
}

fn begins(segment: &[u8], word: &[u8]) -> bool {
    segment
        .get(..word.len())
        .is_some_and(|part| part.eq_ignore_ascii_case(word))
}

fn contains(segment: &[u8], word: &[u8]) -> bool {
    segment.windows(word.len()).any(|part| part == word)
}

/// How the two forms of a PROXY header begin, and how long the first is at most.
const V1: &[u8; 6] = b"PROXY ";
const V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V1_BYTES: usize = 107;

/// A PROXY protocol header: its length, and the client it names.
pub type Proxied = (Preamble, usize, Option<Endpoint>);

/// Reads a PROXY header at the front of `stream` (HAProxy, proxy-protocol.txt, section 2).
#[must_use]
pub fn proxy(stream: &[u8]) -> Option<Proxied> {
    if let Some(rest) = stream.strip_prefix(V1) {
        let line = rest
            .get(..V1_BYTES.saturating_sub(V1.len()))
            .unwrap_or(rest);
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        let text = core::str::from_utf8(line.get(..end)?).ok()?;
        return Some((Preamble::ProxyV1, end.saturating_add(8), proxy_v1(text)));
    }
    let rest = stream.strip_prefix(V2)?;
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

/// Whether `stream` is the front of a PROXY header whose rest may come in a later segment.
#[must_use]
pub fn is_proxy_front(stream: &[u8]) -> bool {
    let front = |of: &[u8]| {
        let shorter = stream.len().min(of.len());
        !stream.is_empty() && stream.get(..shorter) == of.get(..shorter)
    };
    (front(V1) && stream.len() < V1_BYTES && !stream.contains(&b'\n'))
        || (front(V2) && stream.len() < 16)
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
    fn a_proxy_header_may_come_in_parts() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\n\x16";
        let whole = line.len() - 1;
        assert!((1..whole).all(|end| is_proxy_front(&line[..end])));
        assert!(!is_proxy_front(&line[..whole]) && !is_proxy_front(b""));
        assert!(is_proxy_front(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"));
        assert!(!is_proxy_front(b"PROXIES") && !is_proxy_front(b"POST / HTTP/1.1\r\n"));
        assert!(!is_proxy_front(&[&b"PROXY "[..], &[b'x'; 110]].concat()));
    }

    #[test]
    fn preamble_of_what_was_said() {
        let said = |segments: &[&[u8]]| {
            segments
                .iter()
                .fold(Preamble::None, |known, segment| known.then(segment))
        };
        let mysql = [&[32, 0, 0, 1, 5, 0xae][..], &[0; 30]].concat();
        let ldap = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
        for (segments, preamble) in [
            (
                &[&b"EHLO a\r\n"[..], b"STARTTLS\r\n"][..],
                Preamble::StarttlsSmtp,
            ),
            (
                &[b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"],
                Preamble::StarttlsImap,
            ),
            (&[b"* x", b"a2 starttls\r\n"], Preamble::StarttlsImap),
            (&[b"STLS\r\n"], Preamble::StarttlsPop3),
            (&[b"CAPA\r\n", b"STLS\r\n"], Preamble::StarttlsPop3),
            (&[b"USER a\r\n", b"AUTH TLS\r\n"], Preamble::StarttlsFtp),
            (&[ldap], Preamble::StarttlsLdap),
            (
                &[&[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]],
                Preamble::StarttlsPostgres,
            ),
            (&[&mysql], Preamble::StarttlsMysql),
            (
                &[b"<?xml version='1.0'?><stream:stream to='a'>"],
                Preamble::StarttlsXmpp,
            ),
            (&[b"NOOP\r\n", b"STARTTLS\r\n"], Preamble::Starttls),
            (
                &[&[5, 1, 0], &[5, 1, 0, 1, 1, 2, 3, 4, 1, 187]],
                Preamble::Socks5,
            ),
            (&[&[4, 1, 1, 187, 1, 2, 3, 4, 0]], Preamble::Socks4),
            (&[b"CONNECT a:443 HTTP/1.1\r\n\r\n"], Preamble::HttpConnect),
            (&[b"GET / HTTP/1.1", b"x"], Preamble::Other),
        ] {
            assert_eq!(said(segments), preamble, "{segments:?}");
        }
    }
}
