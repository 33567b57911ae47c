//! Ports for servers that tests start.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use socket2::{Domain, Socket, Type};

/// Holds reserved ports until the program ends.
static RESERVED: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that nothing listens on, for a server that a test starts, perhaps several times. On Linux, the system gives the port to
/// no other program for as long as this one runs: a socket has it that does not listen. Servers that reuse addresses (`SO_REUSEADDR`), as
/// nearly all do, can listen on it.
///
/// # Errors
/// There are no free ports.
pub fn reserve() -> io::Result<u16> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let port = socket.local_addr()?.as_socket().map(|address| address.port());
    if cfg!(target_os = "linux") {
        RESERVED.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    }
    port.ok_or_else(|| io::Error::other("an address without a port"))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_server_can_listen_on_a_reserved_port_repeatedly_and_no_other_socket_gets_it() {
        let port = reserve().expect("a port");
        for _ in 0..2 {
            assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it is free");
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
            drop((listener.accept().expect("a client"), client));
        }
        let others: Vec<_> = (0..100).map(|_| reserve().expect("a port")).collect();
        assert!(!others.contains(&port));
    }
}
