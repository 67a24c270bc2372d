//! From a topic to those who listen to it: exact topics by a map, wildcards by a tree of levels.

use std::collections::HashMap;
use std::sync::Arc;

use super::component::Slot;
use crate::home::id::Handle;

/// One listener: an entity and which of its topics.
pub(super) type Listener = (Handle, Slot);

/// All listeners of the house.
#[derive(Default)]
pub(super) struct Routes {
    exact: HashMap<Arc<str>, Vec<Listener>>,
    wildcards: Node,
    n_wildcards: usize,
}

#[derive(Default)]
struct Node {
    children: HashMap<Box<str>, Node>,
    /// Listeners whose filter ends here.
    here: Vec<Listener>,
    /// Listeners whose filter ends here with `#`.
    below: Vec<Listener>,
}

impl Routes {
    /// Adds a listener. True when nobody listened to this filter before.
    pub(super) fn add(&mut self, filter: &Arc<str>, listener: Listener) -> bool {
        let listeners = if is_wildcard(filter) {
            self.n_wildcards += 1;
            self.wildcards.listeners(filter)
        } else {
            self.exact.entry(Arc::clone(filter)).or_default()
        };
        let is_first = listeners.is_empty();
        listeners.push(listener);
        is_first
    }

    /// Removes a listener. True when nobody listens to this filter any more.
    pub(super) fn remove(&mut self, filter: &str, listener: Listener) -> bool {
        if is_wildcard(filter) {
            let listeners = self.wildcards.listeners(filter);
            let before = listeners.len();
            listeners.retain(|known| *known != listener);
            let is_last = before > 0 && listeners.is_empty();
            self.n_wildcards -= before - listeners.len();
            if is_last {
                self.wildcards.prune(filter);
            }
            return is_last;
        }
        let Some(listeners) = self.exact.get_mut(filter) else { return false };
        listeners.retain(|known| *known != listener);
        if listeners.is_empty() {
            self.exact.remove(filter);
            return true;
        }
        false
    }

    /// All who listen to this topic, each entity's together, in the order they came.
    pub(super) fn listeners(&self, topic: &str, out: &mut Vec<Listener>) {
        if let Some(listeners) = self.exact.get(topic) {
            out.extend_from_slice(listeners);
        }
        if self.n_wildcards > 0 {
            // `$SYS` and its like are not for wildcards at the first level (MQTT 5, 4.7.2).
            self.wildcards.collect(topic, !topic.starts_with('$'), out);
            out.sort_by_key(|(handle, _)| *handle);
        }
    }

    /// Whether somebody listens to this filter, written so.
    pub(super) fn has(&self, filter: &str) -> bool {
        if is_wildcard(filter) {
            self.wildcards.has(filter)
        } else {
            self.exact.contains_key(filter)
        }
    }
}

/// Whether a filter has wildcards.
pub(super) fn is_wildcard(filter: &str) -> bool {
    filter.contains(['+', '#'])
}

impl Node {
    fn listeners(&mut self, filter: &str) -> &mut Vec<Listener> {
        let (level, rest) = split(filter);
        if level == "#" {
            return &mut self.below;
        }
        let child = self.children.entry(level.into()).or_default();
        match rest {
            Some(rest) => child.listeners(rest),
            None => &mut child.here,
        }
    }

    fn prune(&mut self, filter: &str) {
        let (level, rest) = split(filter);
        let Some(child) = self.children.get_mut(level) else { return };
        if let Some(rest) = rest {
            child.prune(rest);
        }
        if child.children.is_empty() && child.here.is_empty() && child.below.is_empty() {
            self.children.remove(level);
        }
    }

    fn collect(&self, topic: &str, wild: bool, out: &mut Vec<Listener>) {
        if wild {
            out.extend_from_slice(&self.below);
        }
        let (level, rest) = split(topic);
        let plus = if wild { self.children.get("+") } else { None };
        for child in [self.children.get(level), plus].into_iter().flatten() {
            match rest {
                Some(rest) => child.collect(rest, true, out),
                None => {
                    out.extend_from_slice(&child.here);
                    // `a/#` matches `a` too.
                    out.extend_from_slice(&child.below);
                }
            }
        }
    }

    fn has(&self, filter: &str) -> bool {
        let (level, rest) = split(filter);
        if level == "#" {
            return !self.below.is_empty();
        }
        let Some(child) = self.children.get(level) else { return false };
        match rest {
            Some(rest) => child.has(rest),
            None => !child.here.is_empty(),
        }
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, topic: &str, matches: bool) {
        let mut routes = Routes::default();
        let filter: Arc<str> = filter.into();
        assert!(routes.add(&filter, (Handle(1), 2)));
        assert!(routes.has(&filter));
        let mut out = Vec::new();
        routes.listeners(topic, &mut out);
        assert_eq!(out == [(Handle(1), 2)], matches, "{filter} {topic}");
        assert!(routes.remove(&filter, (Handle(1), 2)));
        out.clear();
        routes.listeners(topic, &mut out);
        assert!(out.is_empty() && !routes.has(&filter));
        assert!(routes.exact.is_empty() && routes.wildcards.children.is_empty());
    }

    #[test]
    fn filters_match_as_mqtt_says() {
        check("a/b", "a/b", true);
        check("a/b", "a/b/c", false);
        check("a/+", "a/b", true);
        check("a/+", "a", false);
        check("a/+/c", "a/b/c", true);
        check("+/+", "/x", true);
        check("/+", "/x", true);
        check("/+", "x", false);
        check("/#", "/x/y", true);
        check("a//+", "a//x", true);
        check("a/#", "a", true);
        check("a/#", "a/b/c", true);
        check("#", "a/b", true);
        check("#", "$SYS/up", false);
        check("+/up", "$SYS/up", false);
        check("$SYS/#", "$SYS/up", true);
    }
}
