//! Users.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use database::UserRecord;
use model::{ErrorCode, Role};
use serde_json::json;

use crate::{
    api::{List, NewUser, User},
    app::App,
    audit::Deed,
    auth::{Caller, password},
    error::{ApiError, ApiResult},
    extract::{Json, Path},
};

const NAME_LEN_MAX: usize = 32;

/// All users.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", operation_id = "list_users",
    responses((status = 200, body = List<User>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<User>>> {
    let users = app.database.users().await?;
    Ok(Json(List::whole(
        users.into_iter().map(User::from).collect(),
    )))
}

/// Make a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", operation_id = "create_user",
    request_body = NewUser, responses((status = 201, body = User)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewUser>,
) -> ApiResult<(StatusCode, Json<User>)> {
    check_name(&new.name)?;
    password::check_new(&new.password)?;
    let deed = Deed {
        action: "user.create",
        target: format!("user/{}", new.name),
        details: json!({"role": new.role}),
    };
    let acting = Arc::clone(&app);
    let work = async move {
        let record = UserRecord {
            name: new.name,
            role: new.role,
            password_hash: acting.passwords.hash(new.password).await?,
            created_at: acting.clock.wall(),
        };
        acting.database.create_user(&record).await?;
        Ok(User::from(record))
    };
    let user = app.audit.act(&caller, deed, work).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Delete a user; their logins end.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "users", operation_id = "delete_user",
    params(("name" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    check_name(&name)?;
    let deed = Deed {
        action: "user.delete",
        target: format!("user/{name}"),
        details: json!({}),
    };
    let (acting, himself) = (Arc::clone(&app), caller.user.clone());
    let work = async move {
        let users = acting.database.users().await?;
        let leaves_admin = |u: &UserRecord| u.role == Role::Admin && u.name != name;
        if name == himself || !users.iter().any(leaves_admin) {
            let message = "you cannot delete yourself, nor the last administrator";
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
        Ok(acting.database.delete_user(&name).await?)
    };
    app.audit.act(&caller, deed, work).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_name(name: &str) -> ApiResult<()> {
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if !name.is_empty() && name.len() <= NAME_LEN_MAX && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "a user name has 1 to {NAME_LEN_MAX} lower case letters, digits, `.`, `_` or `-`"
    )))
}
