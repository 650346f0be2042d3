//! `ctl mq ca`.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::{
    super::{
        Context, CtlError,
        api::read_text,
        args::PageArgs,
        ask::{ConfirmArgs, Go},
        table::{Column, Format, column},
    },
    Request,
};

#[derive(Debug, Subcommand)]
pub(super) enum CaVerb {
    /// The code that a verification certificate must carry as its common name
    Code,
    /// All certificate authorities
    List,
    /// Trust an authority: its devices may come with certificates, whose common name is their
    /// client ID or Device ID
    Register {
        /// Its name here
        name: String,
        /// Its certificate, a PEM file
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// A certificate that it has issued to `ctl mq ca code`, a PEM file
        #[arg(long, value_name = "FILE")]
        verification: PathBuf,
    },
    /// Certificates of an authority, or one of them, let devices in again
    Activate {
        /// Serial number of the authority
        serial: String,
        /// Only this device certificate
        #[arg(long, value_name = "SERIAL")]
        device: Option<String>,
    },
    /// Certificates of an authority, or one of them, let nobody in; who is there is disconnected
    Inactivate {
        /// Serial number of the authority
        serial: String,
        /// Only this device certificate
        #[arg(long, value_name = "SERIAL")]
        device: Option<String>,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Forget an authority, or one device certificate, that is inactive
    Delete {
        /// Serial number of the authority
        serial: String,
        /// Only this device certificate
        #[arg(long, value_name = "SERIAL")]
        device: Option<String>,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Device certificates of an authority that were seen
    Devices {
        /// Serial number of the authority
        serial: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

const AUTHORITIES: &[Column] = &[
    column("SERIAL", "/serial", Format::Text),
    column("NAME", "/name", Format::Text),
    column("STATE", "/state", Format::Text),
    column("DEVICES", "/devices", Format::Text),
    column("GOOD UNTIL", "/expires_at", Format::Time),
];

const DEVICES: &[Column] = &[
    column("SERIAL", "/serial", Format::Text),
    column("CLIENT ID", "/client_id", Format::Text),
    column("STATE", "/state", Format::Text),
    column("SINCE", "/registered_at", Format::Time),
    column("GOOD UNTIL", "/expires_at", Format::Time),
];

const CODE: &[Column] = &[column("CODE", "/code", Format::Text)];

pub(super) async fn run(context: &Context<'_>, verb: CaVerb) -> Result<(), CtlError> {
    match verb {
        CaVerb::Code => {
            let request = Request::get(&["registration-code"]);
            request.card(context, CODE).await
        }
        CaVerb::List => {
            let request = Request::get(&["authorities"]);
            request.list(context, AUTHORITIES).await
        }
        CaVerb::Register {
            name,
            certificate,
            verification,
        } => {
            let body = json!({
                "name": name,
                "certificate_pem": read_text(&certificate)?,
                "verification_pem": read_text(&verification)?,
            });
            let request = Request::new(Method::POST, &["authorities"]).body(body);
            let done = format!("Certificates of {name} let devices in.\n");
            request.say(context, done).await
        }
        CaVerb::Activate { serial, device } => {
            set(context, &serial, device.as_deref(), "active").await
        }
        CaVerb::Inactivate {
            serial,
            device,
            confirm,
        } => {
            let what = format!("disconnect who came in by {serial}");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            set(context, &serial, device.as_deref(), "inactive").await
        }
        CaVerb::Delete {
            serial,
            device,
            confirm,
        } => {
            let what = format!("forget {}", device.as_ref().unwrap_or(&serial));
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            let path = path(&serial, device.as_deref());
            let done = "It is forgotten.\n".to_owned();
            let request = Request::new(Method::DELETE, &path);
            request.say(context, done).await
        }
        CaVerb::Devices { serial, page } => {
            let path = ["authorities", &serial, "devices"];
            let request = Request::get(&path).query(page.query());
            request.list(context, DEVICES).await
        }
    }
}

fn path<'a>(serial: &'a str, device: Option<&'a str>) -> Vec<&'a str> {
    let device = device.map(|device| ["devices", device]);
    let device = device.into_iter().flatten();
    ["authorities", serial].into_iter().chain(device).collect()
}

async fn set(
    context: &Context<'_>,
    serial: &str,
    device: Option<&str>,
    state: &str,
) -> Result<(), CtlError> {
    let path = path(serial, device);
    Request::new(Method::PUT, &path)
        .body(json!({"state": state}))
        .say(
            context,
            format!("{} is {state}.\n", device.unwrap_or(serial)),
        )
        .await
}
