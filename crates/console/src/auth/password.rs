//! Passwords: Argon2id, off the request threads, a few at a time.

use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _,
    password_hash::{self, SaltString},
};
use model::Secret;
use rand::RngCore as _;
use tokio::sync::Semaphore;

use crate::{error::ApiError, limits::PASSWORD_CHECKS_MAX};

const PASSWORD_LEN_MIN: usize = 8;
const PASSWORD_LEN_MAX: usize = 128;
const SALT_LEN: usize = 16;

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    running: Semaphore,
    /// Is checked when the user does not exist, so that this takes as long.
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, password_hash::Error> {
        Ok(Self {
            running: Semaphore::new(PASSWORD_CHECKS_MAX),
            nobody: hash_now(&super::token::random_password())?,
        })
    }

    pub(crate) async fn hash(&self, password: Secret) -> Result<String, ApiError> {
        let _permit = self.running.acquire().await;
        let hashed = tokio::task::spawn_blocking(move || hash_now(&password)).await;
        hashed
            .map_err(|e| ApiError::internal(&e))?
            .map_err(|e| ApiError::internal(&e))
    }

    /// Whether `password` is that of `hash`; with no hash it never is, and takes as long.
    pub(crate) async fn verify(&self, hash: Option<&str>, password: Secret) -> bool {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let _permit = self.running.acquire().await;
        let right = tokio::task::spawn_blocking(move || verify_now(&hash, &password)).await;
        known && right.unwrap_or(false)
    }
}

/// At the first start there is nobody who could be kept waiting.
pub(crate) fn hash_now(password: &Secret) -> Result<String, password_hash::Error> {
    let mut salt = [0; SALT_LEN];
    rand::rng().fill_bytes(&mut salt);
    let salt = SaltString::encode_b64(&salt)?;
    let hash = Argon2::default().hash_password(password.expose().as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn verify_now(hash: &str, password: &Secret) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.expose().as_bytes(), &hash)
            .is_ok()
    })
}

/// Refuses passwords that are too easy or too long.
pub(crate) fn check_new(password: &Secret) -> Result<(), ApiError> {
    let len = password.expose().chars().count();
    if (PASSWORD_LEN_MIN..=PASSWORD_LEN_MAX).contains(&len) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "a password has {PASSWORD_LEN_MIN} to {PASSWORD_LEN_MAX} characters"
    )))
}
