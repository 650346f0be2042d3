//! Signature version 4 of AWS, computed anew from what was sent: what a server does to check it.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::HttpRequest;

/// What an `Authorization` of version 4 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureV4 {
    /// Who signed.
    pub access_key_id: String,
    /// `date/region/service/aws4_request`.
    scope: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl SignatureV4 {
    /// The one of a request, if it has one.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let text = request.header("authorization");
        let fields = text.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let field = |name: &str| {
            let mut all = fields.split(',').map(str::trim);
            all.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key_id, scope) = field("Credential")?.split_once('/')?;
        let signed_headers = field("SignedHeaders")?.split(';');
        Some(Self {
            access_key_id: access_key_id.to_owned(),
            scope: scope.to_owned(),
            signed_headers: signed_headers.map(str::to_owned).collect(),
            signature: field("Signature")?.to_owned(),
        })
    }

    /// The service it was made for.
    #[must_use]
    pub fn service(&self) -> &str {
        self.scope.split('/').nth(2).unwrap_or_default()
    }

    /// Whether `secret` made it, over this request.
    #[must_use]
    pub fn is_made_by(&self, secret: &str, request: &HttpRequest) -> bool {
        let first = format!("AWS4{secret}").into_bytes();
        let key = self
            .scope
            .split('/')
            .fold(first, |key, part| hmac(&key, part));
        let date = request.header("x-amz-date");
        let digest = hex::encode(Sha256::digest(self.canonical(request)));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{}\n{digest}", self.scope);
        hex::encode(hmac(&key, &text)) == self.signature
    }

    fn canonical(&self, request: &HttpRequest) -> String {
        let query = request.query.split('&').filter(|pair| !pair.is_empty());
        let mut query: Vec<String> = query
            .map(|pair| match pair.contains('=') {
                true => pair.to_owned(),
                false => format!("{pair}="),
            })
            .collect();
        query.sort();
        let names = self.signed_headers.iter();
        let headers: String = names
            .map(|name| format!("{name}:{}\n", request.header(name)))
            .collect();
        let body = hex::encode(Sha256::digest(&request.body));
        // Only object stores take the sender's word for the body.
        let payload = match request.header("x-amz-content-sha256") {
            said if self.service() == "s3" => said,
            _ => &body,
        };
        let (method, path) = (&request.method, &request.path);
        let (query, signed) = (query.join("&"), self.signed_headers.join(";"));
        format!("{method}\n{path}\n{query}\n{headers}\n{signed}\n{payload}")
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key is long enough");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's description of the signature, with its `ListUsers`.
    #[test]
    fn a_signature_is_that_of_the_provider_s_example() {
        let header = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let authorization = "AWS4-HMAC-SHA256 \
            Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
            SignedHeaders=content-type;host;x-amz-date, \
            Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization),
        ];
        let request = HttpRequest {
            method: "GET".into(),
            path: "/".into(),
            query: "Action=ListUsers&Version=2010-05-08".into(),
            headers: headers.map(header).into(),
            body: Vec::new(),
        };
        let signature = SignatureV4::of(&request).unwrap();
        assert_eq!(signature.access_key_id, "AKIDEXAMPLE");
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert!(signature.is_made_by(secret, &request));
        assert!(!signature.is_made_by("another", &request));
        let body = b"x".to_vec();
        assert!(!signature.is_made_by(secret, &HttpRequest { body, ..request }));
    }
}
