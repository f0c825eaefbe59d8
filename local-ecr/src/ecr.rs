//! The handle of a running server.

use crate::clock::Clock;
use crate::fault::Faults;
use crate::hooks::Hook;
use crate::journal::{Call, CallInfo};
use crate::options::Options;
use crate::registry_handle::RegistryHandle;
use crate::registry_id::RegistryId;
use crate::server::Server;
use crate::state::SharedState;
use serde_json::Value;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// A model of Amazon ECR that listens on loopback. Clones are handles of one server, which ends
/// with the last of them and of its [`RegistryHandle`]s.
#[derive(Debug, Clone)]
pub struct LocalEcr(Arc<Server>);

impl LocalEcr {
    /// Starts a server on a separate thread, so that it serves asynchronous and synchronous code alike.
    ///
    /// # Errors
    /// If the port is taken, or the directory of [`Options::data`] cannot be read.
    pub fn start(options: Options) -> io::Result<Self> {
        Server::start(options).map(|server| Self(Arc::new(server)))
    }

    fn state(&self) -> &SharedState {
        self.0.state()
    }

    /// The URL that it listens at, `http://127.0.0.1:<port>`: the endpoint for the SDK.
    pub fn url(&self) -> String {
        self.state().url()
    }

    /// The registry of an account in a Region.
    pub fn registry(&self, account: &str, region: &str) -> RegistryHandle {
        RegistryHandle::new(Arc::clone(&self.0), RegistryId::new(account, region))
    }

    /// The registry of the server's own account and Region.
    pub fn home(&self) -> RegistryHandle {
        let options = &self.state().options;
        self.registry(&options.account, &options.region)
    }

    /// The events from now on, exactly as EventBridge delivers them. Each call adds a separate subscriber.
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

    /// Runs `hook` before each call takes effect, except for calls that a fault rejects. It runs on the server's thread
    /// and may use the handle that it receives, but must not wait for another call.
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

    /// Passes a hook its handle, which is weak: a hook that held the server would keep it from ending.
    fn bind(&self, hook: impl Fn(&CallInfo, &LocalEcr) + Send + Sync + 'static) -> Hook {
        let server = Arc::downgrade(&self.0);
        Arc::new(move |call| {
            if let Some(server) = server.upgrade() {
                hook(call, &LocalEcr(server));
            }
        })
    }
}
