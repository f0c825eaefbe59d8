//! The handle of a running server.

use crate::clock::Clock;
use crate::connection::serve;
use crate::fault::Faults;
use crate::hooks::Hook;
use crate::journal::{Call, CallInfo};
use crate::lock::lock;
use crate::options::Options;
use crate::registry_handle::RegistryHandle;
use crate::registry_id::RegistryId;
use crate::state::SharedState;
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

/// A model of Amazon ECR that listens on loopback. Clones are handles of one server, which ends
/// with the last of them.
#[derive(Clone)]
pub struct LocalEcr(Arc<Server>);

/// The server's thread, which ends when this is dropped.
struct Server {
    state: Arc<SharedState>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LocalEcr {
    /// Starts a server on a thread of its own, so that it serves asynchronous and synchronous code alike.
    ///
    /// # Errors
    /// If the port is taken, or the directory of [`Options::data`] cannot be read.
    pub fn start(options: Options) -> io::Result<Self> {
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
        Ok(Self(Arc::new(Server { state, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })))
    }

    fn state(&self) -> &SharedState {
        &self.0.state
    }

    /// The URL that it listens at, `http://127.0.0.1:<port>`: the endpoint for the SDK.
    pub fn url(&self) -> String {
        self.state().url()
    }

    /// The registry of an account in a Region.
    pub fn registry(&self, account: &str, region: &str) -> RegistryHandle {
        RegistryHandle::new(Arc::clone(&self.0.state), RegistryId::new(account, region))
    }

    /// The registry of the server's own account and Region.
    pub fn home(&self) -> RegistryHandle {
        let options = &self.state().options;
        self.registry(&options.account, &options.region)
    }

    /// The events from now on, exactly as EventBridge delivers them. Every call is a subscriber of its own.
    pub fn events(&self) -> UnboundedReceiver<Value> {
        self.state().store().events.subscribe()
    }

    /// The calls so far, in order of arrival.
    pub fn journal(&self) -> Vec<Call> {
        self.state().journal.calls()
    }

    /// Clears the journal.
    pub fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// The faults that are injected.
    pub fn faults(&self) -> &Faults {
        &self.state().faults
    }

    /// The registry's clock.
    pub fn clock(&self) -> &Clock {
        &self.state().clock
    }

    /// Runs `hook` before each call takes effect; not for one that a fault keeps from that. It runs
    /// on the server's thread and may use the handle it is given, but must not wait for another call.
    pub fn on_call(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) {
        self.state().before_call.add(self.bind(hook));
    }

    /// Runs `hook` after each call that was carried out, before its response is sent.
    pub fn after_call(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) {
        self.state().after_call.add(self.bind(hook));
    }

    /// Removes all hooks.
    pub fn clear_hooks(&self) {
        self.state().before_call.clear();
        self.state().after_call.clear();
    }

    /// Gives a hook its handle, which is weak: a hook that held the server would keep it from ending.
    fn bind(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) -> Hook {
        let server = Arc::downgrade(&self.0);
        Arc::new(move |call| {
            if let Some(server) = server.upgrade() {
                hook(call, &LocalEcr(server));
            }
        })
    }
}

impl fmt::Debug for LocalEcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalEcr").field(&self.url()).finish()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = lock(&self.stop).take() {
            let _ = stop.send(());
        }
        // The last handle may be the one that a hook was given: a thread cannot wait for itself.
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
        // A call that cannot be saved is answered with the error; here there is no one to report it to.
        let _ = self.state.save();
    }
}
