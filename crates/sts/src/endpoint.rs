//! Where roles are assumed.

use model::{AssumedRole, BucketSettings, Provider};

/// The service that lends keys for a bucket: the one of the settings, else the provider's own in the
/// bucket's region.
#[must_use]
pub fn endpoint(bucket: &BucketSettings, role: &AssumedRole) -> String {
    if !role.sts_endpoint.is_empty() {
        return role.sts_endpoint.clone();
    }
    let region = bucket.signing_region();
    match bucket.provider {
        Provider::Oss => format!("https://sts.{region}.aliyuncs.com"),
        Provider::S3 | Provider::Directory if role.arn.starts_with("arn:aws-cn:") => {
            format!("https://sts.{region}.amazonaws.com.cn")
        }
        Provider::S3 | Provider::Directory => format!("https://sts.{region}.amazonaws.com"),
    }
}

#[cfg(test)]
mod tests {
    use model::{OssSignature, Secret};

    use super::*;

    pub(crate) fn bucket(provider: Provider, endpoint: &str, region: &str) -> BucketSettings {
        BucketSettings {
            provider,
            endpoint: endpoint.into(),
            region: region.into(),
            bucket: "b".into(),
            prefix: String::new(),
            access_key_id: "id".into(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::default(),
            signature: OssSignature::default(),
            role: None,
        }
    }

    #[test]
    fn each_provider_lends_in_the_region_of_the_bucket() {
        let check = |bucket: &BucketSettings, arn: &str, sts_endpoint: &str, want: &str| {
            let role = AssumedRole {
                arn: arn.into(),
                sts_endpoint: sts_endpoint.into(),
                lifetime_s: 3_600,
                external_id: String::new(),
            };
            assert_eq!(endpoint(bucket, &role), want);
        };
        let s3 = bucket(
            Provider::S3,
            "https://s3.eu-west-1.amazonaws.com",
            "eu-west-1",
        );
        check(
            &s3,
            "arn:aws:iam::1:role/a",
            "",
            "https://sts.eu-west-1.amazonaws.com",
        );
        check(
            &s3,
            "arn:aws-cn:iam::1:role/a",
            "",
            "https://sts.eu-west-1.amazonaws.com.cn",
        );
        check(
            &s3,
            "arn:aws:iam::1:role/a",
            "http://10.0.0.1:9000",
            "http://10.0.0.1:9000",
        );
        let oss = "https://oss-cn-hangzhou-internal.aliyuncs.com";
        let oss = bucket(Provider::Oss, oss, "us-east-1");
        check(
            &oss,
            "acs:ram::1:role/a",
            "",
            "https://sts.cn-hangzhou.aliyuncs.com",
        );
        let own = bucket(Provider::Oss, "https://oss.example", "oss-cn-beijing");
        check(
            &own,
            "acs:ram::1:role/a",
            "",
            "https://sts.cn-beijing.aliyuncs.com",
        );
    }
}
