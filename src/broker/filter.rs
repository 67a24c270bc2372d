//! Topic filters as sets of topics: what a filter covers, and whether one filter lies inside
//! another. Pure; knows no broker.
//!
//! Rights are decided here and not by comparing prefixes: somebody who may read `bob/#` must not
//! get in by subscribing to `#` or `+/secret`.

/// Longest topic or filter that MQTT can carry, in bytes.
const LONGEST: usize = 65_535;

/// Whether `filter` is a well-formed topic filter (MQTT 5, section 4.7): `#` only at the end,
/// wildcards only as whole levels.
pub(super) fn is_valid(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > LONGEST || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_wildcard = matches!(level, "+" | "#");
        if !is_wildcard && level.contains(['+', '#']) {
            return false;
        }
        if level == "#" && levels.peek().is_some() {
            return false;
        }
    }
    true
}

/// Whether `topic` can be published to: not empty, no wildcards.
pub(super) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= LONGEST && !topic.contains(['+', '#', '\0'])
}

/// Whether each topic that `inner` matches is matched by `outer` too.
///
/// Shared subscriptions (`$share/group/filter`) read the messages of their `filter`, so that is
/// what is compared. A filter that starts with a wildcard matches no topic that starts with `$`
/// (section 4.7.2), hence `#` does not cover `$SYS/#`.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    let inner = without_group(inner);
    if inner.starts_with('$') && outer.starts_with(['+', '#']) {
        return false;
    }
    let mut outer = outer.split('/');
    let mut inner = inner.split('/');
    loop {
        match (outer.next(), inner.next()) {
            // `a/#` covers `a` itself, so an exhausted inner filter is covered as well.
            (Some("#"), _) | (None, None) => return true,
            // Nothing but an outer `#` holds all levels that an inner `#` stands for.
            (_, Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(wide), Some(narrow)) if wide == narrow => {}
            (Some(_) | None, Some(_)) | (Some(_), None) => return false,
        }
    }
}

/// The filter inside `$share/group/filter`; other filters as they are.
fn without_group(filter: &str) -> &str {
    filter
        .strip_prefix("$share/")
        .and_then(|rest| rest.split_once('/'))
        .map_or(filter, |(_group, inner)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covering_is_inclusion_of_all_topics() {
        let check = |outer: &str, inner: &str, want: bool| {
            assert_eq!(covers(outer, inner), want, "does `{outer}` cover `{inner}`?");
        };
        check("#", "#", true);
        check("#", "a/b", true);
        check("#", "+/b/#", true);
        check("bob/#", "bob/#", true);
        check("bob/#", "bob", true);
        check("bob/#", "bob/x/+", true);
        check("bob/#", "#", false);
        check("bob/#", "+/x", false);
        check("bob/#", "bobby/x", false);
        check("bob/#", "alice/bob/#", false);
        check("bob/+", "bob/#", false);
        check("bob/+", "bob/x", true);
        check("bob/+", "bob/+", true);
        check("bob/+", "bob", false);
        check("bob/+", "bob/x/y", false);
        check("bob/x", "bob/+", false);
        check("+/state", "lamp/state", true);
        check("+/state", "+/state", true);
        check("+/state", "#", false);
        check("+/+", "+/#", false);
        check("a/+/#", "a/b", true);
        check("a/+/#", "a/#", false);
        check("a", "a/", false);
        check("a/", "a/", true);
        check("", "a", false);
        // `$` topics are outside every leading wildcard.
        check("#", "$SYS/broker/version", false);
        check("+/broker/#", "$SYS/broker/version", false);
        check("$SYS/#", "$SYS/broker/version", true);
        // A shared subscription reads what its filter reads.
        check("bob/#", "$share/g/bob/x", true);
        check("bob/#", "$share/g/#", false);
        check("bob/#", "$share/bob/x", false);
        check("#", "$share/g/a/b", true);
        check("#", "$share/g/$SYS/x", false);
    }

    #[test]
    fn filters_and_topics_are_checked() {
        let check = |text: &str, filter: bool, topic: bool| {
            assert_eq!(is_valid(text), filter, "filter `{text}`");
            assert_eq!(is_topic(text), topic, "topic `{text}`");
        };
        check("", false, false);
        check("a/b", true, true);
        check("/", true, true);
        check("#", true, false);
        check("+/a/+", true, false);
        check("a/#", true, false);
        check("a/#/b", false, false);
        check("a/b#", false, false);
        check("a+/b", false, false);
        check("a\0b", false, false);
    }
}
