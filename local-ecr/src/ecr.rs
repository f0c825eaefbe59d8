//! The handle of a running server.

use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::{Call, CallInfo};
use crate::lock;
use crate::options::Options;
use crate::registry::Registry;
use crate::registry_id::RegistryId;
use crate::server::{Shared, serve};
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

/// A model of Amazon ECR that listens on loopback. Clones are handles of one server, which ends
/// with the last of them.
#[derive(Clone)]
pub struct LocalEcr(Arc<Server>);

/// The server's thread.
pub(crate) struct Server {
    shared: Arc<Shared>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl LocalEcr {
    /// Starts a server on a thread of its own, so that it serves asynchronous and plain code alike.
    ///
    /// # Errors
    /// Where the port cannot be had, or the folder of [`Options::data`] cannot be read.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::new(options, port)?);
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new()
            .name(String::from("local-ecr"))
            .spawn(move || runtime.block_on(serve(serving, listener, stopped)))?;
        let server = Arc::new(Server { shared, stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) });
        let _ = server.shared.handle.set(Arc::downgrade(&server));
        Ok(Self(server))
    }

    pub(crate) fn of(server: Arc<Server>) -> Self {
        Self(server)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Where it listens: `http://127.0.0.1:<port>`, the endpoint for the SDK.
    pub fn url(&self) -> String {
        self.shared().url()
    }

    /// The registry of an account in a Region.
    pub fn registry(&self, account: &str, region: &str) -> Registry {
        Registry::new(self.clone(), RegistryId::new(account, region))
    }

    /// The registry of the server's own account and Region.
    pub fn home(&self) -> Registry {
        let options = &self.shared().options;
        self.registry(&options.account, &options.region)
    }

    /// The events from now on, exactly as EventBridge delivers them. Every call is a subscriber of its own.
    pub fn events(&self) -> UnboundedReceiver<Value> {
        let (sender, receiver) = unbounded_channel();
        self.shared().world().subscribers.push(sender);
        receiver
    }

    /// The calls so far, in order of arrival.
    pub fn journal(&self) -> Vec<Call> {
        self.shared().journal.calls()
    }

    /// Forgets the calls so far.
    pub fn clear_journal(&self) {
        self.shared().journal.clear();
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared().faults
    }

    /// The registry's clock.
    pub fn clock(&self) -> &Clock {
        &self.shared().clock
    }

    /// Runs `hook` before each call takes effect; not for one that a fault keeps from that. It runs
    /// on the server's thread and may use the handle it is given, but must not wait for another call.
    pub fn on_call(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) {
        lock(&self.shared().before).push(Arc::new(hook));
    }

    /// Runs `hook` after each call that was carried out, before its answer is sent.
    pub fn after_call(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) {
        lock(&self.shared().after).push(Arc::new(hook));
    }

    /// Takes all hooks away.
    pub fn clear_hooks(&self) {
        lock(&self.shared().before).clear();
        lock(&self.shared().after).clear();
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
        // A call that cannot be saved says so; here nobody is left to be told.
        let _ = self.shared.save();
    }
}
