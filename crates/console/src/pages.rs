//! The pages, embedded in the binary.

use axum::{
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use model::ErrorCode;
use rust_embed::RustEmbed;

use crate::error::ApiError;

/// What `build.rs` has put there: the build of `web/`, or nothing.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/pages"]
struct Pages;

/// Names of files under it carry a hash of their content.
const HASHED: &str = "assets/";
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Causeway</title>\
    <h1>The pages are not built</h1>\
    <p>This console was built without its pages. Build it again without CAUSEWAY_SKIP_WEB=1, \
    or use <code>causeway ctl</code>.</p></html>";

/// Everything that is not an endpoint.
pub(crate) async fn serve(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return ApiError::new(ErrorCode::NotFound, "there is no such endpoint").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let Some(index) = Pages::get("index.html") else {
        return Html(NOT_BUILT).into_response();
    };
    match Pages::get(path).filter(|_| !path.is_empty()) {
        Some(file) => respond(path, file),
        // A file that is gone is an error; anything else is a page, which the script shows.
        None if path.starts_with(HASHED) => StatusCode::NOT_FOUND.into_response(),
        None => respond("index.html", index),
    }
}

fn respond(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    let caching = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let headers = [
        (
            header::CONTENT_TYPE,
            kind.unwrap_or(HeaderValue::from_static("text/plain")),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (headers, file.data.into_owned()).into_response()
}
