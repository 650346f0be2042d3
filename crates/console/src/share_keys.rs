//! Keys that gateways encrypt the objects of their shares with: made or taken when a share is
//! made, the same for all its life, and shown by an export only.

use model::{ClientEncryption, ErrorCode, GatewayId, ShareName, ShareSettings};
use object_cipher::ShareKey;

use crate::{
    app::App,
    error::{ApiError, ApiResult},
};

/// Gives a new share its key: the one that was given, that of another share, or a new one.
pub(crate) async fn complete(app: &App, settings: &mut ShareSettings) -> ApiResult<()> {
    let Some(wanted) = &mut settings.client_encryption else {
        return Ok(());
    };
    let key = if !wanted.key.is_empty() {
        let key = ShareKey::parse(&wanted.key).map_err(|e| ApiError::invalid(e.to_string()))?;
        if !wanted.key_id.is_empty() && wanted.key_id != key.id().to_string() {
            return Err(ApiError::invalid(format!(
                "the key given is key {}, not {}; leave the id out",
                key.id(),
                wanted.key_id
            )));
        }
        key
    } else if wanted.key_id.is_empty() {
        ShareKey::random().map_err(|e| ApiError::internal(&e))?
    } else {
        find(app, &wanted.key_id).await?
    };
    *wanted = ClientEncryption {
        key_id: key.id().to_string(),
        key: key.to_secret(),
    };
    Ok(())
}

/// The key of this name that some share has.
async fn find(app: &App, key_id: &str) -> ApiResult<ShareKey> {
    let found = app.database.share_key(key_id).await?;
    let Some(key) = found else {
        return Err(ApiError::invalid(format!(
            "no share has key `{}`; give the key itself, or leave the id out for a new one",
            key_id.escape_debug()
        )));
    };
    ShareKey::parse(&key).map_err(|e| ApiError::internal(&e))
}

/// A share keeps its key: what it has put cannot be read with another.
pub(crate) async fn keep(app: &App, id: &GatewayId, settings: &mut ShareSettings) -> ApiResult<()> {
    let stored = app.database.share(id, &settings.name).await?;
    let stored = stored.settings.client_encryption;
    let is_same = match (&stored, &settings.client_encryption) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(stored), Some(wanted)) => {
            (wanted.key_id.is_empty() || wanted.key_id == stored.key_id)
                && (wanted.key.is_empty() || wanted.key == stored.key)
        }
    };
    if !is_same {
        return Err(ApiError::invalid(
            "a share is encrypted from its beginning, and with one key; make another share with \
             another prefix, and copy the files to it",
        ));
    }
    settings.client_encryption = stored;
    Ok(())
}

/// Refuses what would take the last copy of a key away that the console has.
pub(crate) async fn refuse_loss(
    app: &App,
    id: &GatewayId,
    name: Option<&ShareName>,
) -> ApiResult<()> {
    let mut places = app.database.share_places(None).await?;
    // With those that are being removed it was settled when that began.
    places.retain(|place| place.retired_in.is_none());
    let goes = |place: &&database::PlacedShare| {
        place.gateway == *id && name.is_none_or(|name| *name == place.settings.name)
    };
    let (going, staying): (Vec<_>, Vec<_>) = places.iter().partition(goes);
    let stays = |key_id| staying.iter().any(|p| p.settings.key_id() == Some(key_id));
    let lost = going
        .iter()
        .find(|p| p.settings.key_id().is_some_and(|key_id| !stays(key_id)));
    let Some(lost) = lost else { return Ok(()) };
    let share = &lost.settings.name;
    Err(ApiError::new(
        ErrorCode::Conflict,
        format!(
            "with share `{share}` goes the key without which nobody can read its objects; export \
             the key (`causeway ctl share export-key`), then delete the share with \
             forget_key=true"
        ),
    ))
}
