//! The names and addresses of this machine, as far as other machines can use them in a URL.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv6Addr},
};

use crate::Name;

/// Flag of a temporary IPv6 address in `/proc/net/if_inet6` (`IFA_F_TEMPORARY` of Linux).
const TEMPORARY: u8 = 0x01;

/// `localhost`, the machine's names and all its addresses, each once.
///
/// Left out are link-local IPv6 addresses, which URLs cannot carry, and temporary ones (RFC 8981), which change each day:
/// a certificate that listed them would change as often.
pub(crate) fn names() -> Vec<Name> {
    let addresses = addresses();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names = BTreeSet::from([Name::Dns("localhost".to_owned())]);
    names.extend(host_names(host.trim(), &hosts, &addresses));
    names.extend(addresses.into_iter().map(Name::Ip));
    names.into_iter().collect()
}

/// The machine's name, with `.local` (RFC 6762) where it has no domain, and the names that `hosts`, in the form of
/// `/etc/hosts`, has for its addresses.
fn host_names(host: &str, hosts: &str, addresses: &[IpAddr]) -> Vec<Name> {
    let local = (!host.contains('.')).then(|| format!("{host}.local"));
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let known = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip: IpAddr = words.next()?.parse().ok()?;
        (ip.is_loopback() || addresses.contains(&ip)).then_some(words)
    });
    let names = [host.to_owned()].into_iter().chain(local).chain(known.flatten().map(str::to_owned));
    names.filter_map(|name| name.parse().ok()).filter(|name| matches!(name, Name::Dns(_))).collect()
}

/// The addresses of all interfaces, without those that no URL can carry or that are temporary.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let temporary = temporary(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default());
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot read the addresses of this machine");
        Vec::new()
    });
    let mut addresses =
        BTreeSet::from([IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
    addresses.extend(interfaces.iter().map(|interface| interface.ip()).filter(|ip| match ip {
        IpAddr::V4(ip) => !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local() && !temporary.contains(ip),
    }));
    addresses.into_iter().collect()
}

/// The temporary addresses in the form of `/proc/net/if_inet6`: address, index, prefix, scope, flags and interface.
fn temporary(table: &str) -> Vec<Ipv6Addr> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u8::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & TEMPORARY != 0).then(|| Ipv6Addr::from(address))
    };
    table.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_its_name_and_those_that_the_hosts_file_has_for_its_addresses() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 studio.example.org studio # own\n192.0.2.7 lan.example\n\
                     198.51.100.1 other.example\n#10.0.0.1 x\nbroken\n";
        let names = host_names("Studio", hosts, &["192.0.2.7".parse().unwrap()]);
        let names: BTreeSet<_> = names.iter().map(Name::to_string).collect();
        let wanted = ["lan.example", "localhost", "studio", "studio.example.org", "studio.local"];
        assert_eq!(names, wanted.map(str::to_owned).into());
        assert_eq!(host_names("", "", &[]), []);
        assert_eq!(host_names("a b", "", &[]), []);
    }

    #[test]
    fn temporary_addresses_are_known_by_their_flag() {
        let table = "20010db8000000000000000000000001 02 40 00 01     eth0\n\
                     20010db8000000000000000000000002 02 40 00 80     eth0\nx\n";
        assert_eq!(temporary(table), ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]);
    }
}
