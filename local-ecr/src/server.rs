//! The server's thread: its start and its end.

use crate::connection::serve;
use crate::lock::lock;
use crate::options::Options;
use crate::state::SharedState;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::oneshot;

/// A running server, which ends when this is dropped.
pub(crate) struct Server {
    state: Arc<SharedState>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(SharedState::new(options, port)?);
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&state);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new()
            .name(String::from("local-ecr"))
            .spawn(move || runtime.block_on(serve(served, listener, stopped)))?;
        Ok(Self { state, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn state(&self) -> &SharedState {
        &self.state
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.state.url(), f)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = lock(&self.stop).take() {
            let _ = stop.send(());
        }
        // A hook runs on the server's thread and may drop the last handle: a thread cannot wait for itself.
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
        // A call that cannot be saved is answered with the error; here it cannot be reported to any caller.
        let _ = self.state.save();
    }
}
