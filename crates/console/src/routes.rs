//! All endpoints, one file for each noun.
#![expect(
    unused_qualifications,
    reason = "utoipa's macro writes names of parameter types in full, at the place where we do not"
)]

mod audit;
mod commands;
mod events;
mod gateways;
mod health;
mod login;
mod me;
mod message_queue;
mod metrics_history;
mod overview;
mod share_check;
mod share_keys;
mod shares;
mod stream;
mod users;

use std::sync::Arc;

use axum::Router;
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi, Ref, RefOr, Response, ResponseBuilder,
        content::ContentBuilder,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{Access, rule},
    app::App,
    auth::COOKIE,
    error::ErrorBody,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Causeway",
        description = "One console for all storage gateways. Times are milliseconds since the \
                       epoch, sizes are bytes."
    ),
    components(schemas(ErrorBody))
)]
struct Document;

/// The endpoints and their description.
pub(crate) fn api() -> (Router<Arc<App>>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(health::openapi))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(me::me))
        .routes(routes!(me::change_password))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::delete))
        .routes(routes!(overview::overview))
        .routes(routes!(stream::stream))
        .routes(routes!(gateways::list, gateways::create))
        .routes(routes!(gateways::show, gateways::rename, gateways::delete))
        .routes(routes!(gateways::new_bundle))
        .routes(routes!(metrics_history::history))
        .routes(routes!(events::list))
        .routes(routes!(shares::list, shares::create))
        .routes(routes!(share_check::check))
        .routes(routes!(share_keys::export))
        .routes(routes!(shares::show, shares::replace, shares::delete))
        .routes(routes!(commands::issue))
        .routes(routes!(commands::list))
        .routes(routes!(commands::show))
        .routes(routes!(commands::reissue))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .merge(message_queue::routes())
        .split_for_parts();
    complete(&mut document);
    (router, document)
}

/// The description as it is checked in: `docs/openapi.json`.
///
/// # Panics
/// Never: the description has only text and numbers.
#[must_use]
pub fn openapi_json() -> String {
    let (_, document) = api();
    let mut text = document
        .to_pretty_json()
        .expect("the description has only text and numbers");
    text.push('\n');
    text
}

/// What is the same for all endpoints: how errors look, and that a login is needed.
fn complete(document: &mut OpenApi) {
    let schemes = document.components.get_or_insert_default();
    schemes.add_security_scheme(
        "token",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    schemes.add_security_scheme(
        "cookie",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))),
    );
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("GET", &mut item.get),
            ("POST", &mut item.post),
            ("PUT", &mut item.put),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let responses = &mut operation.responses.responses;
            responses.insert("default".to_owned(), RefOr::T(error_response()));
            let method = method.parse().unwrap_or_default();
            if rule(&method, path) != Some(Access::Anyone) {
                operation.security = Some(["token", "cookie"].map(scheme).to_vec());
            }
        }
    }
}

fn scheme(name: &str) -> utoipa::openapi::SecurityRequirement {
    utoipa::openapi::SecurityRequirement::new(name, Vec::<String>::new())
}

fn error_response() -> Response {
    let schema = Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description("what went wrong, and what to do")
        .content("application/json", content)
        .build()
}
