//! The role that lends a share its keys, as flags.

use clap::Args;
use serde_json::{Map, Value};

use super::{CtlError, settings::put};

/// What takes a role away.
const NONE: &str = "none";

/// What can be said of a share's role. What is not given is the default, or stays.
#[derive(Args, Debug)]
pub(super) struct RoleArgs {
    /// The role that lends the gateway its keys, `acs:ram::…:role/…` or `arn:aws:iam::…:role/…`;
    /// the access key given stays in the console and assumes it. `none` takes the role away
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The service that lends, `https://host[:port]` [default: the provider's in the region]
    #[arg(long, value_name = "URL")]
    sts_endpoint: Option<String>,
    /// For how long keys are asked for, 900 to 43200; they are renewed after two thirds of what
    /// they got [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    role_lifetime_s: Option<u32>,
    /// What the role's trust policy wants to hear
    #[arg(long, value_name = "ID")]
    role_external_id: Option<String>,
}

impl RoleArgs {
    /// Puts what was given over the role of `bucket`.
    pub(super) fn apply(&self, bucket: &mut Value) -> Result<(), CtlError> {
        if self.role_arn.as_deref() == Some(NONE) {
            put(bucket, "role", Some(Value::Null));
            return Ok(());
        }
        let text = |given: &Option<String>| given.clone().map(Value::from);
        let given = [
            ("arn", text(&self.role_arn)),
            ("sts_endpoint", text(&self.sts_endpoint)),
            ("lifetime_s", self.role_lifetime_s.map(Value::from)),
            ("external_id", text(&self.role_external_id)),
        ];
        if given.iter().all(|(_, value)| value.is_none()) {
            return Ok(());
        }
        let stored = bucket.get("role").filter(|role| role.is_object()).cloned();
        if stored.is_none() && self.role_arn.is_none() {
            let text = "there is no role yet: say which with --role-arn".to_owned();
            return Err(CtlError::Usage(text));
        }
        let mut role = stored.unwrap_or_else(|| Value::Object(Map::new()));
        for (key, value) in given {
            put(&mut role, key, value);
        }
        put(bucket, "role", Some(role));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        role: RoleArgs,
    }

    fn applied(flags: &[&str], bucket: Value) -> Result<Value, CtlError> {
        let flags = Flags::try_parse_from(["ctl"].iter().chain(flags)).unwrap();
        let mut bucket = bucket;
        flags.role.apply(&mut bucket)?;
        Ok(bucket)
    }

    #[test]
    fn a_role_is_given_changed_and_taken_away() {
        let given = applied(&["--role-arn=a", "--role-lifetime-s=900"], json!({})).unwrap();
        assert_eq!(given, json!({"role": {"arn": "a", "lifetime_s": 900}}));
        let changed = applied(&["--sts-endpoint=https://s"], given.clone()).unwrap();
        let want = json!({"arn": "a", "lifetime_s": 900, "sts_endpoint": "https://s"});
        assert_eq!(changed["role"], want);
        assert_eq!(applied(&[], given.clone()).unwrap(), given);
        let gone = applied(&["--role-arn=none"], given).unwrap();
        assert_eq!(gone, json!({"role": null}));
        let error = applied(&["--sts-endpoint=https://s"], gone).unwrap_err();
        assert!(error.to_string().contains("--role-arn"), "{error}");
    }
}
