//! Addresses and the URLs made of them.
//!
//! In a URL, an IPv6 address is in brackets (RFC 3986, section 3.2.2). A link-local one needs a zone as well (RFC 4007), which
//! browsers accept in no URL, so it is refused as a value. An unspecified address, `0.0.0.0` or `::`, is for listening only.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use reqwest::Url;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The port of `https` URLs without one.
const HTTPS_PORT: u16 = 443;
/// Addresses for documentation (RFC 5737, RFC 3849): no packet is sent to them.
const ELSEWHERE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

const LINK_LOCAL: &str =
    "a link-local IPv6 address needs a zone, which URLs cannot carry; use another address or a name";
const UNSPECIFIED: &str =
    "an unspecified address is for listening only; give one that clients can connect to";
const MULTICAST: &str = "a multicast address is not allowed";

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// The URL of the server at `address`.
pub(crate) fn url(scheme: Scheme, address: SocketAddr) -> String {
    url_of(scheme, &host_of(address.ip()), address.port())
}

/// The URL of a server called `host`, which is in the form that [`host`] gives.
pub(crate) fn url_of(scheme: Scheme, host: &str, port: u16) -> String {
    match scheme {
        Scheme::Http => format!("http://{host}:{port}"),
        Scheme::Https if port == HTTPS_PORT => format!("https://{host}"),
        Scheme::Https => format!("https://{host}:{port}"),
    }
}

/// The URL at which this machine reaches its own server that listens on `address`.
pub(crate) fn url_here(scheme: Scheme, address: SocketAddr) -> String {
    url(scheme, SocketAddr::new(ip_here(address.ip()), address.port()))
}

/// The address at which this machine reaches its own server that listens on `ip`.
pub(crate) fn ip_here(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // Not IPv4: the socket may be for IPv6 only.
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    }
}

/// The URL for a browser on this machine of a server that listens on `address` for plain HTTP.
pub(crate) fn browser_url(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        // The name, because browsers count http://localhost as secure and let its pages share screens.
        ip if ip.is_unspecified() || ip.is_loopback() => url_of(Scheme::Http, "localhost", address.port()),
        _ => url(Scheme::Http, address),
    }
}

/// The address from which this machine reaches other networks, and so the one at which they most likely reach it. `None`
/// without a route.
pub(crate) fn outgoing() -> Option<IpAddr> {
    let source = |(own, elsewhere)| {
        let socket = UdpSocket::bind(SocketAddr::new(own, 0)).ok()?;
        // Connecting a UDP socket only looks the route up.
        socket.connect(SocketAddr::new(elsewhere, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| check_connectable(*ip).is_ok() && !ip.is_loopback())
    };
    ELSEWHERE.into_iter().find_map(source)
}

/// Reads the name or address of a machine that clients connect to, and returns it in the form of a URL's host.
pub(crate) fn host(text: &str) -> Result<String, String> {
    const WRONG: &str =
        "expected a name or an address without port, for example example.org, 192.0.2.1 or 2001:db8::1";
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        check_connectable(ip)?;
        return Ok(host_of(ip));
    }
    if is_zoned(bare) {
        return Err(LINK_LOCAL.to_owned());
    }
    let is_name =
        !text.is_empty() && !text.contains(|char: char| !char.is_alphanumeric() && !"-._".contains(char));
    let url = Url::parse(&format!("http://{text}/")).ok().filter(|_| is_name);
    url.as_ref().and_then(Url::host_str).map(str::to_owned).ok_or_else(|| WRONG.to_owned())
}

/// Reads an address to listen on.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    const WRONG: &str = "expected an address and a port, for example 0.0.0.0:5000 or [::]:5000";
    let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    if is_zoned(&text) {
        return Err(LINK_LOCAL.to_owned());
    }
    let address: SocketAddr = text.parse().map_err(|_| WRONG.to_owned())?;
    let ip = address.ip().to_canonical();
    if !ip.is_unspecified() {
        check_connectable(ip)?;
    }
    Ok(SocketAddr::new(ip, address.port()))
}

/// Refuses a `url` whose address shows that clients cannot connect to it.
pub(crate) fn check_host(url: &Url) -> Result<(), &'static str> {
    let host = url.host_str().unwrap_or_default();
    host.trim_matches(['[', ']']).parse().map_or(Ok(()), check_connectable)
}

/// Opens a port. `[::]` accepts IPv4 as well, whatever the system's default (`net.ipv6.bindv6only`).
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // As the standard library does: a restarted server can bind its port at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn host_of(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn is_zoned(text: &str) -> bool {
    text.trim_start_matches('[').split_once('%').is_some_and(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok())
}

fn check_connectable(ip: IpAddr) -> Result<(), &'static str> {
    match ip.to_canonical() {
        ip if ip.is_unspecified() => Err(UNSPECIFIED),
        ip if ip.is_multicast() => Err(MULTICAST),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Err(LINK_LOCAL),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_unspecified_address_is_reached_by_the_loopback_of_its_family() {
        for (listens, here, browser) in [
            ("0.0.0.0:80", "http://127.0.0.1:80", "http://localhost:80"),
            ("127.0.0.1:80", "http://127.0.0.1:80", "http://localhost:80"),
            ("192.0.2.1:80", "http://192.0.2.1:80", "http://192.0.2.1:80"),
            ("[::]:80", "http://[::1]:80", "http://localhost:80"),
            ("[::1]:80", "http://[::1]:80", "http://localhost:80"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]:80", "http://[2001:db8::1]:80"),
            ("[::ffff:192.0.2.1]:80", "http://192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            assert_eq!(
                (&*url_here(Scheme::Http, address(listens)), &*browser_url(address(listens))),
                (here, browser)
            );
        }
    }

    #[test]
    fn hosts_are_names_and_addresses_of_both_families() {
        for (given, in_url) in [
            ("localhost", "localhost"),
            ("Cdn-1.Example.org", "cdn-1.example.org"),
            ("192.0.2.1", "192.0.2.1"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("2001:DB8:0::1", "[2001:db8::1]"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(host(given).as_deref(), Ok(in_url), "{given}");
            assert!(Url::parse(&url_of(Scheme::Http, in_url, 5000)).is_ok());
        }
        for wrong in ["", "host:80", "[::1]:80", "http://host", "a/b", "a b", "u@host", "[host]", "::1::"] {
            assert!(host(wrong).unwrap_err().contains("without port"), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_refused_with_the_reason() {
        for (wrong, reason) in [
            ("fe80::1", LINK_LOCAL),
            ("[fe80::1]", LINK_LOCAL),
            ("fe80::1%eth0", LINK_LOCAL),
            ("[fe80::1%2]", LINK_LOCAL),
            ("::", UNSPECIFIED),
            ("0.0.0.0", UNSPECIFIED),
            ("ff02::1", MULTICAST),
            ("224.0.0.1", MULTICAST),
        ] {
            assert_eq!(host(wrong).unwrap_err(), reason, "{wrong}");
        }
        for (wrong, reason) in
            [("[fe80::1]:80", LINK_LOCAL), ("[fe80::1%2]:80", LINK_LOCAL), ("[ff02::1]:80", MULTICAST)]
        {
            assert_eq!(listen(wrong).unwrap_err(), reason, "{wrong}");
        }
    }

    #[test]
    fn addresses_to_listen_on_have_a_port() {
        for (given, read) in [
            ("localhost:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("[::]:80", "[::]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
        ] {
            assert_eq!(listen(given).unwrap().to_string(), read);
        }
        for wrong in ["", "5000", ":5000", "localhost", "0.0.0.0", "host:5000", "0.0.0.0:99999", "::1:80"] {
            assert!(listen(wrong).unwrap_err().contains("0.0.0.0:5000"), "{wrong}");
        }
    }

    #[test]
    fn unspecified_ipv6_takes_both_families_and_a_single_address_its_own() {
        // Without IPv6 on this machine there is nothing to see.
        let Ok(both) = bind(address("[::]:0")) else { return println!("skipped: no IPv6 here") };
        let port = both.local_addr().unwrap().port();
        for ip in ["127.0.0.1", "::1"] {
            assert!(TcpStream::connect((ip, port)).is_ok(), "{ip}");
        }
        assert!(bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)).is_err(), "both are taken");
        assert!(bind(address("[::1]:0")).is_ok() && bind(address("127.0.0.1:0")).is_ok());
    }
}
