//! Shares that are wanted: together they are the intent of their gateway.
//!
//! The check that no two shares fight for the same objects is made here, in the transaction that
//! stores the share, because only there it holds.

use model::{GatewayId, Intent, Secret, ShareName, ShareSettings, Timestamp};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Set,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    Database,
    entity::{gateway, share},
    error::{DatabaseError, Result},
    gateways::{no_gateway, parse},
    lent_keys::{Borrowed, forget_keys},
    numbers::{from_column, to_column},
    retired_shares::{retire, take_back},
};

/// A share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRecord {
    /// Its settings, secrets included.
    pub settings: ShareSettings,
    /// The version of the intent from which on it is not wanted, and kept only until its gateway has
    /// emptied it.
    pub retired_in: Option<u64>,
}

/// A share and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedShare {
    /// The gateway that serves it.
    pub gateway: GatewayId,
    /// Its settings.
    pub settings: ShareSettings,
    /// As in [`ShareRecord::retired_in`].
    pub retired_in: Option<u64>,
}

/// A change of a gateway's intent.
#[derive(Clone, Debug)]
pub enum ShareChange {
    /// A new share; or one that was retired, and is wanted again over the same objects.
    Create(ShareSettings),
    /// New settings of the share with this name.
    Replace(ShareSettings),
    /// The share is no longer wanted, but its gateway may need keys to empty it. One that is retired
    /// stays as it is.
    Retire(ShareName),
    /// The share is no longer known here. Refused if it has a role, or is retired: see
    /// [`Database::remove_retired`].
    Remove(ShareName),
}

fn place(gateway: &str, name: &str) -> String {
    format!("share/{gateway}/{name}")
}

/// The same object store written in two ways is one: case and a slash at the end do not count. The
/// same directory of two machines is two; where it is mounted on both, its lock tells.
pub(crate) fn canonical_endpoint(gateway: &GatewayId, endpoint: &str) -> String {
    if let Some(path) = endpoint.strip_prefix("file://") {
        return format!("file://{gateway}{}", path.trim_end_matches('/'));
    }
    let plain = endpoint.trim_end_matches('/').to_ascii_lowercase();
    let without_port = match plain.split_once("://") {
        Some(("https", _)) => plain.strip_suffix(":443"),
        Some(("http", _)) => plain.strip_suffix(":80"),
        Some(_) | None => None,
    };
    without_port.unwrap_or(&plain).to_owned()
}

fn overlaps(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

impl Database {
    /// Those of one gateway, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn shares_of(&self, gateway: &GatewayId) -> Result<Vec<ShareRecord>> {
        let rows = share::Entity::find()
            .filter(share::Column::GatewayId.eq(gateway.as_str()))
            .order_by_asc(share::Column::Name)
            .all(&self.reader)
            .await?;
        rows.iter().map(|row| self.record(row)).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such share.
    pub async fn share(&self, gateway: &GatewayId, name: &ShareName) -> Result<ShareRecord> {
        self.record(&find_share(&self.reader, gateway, name).await?)
    }

    /// Where the shares of one gateway, or of all, have their objects: settings without secrets,
    /// their endpoints in the form in which they can be compared.
    ///
    /// # Errors
    /// The database fails.
    pub async fn share_places(&self, gateway: Option<&GatewayId>) -> Result<Vec<PlacedShare>> {
        let mut find = share::Entity::find();
        if let Some(gateway) = gateway {
            find = find.filter(share::Column::GatewayId.eq(gateway.as_str()));
        }
        let rows = find.all(&self.reader).await?;
        let placed = rows.into_iter().map(|row| {
            let mut placed = placed_share(&row, open_settings(row.settings.clone())?)?;
            placed.settings.bucket.endpoint = row.endpoint;
            Ok(placed)
        });
        placed.collect()
    }

    /// The key of this id that objects of some share are encrypted with.
    ///
    /// # Errors
    /// The database fails.
    pub async fn share_key(&self, key_id: &str) -> Result<Option<Secret>> {
        for row in share::Entity::find().all(&self.reader).await? {
            if open_settings(row.settings.clone())?.key_id() == Some(key_id) {
                let encryption = self.settings(&row)?.client_encryption;
                return Ok(encryption.map(|encryption| encryption.key));
            }
        }
        Ok(None)
    }

    /// The whole intent of a gateway, as it is sent to it: a share with a role has the keys that
    /// were lent and are not over, or none, and never those that may assume the role.
    ///
    /// # Errors
    /// There is no such gateway.
    pub async fn intent(&self, id: &GatewayId, now: Timestamp) -> Result<Intent> {
        // In this order: a change in between makes the version too low, and the next report of
        // the gateway then asks for the document again. The other way round it would be lost.
        let version = self.gateway(id).await?.intent_version;
        let records = self.shares_of(id).await?;
        // Gateways come back by the thousand, and most have no share with a role.
        let lends = records.iter().any(|r| r.settings.bucket.role.is_some());
        let lent = if lends {
            self.lent_keys_of(id).await?
        } else {
            Vec::new()
        };
        let (mut shares, mut retired) = (Vec::new(), Vec::new());
        for record in records {
            let ShareRecord {
                mut settings,
                retired_in,
            } = record;
            let record = lent.iter().find(|record| record.share == settings.name);
            let keys = record.and_then(|record| record.good_keys(now));
            settings.bucket = settings.bucket.for_gateway(keys);
            match retired_in {
                None => shares.push(settings),
                Some(_) => retired.push(settings),
            }
        }
        Ok(Intent {
            version,
            shares,
            retired,
        })
    }

    /// The share that this one would fight with for objects, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn overlapping(
        &self,
        gateway: &GatewayId,
        settings: &ShareSettings,
    ) -> Result<Option<PlacedShare>> {
        let row = find_overlapping(&self.reader, gateway, settings).await?;
        row.map(|row| placed_share(&row, self.settings(&row)?))
            .transpose()
    }

    /// Changes the intent of a gateway; its new version comes back.
    ///
    /// # Errors
    /// No such gateway or share, the name is taken, or another share owns the prefix.
    pub async fn change_shares(&self, gateway: &GatewayId, change: &ShareChange) -> Result<u64> {
        self.change_shares_with(gateway, change, None).await
    }

    /// The same for a share with a role, with the first keys that it has lent.
    ///
    /// # Errors
    /// Those of [`Self::change_shares`].
    pub async fn change_shares_with(
        &self,
        gateway: &GatewayId,
        change: &ShareChange,
        borrowed: Option<&Borrowed>,
    ) -> Result<u64> {
        let tx = self.begin_serializable().await?;
        let version = next_version(&tx, gateway).await?;
        match change {
            ShareChange::Create(settings) => {
                take_back(&tx, gateway, settings).await?;
                self.insert_share(&tx, gateway, settings, None).await?;
            }
            ShareChange::Replace(settings) => {
                let retired_in = remove_share(&tx, gateway, &settings.name).await?;
                self.insert_share(&tx, gateway, settings, retired_in)
                    .await?;
            }
            ShareChange::Retire(name) => retire(&tx, gateway, name, version).await?,
            ShareChange::Remove(name) => remove_plain(&tx, gateway, name).await?,
        }
        if let ShareChange::Create(settings) | ShareChange::Replace(settings) = change
            && settings.bucket.role.is_some()
        {
            self.insert_keys(&tx, gateway, &settings.name, borrowed)
                .await?;
        }
        tx.commit().await?;
        Ok(version)
    }

    /// Raises the version of a gateway's intent above `known`; the version that it has then.
    ///
    /// # Errors
    /// There is no such gateway, or the database fails.
    pub async fn raise_intent(&self, gateway: &GatewayId, known: u64) -> Result<u64> {
        let tx = self.begin_serializable().await?;
        let known = to_column(known);
        gateway::Entity::update_many()
            .col_expr(gateway::Column::IntentVersion, Expr::value(known))
            .filter(gateway::Column::Id.eq(gateway.as_str()))
            .filter(gateway::Column::IntentVersion.lt(known))
            .exec(&tx)
            .await?;
        let version = next_version(&tx, gateway).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn insert_share(
        &self,
        tx: &DatabaseTransaction,
        gateway: &GatewayId,
        settings: &ShareSettings,
        retired_in: Option<u64>,
    ) -> Result<()> {
        if let Some(other) = find_overlapping(tx, gateway, settings).await? {
            return Err(DatabaseError::PrefixOverlap {
                gateway: other.gateway_id,
                share: other.name,
                prefix: other.prefix,
            });
        }
        let name = settings.name.as_str();
        let mut open = settings.clone();
        let secrets = take_secrets(&mut open);
        let row = share::ActiveModel {
            gateway_id: Set(gateway.as_str().to_owned()),
            name: Set(name.to_owned()),
            endpoint: Set(canonical_endpoint(gateway, &settings.bucket.endpoint)),
            bucket: Set(settings.bucket.bucket.clone()),
            prefix: Set(settings.bucket.prefix.clone()),
            settings: Set(serde_json::to_value(&open)
                .map_err(|e| DatabaseError::corrupt("settings of a share", e))?),
            sealed_secret: Set(self.seal(&secrets, &place(gateway.as_str(), name))?),
            retired_in: Set(retired_in.map(to_column)),
        };
        share::Entity::insert(row)
            .exec_without_returning(tx)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || format!("share `{name}`")))?;
        Ok(())
    }

    pub(crate) fn settings(&self, row: &share::Model) -> Result<ShareSettings> {
        let secrets = self.open_sealed(&row.sealed_secret, &place(&row.gateway_id, &row.name))?;
        let mut settings = open_settings(row.settings.clone())?;
        put_secrets(&mut settings, &secrets);
        Ok(settings)
    }

    fn record(&self, row: &share::Model) -> Result<ShareRecord> {
        Ok(ShareRecord {
            settings: self.settings(row)?,
            retired_in: row.retired_in.map(from_column),
        })
    }
}

/// What is sealed of a share, a line each: the bucket's secret, what goes with keys that were
/// lent, and the key of its objects. None has line ends; lines at the end that are empty are not
/// there.
fn take_secrets(settings: &mut ShareSettings) -> Secret {
    let bucket = &mut settings.bucket;
    let of_objects = settings.client_encryption.as_mut();
    let secrets = [
        std::mem::take(&mut bucket.secret_access_key),
        std::mem::take(&mut bucket.session_token),
        of_objects
            .map(|e| std::mem::take(&mut e.key))
            .unwrap_or_default(),
    ];
    let lines = secrets.each_ref().map(Secret::expose).join("\n");
    Secret::new(lines.trim_end_matches('\n'))
}

fn put_secrets(settings: &mut ShareSettings, sealed: &Secret) {
    let mut lines = sealed.expose().split('\n').map(Secret::new);
    let mut next = || lines.next().unwrap_or_default();
    settings.bucket.secret_access_key = next();
    settings.bucket.session_token = next();
    if let Some(encryption) = &mut settings.client_encryption {
        encryption.key = next();
    }
}

/// A row with its settings, with or without secrets.
pub(crate) fn placed_share(row: &share::Model, settings: ShareSettings) -> Result<PlacedShare> {
    Ok(PlacedShare {
        gateway: parse("the gateway of a share", &row.gateway_id)?,
        settings,
        retired_in: row.retired_in.map(from_column),
    })
}

pub(crate) async fn find_share(
    connection: &impl ConnectionTrait,
    gateway: &GatewayId,
    name: &ShareName,
) -> Result<share::Model> {
    let key = (gateway.as_str().to_owned(), name.as_str().to_owned());
    let row = share::Entity::find_by_id(key).one(connection).await?;
    row.ok_or_else(|| no_share(gateway, name))
}

fn no_share(gateway: &GatewayId, name: &ShareName) -> DatabaseError {
    DatabaseError::NotFound(format!("share `{name}` on gateway {gateway}"))
}

async fn find_overlapping(
    connection: &impl ConnectionTrait,
    gateway: &GatewayId,
    settings: &ShareSettings,
) -> Result<Option<share::Model>> {
    let same_bucket = share::Entity::find()
        .filter(share::Column::Bucket.eq(settings.bucket.bucket.as_str()))
        .filter(share::Column::Endpoint.eq(canonical_endpoint(gateway, &settings.bucket.endpoint)))
        .all(connection)
        .await?;
    for row in same_bucket {
        if !overlaps(&row.prefix, &settings.bucket.prefix) {
            continue;
        }
        let (is_same_gateway, is_same_name) = (
            row.gateway_id == gateway.as_str(),
            row.name == settings.name.as_str(),
        );
        let gets_on = if is_same_gateway {
            is_same_name
        } else {
            open_settings(row.settings.clone())?.gets_on_with(settings)
        };
        if !gets_on {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// As they are in the table: without secrets.
pub(crate) fn open_settings(settings: serde_json::Value) -> Result<ShareSettings> {
    serde_json::from_value(settings).map_err(|e| DatabaseError::corrupt("settings of a share", e))
}

/// Takes a share out that needs no keys from here to be emptied.
async fn remove_plain(
    tx: &DatabaseTransaction,
    gateway: &GatewayId,
    name: &ShareName,
) -> Result<()> {
    let row = find_share(tx, gateway, name).await?;
    let has_role = open_settings(row.settings)?.bucket.role.is_some();
    if has_role || row.retired_in.is_some() {
        return Err(DatabaseError::Changed(format!("share `{name}`")));
    }
    remove_share(tx, gateway, name).await?;
    Ok(())
}

/// Takes a share out; the version of the intent in which it was retired.
pub(crate) async fn remove_share(
    tx: &DatabaseTransaction,
    gateway: &GatewayId,
    name: &ShareName,
) -> Result<Option<u64>> {
    let row = find_share(tx, gateway, name).await?;
    let retired_in = row.retired_in.map(from_column);
    share::Entity::delete(share::ActiveModel::from(row))
        .exec(tx)
        .await?;
    forget_keys(tx, gateway, name).await?;
    Ok(retired_in)
}

pub(crate) async fn next_version(tx: &DatabaseTransaction, gateway: &GatewayId) -> Result<u64> {
    let updated = gateway::Entity::update_many()
        .col_expr(
            gateway::Column::IntentVersion,
            Expr::col(gateway::Column::IntentVersion).add(1),
        )
        .filter(gateway::Column::Id.eq(gateway.as_str()))
        .exec(tx)
        .await?;
    if updated.rows_affected == 0 {
        return Err(no_gateway(gateway));
    }
    let version: Option<i64> = gateway::Entity::find_by_id(gateway.as_str())
        .select_only()
        .column(gateway::Column::IntentVersion)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(from_column(version.ok_or_else(|| no_gateway(gateway))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_overlap_if_one_holds_the_other() {
        assert!(overlaps("", "a/"));
        assert!(overlaps("a/b/", "a/"));
        assert!(overlaps("a/", "a/"));
        assert!(!overlaps("a/", "ab/"));
        assert!(!overlaps("a/b/", "a/c/"));
    }

    #[test]
    fn one_endpoint_written_in_two_ways_is_one() {
        let gateway: GatewayId = "gw-7f3k2m9q".parse().unwrap();
        let canonical = |endpoint| canonical_endpoint(&gateway, endpoint);
        let check = |one, other| assert_eq!(canonical(one), canonical(other));
        check("https://OSS.example/", "https://oss.example:443");
        check("http://127.0.0.1:80", "http://127.0.0.1");
        check("file:///srv/", "file:///srv");
        assert_ne!(canonical("http://a"), canonical("https://a"));
        assert_ne!(canonical("file:///a"), canonical("file:///A"));
        let other: GatewayId = "gw-7f3k2m9r".parse().unwrap();
        let path = "file:///srv";
        assert_ne!(canonical(path), canonical_endpoint(&other, path));
    }
}
