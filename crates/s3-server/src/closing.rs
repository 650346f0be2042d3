//! A refusal may come before the body that it refuses. The connection then cannot carry another
//! request, and hyper closes it without a word: a client that has sent its next request by then
//! sees it fail. So the answer says that the connection closes (RFC 9112, section 9.6).

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::{
    Request, Response, Version,
    body::{Body, Frame, Incoming, SizeHint},
    header::{CONNECTION, HeaderValue},
    service::Service,
};
use s3s::{HttpError, service::S3Service};

/// The service of one connection, which says `Connection: close` when a body was left unread.
#[derive(Clone)]
pub(crate) struct Closing(pub(crate) S3Service);

impl Service<Request<Incoming>> for Closing {
    type Response = Response<s3s::Body>;
    type Error = HttpError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.0.clone();
        let persistent = request.version() == Version::HTTP_11;
        let whole = Arc::new(AtomicBool::new(request.body().is_end_stream()));
        let request = request.map(|body| {
            let whole = Arc::clone(&whole);
            s3s::Body::http_body(Watched { body, whole })
        });
        Box::pin(async move {
            let mut response = service.call(request).await?;
            if persistent && !whole.load(Ordering::Acquire) {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok(response)
        })
    }
}

/// A body that tells when it has been read to its end.
struct Watched {
    body: Incoming,
    whole: Arc<AtomicBool>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.whole.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
