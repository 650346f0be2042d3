//! What not every gateway can do: each tells which of it, and the console asks no other for it.

use serde::{Deserialize, Serialize};

use crate::ShareSettings;

/// Something that older gateways do not know, and that is no less than dangerous to leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// [`ShareSettings::client_encryption`]: without it, files go to the bucket in the clear.
    ClientEncryption,
}

impl Feature {
    /// What this software knows.
    pub const ALL: [Self; 1] = [Self::ClientEncryption];

    /// As it stands in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientEncryption => "client_encryption",
        }
    }
}

impl ShareSettings {
    /// What a gateway must know to serve this share.
    #[must_use]
    pub fn needs(&self) -> Vec<Feature> {
        let encrypts = self.client_encryption.is_some();
        encrypts
            .then_some(Feature::ClientEncryption)
            .into_iter()
            .collect()
    }
}
