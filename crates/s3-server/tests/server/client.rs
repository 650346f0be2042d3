//! A small S3 client of the tests' own, and a server in this process.

use std::path::Path;

use bytes::Bytes;
use clock::Clock;
use model::Secret;
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::{Context, SignRequest as _};
use s3_server::{S3Server, S3ServerConfig};

pub(crate) fn config(directory: &Path) -> S3ServerConfig {
    S3ServerConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        directory: directory.to_owned(),
        buckets: vec!["bucket".into()],
        access_key_id: "id".into(),
        secret: Secret::new("secret"),
    }
}

pub(crate) async fn start(directory: &Path) -> (S3Server, Client) {
    let server = S3Server::start(config(directory), Clock::system())
        .await
        .unwrap();
    let client = Client::new(&server.address().to_string());
    (server, client)
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) note: Option<String>,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: format!("http://{address}/bucket"),
        }
    }

    /// Puts with `x-amz-meta-note: note`.
    pub(crate) async fn put(
        &self,
        key: &str,
        body: impl Into<Bytes>,
        note: &str,
    ) -> reqwest::Result<u16> {
        let headers = [("x-amz-meta-note", note)];
        Ok(self.send("PUT", key, body.into(), &headers).await?.status)
    }

    pub(crate) async fn get(&self, key: &str) -> Answer {
        self.send("GET", key, Bytes::new(), &[]).await.unwrap()
    }

    pub(crate) async fn delete(&self, key: &str) -> u16 {
        self.send("DELETE", key, Bytes::new(), &[])
            .await
            .unwrap()
            .status
    }

    /// All keys, by the listing.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let answer = self
            .send("GET", "?list-type=2", Bytes::new(), &[])
            .await
            .unwrap();
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let after = text.split("<Key>").skip(1);
        after
            .map(|rest| rest.split("</Key>").next().unwrap().to_owned())
            .collect()
    }

    async fn send(
        &self,
        method: &str,
        key: &str,
        body: Bytes,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}/{key}", self.base))
            .header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let credential = Credential {
            access_key_id: "id".into(),
            secret_access_key: "secret".into(),
            session_token: None,
            expires_in: None,
        };
        let signer = RequestSigner::new("s3", "us-east-1");
        signer
            .sign_request(&Context::new(), &mut parts, Some(&credential), None)
            .await
            .unwrap();
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body)).unwrap();
        let response = self.http.execute(request).await?;
        Ok(Answer {
            status: response.status().as_u16(),
            note: response
                .headers()
                .get("x-amz-meta-note")
                .map(|value| value.to_str().unwrap().to_owned()),
            body: response.bytes().await?,
        })
    }
}
