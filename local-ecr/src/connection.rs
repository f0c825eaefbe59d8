//! The HTTP loop: one listener, and the path of every request through journal, faults and hooks.

use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::fault::FaultKind;
use crate::journal::CallEnd;
use crate::response_body::ResponseBody;
use crate::state::SharedState;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The instruction to close the connection without a response.
#[derive(Debug)]
struct ConnectionReset;

impl fmt::Display for ConnectionReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for ConnectionReset {}

/// Accepts connections until `stop` resolves.
pub(crate) async fn serve(state: Arc<SharedState>, listener: std::net::TcpListener, mut stop: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        tokio::select! {
            _ = &mut stop => return,
            connection = listener.accept() => if let Ok((stream, _)) = connection {
                tokio::spawn(serve_connection(Arc::clone(&state), stream));
            },
        }
    }
}

/// Answers the requests of one connection. An error ends this connection alone, and its client sees it.
async fn serve_connection(state: Arc<SharedState>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&state, request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request.
async fn answer(state: &SharedState, request: Request<Incoming>) -> Result<Response<ResponseBody>, ConnectionReset> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| ConnectionReset)?.to_bytes();
    let request = Request::from_parts(parts, body);
    let endpoint = Endpoint::for_path(request.uri().path());
    let call = endpoint.identify(state, &request);
    let number = state.journal.begin(&call, request.headers().contains_key(AUTHORIZATION));
    let (delay, fault) = state.faults.apply(&call);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let rejection = fault.as_ref().and_then(|fault| endpoint.fault_response(fault));
    let (response, is_rejected) = match (&fault, rejection) {
        (Some(FaultKind::Hang), _) => pending().await,
        (Some(FaultKind::ResetBefore), _) => {
            state.journal.end(number, CallEnd::default());
            return Err(ConnectionReset);
        }
        (_, Some(rejection)) => (rejection, true),
        _ => {
            state.before_call.run(&call);
            let response = endpoint.dispatch(state, &request, &call);
            state.after_call.run(&call);
            let unsaved = state.save().map_err(|error| endpoint.error_response(&ApiError::internal(&error)));
            (unsaved.err().unwrap_or(response), false)
        }
    };
    let is_reset = fault == Some(FaultKind::ResetAfter);
    let end = CallEnd {
        status: (!is_reset).then(|| response.status.as_u16()),
        took_effect: !is_rejected && response.error.is_none(),
        error: response.error.clone(),
    };
    state.journal.end(number, end);
    if is_reset {
        return Err(ConnectionReset);
    }
    Ok(response.into_http(fault.as_ref()))
}
