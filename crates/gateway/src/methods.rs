//! The methods of commands.

use std::sync::Arc;

use model::{
    Command, ErrorCode, Failure, Method, ShareAction, ShareName, ShareTable, StatusMessage,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    shares::{Share, SharesHandle},
    status::StatusSource,
};

/// What methods work with.
pub(crate) struct Methods {
    pub(crate) shares: SharesHandle,
    pub(crate) status: Arc<StatusSource>,
}

#[derive(Deserialize)]
struct SyncParams {
    share: ShareName,
    path: Option<String>,
}

#[derive(Deserialize)]
struct ShareParams {
    share: ShareName,
}

impl Methods {
    /// Runs a command.
    pub(crate) async fn run(&self, command: &Command) -> Result<Value, Failure> {
        match &command.method {
            Method::StatusGet => {
                let status = self.status.read(&self.shares.snapshot());
                serde_json::to_value(StatusMessage(status)).map_err(|e| internal(&e))
            }
            Method::ShareList => {
                let snapshot = self.shares.snapshot();
                let shares = snapshot.statuses();
                Ok(json!({ "shares": ShareTable(shares) }))
            }
            Method::ShareSync => self.sync(params(command)?).await,
            Method::RestartShare => {
                let ShareParams { share } = params(command)?;
                self.shares.restart(share).await?;
                Ok(json!({}))
            }
            Method::ShareCheck
            | Method::SharePin
            | Method::ShareUnpin
            | Method::SharePrefetch
            | Method::ShareEvict
            | Method::ShareFileStatus
            | Method::ShareQueue => self.act(command).await,
            // The memory of commands answers the first and refuses the second.
            Method::CommandGet | Method::Unknown(_) => Err(unknown(command)),
        }
    }

    async fn act(&self, command: &Command) -> Result<Value, Failure> {
        let ShareParams { share } = params(command)?;
        let action = ShareAction::of(&command.method, &command.params);
        let action = action.map_err(|error| invalid(command, &error))?;
        let action = action.ok_or_else(|| unknown(command))?;
        if let ShareAction::Check(check) = action
            && check.repair
        {
            let report = self.shares.repair(share, check.data).await?;
            return serde_json::to_value(report).map_err(|e| internal(&e));
        }
        self.serving(&share)?.act(&action).await
    }

    fn serving(&self, name: &ShareName) -> Result<Arc<dyn Share>, Failure> {
        let share = self.shares.snapshot().serving(name.as_str());
        share.ok_or_else(|| {
            let text = format!("this gateway does not serve a share `{name}`");
            Failure::new(ErrorCode::NotFound, text)
        })
    }

    async fn sync(&self, params: SyncParams) -> Result<Value, Failure> {
        let share = self.serving(&params.share)?;
        let summary = share.sync(params.path.as_deref()).await?;
        Ok(json!({
            "listed": summary.objects_listed,
            "added": summary.added,
            "changed": summary.changed,
            "removed": summary.removed,
            "conflicts": summary.conflicts,
            "skipped": summary.skipped,
        }))
    }
}

fn params<T: DeserializeOwned>(command: &Command) -> Result<T, Failure> {
    T::deserialize(&command.params).map_err(|error| invalid(command, &error))
}

fn invalid(command: &Command, error: &serde_json::Error) -> Failure {
    let text = format!("parameters of `{}`: {error}", command.method.as_str());
    Failure::new(ErrorCode::InvalidArgument, text)
}

fn unknown(command: &Command) -> Failure {
    let text = format!("`{}` cannot be run", command.method.as_str());
    Failure::new(ErrorCode::UnknownMethod, text)
}

fn internal(error: &serde_json::Error) -> Failure {
    Failure::new(ErrorCode::Internal, error.to_string())
}
