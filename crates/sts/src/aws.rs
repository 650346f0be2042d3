//! How AWS is asked, and what speaks its language, such as `MinIO`: the query API, `AssumeRole` of
//! version 2011-06-15, as a form that is signed with signature version 4.

use http::{Method, Request, header};
use model::BucketSettings;
use reqsign_core::{Context, SignRequest as _, hash::hex_sha256};

use crate::{client::Wish, form::joined};

/// The service without a region of its own signs with this one.
const GLOBAL: &str = "https://sts.amazonaws.com";

/// The body of a request.
pub(crate) fn body(wish: &Wish<'_>) -> String {
    let role = wish.role;
    let mut parameters = vec![
        ("Action", "AssumeRole".to_owned()),
        ("Version", "2011-06-15".to_owned()),
        ("RoleArn", role.arn.clone()),
        ("RoleSessionName", wish.session.to_owned()),
        ("DurationSeconds", role.lifetime_s.to_string()),
    ];
    if !role.external_id.is_empty() {
        parameters.push(("ExternalId", role.external_id.clone()));
    }
    joined(&parameters)
}

/// A request with date and authorization.
pub(crate) async fn signed(
    bucket: &BucketSettings,
    endpoint: &str,
    body: &str,
) -> Result<Request<()>, reqsign_core::Error> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{endpoint}/"))
        .header(header::CONTENT_TYPE, crate::client::FORM)
        // The signature is over it: AWS reads the body, others believe the header.
        .header("x-amz-content-sha256", hex_sha256(body.as_bytes()))
        .body(());
    let request = request.map_err(|error| {
        reqsign_core::Error::request_invalid("the STS endpoint is not an address")
            .with_source(error)
    })?;
    let region = match endpoint {
        GLOBAL => "us-east-1",
        _ => bucket.region.as_str(),
    };
    let credential = reqsign_aws_v4::Credential {
        access_key_id: bucket.access_key_id.trim().to_owned(),
        secret_access_key: bucket.secret_access_key.expose().to_owned(),
        session_token: None,
        expires_in: None,
    };
    let (mut parts, ()) = request.into_parts();
    reqsign_aws_v4::RequestSigner::new("sts", region)
        .sign_request(&Context::new(), &mut parts, Some(&credential), None)
        .await?;
    Ok(Request::from_parts(parts, ()))
}
