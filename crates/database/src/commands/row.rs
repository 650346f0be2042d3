//! A command as a row.

use model::{CommandId, Method};
use sea_orm::Set;

use super::{CommandRecord, CommandState};
use crate::{
    entity::command,
    error::{DatabaseError, Result},
    gateways::parse,
    numbers::{from_column, time_from_column, time_to_column, to_column},
};

pub(super) fn from_record(record: &CommandRecord) -> Result<command::ActiveModel> {
    let error = record.error.as_ref().map(serde_json::to_value).transpose();
    Ok(command::ActiveModel {
        id: Set(record.id.to_string()),
        gateway_id: Set(record.gateway.as_str().to_owned()),
        method: Set(record.method.as_str().to_owned()),
        params: Set(record.params.clone()),
        idempotency_key: Set(record.idempotency_key.to_string()),
        generation: Set(small(record.generation)),
        noreply: Set(record.noreply),
        issued_by: Set(record.issued_by.clone()),
        audit_entry: Set(to_column(record.audit_entry)),
        deadline: Set(time_to_column(record.deadline)),
        state: Set(record.state.as_str().to_owned()),
        accepted_at: Set(time_to_column(record.accepted_at)),
        delivered_at: Set(record.delivered_at.map(time_to_column)),
        started_at: Set(record.started_at.map(time_to_column)),
        finished_at: Set(record.finished_at.map(time_to_column)),
        inquiries: Set(small(record.inquiries)),
        check_at: Set(record.check_at.map(time_to_column)),
        result: Set(record.result.clone()),
        error: Set(error.map_err(|e| DatabaseError::corrupt("the error of a command", e))?),
        reissue_of: Set(record.reissue_of.map(|id| id.to_string())),
        reissued_as: Set(record.reissued_as.map(|id| id.to_string())),
    })
}

pub(super) fn to_record(row: command::Model) -> Result<CommandRecord> {
    let error = row.error.map(serde_json::from_value).transpose();
    Ok(CommandRecord {
        id: parse("the id of a command", &row.id)?,
        gateway: parse("the gateway of a command", &row.gateway_id)?,
        method: Method::from_name(&row.method),
        params: row.params,
        idempotency_key: parse("the key of a command", &row.idempotency_key)?,
        generation: u32::try_from(row.generation).unwrap_or(0),
        noreply: row.noreply,
        issued_by: row.issued_by,
        audit_entry: from_column(row.audit_entry),
        deadline: time_from_column(row.deadline),
        state: state_from_column(&row.state)?,
        accepted_at: time_from_column(row.accepted_at),
        delivered_at: row.delivered_at.map(time_from_column),
        started_at: row.started_at.map(time_from_column),
        finished_at: row.finished_at.map(time_from_column),
        inquiries: u32::try_from(row.inquiries).unwrap_or(0),
        check_at: row.check_at.map(time_from_column),
        result: row.result,
        error: error.map_err(|e| DatabaseError::corrupt("the error of a command", e))?,
        reissue_of: link(row.reissue_of.as_deref())?,
        reissued_as: link(row.reissued_as.as_deref())?,
    })
}

fn small(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn state_from_column(text: &str) -> Result<CommandState> {
    let found = CommandState::ALL.into_iter().find(|s| s.as_str() == text);
    found.ok_or_else(|| DatabaseError::corrupt("the state of a command", text))
}

fn link(id: Option<&str>) -> Result<Option<CommandId>> {
    id.map(|id| parse("a link between commands", id))
        .transpose()
}
