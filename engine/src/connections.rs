//! HTTP connections to ECR and to its blob store, which are replaced before a dead one is used.
//!
//! Between invocations Lambda freezes the environment. Meanwhile a NAT gateway, a firewall or the server may forget
//! its connections, without a word that the frozen process could receive. A request on such a connection gets no
//! answer until its timeout, and the next attempt takes the next dead connection from the pool.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::http::Request;

/// How long a connection may take to be established. Within a Region that takes milliseconds, and a second more where a
/// packet is lost and sent again.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection may be idle and still be used.
///
/// Longer than any pause between the calls of one invocation, so that those share connections, and far below the 350 s
/// after which a NAT gateway of AWS drops an idle connection.
pub const MAX_IDLE: Duration = Duration::from_secs(20);

/// A clock that goes on while the process is frozen.
type WallClock = fn() -> SystemTime;

/// Pooled connections to all hosts. Clones share them.
///
/// All of them are replaced by new ones in two cases: after [`MAX_IDLE`] without a request by the wall clock, since the
/// monotonic clock of a frozen environment may stand still; and after a request without an answer, so that dead
/// connections cost one attempt, however many there are. Besides, each connection is closed after [`MAX_IDLE`] by the
/// monotonic clock.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    connect: Box<dyn Fn() -> SharedHttpConnector + Send + Sync>,
    now: WallClock,
    pool: Mutex<Pool>,
}

struct Pool {
    connector: SharedHttpConnector,
    /// How often the connector was replaced.
    generation: u64,
    last_used: SystemTime,
}

impl Connections {
    /// Uses the proxy of the environment, as the SDK does.
    pub fn from_environment() -> Self {
        Self::with_clock(ProxyConfig::from_env(), SystemTime::now)
    }

    /// Uses no proxy.
    pub fn without_proxy() -> Self {
        Self::with_clock(ProxyConfig::disabled(), SystemTime::now)
    }

    /// Uses this proxy, and this clock in place of the system's.
    pub fn with_clock(proxy: ProxyConfig, now: fn() -> SystemTime) -> Self {
        let connect = move || {
            let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
            let connector = Connector::builder()
                .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
                .connector_settings(settings)
                .proxy_config(proxy.clone())
                .pool_idle_timeout(MAX_IDLE);
            SharedHttpConnector::new(connector.build())
        };
        Self::new(connect, now)
    }

    fn new(connect: impl Fn() -> SharedHttpConnector + Send + Sync + 'static, now: WallClock) -> Self {
        let pool = Mutex::new(Pool { connector: connect(), generation: 0, last_used: now() });
        Self(Arc::new(Inner { connect: Box::new(connect), now, pool }))
    }

    /// The connections as the HTTP client of the SDK.
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

impl Inner {
    /// The connector for a request that begins now.
    fn begin(self: &Arc<Self>) -> (SharedHttpConnector, RequestInFlight) {
        let now = (self.now)();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = now.duration_since(pool.last_used).is_ok_and(|idle| idle <= MAX_IDLE);
        pool.last_used = now;
        if !is_fresh {
            self.renew(&mut pool);
        }
        let request =
            RequestInFlight { connections: Arc::clone(self), generation: pool.generation, is_answered: false };
        (pool.connector.clone(), request)
    }

    fn renew(&self, pool: &mut Pool) {
        pool.connector = (self.connect)();
        pool.generation += 1;
    }
}

/// A request that is not answered yet. Whoever stops waiting for it drops it.
struct RequestInFlight {
    connections: Arc<Inner>,
    generation: u64,
    is_answered: bool,
}

impl RequestInFlight {
    fn end(mut self, is_answered: bool) {
        self.is_answered = is_answered;
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        let mut pool = self.connections.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_answered {
            pool.last_used = (self.connections.now)();
        } else if pool.generation == self.generation {
            self.connections.renew(&mut pool);
        }
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: Request) -> HttpConnectorFuture {
        let (connector, in_flight) = self.0.begin();
        HttpConnectorFuture::new(async move {
            let response = connector.call(request).await;
            in_flight.end(response.is_ok());
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use futures_util::FutureExt as _;

    use super::*;

    /// A connector that answers, fails or stays silent, by the path of the request.
    #[derive(Debug)]
    struct Scripted;

    impl HttpConnector for Scripted {
        fn call(&self, request: Request) -> HttpConnectorFuture {
            match request.uri() {
                "/answer" => {
                    let status = 200.try_into().unwrap();
                    HttpConnectorFuture::ready(Ok(aws_smithy_runtime_api::http::Response::new(
                        status,
                        SdkBody::empty(),
                    )))
                }
                "/fail" => HttpConnectorFuture::ready(Err(ConnectorError::io("closed".into()))),
                _ => HttpConnectorFuture::new(std::future::pending()),
            }
        }
    }

    /// A clock that each test sets for itself.
    macro_rules! clock {
        ($name:ident) => {{
            static $name: AtomicU64 = AtomicU64::new(1_000);
            let now: WallClock = || SystemTime::UNIX_EPOCH + Duration::from_secs($name.load(Ordering::Relaxed));
            (&$name, now)
        }};
    }

    fn request(path: &str) -> Request {
        Request::get(path).unwrap()
    }

    fn generation(connections: &Connections) -> u64 {
        connections.0.pool.lock().unwrap().generation
    }

    #[test]
    fn connections_are_kept_up_to_the_idle_time() {
        let (clock, now) = clock!(IDLE);
        let connections = Connections::new(|| SharedHttpConnector::new(Scripted), now);
        for (seconds, expected) in [(0, 0), (20, 0), (20, 0), (21, 1), (0, 1), (86_400, 2)] {
            clock.fetch_add(seconds, Ordering::Relaxed);
            connections.call(request("/answer")).now_or_never().unwrap().unwrap();
            assert_eq!(generation(&connections), expected, "{seconds}");
        }
        clock.store(0, Ordering::Relaxed);
        connections.call(request("/answer")).now_or_never().unwrap().unwrap();
        assert_eq!(generation(&connections), 3, "a clock that was set back says nothing of the time between");
    }

    #[test]
    fn long_answer_is_no_idle_time() {
        let (clock, now) = clock!(LONG);
        let connections = Connections::new(|| SharedHttpConnector::new(Scripted), now);
        let call = connections.call(request("/answer"));
        clock.fetch_add(25, Ordering::Relaxed);
        call.now_or_never().unwrap().unwrap();
        clock.fetch_add(1, Ordering::Relaxed);
        connections.call(request("/answer")).now_or_never().unwrap().unwrap();
        assert_eq!(generation(&connections), 0);
    }

    #[test]
    fn unanswered_requests_replace_their_connections_once() {
        let connections = Connections::new(|| SharedHttpConnector::new(Scripted), SystemTime::now);
        let calls: Vec<_> = (0..8).map(|_| connections.call(request("/hang"))).collect();
        drop(calls);
        assert_eq!(generation(&connections), 1);
        connections.call(request("/fail")).now_or_never().unwrap().unwrap_err();
        assert_eq!(generation(&connections), 2);
        connections.call(request("/answer")).now_or_never().unwrap().unwrap();
        assert_eq!(generation(&connections), 2);
    }
}
