//! What comes from the Bot API: of each update only what is looked at, and one that cannot be read costs itself alone.

use serde::Deserialize;
use serde_json::Value;

use super::api::line;

/// Longest name of somebody that is shown.
const LONGEST_NAME: usize = 64;

/// Something that came.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) id: i64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Message(Message),
    Pressed(Pressed),
    /// The bot was thrown out of this chat, or blocked.
    Out(Chat),
    /// An edited message, or a kind that was not asked for or is of a later version.
    Other,
}

/// A message of somebody.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) message_id: i64,
    pub(super) chat: Chat,
    pub(super) from: Option<User>,
    /// When it was written, in seconds since 1970.
    #[serde(default)]
    pub(super) date: i64,
    #[serde(default)]
    pub(super) text: Option<String>,
    pub(super) voice: Option<Voice>,
    pub(super) reply_to_message: Option<Box<Answered>>,
    /// The group goes on under this number.
    pub(super) migrate_to_chat_id: Option<i64>,
}

/// The message that another answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answered {
    pub(super) from: Option<User>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Chat {
    pub(super) id: i64,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    pub(super) title: Option<String>,
}

impl Chat {
    pub(super) fn is_private(&self) -> bool {
        self.kind == "private"
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(self.kind.as_str(), "group" | "supergroup")
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) is_bot: bool,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    pub(super) language_code: Option<String>,
}

impl User {
    /// What they call themselves, on one line and in one direction: it stands in messages of the house.
    pub(super) fn name(&self) -> String {
        let turns = |c: char| matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let plain = line(&self.first_name);
        let first: String = plain.chars().filter(|c| !turns(*c)).take(LONGEST_NAME).collect();
        match &self.username {
            Some(username) => format!("{first} (@{})", line(username)),
            None => first,
        }
    }
}

/// A recording, Opus in Ogg.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Voice {
    pub(super) file_id: String,
    #[serde(default)]
    pub(super) duration: u32,
    #[serde(default)]
    pub(super) file_size: Option<u64>,
}

/// A button was pressed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pressed {
    pub(super) id: String,
    pub(super) from: User,
    #[serde(default)]
    pub(super) data: Option<String>,
    pub(super) message: Option<Shown>,
}

/// The message below which the button is; it may be too old to be told.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    pub(super) message_id: i64,
    pub(super) chat: Chat,
}

impl Update {
    /// What can be read of one; one that cannot costs itself alone.
    pub(super) fn read(mut value: Value) -> Option<Self> {
        let id = value.get("update_id")?.as_i64()?;
        let what = if let Some(message) = value.get_mut("message") {
            serde_json::from_value(message.take()).map(What::Message)
        } else if let Some(pressed) = value.get_mut("callback_query") {
            serde_json::from_value(pressed.take()).map(What::Pressed)
        } else if let Some(member) = value.get_mut("my_chat_member") {
            let status = member["new_chat_member"]["status"].as_str();
            match matches!(status, Some("kicked" | "left")) {
                true => serde_json::from_value(member["chat"].take()).map(What::Out),
                false => Ok(What::Other),
            }
        } else {
            Ok(What::Other)
        };
        Some(Self { id, what: what.unwrap_or(What::Other) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_that_cannot_be_read_costs_itself_alone() {
        let read = |value: Value| Update::read(value).map(|update| (update.id, update.what));
        assert!(read(json!({"no": 1})).is_none());
        for value in [
            json!({"update_id": 1, "message": {"some": "fields"}}),
            json!({"update_id": 1, "edited_message": {"chat": {"id": 1}}}),
            json!({"update_id": 1, "message": []}),
            json!({"update_id": 1, "callback_query": {"id": 3}}),
            json!({"update_id": 1, "my_chat_member": {"chat": {"id": 1},
                "new_chat_member": {"status": "member"}}}),
            json!({"update_id": 1, "my_chat_member": {"new_chat_member": {"status": "kicked"}}}),
            json!({"update_id": 1, "my_chat_member": 7}),
        ] {
            assert!(matches!(read(value), Some((1, What::Other))));
        }
        let message = json!({"update_id": 2, "message": {"message_id": 5, "date": 7, "text": "hi",
            "chat": {"id": -4, "type": "supergroup", "title": "Home"},
            "from": {"id": 9, "first_name": "Ada", "username": "ada"}}});
        let Some((2, What::Message(message))) = read(message) else { panic!("not read") };
        assert!(message.chat.is_group() && !message.chat.is_private());
        assert_eq!(message.from.unwrap().name(), "Ada (@ada)");
    }
}
