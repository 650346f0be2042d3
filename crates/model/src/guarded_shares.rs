//! Shares on their way to a gateway, and where it keeps them: for fields of structures, as
//! `#[serde(with = "model::guarded_shares")]`.
//!
//! Readers ignore fields that they do not know. A share that must not be half understood has another
//! form, which names what it needs: `{"needs": ["client_encryption"], "share": {…}}`. Whoever does not
//! know the form, or a word of it, can read nothing of the document, and stays with the one before.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::{Feature, ShareSettings};

#[derive(Serialize)]
#[serde(untagged)]
enum Form<'a> {
    Open(&'a ShareSettings),
    Guarded {
        needs: Vec<Feature>,
        share: &'a ShareSettings,
    },
}

#[derive(Deserialize)]
struct Guarded {
    #[serde(rename = "needs")]
    _needs: Vec<Feature>,
    share: ShareSettings,
}

/// Each in the form that it needs.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(
    shares: &[ShareSettings],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(shares.iter().map(|share| match share.needs() {
        needs if needs.is_empty() => Form::Open(share),
        needs => Form::Guarded { needs, share },
    }))
}

/// Both forms.
///
/// # Errors
/// It is neither, or needs something that this software does not know.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ShareSettings>, D::Error> {
    let read = |form: Value| {
        if form.get("needs").is_none() {
            return serde_json::from_value(form);
        }
        serde_json::from_value(form).map(|Guarded { share, .. }| share)
    };
    let forms = Vec::<Value>::deserialize(deserializer)?;
    let shares = forms.into_iter().map(read).collect::<Result<_, _>>();
    shares.map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{ClientEncryption, Feature, Intent, ShareSettings};

    fn intent(encryption: Option<ClientEncryption>) -> Intent {
        let share = json!({"name": "a", "bucket": {
            "provider": "s3", "endpoint": "https://s3", "bucket": "b"}});
        let share: ShareSettings = serde_json::from_value(share).unwrap();
        let sealed = ShareSettings {
            name: "b".parse().unwrap(),
            client_encryption: encryption,
            ..share.clone()
        };
        Intent {
            version: 1,
            shares: vec![share, sealed],
            retired: Vec::new(),
        }
    }

    /// What a gateway of before has instead.
    #[derive(Debug, serde::Deserialize)]
    struct OldIntent {
        shares: Vec<ShareSettings>,
    }

    #[test]
    fn who_does_not_know_the_form_reads_nothing_of_the_document() {
        let sealed = serde_json::to_string(&intent(Some(ClientEncryption::default()))).unwrap();
        serde_json::from_str::<OldIntent>(&sealed).unwrap_err();
        let open = serde_json::to_string(&intent(None)).unwrap();
        let old: OldIntent = serde_json::from_str(&open).unwrap();
        assert_eq!(old.shares, intent(None).shares);
    }

    #[test]
    fn what_is_needed_and_not_known_is_named_in_the_error() {
        let sealed = intent(Some(ClientEncryption::default()));
        let mut json = serde_json::to_value(&sealed).unwrap();
        assert_eq!(json["shares"][1]["needs"], json!(["client_encryption"]));
        let read: Intent = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read, sealed);
        json["shares"][1]["needs"] = json!(["client_encryption", "time_travel"]);
        let error = serde_json::from_value::<Intent>(json).unwrap_err();
        assert!(error.to_string().contains("`time_travel`"), "{error}");
    }

    #[test]
    fn what_was_kept_before_there_was_the_form_is_read() {
        let sealed = intent(Some(ClientEncryption::default()));
        let kept = json!({"version": 1, "shares": [sealed.shares[0], sealed.shares[1]]});
        assert_eq!(serde_json::from_value::<Intent>(kept).unwrap(), sealed);
    }

    #[test]
    fn a_document_of_a_console_that_lends_removed_shares_nothing_is_read() {
        let read: Intent = serde_json::from_value(json!({"version": 1, "shares": []})).unwrap();
        assert_eq!(read.retired, []);
    }

    #[test]
    fn a_feature_is_called_the_same_everywhere() {
        for feature in Feature::ALL {
            assert_eq!(json!(feature), json!(feature.as_str()));
        }
    }
}
