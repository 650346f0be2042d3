//! `ctl mq`: administration of the message queue.

mod authority;
mod client;
mod key;
mod operations;
mod rules;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{
    Context, CtlError,
    table::{self, Column},
};
use authority::CaVerb;
use client::{ClientVerb, SendArgs, TraceVerb};
use key::{DeviceVerb, KeyVerb, TokenVerb};
use operations::{DrainArgs, ListenerVerb};
use rules::{GroupVerb, SetArgs, TopicVerb};

const EXAMPLES: &str = "\
How a client comes in, from nothing:
  causeway ctl mq group create GID_shop
  causeway ctl mq topic create orders
  causeway ctl mq topic grant orders GID_shop --access publish-and-subscribe
  causeway ctl mq device register GID_shop@@@till-1
    its user name is DeviceCredential|<access key id>|<instance>,
    its password base64(HMAC-SHA1(secret, client ID))

Temporary rights on some topics instead:
  causeway ctl mq key create --description 'token server'
  causeway ctl mq token apply ak-… --resource 'orders/#' --access publish --lifetime-s 3600
    user name Token|<access key id>|<instance>, password W|<token>

What happened to it:
  causeway ctl mq client show GID_shop@@@till-1
  causeway ctl mq trace devices --client GID_shop@@@till-1 --reverse
  causeway ctl mq send orders/p2p/GID_shop@@@till-1 hello";

/// `ctl mq`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct MqArgs {
    #[command(subcommand)]
    noun: MqNoun,
}

#[derive(Debug, Subcommand)]
enum MqNoun {
    /// The instance: its settings and what is in it
    Show,
    /// Change settings of the instance
    Set(SetArgs),
    /// Groups of clients
    #[command(subcommand)]
    Group(GroupVerb),
    /// Parent topics, and which group may use them
    #[command(subcommand)]
    Topic(TopicVerb),
    /// Access keys of applications
    #[command(subcommand)]
    Key(KeyVerb),
    /// Tokens: temporary rights on topics
    #[command(subcommand)]
    Token(TokenVerb),
    /// Credentials of devices
    #[command(subcommand)]
    Device(DeviceVerb),
    /// Who is connected, and who may not be
    #[command(subcommand)]
    Client(ClientVerb),
    /// Send a message to a topic, or to one client
    Send(SendArgs),
    /// What became of connections and messages in the last 3 days
    #[command(subcommand)]
    Trace(TraceVerb),
    /// Certificate authorities whose devices may come with certificates
    #[command(subcommand)]
    Ca(CaVerb),
    /// Where clients connect, and certificates of that
    #[command(subcommand)]
    Listener(ListenerVerb),
    /// Clients that do not take their messages as fast as they come
    Slow,
    /// Send all clients away before the broker is stopped
    Drain(DrainArgs),
}

pub(super) async fn run(context: &Context<'_>, args: MqArgs) -> Result<(), CtlError> {
    match args.noun {
        MqNoun::Show => rules::show(context).await,
        MqNoun::Set(args) => rules::set(context, args).await,
        MqNoun::Group(verb) => rules::group(context, verb).await,
        MqNoun::Topic(verb) => rules::topic(context, verb).await,
        MqNoun::Key(verb) => key::key(context, verb).await,
        MqNoun::Token(verb) => key::token(context, verb).await,
        MqNoun::Device(verb) => key::device(context, verb).await,
        MqNoun::Client(verb) => client::client(context, verb).await,
        MqNoun::Send(args) => client::send(context, &args).await,
        MqNoun::Trace(verb) => client::trace(context, &verb).await,
        MqNoun::Ca(verb) => authority::run(context, verb).await,
        MqNoun::Listener(verb) => operations::listener(context, verb).await,
        MqNoun::Slow => operations::slow(context).await,
        MqNoun::Drain(args) => operations::drain(context, args).await,
    }
}

/// A request below `message-queue`.
struct Request<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl<'a> Request<'a> {
    fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body: None,
        }
    }

    fn get(path: &'a [&'a str]) -> Self {
        Self::new(Method::GET, path)
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn query(mut self, query: Vec<(&'static str, String)>) -> Self {
        self.query = query;
        self
    }

    async fn send(self, context: &Context<'_>) -> Result<Value, CtlError> {
        let path: Vec<&str> = ["message-queue"].iter().chain(self.path).copied().collect();
        let query: Vec<(&str, String)> = self.query.into_iter().collect();
        let body = self.body.as_ref();
        context.api.call(self.method, &path, &query, body).await
    }

    /// Sends it and says `done`.
    async fn say(self, context: &Context<'_>, done: String) -> Result<(), CtlError> {
        let answer = self.send(context).await?;
        context.output.show(&answer, || done)
    }

    /// Sends it and shows a list.
    async fn list(self, context: &Context<'_>, columns: &[Column]) -> Result<(), CtlError> {
        let answer = self.send(context).await?;
        let now = context.clock.wall();
        context
            .output
            .show(&answer, || table::list(columns, &answer, now))
    }

    /// Sends it and shows one thing.
    async fn card(self, context: &Context<'_>, columns: &[Column]) -> Result<(), CtlError> {
        let answer = self.send(context).await?;
        let now = context.clock.wall();
        context
            .output
            .show(&answer, || table::card(columns, &answer, now))
    }
}
