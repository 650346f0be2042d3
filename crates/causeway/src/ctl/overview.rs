//! `ctl overview`.

use super::{
    Context, CtlError,
    table::{self, Column, Format, column},
};

const CARD: &[Column] = &[
    column("gateways", "/gateways/total", Format::Text),
    column("  online", "/gateways/online", Format::Text),
    column("  offline", "/gateways/offline", Format::Text),
    column("  activating", "/gateways/activating", Format::Text),
    column("shares", "/shares/total", Format::Text),
    column("  serving", "/shares/serving", Format::Text),
    column("  failed", "/shares/failed", Format::Text),
    column("unprotected", "/dirty_bytes", Format::Bytes),
    column(
        "oldest unprotected",
        "/oldest_dirty_age_ms",
        Format::Duration,
    ),
    column("uploads failing", "/uploads_failing", Format::Text),
    column("commands pending", "/commands/pending", Format::Text),
    column("  failed", "/commands/failed", Format::Text),
    column("  unknown", "/commands/unknown", Format::Text),
    column("message queue connected", "/bus_connected", Format::YesNo),
];

pub(super) async fn show(context: &Context<'_>) -> Result<(), CtlError> {
    let answer = context.api.get(&["overview"], &[]).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::card(CARD, &answer, now))
}
