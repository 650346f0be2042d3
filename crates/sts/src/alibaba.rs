//! How Alibaba Cloud is asked: its RPC style, `AssumeRole` of version 2015-04-01, with the signature
//! of version 1.0 (HMAC-SHA1 over the sorted parameters).

use clock::Timestamp;
use model::{BucketSettings, Secret};
use reqsign_core::hash::base64_hmac_sha1;
use uuid::Uuid;

use crate::{
    client::Wish,
    form::{escaped, joined},
};

const METHOD: &str = "POST";

/// What makes each request another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) now: Timestamp,
    pub(crate) nonce: Uuid,
}

/// The body of a request, signed.
pub(crate) fn body(bucket: &BucketSettings, wish: &Wish<'_>, stamp: Stamp) -> String {
    let role = wish.role;
    let mut parameters = vec![
        ("AccessKeyId", bucket.access_key_id.trim().to_owned()),
        ("Action", "AssumeRole".to_owned()),
        ("DurationSeconds", role.lifetime_s.to_string()),
        ("Format", "JSON".to_owned()),
        ("RoleArn", role.arn.clone()),
        ("RoleSessionName", wish.session.to_owned()),
        ("SignatureMethod", "HMAC-SHA1".to_owned()),
        ("SignatureNonce", stamp.nonce.to_string()),
        ("SignatureVersion", "1.0".to_owned()),
        ("Timestamp", whole_seconds(stamp.now)),
        ("Version", "2015-04-01".to_owned()),
    ];
    if !role.external_id.is_empty() {
        parameters.push(("ExternalId", role.external_id.clone()));
    }
    let signature = signature(METHOD, &mut parameters, &bucket.secret_access_key);
    parameters.push(("Signature", signature));
    joined(&parameters)
}

/// Sorts the parameters, and signs them.
fn signature(method: &str, parameters: &mut [(&str, String)], secret: &Secret) -> String {
    parameters.sort();
    let text = format!("{method}&%2F&{}", escaped(&joined(parameters)));
    let key = format!("{}&", secret.expose());
    base64_hmac_sha1(key.as_bytes(), text.as_bytes())
}

/// `2016-02-23T12:46:24Z`.
fn whole_seconds(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('.')
        .map_or_else(|| text.clone(), |(whole, _)| format!("{whole}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Alibaba Cloud's description of the signature, with its `DescribeRegions`.
    #[test]
    fn a_signature_is_that_of_the_provider_s_example() {
        let mut parameters = [
            ("Version", "2014-05-26".to_owned()),
            ("Action", "DescribeRegions".to_owned()),
            ("Format", "XML".to_owned()),
            ("AccessKeyId", "testid".to_owned()),
            ("SignatureMethod", "HMAC-SHA1".to_owned()),
            ("Timestamp", "2016-02-23T12:46:24Z".to_owned()),
            (
                "SignatureNonce",
                "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf".to_owned(),
            ),
            ("SignatureVersion", "1.0".to_owned()),
        ];
        let signature = signature("GET", &mut parameters, &Secret::new("testsecret"));
        assert_eq!(signature, "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
    }

    #[test]
    fn a_time_has_whole_seconds() {
        let at = Timestamp::from_millis(1_456_231_584_987);
        assert_eq!(whole_seconds(at), "2016-02-23T12:46:24Z");
    }
}
