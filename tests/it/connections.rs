//! Pooled connections that have died while the function was frozen.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::http::Request;
use ecr_multiarch_engine::connections::{Connections, MAX_IDLE};
use local_ecr::image::Image;
use local_ecr::{LocalEcr, Options};

use crate::support::assertions::assert_outcome;
use crate::support::function::{Function, FunctionBuilder};
use crate::support::input::push_event;
use crate::support::relay::Relay;

/// How long one attempt of a call to ECR takes that is not answered.
const ATTEMPT: Duration = Duration::from_secs(6);

const PLATFORMS: &str =
    "linux/amd64,linux/arm64,linux/s390x,linux/ppc64le,linux/riscv64,linux/386,linux/mips,linux/loong64";

/// The port of a local ECR.
fn port(ecr: &LocalEcr) -> u16 {
    ecr.url().rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap()
}

/// Pushes the images of a version.
fn push_images(ecr: &LocalEcr, version: &str) {
    for platform in PLATFORMS.split(',') {
        let tag = format!("{version}-{}", platform.trim_start_matches("linux/"));
        ecr.home().push("app", Some(&tag), &Image::oci(platform).content(version));
    }
}

/// Freezes and thaws the process, as Lambda does between invocations.
fn freeze(function: &Function, meanwhile: impl FnOnce()) {
    let signal = |name: &str| {
        let status = Command::new("kill").args([name, &function.process_id().to_string()]).status().unwrap();
        assert!(status.success());
    };
    signal("-STOP");
    meanwhile();
    signal("-CONT");
}

#[test]
fn forgotten_connections_cost_one_attempt() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let relay = Relay::start(port(&ecr));
    let function = FunctionBuilder::new(&ecr).env("PLATFORMS", PLATFORMS).env("HTTP_PROXY", &relay.url()).start();
    push_images(&ecr, "1");
    assert_outcome(&function.invoke(&push_event("app", "1-amd64")), "published");
    let pooled = relay.connections();
    assert!(pooled >= 8, "{pooled} connections");

    freeze(&function, || relay.forget_connections());
    push_images(&ecr, "2");
    let start = Instant::now();
    assert_outcome(&function.invoke(&push_event("app", "2-amd64")), "published");
    let taken = start.elapsed();
    assert!(taken < ATTEMPT + Duration::from_secs(3), "{taken:?}");
}

/// The seconds of a wall clock.
static SECONDS: AtomicU64 = AtomicU64::new(0);

fn wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::Relaxed))
}

#[tokio::test]
async fn forgotten_connections_are_not_tried_after_a_long_freeze() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let relay = Relay::start(port(&ecr));
    let connections = Connections::with_clock(ProxyConfig::disabled(), wall_clock);
    let get = async || connections.call(Request::get(relay.url()).unwrap()).await;
    for _ in 0..3 {
        get().await.unwrap();
    }
    assert_eq!(relay.connections(), 1, "a connection is used again");

    relay.forget_connections();
    SECONDS.fetch_add(MAX_IDLE.as_secs() + 1, Ordering::Relaxed);
    let answer = tokio::time::timeout(ATTEMPT, get()).await;
    answer.expect("a forgotten connection was tried").unwrap();
    assert_eq!(relay.connections(), 2);
}
