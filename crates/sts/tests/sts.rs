//! Both providers, as a service sees them that checks what was signed.

use std::time::Duration;

use clock::Clock;
use model::{AssumedRole, BucketSettings, OssSignature, Provider, Secret};
use sts::{StsClient, StsErrorKind};
use testkit::{FakeSts, HttpAnswer, serve_http};

const ID: &str = "LTAI-long-lived";
const SECRET: &str = "long/lived+secret=";

fn bucket(provider: Provider, secret: &str) -> BucketSettings {
    BucketSettings {
        provider,
        endpoint: "https://store.example".into(),
        region: "eu-west-1".into(),
        bucket: "b".into(),
        prefix: String::new(),
        access_key_id: format!(" {ID} "),
        secret_access_key: Secret::new(secret),
        session_token: Secret::default(),
        signature: OssSignature::default(),
        role: None,
    }
}

fn role(provider: Provider, endpoint: &str) -> AssumedRole {
    let arn = match provider {
        Provider::Oss => "acs:ram::1234567890123456:role/gateway",
        Provider::S3 | Provider::Directory => "arn:aws:iam::123456789012:role/team/gateway+1",
    };
    AssumedRole {
        arn: arn.into(),
        sts_endpoint: endpoint.into(),
        lifetime_s: 900,
        external_id: "tenant:7/a=b".into(),
    }
}

const BOTH: [Provider; 2] = [Provider::S3, Provider::Oss];

#[tokio::test]
async fn both_providers_lend_what_was_asked_for_in_their_words() {
    let service = FakeSts::start(ID, SECRET);
    let client = StsClient::new(Clock::system()).unwrap();
    for provider in BOTH {
        let role = role(provider, service.endpoint());
        let session = "causeway gw-1/share";
        let lent = client
            .assume(&bucket(provider, SECRET), &role, session)
            .await;
        let lent = lent.unwrap();
        let known = service.keys(&lent.access_key_id).unwrap();
        assert_eq!(lent.secret_access_key.expose(), known.secret);
        assert_eq!(lent.session_token.expose(), known.token);
        assert_eq!(lent.expires_at, known.expires_at);
        let asked = service.calls().pop().unwrap();
        assert_eq!(asked["RoleArn"], role.arn);
        assert_eq!(asked["RoleSessionName"], "causeway-gw-1-share");
        assert_eq!(asked["DurationSeconds"], "900");
        assert_eq!(asked["ExternalId"], "tenant:7/a=b");
    }
    let [s3, oss] = service.calls().try_into().unwrap();
    assert!(!s3.contains_key("Signature") && oss.contains_key("Signature"));
    assert_ne!(oss["SignatureNonce"], "");
}

#[tokio::test]
async fn a_refusal_carries_the_provider_s_code_and_never_the_secret() {
    let service = FakeSts::start(ID, SECRET);
    let client = StsClient::new(Clock::system()).unwrap();
    for provider in BOTH {
        let role = role(provider, service.endpoint());
        let ask = async |secret| client.assume(&bucket(provider, secret), &role, "s").await;
        let wrong = ask("not-the-secret").await.unwrap_err();
        assert_eq!(wrong.kind(), StsErrorKind::Refused);
        assert!(
            wrong.to_string().contains("SignatureDoesNotMatch"),
            "{wrong}"
        );
        assert!(!format!("{wrong:?}").contains("not-the-secret"));
        service.refuse(403, "AccessDenied");
        let refused = ask(SECRET).await.unwrap_err();
        assert!(
            refused.to_string().contains("AccessDenied: the fake"),
            "{refused}"
        );
        service.refuse(503, "ServiceUnavailable");
        assert_eq!(
            ask(SECRET).await.unwrap_err().kind(),
            StsErrorKind::Unavailable
        );
        service.relent();
        service.lend_for(Duration::ZERO);
        let over = ask(SECRET).await.unwrap_err();
        assert!(over.to_string().contains("set the clock"), "{over}");
        service.lend_for(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn who_is_not_there_or_talks_nonsense_is_named() {
    let client = StsClient::new(Clock::system()).unwrap();
    let ask = async |provider, endpoint: &str| {
        let role = role(provider, endpoint);
        let asked = client.assume(&bucket(provider, SECRET), &role, "s").await;
        asked.unwrap_err()
    };
    let long = serve_http(|_| HttpAnswer::new(200, vec![b'x'; 65_537]));
    let odd = serve_http(|_| HttpAnswer::new(200, "<html>hello</html>"));
    for provider in BOTH {
        let nobody = ask(provider, "http://127.0.0.1:1").await;
        assert_eq!(nobody.kind(), StsErrorKind::Unavailable);
        assert!(nobody.to_string().contains("127.0.0.1:1"), "{nobody}");
        let long = ask(provider, &format!("http://{long}")).await;
        assert!(long.to_string().contains("too long"), "{long}");
        let odd = ask(provider, &format!("http://{odd}")).await;
        assert!(odd.to_string().contains("cannot be read"), "{odd}");
        let none = ask(provider, "no address at all").await;
        assert!(none.to_string().contains("no request"), "{none}");
    }
}
