//! Bodies of responses, complete and broken.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of a response.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// The complete body.
    Whole(Option<Bytes>),
    /// A part of it, after which the connection breaks.
    Truncated(Option<Bytes>),
    /// The same bytes again and again.
    Endless(Bytes),
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match &mut *self {
            Self::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Self::Truncated(bytes) => {
                Some(bytes.take().map(Frame::data).ok_or_else(|| io::ErrorKind::ConnectionReset.into()))
            }
            Self::Endless(bytes) => Some(Ok(Frame::data(bytes.clone()))),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Truncated(_) | Self::Endless(_) => SizeHint::default(),
        }
    }
}
