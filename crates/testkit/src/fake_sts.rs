//! A service that lends keys, in the words of AWS and of Alibaba Cloud. It checks signatures by
//! itself, and says no when a test wants that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::{Clock, Timestamp};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::{
    http::{HttpAnswer, HttpRequest, serve_http},
    signature::SignatureV4,
};

/// Keys that were lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeKeys {
    /// Access key id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Goes with each request.
    pub token: String,
    /// When they are over.
    pub expires_at: Timestamp,
}

#[derive(Debug)]
struct State {
    life: Duration,
    refusal: Option<(u16, String)>,
    calls: Vec<BTreeMap<String, String>>,
    lent: Vec<FakeKeys>,
}

/// A service that lends keys. It ends with the process.
#[derive(Clone, Debug)]
pub struct FakeSts {
    endpoint: String,
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl FakeSts {
    /// Lends to whoever has this access key id and secret, for an hour unless told otherwise.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn start(id: &str, secret: &str) -> Self {
        let state = Arc::new(Mutex::new(State {
            life: Duration::from_hours(1),
            refusal: None,
            calls: Vec::new(),
            lent: Vec::new(),
        }));
        let mut service = Self {
            endpoint: String::new(),
            state,
            clock: Clock::system(),
        };
        let (serving, id, secret) = (service.clone(), id.to_owned(), secret.to_owned());
        let address = serve_http(move |request| serving.answer(request, &id, &secret));
        service.endpoint = format!("http://{address}");
        service
    }

    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// From now on keys are good for so long, whatever is asked for.
    pub fn lend_for(&self, life: Duration) {
        self.state().life = life;
    }

    /// From now on it answers with this status and code.
    pub fn refuse(&self, status: u16, code: &str) {
        self.state().refusal = Some((status, code.to_owned()));
    }

    /// From now on it lends again.
    pub fn relent(&self) {
        self.state().refusal = None;
    }

    /// The parameters of each call so far, refused ones included.
    #[must_use]
    pub fn calls(&self) -> Vec<BTreeMap<String, String>> {
        self.state().calls.clone()
    }

    /// All that was lent so far.
    #[must_use]
    pub fn lent(&self) -> Vec<FakeKeys> {
        self.state().lent.clone()
    }

    /// Keys that it lent, by their id.
    #[must_use]
    pub fn keys(&self, id: &str) -> Option<FakeKeys> {
        self.state().lent.iter().find(|k| k.id == id).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &HttpRequest, id: &str, secret: &str) -> HttpAnswer {
        let form = HttpRequest::pairs(&String::from_utf8_lossy(&request.body));
        let is_alibaba = form.contains_key("SignatureMethod");
        let (key, is_right) = match SignatureV4::of(request) {
            Some(v4) => {
                let is_right = v4.service() == "sts" && v4.is_made_by(secret, request);
                (v4.access_key_id, is_right)
            }
            None => (
                form.get("AccessKeyId").cloned().unwrap_or_default(),
                form.get("Signature") == Some(&rpc_signature(request, secret)),
            ),
        };
        let mut state = self.state();
        state.calls.push(form.clone());
        let said = match (&state.refusal, key == id, is_right) {
            (Some((status, code)), ..) => Some((*status, code.clone())),
            (None, false, _) => Some((403, "InvalidAccessKeyId".to_owned())),
            (None, true, false) => Some((403, "SignatureDoesNotMatch".to_owned())),
            (None, true, true) if form.get("Action").is_none_or(|a| a != "AssumeRole") => {
                Some((400, "InvalidAction".to_owned()))
            }
            (None, true, true) => None,
        };
        if let Some((status, code)) = said {
            return refused(status, &code, is_alibaba);
        }
        let number = state.lent.len() + 1;
        let keys = FakeKeys {
            id: format!("LENT{number:04}"),
            secret: format!("lent-secret-{number}/+="),
            token: format!("lent-token-{number}//=="),
            expires_at: self.clock.wall().plus(state.life),
        };
        state.lent.push(keys.clone());
        lent(&keys, is_alibaba)
    }
}

fn refused(status: u16, code: &str, is_alibaba: bool) -> HttpAnswer {
    let message = "the fake service says so";
    let body = if is_alibaba {
        format!(r#"{{"RequestId":"r","HostId":"sts","Code":"{code}","Message":"{message}"}}"#)
    } else {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    HttpAnswer::new(status, body)
}

fn lent(keys: &FakeKeys, is_alibaba: bool) -> HttpAnswer {
    let FakeKeys {
        id,
        secret,
        token,
        expires_at,
    } = keys;
    let body = if is_alibaba {
        format!(
            r#"{{"RequestId":"r","AssumedRoleUser":{{"Arn":"a","AssumedRoleId":"i"}},
            "Credentials":{{"AccessKeyId":"{id}","AccessKeySecret":"{secret}",
            "SecurityToken":"{token}","Expiration":"{expires_at}"}}}}"#
        )
    } else {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
             <Expiration>{expires_at}</Expiration></Credentials></AssumeRoleResult>\
             </AssumeRoleResponse>"
        )
    };
    HttpAnswer::new(200, body)
}

/// Alibaba Cloud's signature of its RPC style, version 1.0, over the form as it was sent.
fn rpc_signature(request: &HttpRequest, secret: &str) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let signed = body.split('&').filter(|p| !p.starts_with("Signature="));
    let mut pairs: Vec<&str> = signed.collect();
    pairs.sort_unstable();
    let escaped = pairs.join("&").bytes().fold(String::new(), |text, byte| {
        match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            true => format!("{text}{}", char::from(byte)),
            false => format!("{text}%{byte:02X}"),
        }
    });
    let key = format!("{secret}&");
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any key is long enough");
    mac.update(format!("{}&%2F&{escaped}", request.method).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
