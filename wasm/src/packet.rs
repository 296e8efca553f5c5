//! What the layers hand on: a stretch of a packet, and the way that was taken to it.

/// Bytes of a packet from some layer on, as far as they were captured.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// How many there were on the wire; never fewer than `bytes.len()`.
    pub wire: usize,
}

impl<'a> Span<'a> {
    /// The rest after a header of `count` captured bytes; `None` if they were not all captured.
    #[must_use]
    #[inline]
    pub fn skip(self, count: usize) -> Option<Self> {
        Some(Self {
            bytes: self.bytes.get(count..)?,
            wire: self.wire.saturating_sub(count),
        })
    }

    /// At most `count` bytes: what follows them is padding.
    #[must_use]
    #[inline]
    pub fn limit(self, count: usize) -> Self {
        Self {
            bytes: self.bytes.get(..count).unwrap_or(self.bytes),
            wire: self.wire.min(count),
        }
    }

    /// The first `N` captured bytes.
    #[must_use]
    #[inline]
    pub fn head<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.first_chunk()
    }

    /// Bytes on the wire that were not captured.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.wire.saturating_sub(self.bytes.len())
    }
}

/// An encapsulation that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tunnel {
    /// IPv4 in IP (RFC 2003).
    IpIp,
    /// IPv6 in IP (RFC 4213).
    SixInFour,
    /// GRE (RFC 2784).
    Gre,
    /// ERSPAN inside GRE.
    Erspan,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
    /// GTP-U (3GPP TS 29.281).
    Gtp,
    /// Teredo (RFC 4380).
    Teredo,
    /// L2TP, versions 2 (RFC 2661) and 3 (RFC 3931).
    L2tp,
    /// PPTP's enhanced GRE (RFC 2637).
    Pptp,
}

impl Tunnel {
    /// As events print it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::IpIp => "ipip",
            Self::SixInFour => "6in4",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::Teredo => "teredo",
            Self::L2tp => "l2tp",
            Self::Pptp => "pptp",
        }
    }
}

/// The tags and tunnels around a packet, outermost first; more than four of a kind are not kept.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    vlans: [u16; 4],
    vlan_count: u8,
    tunnels: [Tunnel; 4],
    tunnel_count: u8,
}

impl Path {
    /// Nothing around it.
    pub const EMPTY: Self = Self {
        vlans: [0; 4],
        vlan_count: 0,
        tunnels: [Tunnel::IpIp; 4],
        tunnel_count: 0,
    };

    /// Notes a VLAN tag; the identifier is the low twelve bits.
    pub fn push_vlan(&mut self, tag: u16) {
        if let Some(place) = self.vlans.get_mut(usize::from(self.vlan_count)) {
            *place = tag & 0x0fff;
            self.vlan_count = self.vlan_count.saturating_add(1);
        }
    }

    /// Notes a tunnel.
    pub fn push_tunnel(&mut self, tunnel: Tunnel) {
        if let Some(place) = self.tunnels.get_mut(usize::from(self.tunnel_count)) {
            *place = tunnel;
            self.tunnel_count = self.tunnel_count.saturating_add(1);
        }
    }

    /// VLAN identifiers.
    #[must_use]
    pub fn vlans(&self) -> &[u16] {
        self.vlans
            .get(..usize::from(self.vlan_count))
            .unwrap_or_default()
    }

    /// Tunnels.
    #[must_use]
    pub fn tunnels(&self) -> &[Tunnel] {
        self.tunnels
            .get(..usize::from(self.tunnel_count))
            .unwrap_or_default()
    }
}

/// One end of a connection. IPv4 addresses are IPv4-mapped (RFC 4291, section 2.5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address as a number.
    pub address: u128,
    /// TCP or UDP port.
    pub port: u16,
}

/// What the IP header says beside the addresses, for the facts about a SYN.
#[derive(Clone, Copy, Debug)]
pub struct IpFacts {
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Don't fragment; always true for IPv6.
    pub dont_fragment: bool,
    /// Identification; `None` for IPv6.
    pub identification: Option<u16>,
}

/// Which part of an IP packet this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification; fragments of one packet have the same.
    pub identification: u32,
    /// Offset of the part, bytes.
    pub offset: u16,
    /// Other parts lie behind.
    pub more: bool,
}

/// The innermost IP packet of a captured one.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Source address, IPv4 as IPv4-mapped.
    pub source: u128,
    /// Destination address.
    pub destination: u128,
    /// Protocol of `payload`.
    pub protocol: u8,
    /// Facts of the IP header.
    pub facts: IpFacts,
    /// Set if `payload` is a part only.
    pub fragment: Option<Fragment>,
    /// What the IP header carries.
    pub payload: Span<'a>,
    /// Tags and tunnels around it.
    pub path: Path,
}
