//! A console on a port of its own, and a gateway that does what a test says.

use std::{sync::Arc, time::Duration};

use audit_log::{AuditLog, MemAuditLog};
use bytes::Bytes;
use clock::{Clock, Timestamp};
use console::{BucketProbe, Console, ConsoleConfig, Parts};
use database::{Database, DatabaseConfig};
use message_bus::{MemBus, MemClient, MessageBus};
use model::{
    ActivationBundle, CMD, ClientId, Command, Downlink, ErrorCode, Event, EventKind, Failure,
    GatewayId, GatewayStatus, INTENT, Intent, IntentReport, Reply, ReplyBody, Secret, ShareReport,
    ShareSettings, ShareState, ShareStatus, WIRE_VERSION,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse";
/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Finds every bucket well but those with telling names.
struct FakeProbe;

#[async_trait::async_trait]
impl BucketProbe for FakeProbe {
    async fn check(&self, settings: &ShareSettings) -> Result<(), Failure> {
        let code = match settings.bucket.bucket.as_str() {
            "missing" => ErrorCode::BucketNotFound,
            "denied" => ErrorCode::BucketAccessDenied,
            "far-away" => ErrorCode::BucketUnreachable,
            "only-lent" if !settings.bucket.access_key_id.starts_with("LENT") => {
                ErrorCode::BucketAccessDenied
            }
            _ => return Ok(()),
        };
        Err(Failure::new(code, "the probe says so"))
    }
}

pub(crate) struct Fixture {
    pub(crate) bus: MemBus,
    pub(crate) clock: Clock,
    pub(crate) directory: Arc<tempfile::TempDir>,
    pub(crate) console: Console,
    pub(crate) audit: Option<Arc<MemAuditLog>>,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
}

pub(crate) fn config() -> ConsoleConfig {
    let key = rcgen::KeyPair::generate().unwrap();
    ConsoleConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        node: "console-1".into(),
        group: "GID_csg_local".parse().unwrap(),
        instance: "causeway".into(),
        brokers: vec!["broker.example:8883".into()],
        ca_pem: "the certificate".into(),
        ca_key_pem: Secret::new(key.serialize_pem()),
        bundle_age_max: console::BUNDLE_AGE_DEFAULT,
        first_password: Some(Secret::new(PASSWORD)),
    }
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_at(Clock::system(), None).await
    }

    /// With an audit log in memory that can be told to fail.
    pub(crate) async fn with_mem_audit() -> Self {
        let audit = Arc::new(MemAuditLog::default());
        Self::start_at(Clock::system(), Some(audit)).await
    }

    /// With a clock that the test moves.
    pub(crate) async fn with_manual_clock() -> Self {
        let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
        Self::start_at(clock, None).await
    }

    async fn start_at(clock: Clock, audit: Option<Arc<MemAuditLog>>) -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let bus = MemBus::new(clock.clone());
        Self::start_on(directory, bus, clock, audit).await
    }

    async fn start_on(
        directory: Arc<tempfile::TempDir>,
        bus: MemBus,
        clock: Clock,
        audit: Option<Arc<MemAuditLog>>,
    ) -> Self {
        let settings = DatabaseConfig::in_directory(directory.path());
        let database = Arc::new(Database::connect(&settings).await.unwrap());
        let parts = Parts {
            bus: Arc::new(bus.clone()),
            audit: match &audit {
                Some(log) => Arc::clone(log) as Arc<dyn AuditLog>,
                None => Arc::clone(&database) as Arc<dyn AuditLog>,
            },
            database,
            probe: Arc::new(FakeProbe),
        };
        let console = Console::start_with(config(), parts, clock.clone())
            .await
            .unwrap();
        let mut fixture = Self {
            bus,
            clock,
            directory,
            console,
            audit,
            http: reqwest::Client::new(),
            token: String::new(),
        };
        until("the console is ready", async || {
            let ready = fixture
                .http
                .get(fixture.url("/readyz"))
                .send()
                .await
                .unwrap();
            ready.status() == StatusCode::OK
        })
        .await;
        fixture.token = fixture.log_in("admin", PASSWORD).await;
        fixture
    }

    /// Ends the console as `kill -9` would: nothing is closed, nothing flushed. Then another
    /// one starts on the same database; the gateways stay connected.
    pub(crate) async fn crash_and_restart(self) -> Self {
        let (directory, bus) = (Arc::clone(&self.directory), self.bus.clone());
        let clock = self.clock.clone();
        drop(self);
        Self::start_on(directory, bus, clock, None).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.console.address())
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        token: &str,
    ) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path)).bearer_auth(token)
    }

    /// Calls an endpoint as the user with `token`.
    pub(crate) async fn call_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, path, token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call_as(&self.token, Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call_as(&self.token, Method::POST, path, Some(body))
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call_as(&self.token, Method::PUT, path, Some(body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.call_as(&self.token, Method::DELETE, path, None).await
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str) -> String {
        let body = json!({"user": user, "password": password});
        let (status, answer) = self.post("/api/v1/login", body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A user with this role; their token.
    pub(crate) async fn user(&self, role: &str) -> String {
        let name = format!("the-{role}");
        let body = json!({"name": name, "password": PASSWORD, "role": role});
        let (status, answer) = self.post("/api/v1/users", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        self.log_in(&name, PASSWORD).await
    }

    /// A gateway record and its bundle, not joined.
    pub(crate) async fn create_gateway(&self) -> (GatewayId, ActivationBundle) {
        let body = json!({"name": "Site", "location": "on-premises"});
        let (status, created) = self.post("/api/v1/gateways", body).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        let bundle = read_bundle(created["bundle"].as_str().unwrap());
        (bundle.gateway.clone(), bundle)
    }

    /// A gateway that has joined and is connected.
    pub(crate) async fn join_gateway(&self) -> FakeGateway {
        let (id, bundle) = self.create_gateway().await;
        let first = FakeGateway::connect(self, &id, &bundle.credential.access_key_id);
        let Downlink::Credential(own) = first.next_downlink().await else {
            panic!("a credential comes first");
        };
        let gateway = FakeGateway::connect(self, &id, &own.access_key_id);
        assert_eq!(gateway.next_intent().await, Intent::default());
        self.until_gateway(&id, |g| g["state"] == "online").await;
        gateway
    }

    pub(crate) async fn gateway(&self, id: &GatewayId) -> Value {
        self.get(&format!("/api/v1/gateways/{id}")).await
    }

    pub(crate) async fn until_gateway(&self, id: &GatewayId, like: impl Fn(&Value) -> bool) {
        until("the gateway is as wanted", async || {
            like(&self.gateway(id).await)
        })
        .await;
    }

    pub(crate) async fn command(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/commands/{id}")).await
    }

    pub(crate) async fn until_command(&self, id: &str, state: &str) -> Value {
        until("the command is as wanted", async || {
            self.command(id).await["state"] == state
        })
        .await;
        self.command(id).await
    }

    /// The newest entry of the audit log with this action, once its outcome is there.
    pub(crate) async fn audit_entry(&self, action: &str, outcome: &str) -> Value {
        let find = async || {
            let page = self.get("/api/v1/audit?limit=1000").await;
            let items = page["items"].as_array().unwrap().clone();
            items.into_iter().find(|e| e["action"] == action)
        };
        until(action, async || {
            find().await.is_some_and(|e| e["outcome"] == outcome)
        })
        .await;
        find().await.unwrap()
    }
}

pub(crate) fn read_bundle(text: &str) -> ActivationBundle {
    ActivationBundle::open(text, Timestamp::default(), |_, _, _| true).unwrap()
}

/// Looks until it is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let clock = Clock::system();
    let begin = clock.now();
    while !is_so().await {
        assert!(clock.now() - begin < PATIENCE, "not so in time: {what}");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// A gateway at the other end of the bus.
pub(crate) struct FakeGateway {
    pub(crate) id: GatewayId,
    pub(crate) client_id: ClientId,
    pub(crate) client: MemClient,
    clock: Clock,
}

impl FakeGateway {
    pub(crate) fn connect(fixture: &Fixture, id: &GatewayId, access_key_id: &str) -> Self {
        Self::try_connect(fixture, id, access_key_id).expect("the credential is good")
    }

    pub(crate) fn try_connect(fixture: &Fixture, id: &GatewayId, key: &str) -> Option<Self> {
        let client_id: ClientId = format!("GID_csg_local@@@{id}").parse().unwrap();
        Some(Self {
            client: fixture.bus.connect(&client_id, key).ok()?,
            id: id.clone(),
            client_id,
            clock: fixture.clock.clone(),
        })
    }

    /// Comes back with the credential it has.
    pub(crate) fn reconnect(fixture: &Fixture, id: &GatewayId) -> Self {
        let client_id: ClientId = format!("GID_csg_local@@@{id}").parse().unwrap();
        let credential = fixture.bus.credentials(&client_id).pop().unwrap();
        Self::connect(fixture, id, &credential.access_key_id)
    }

    pub(crate) async fn next(&self, parent: &str) -> Bytes {
        let looking = async {
            loop {
                let (topic, payload) = self.client.recv().await;
                if topic.parent() == parent {
                    return payload;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking)
            .await
            .expect("a message comes")
    }

    pub(crate) async fn next_downlink(&self) -> Downlink {
        serde_json::from_slice(&self.next(INTENT).await).unwrap()
    }

    pub(crate) async fn next_intent(&self) -> Intent {
        match self.next_downlink().await {
            Downlink::Intent(intent) => intent,
            other @ Downlink::Credential(_) => panic!("not an intent: {other:?}"),
        }
    }

    /// The next command with this method; pings and questions are passed over.
    pub(crate) async fn next_command(&self, method: &str) -> Command {
        loop {
            let command: Command = serde_json::from_slice(&self.next(CMD).await).unwrap();
            if command.method.as_str() == method {
                return command;
            }
        }
    }

    pub(crate) fn reply(&self, to: &Command, body: ReplyBody) {
        let reply = Reply {
            version: WIRE_VERSION,
            id: to.id,
            idempotency_key: to.idempotency_key,
            reply_to: to.reply_to.clone(),
            at: self.clock.wall(),
            body,
        };
        self.publish("csg_result", &serde_json::to_value(reply).unwrap());
    }

    pub(crate) fn publish(&self, parent: &str, message: &Value) {
        let topic = format!("{parent}/{}", self.id).parse().unwrap();
        self.client
            .publish(&topic, Bytes::from(message.to_string()));
    }

    pub(crate) fn report_intent(&self, version: u64, shares: Vec<ShareReport>) {
        let event = Event {
            at: self.clock.wall(),
            kind: EventKind::IntentReport(IntentReport { version, shares }),
        };
        self.publish("csg_event", &serde_json::to_value(event).unwrap());
    }

    pub(crate) fn report_status(&self, intent_version: u64, dirty_bytes: u64) {
        self.report(self.status(intent_version, dirty_bytes));
    }

    pub(crate) fn report(&self, status: GatewayStatus) {
        let status = serde_json::to_value(model::StatusMessage(status)).unwrap();
        self.publish("csg_status", &status);
    }

    pub(crate) fn status(&self, intent_version: u64, dirty_bytes: u64) -> GatewayStatus {
        GatewayStatus {
            gateway: self.id.clone(),
            at: self.clock.wall(),
            started_at: Timestamp::from_millis(1),
            software_version: "0.1.0".into(),
            features: vec!["client_encryption".into(), "unheard_of".into()],
            intent_version,
            nfs_address: "10.0.0.5:2049".into(),
            memory_bytes: 1 << 20,
            cpu_ms: 5,
            cache_disk: model::CacheDiskStatus {
                total_bytes: 100 << 30,
                free_bytes: 50 << 30,
            },
            shares: vec![share_status(dirty_bytes)],
        }
    }
}

fn share_status(dirty_bytes: u64) -> ShareStatus {
    let name = "projects".parse().unwrap();
    ShareStatus {
        inodes: 10,
        dirty_bytes,
        dirty_files: u64::from(dirty_bytes > 0),
        oldest_dirty_age_ms: 7,
        cache_used_bytes: 5,
        ..ShareStatus::idle(name, ShareState::Serving, 1 << 30)
    }
}

/// Settings of a share, as a page would send them.
pub(crate) fn share(name: &str, prefix: &str) -> Value {
    json!({
        "name": name,
        "bucket": {
            "provider": "s3",
            "endpoint": "https://store.example",
            "bucket": "files",
            "prefix": prefix,
            "access_key_id": "AK",
            "secret_access_key": "very-secret-key",
        },
        "access": [{"cidr": "10.0.0.0/8", "access": "read_write"}],
        "cache_bytes_max": 1 << 30,
    })
}

/// The error code of an answer.
pub(crate) fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (
        answer.0.as_u16(),
        answer.1["error"]["code"].as_str().unwrap_or_default(),
    )
}

/// So that `MessageBus` is the trait whose methods tests call.
pub(crate) fn as_bus(bus: &MemBus) -> &dyn MessageBus {
    bus
}
