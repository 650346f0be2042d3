//! Rights of one credential, token or certificate: topics and filters, and what may be done.

use message_bus::admin::TopicRights;
use model::{Topic, TopicFilter};

use crate::{error::RegistryError, limits::RESOURCES_MAX};

/// Whether rights are well formed.
pub(super) fn check_rights(rights: &TopicRights) -> Result<(), RegistryError> {
    let count = rights.resources.len();
    if count == 0 || count > RESOURCES_MAX {
        let text = format!("{count} resources; 1 to {RESOURCES_MAX} are allowed");
        return Err(RegistryError::Refused(text));
    }
    for resource in &rights.resources {
        if resource.parse::<Topic>().is_err()
            && let Err(error) = resource.parse::<TopicFilter>()
        {
            return Err(RegistryError::Refused(error.to_string()));
        }
    }
    Ok(())
}

/// Whether some resource has room for all of `filter`, which may be a topic.
pub(crate) fn covers(rights: &TopicRights, filter: &str) -> bool {
    rights.resources.iter().any(|r| resource_covers(r, filter))
}

fn resource_covers(resource: &str, filter: &str) -> bool {
    let mut wanted = filter.split('/');
    for level in resource.split('/') {
        if level == "#" {
            return true;
        }
        match wanted.next() {
            Some(want) if level == want || (level == "+" && want != "#") => {}
            Some(_) | None => return false,
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
mod tests {
    use message_bus::admin::Access;

    use super::*;

    #[test]
    fn a_resource_covers_what_lies_within_it_and_nothing_else() {
        let check = |resource: &str, filter: &str| resource_covers(resource, filter);
        assert!(check("orders/#", "orders"));
        assert!(check("orders/#", "orders/+/a/#"));
        assert!(check("orders/#", "orders/p2p/GID_test@@@a"));
        assert!(check("orders/+", "orders/a") && check("orders/+", "orders/+"));
        assert!(check("orders/a", "orders/a"));
        assert!(!check("orders/+", "orders/#"));
        assert!(!check("orders/+", "orders/a/b") && !check("orders/+", "orders"));
        assert!(!check("orders/a", "orders/+") && !check("orders/a", "orders/b"));
        assert!(!check("orders/#", "other/a"));
    }

    #[test]
    fn resources_are_topics_or_filters_and_not_too_many() {
        let check = |resources: Vec<String>| {
            let access = Access::Publish;
            check_rights(&TopicRights { resources, access }).map_err(|e| e.to_string())
        };
        assert_eq!(check(vec!["orders/p2p/GID_test@@@a".into()]), Ok(()));
        assert_eq!(check(vec!["orders/+/b".into(); 100]), Ok(()));
        assert!(
            check(vec!["orders/a".into(); 101])
                .unwrap_err()
                .contains("101")
        );
        assert!(check(Vec::new()).is_err());
        assert!(
            check(vec!["abc/#/d".into()])
                .unwrap_err()
                .contains("parent topic")
        );
    }
}
