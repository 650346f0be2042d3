//! What the services answer: JSON of Alibaba Cloud, XML of AWS.

use clock::Timestamp;
use model::{LentKeys, Secret};
use serde::Deserialize;

use crate::limits::{KEY_LEN_MAX, MESSAGE_LEN_MAX, TOKEN_LEN_MAX};

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Alibaba,
    Aws,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is no such document.
    Document(String),
    /// Something in it cannot be.
    Field(&'static str),
}

/// What a service says when it refuses; both empty if it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JsonAnswer {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlAnswer {
    assume_role_result: XmlResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlResult {
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    #[serde(alias = "AccessKeySecret")]
    secret_access_key: Secret,
    #[serde(alias = "SecurityToken")]
    session_token: Secret,
    expiration: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct XmlRefusal {
    /// Where AWS has it.
    error: Option<Refusal>,
    /// Where others have it.
    code: String,
    message: String,
}

/// The keys of an answer that is a success.
pub(crate) fn keys(dialect: Dialect, body: &[u8]) -> Result<LentKeys, Unreadable> {
    let credentials = match dialect {
        Dialect::Alibaba => {
            // An error of serde can repeat what it has read.
            let answer: JsonAnswer = serde_json::from_slice(body)
                .map_err(|error| Unreadable::Document(format!("{:?}", error.classify())))?;
            answer.credentials
        }
        Dialect::Aws => {
            let answer: XmlAnswer = std::str::from_utf8(body)
                .ok()
                .and_then(|text| quick_xml::de::from_str(text).ok())
                .ok_or_else(|| Unreadable::Document("no AssumeRoleResponse".to_owned()))?;
            answer.assume_role_result.credentials
        }
    };
    credentials.checked()
}

impl Credentials {
    /// They become headers of requests, and lines of what is stored.
    fn checked(self) -> Result<LentKeys, Unreadable> {
        let is_key = |text: &str, len_max: usize| {
            (1..=len_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let expires_at = Timestamp::from_iso(self.expiration.trim());
        let expires_at = expires_at.ok_or(Unreadable::Field("Expiration"))?;
        if !is_key(&self.access_key_id, KEY_LEN_MAX) {
            return Err(Unreadable::Field("AccessKeyId"));
        }
        if !is_key(self.secret_access_key.expose(), KEY_LEN_MAX) {
            return Err(Unreadable::Field("SecretAccessKey"));
        }
        if !is_key(self.session_token.expose(), TOKEN_LEN_MAX) {
            return Err(Unreadable::Field("SessionToken"));
        }
        Ok(LentKeys {
            access_key_id: self.access_key_id,
            secret_access_key: self.secret_access_key,
            session_token: self.session_token,
            expires_at,
        })
    }
}

/// Why a service refuses, as far as it says.
pub(crate) fn refusal(dialect: Dialect, body: &[u8]) -> Refusal {
    let said = match dialect {
        Dialect::Alibaba => serde_json::from_slice(body).unwrap_or_default(),
        Dialect::Aws => {
            let text = std::str::from_utf8(body).unwrap_or_default();
            let said: XmlRefusal = quick_xml::de::from_str(text).unwrap_or_default();
            let XmlRefusal {
                error,
                code,
                message,
            } = said;
            error.unwrap_or(Refusal { code, message })
        }
    };
    Refusal {
        code: plain(&said.code),
        message: plain(&said.message),
    }
}

/// As it can stand in a line for people.
fn plain(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printable = one_line.chars().filter(|c| !c.is_control());
    let mut plain: String = printable.take(MESSAGE_LEN_MAX).collect();
    if one_line.chars().count() > MESSAGE_LEN_MAX {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Alibaba Cloud's description of `AssumeRole`.
    const JSON: &str = r#"{"AssumedRoleUser":{"AssumedRoleId":"34458433936495****:alice",
        "Arn":"acs:ram::123456789012****:role/adminrole/alice"},
        "Credentials":{"AccessKeyId":"STS.L4aBSCSJVMuKg5U1****","AccessKeySecret":"wyLTSmsyPGP1ohvvw8xYgB29dlGI8KMiH2pK****",
        "Expiration":"2015-04-09T11:52:19Z","SecurityToken":"********"},
        "RequestId":"6894B13B-6D71-4EF5-88FA-F32781734A7F"}"#;
    /// As AWS describes it.
    const XML: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleResult><SourceIdentity>Alice</SourceIdentity><AssumedRoleUser>
        <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
        <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
        <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
        <SessionToken>AQoDYXdzEPT//////////wEXAMPLE</SessionToken>
        <Expiration>2019-11-09T13:34:41Z</Expiration></Credentials>
        <PackedPolicySize>6</PackedPolicySize></AssumeRoleResult>
        <ResponseMetadata><RequestId>c6104cbe</RequestId></ResponseMetadata></AssumeRoleResponse>"#;

    #[test]
    fn the_providers_examples_are_read() {
        let lent = keys(Dialect::Alibaba, JSON.as_bytes()).unwrap();
        assert_eq!(lent.access_key_id, "STS.L4aBSCSJVMuKg5U1****");
        assert_eq!(lent.session_token.expose(), "********");
        assert_eq!(lent.expires_at.to_string(), "2015-04-09T11:52:19.000Z");
        let lent = keys(Dialect::Aws, XML.as_bytes()).unwrap();
        assert_eq!(lent.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(
            lent.secret_access_key.expose(),
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY"
        );
        assert_eq!(lent.expires_at.to_string(), "2019-11-09T13:34:41.000Z");
    }

    #[test]
    fn a_refusal_is_read_in_each_of_its_forms_and_kept_short() {
        let check = |dialect, body: &str, code: &str, message: &str| {
            let said = refusal(dialect, body.as_bytes());
            assert_eq!((said.code.as_str(), said.message.as_str()), (code, message));
        };
        let json = r#"{"RequestId":"x","HostId":"sts.aliyuncs.com","Code":"EntityNotExist.Role",
            "Message":"The role\n not exists."}"#;
        check(
            Dialect::Alibaba,
            json,
            "EntityNotExist.Role",
            "The role not exists.",
        );
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
            <Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>";
        check(Dialect::Aws, xml, "AccessDenied", "no");
        let of_s3 = "<Error><Code>SlowDown</Code><Message>wait</Message></Error>";
        check(Dialect::Aws, of_s3, "SlowDown", "wait");
        check(Dialect::Aws, "<html>", "", "");
        check(Dialect::Alibaba, "<html>", "", "");
        let long = format!(r#"{{"Code":"x","Message":"{}"}}"#, "é".repeat(10_000));
        let said = refusal(Dialect::Alibaba, long.as_bytes());
        assert_eq!(said.message.chars().count(), MESSAGE_LEN_MAX + 1);
    }

    #[test]
    fn keys_that_could_not_be_sent_are_refused_by_name() {
        for (from, to, field) in [
            ("2015-04-09T11:52:19Z", "soon", "Expiration"),
            ("STS.L4aBSCSJVMuKg5U1****", "", "AccessKeyId"),
            ("********\"}", "a\\nb\"}", "SessionToken"),
            (
                "wyLTSmsyPGP1ohvvw8xYgB29dlGI8KMiH2pK****",
                " ",
                "SecretAccessKey",
            ),
        ] {
            let body = JSON.replace(from, to);
            let error = keys(Dialect::Alibaba, body.as_bytes()).unwrap_err();
            assert_eq!(error, Unreadable::Field(field));
        }
        for body in ["", "{}", "[]", "<AssumeRoleResponse>"] {
            for dialect in [Dialect::Alibaba, Dialect::Aws] {
                assert!(keys(dialect, body.as_bytes()).is_err(), "{body}");
            }
        }
    }
}
