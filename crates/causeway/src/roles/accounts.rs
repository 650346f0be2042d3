//! Passwords set from the host itself: whoever can read the console's key file and database
//! needs no login. Each is audited like any other change.

use argon2::{
    Argon2, PasswordHasher as _,
    password_hash::{self, SaltString},
};
use audit_log::{Action, AuditLog as _, Outcome};
use clock::Clock;
use database::{Database, UserRecord};
use model::{Role, Secret};

use crate::{error::RoleError, random};

const PASSWORD_LEN: usize = 24;
const SALT_LEN: usize = 16;

/// What to do where there is no such user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Create(Role),
    Refuse,
}

/// Gives a user a new random password and ends their sessions.
pub(super) async fn renew_password(
    database: &Database,
    clock: &Clock,
    user: &str,
    absent: Absent,
) -> Result<Secret, RoleError> {
    let failed = RoleError::part::<database::DatabaseError>;
    let known = database.user(user).await.map_err(failed("find the user"))?;
    let (verb, role) = match (known, absent) {
        (Some(_), _) => ("user.password", None),
        (None, Absent::Create(role)) => ("user.create", Some(role)),
        (None, Absent::Refuse) => return Err(RoleError::NoSuchUser(user.to_owned())),
    };
    let password = random::secret(PASSWORD_LEN);
    let password_hash = hash(&password).map_err(|error| hash_failed(&error))?;
    let audit_failed = || RoleError::part("write the audit log");
    let entry = database.open(clock.wall(), action(user, verb)).await;
    let entry = entry.map_err(audit_failed())?;
    let done = match role {
        None => database.set_password(user, password_hash, "").await,
        Some(role) => {
            let record = UserRecord {
                name: user.to_owned(),
                role,
                password_hash,
                created_at: clock.wall(),
            };
            database.create_user(&record).await
        }
    };
    let outcome = match &done {
        Ok(()) => Outcome::Succeeded,
        Err(error) => Outcome::Failed {
            reason: error.to_string(),
        },
    };
    let closed = database.close(clock.wall(), entry, outcome).await;
    closed.map_err(audit_failed())?;
    done.map_err(failed("store the password"))?;
    Ok(password)
}

fn action(user: &str, verb: &str) -> Action {
    Action {
        actor: "system".to_owned(),
        source: "local".to_owned(),
        channel: "system".to_owned(),
        action: verb.to_owned(),
        target: format!("user/{user}"),
        details: serde_json::json!({}),
    }
}

fn hash(password: &Secret) -> Result<String, password_hash::Error> {
    let salt = SaltString::encode_b64(&random::bytes::<SALT_LEN>())?;
    let hash = Argon2::default().hash_password(password.expose().as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn hash_failed(error: &password_hash::Error) -> RoleError {
    RoleError::part("make a password")(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_one_that_the_console_can_check() {
        use argon2::{PasswordHash, PasswordVerifier as _};
        let password = random::secret(PASSWORD_LEN);
        let hash = hash(&password).unwrap();
        let parsed = PasswordHash::new(&hash).unwrap();
        let check = |text: &str| Argon2::default().verify_password(text.as_bytes(), &parsed);
        assert!(check(password.expose()).is_ok());
        assert!(check("another").is_err());
    }
}
