//! A TCP relay that can drop its connections silently: bytes sent on them are lost, and neither side is notified.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The relay. Its threads end with the test process, those of a connection with the connection.
pub struct Relay {
    address: SocketAddr,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicUsize,
    /// How many of the connections, the first ones, are forgotten.
    forgotten: AtomicUsize,
}

impl Relay {
    /// Starts a relay to this port of the loopback interface.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let counters = Arc::<Counters>::default();
        let shared = Arc::clone(&counters);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let index = shared.accepted.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || relay(index, &from, &to, &shared));
                }
            }
        });
        Self { address, counters }
    }

    /// The URL of the relay.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.counters.accepted.load(Ordering::SeqCst)
    }

    /// Forgets all connections that exist.
    pub fn forget_connections(&self) {
        self.counters.forgotten.store(self.connections(), Ordering::SeqCst);
    }
}

/// Copies one direction of a connection, until it is forgotten.
fn relay(index: usize, mut from: &TcpStream, mut to: &TcpStream, counters: &Counters) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        if index < counters.forgotten.load(Ordering::SeqCst) {
            if read == 0 {
                return;
            }
            continue;
        }
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}
