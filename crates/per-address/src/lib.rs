//! Accounting per client address: how often an address may do something ([`Rates`]), and how much of something it may hold
//! at once ([`Shares`]). Both bound their own memory. An address is what [`network`] makes of it.

mod rates;
mod shares;

use std::net::{IpAddr, Ipv6Addr};

pub use rates::{Pace, Rates};
pub use shares::{Share, Shares, nine_tenths};

/// The address as limits count it: an IPv6 address counts as its 64-bit network, since a single host may use all of that;
/// an IPv4 address in IPv6 form counts as the IPv4 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let network = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
