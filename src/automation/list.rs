//! Lists of things: for shopping, and named ones. Not how they are shown or said.

use std::sync::Arc;

use super::{Agenda, LONGEST_TEXT, Touched, Unable};
use crate::text;

/// Lists that are kept.
pub const MOST_LISTS: usize = 50;
/// Items of one list.
pub const MOST_ITEMS: usize = 500;

/// A list by its name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct List {
    /// As it was first said; empty for the shopping list.
    pub name: String,
    /// In the order in which they came.
    pub items: Vec<Item>,
}

/// Something on a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What.
    pub text: String,
    /// Ticked off.
    pub is_done: bool,
}

/// The key of a list: `""` is the shopping list.
fn key(name: Option<&str>) -> Arc<str> {
    text::key(name.unwrap_or_default()).into()
}

impl Agenda {
    /// All lists, the shopping list first if there is one.
    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.lists.values()
    }

    /// The list of that name; the shopping list without one.
    pub fn list(&self, name: Option<&str>) -> Option<&List> {
        self.lists.get(&key(name))
    }

    pub(super) fn list_of(&self, key: &str) -> Option<&List> {
        self.lists.get(key)
    }

    pub(super) fn restore_list(&mut self, list: List) {
        self.lists.insert(key(Some(&list.name)), list);
    }

    /// Puts something on a list, which is made if there is none of that name. What was ticked off
    /// before is wanted again; what is on it already stays as it is.
    ///
    /// # Errors
    /// [`Unable::TooMany`] or [`Unable::TooLong`].
    pub fn add_item(&mut self, name: Option<&str>, item: &str) -> Result<(), Unable> {
        let item = item.trim();
        if item.is_empty() {
            return Err(Unable::NoSuch);
        }
        let longest = item.len().max(name.map_or(0, str::len));
        if longest > LONGEST_TEXT {
            return Err(Unable::TooLong);
        }
        let key = key(name);
        let n_lists = self.lists.len();
        if !self.lists.contains_key(&key) && n_lists >= MOST_LISTS {
            return Err(Unable::TooMany);
        }
        let list = self.lists.entry(Arc::clone(&key)).or_insert_with(|| List {
            name: name.unwrap_or_default().trim().to_owned(),
            items: Vec::new(),
        });
        if let Some(known) = list.items.iter_mut().find(|known| is_same(&known.text, item)) {
            known.is_done = false;
        } else {
            if list.items.len() >= MOST_ITEMS {
                // What is done makes room.
                let done = list.items.iter().position(|known| known.is_done);
                list.items.remove(done.ok_or(Unable::TooMany)?);
            }
            list.items.push(Item { text: item.to_owned(), is_done: false });
        }
        self.touched.insert(Touched::List(key));
        Ok(())
    }

    /// Ticks something off; its words as they stand on the list.
    ///
    /// # Errors
    /// [`Unable::NoSuchList`], or [`Unable::NoSuch`] when it is not on the list or ticked off.
    pub fn complete_item(&mut self, name: Option<&str>, item: &str) -> Result<String, Unable> {
        let (key, index) = self.find_item(name, item, true)?;
        let list = self.lists.get_mut(&key).ok_or(Unable::NoSuchList)?;
        let found = list.items.get_mut(index).ok_or(Unable::NoSuch)?;
        found.is_done = true;
        let text = found.text.clone();
        self.touched.insert(Touched::List(key));
        Ok(text)
    }

    /// Takes something off a list; its words as they stood there.
    ///
    /// # Errors
    /// [`Unable::NoSuchList`], or [`Unable::NoSuch`] when it is not on the list.
    pub fn remove_item(&mut self, name: Option<&str>, item: &str) -> Result<String, Unable> {
        let (key, index) = self.find_item(name, item, false)?;
        let list = self.lists.get_mut(&key).ok_or(Unable::NoSuchList)?;
        let item = list.items.remove(index);
        self.touched.insert(Touched::List(key));
        Ok(item.text)
    }

    fn find_item(
        &self,
        name: Option<&str>,
        item: &str,
        is_open: bool,
    ) -> Result<(Arc<str>, usize), Unable> {
        let key = key(name);
        let list = self.lists.get(&key).ok_or(Unable::NoSuchList)?;
        let fits = |known: &Item| is_same(&known.text, item) && !(is_open && known.is_done);
        let index = list.items.iter().position(fits).ok_or(Unable::NoSuch)?;
        Ok((key, index))
    }
}

fn is_same(a: &str, b: &str) -> bool {
    text::key(a) == text::key(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(agenda: &Agenda, name: Option<&str>) -> Vec<String> {
        let items = agenda.list(name).map(|list| list.items.clone()).unwrap_or_default();
        items.into_iter().filter(|item| !item.is_done).map(|item| item.text).collect()
    }

    #[test]
    fn things_come_onto_lists_and_go() {
        let mut agenda = Agenda::default();
        agenda.add_item(None, "Milk").unwrap();
        agenda.add_item(None, " apples ").unwrap();
        agenda.add_item(None, "milk").unwrap();
        agenda.add_item(Some("Trader Joes"), "nuts").unwrap();
        assert_eq!(open(&agenda, None), ["Milk", "apples"]);
        assert_eq!(open(&agenda, Some("trader joes")), ["nuts"]);
        assert_eq!(agenda.complete_item(None, "MILK"), Ok("Milk".to_owned()));
        assert_eq!(agenda.complete_item(None, "milk"), Err(Unable::NoSuch));
        assert_eq!(open(&agenda, None), ["apples"]);
        // Wanted again.
        agenda.add_item(None, "milk").unwrap();
        assert_eq!(open(&agenda, None), ["Milk", "apples"]);
        assert_eq!(agenda.remove_item(None, "apples"), Ok("apples".to_owned()));
        assert_eq!(agenda.remove_item(None, "apples"), Err(Unable::NoSuch));
        assert_eq!(agenda.remove_item(Some("x"), "apples"), Err(Unable::NoSuchList));
        assert_eq!(agenda.add_item(None, " "), Err(Unable::NoSuch));
    }

    #[test]
    fn lists_are_bounded_and_what_is_done_makes_room() {
        let mut agenda = Agenda::default();
        for n in 0..MOST_ITEMS {
            agenda.add_item(None, &format!("item {n}")).unwrap();
        }
        assert_eq!(agenda.add_item(None, "more"), Err(Unable::TooMany));
        agenda.complete_item(None, "item 7").unwrap();
        assert_eq!(agenda.add_item(None, "more"), Ok(()));
        assert_eq!(agenda.add_item(None, "still more"), Err(Unable::TooMany));
        assert_eq!(agenda.add_item(Some("x"), &"long ".repeat(200)), Err(Unable::TooLong));
        for n in 1..MOST_LISTS {
            agenda.add_item(Some(&format!("list {n}")), "a").unwrap();
        }
        assert_eq!(agenda.add_item(Some("one more"), "a"), Err(Unable::TooMany));
    }
}
