//! Levels of a topic or a filter, one by one. Byte by byte, as the texts are too short for a search
//! to pay.

/// The first level, and those after it if there are any.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    let Some(at) = text.bytes().position(|byte| byte == b'/') else {
        return (text, None);
    };
    let (first, rest) = text.split_at(at);
    (first, rest.strip_prefix('/'))
}

/// The parent topic.
pub(crate) fn parent(topic: &str) -> &str {
    split(topic).0
}

/// Whether that is the parent topic, which costs less than to find it.
pub(crate) fn is_parent(parent: &str, topic: &str) -> bool {
    let rest = topic.strip_prefix(parent);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_split_at_each_slash() {
        for (text, levels) in [
            ("fleet", ("fleet", None)),
            ("fleet/a/b", ("fleet", Some("a/b"))),
            ("fleet/", ("fleet", Some(""))),
            ("/a", ("", Some("a"))),
            ("", ("", None)),
        ] {
            assert_eq!(split(text), levels, "{text}");
            assert!(is_parent(levels.0, text), "{text}");
        }
        assert!(!is_parent("fleet", "fleets/a"));
        assert!(!is_parent("fleet", "flee"));
    }
}
