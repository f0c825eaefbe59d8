//! The server: one listener, and the way of every request through faults, hooks and journal.

use crate::body::Payload;
use crate::clock::Clock;
use crate::door::{self, Door};
use crate::ecr::{LocalEcr, Server};
use crate::error::ApiError;
use crate::fault::{FaultKind, Faults};
use crate::journal::{CallInfo, End, Journal};
use crate::lock;
use crate::options::Options;
use crate::persistence::Folder;
use crate::reply::Reply;
use crate::world::World;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What a test runs around calls.
pub(crate) type Hook = Arc<dyn Fn(&CallInfo, &LocalEcr) + Send + Sync>;

/// What the server's thread and its handles share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) port: u16,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) before: Mutex<Vec<Hook>>,
    pub(crate) after: Mutex<Vec<Hook>>,
    /// The handle that hooks are given; weak, or it would keep the server up for ever.
    pub(crate) handle: OnceLock<Weak<Server>>,
    world: Mutex<World>,
    folder: Option<Folder>,
}

/// The connection is to be dropped without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

impl Shared {
    pub(crate) fn new(options: Options, port: u16) -> io::Result<Self> {
        let (folder, registries) = match &options.data {
            Some(path) => Folder::open(path).map(|(folder, found)| (Some(folder), found))?,
            None => (None, BTreeMap::new()),
        };
        Ok(Self {
            options,
            port,
            clock: Clock::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            before: Mutex::default(),
            after: Mutex::default(),
            handle: OnceLock::new(),
            world: Mutex::new(World::new(registries)),
            folder,
        })
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Writes the state to the folder that keeps it, if there is one.
    pub(crate) fn save(&self) -> io::Result<()> {
        self.folder.as_ref().map_or(Ok(()), |folder| folder.save(&self.world()))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn run(&self, hooks: &Mutex<Vec<Hook>>, call: &CallInfo) {
        // A hook may add hooks, so the lock is not held while one runs.
        let hooks = lock(hooks).clone();
        let server = self.handle.get().and_then(Weak::upgrade);
        if let Some(ecr) = server.map(LocalEcr::of) {
            for hook in hooks {
                hook(call, &ecr);
            }
        }
    }

    /// Answers one request.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Payload>, Dropped> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
        let request = Request::from_parts(parts, body);
        let call = door::identify(self, &request);
        let number = self.journal.begin(&call, request.headers().contains_key(AUTHORIZATION));
        let (delay, fault) = self.faults.draw(&call);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let door = Door::of(request.uri().path());
        let refusal = fault.as_ref().and_then(|fault| Reply::refusal(fault, door));
        let (reply, is_refused) = match (&fault, refusal) {
            (Some(FaultKind::Hang), _) => pending().await,
            (Some(FaultKind::ResetBefore), _) => {
                self.journal.end(number, End::default());
                return Err(Dropped);
            }
            (_, Some(refusal)) => (refusal, true),
            _ => {
                self.run(&self.before, &call);
                let reply = door::enter(self, &request, &call);
                self.run(&self.after, &call);
                let saved = self.save();
                let failure = saved.map_err(|error| door.refuse(ApiError::internal(&error)));
                (failure.err().unwrap_or(reply), false)
            }
        };
        let is_dropped = fault == Some(FaultKind::ResetAfter);
        let end = End {
            status: (!is_dropped).then(|| reply.status.as_u16()),
            took_effect: !is_refused && reply.error.is_none(),
            error: reply.error.clone(),
        };
        self.journal.end(number, end);
        if is_dropped {
            return Err(Dropped);
        }
        Ok(reply.into_response(fault.as_ref()))
    }
}

/// Accepts connections until it is told to stop.
pub(crate) async fn serve(shared: Arc<Shared>, listener: std::net::TcpListener, mut stop: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        tokio::select! {
            _ = &mut stop => return,
            connection = listener.accept() => if let Ok((stream, _)) = connection {
                tokio::spawn(converse(Arc::clone(&shared), stream));
            },
        }
    }
}

/// Answers the requests of one connection. How it ends is the client's affair.
async fn converse(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| shared.answer(request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
