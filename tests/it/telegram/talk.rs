//! Who may talk to the house, what is said and pressed, and the commands.

use serde_json::json;

use super::server::{BOT, button, labels, text};
use super::{ADA, BOB, House};
use crate::support::homard::homard_with;

/// Somebody whom nobody knows.
const STRANGER: i64 = 33;
const GROUP: i64 = -1_000_500;

#[test]
fn a_stranger_gets_a_code_and_nothing_else() {
    let house = House::start("telegram-pairing", "");
    let telegram = &house.telegram;
    let light = "light.kitchen_light";
    assert_eq!(house.state(light), "off");
    let given = telegram.answer(STRANGER, "good for an hour", || {
        telegram.says(STRANGER, "turn on the kitchen light");
    });
    assert!(labels(&given).is_empty());
    let code = text(&given).lines().next().unwrap().to_owned();
    assert_eq!(code.len(), 8, "{code}");
    // Said again it is not answered; begun anew it is the same code.
    telegram.says(STRANGER, "turn on the kitchen light");
    telegram.says(STRANGER, "who is at home?");
    let same = telegram.answer(STRANGER, &code, || {
        telegram.says(STRANGER, "/start");
    });
    assert_eq!(telegram.sent(STRANGER).len(), 2, "{same:?}");
    // Three may wait; the fourth hears nothing.
    house.code(41);
    house.code(42);
    telegram.says(43, "/start");
    let pair = |code: &str, name: &str| {
        homard_with(&["user", "pair", code, name, "--data-dir", &house.daemon.data], &[])
    };
    let wrong = pair("AAAAAAAA", "Ada");
    assert!(wrong.code != 0 && wrong.err.contains("no such code"), "{wrong:?}");
    let nobody = pair(&code, "Zoe");
    assert!(nobody.code != 0 && nobody.err.contains("Zoe"), "{nobody:?}");
    let which = homard_with(&["user", "pair", &code, "--data-dir", &house.daemon.data], &[]);
    assert!(which.err.contains("Ada, Bob"), "{which:?}");
    assert!(telegram.sent(43).is_empty(), "a fourth stranger was answered");
    assert_eq!(house.state(light), "off", "a stranger was obeyed");
    let done = pair(&code, "Ada");
    assert_eq!(done.code, 0, "{done:?}");
    assert_ne!(pair(&code, "Bob").code, 0, "a code is good once");
    telegram.answer(STRANGER, "", || {
        telegram.says(STRANGER, "turn on the kitchen light");
    });
    house.daemon.wait_for(light, |state| state["state"] == "on");
    // Who is not of the house any more is a stranger.
    house.add("Eve", "admin");
    let removed = homard_with(&["user", "remove", "Ada", "--data-dir", &house.daemon.data], &[]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let n = telegram.sent(STRANGER).len();
    telegram.says(STRANGER, "turn off the kitchen light");
    telegram.wait(|| match telegram.sent(STRANGER).len() > n {
        true => Ok(()),
        false => Err("no code for who was removed".to_owned()),
    });
    assert!(text(telegram.sent(STRANGER).last().unwrap()).contains("good for an hour"));
    assert_eq!(house.state(light), "on");
    assert!(!house.log().contains("a-Token_that-is-never-logged"));
}

#[test]
fn what_is_said_is_done_once_with_the_rights_of_who_says_it() {
    let house = House::paired("telegram-talk");
    let (telegram, light) = (&house.telegram, "light.kitchen_light");
    let done = telegram.answer(ADA, "", || {
        telegram.says(ADA, "turn on the kitchen light");
    });
    assert_eq!(labels(&done), ["Undo"]);
    house.daemon.wait_for(light, |state| state["state"] == "on");
    telegram.answer(ADA, "", || telegram.presses(ADA, &done, "Undo"));
    house.daemon.wait_for(light, |state| state["state"] == "off");
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "turn on the kitchen light");
    });
    let n = telegram.calls("answerCallbackQuery").len();
    telegram.presses(ADA, &done, "Undo");
    telegram.wait(|| {
        let answers = telegram.calls("answerCallbackQuery");
        let last = answers.get(n).ok_or("no answer")?;
        assert!(last.body["text"].as_str().unwrap().contains("too old"), "{last:?}");
        Ok(())
    });
    assert_eq!(house.state(light), "on", "an old button undid something newer");

    // A follow-up, in the same conversation.
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "turn it off");
    });
    house.daemon.wait_for(light, |state| state["state"] == "off");

    // What needs a yes: a child is not asked, an adult is, and only the asker's yes counts, once.
    let lock = "lock.front_door_lock";
    let refused = telegram.answer(BOB, "", || {
        telegram.says(BOB, "unlock the front door");
    });
    assert!(labels(&refused).is_empty(), "{refused:?}");
    let asked = telegram.answer(ADA, "", || {
        telegram.says(ADA, "unlock the front door");
    });
    assert_eq!(labels(&asked), ["Yes", "No"], "{asked:?}");
    telegram.answer(BOB, "", || {
        telegram.says(BOB, "yes");
    });
    assert_eq!(house.state(lock), "locked");
    telegram.answer(ADA, "", || telegram.presses(ADA, &asked, "Yes"));
    house.daemon.wait_for(lock, |state| state["state"] == "unlocked");

    // Which one?
    let which = telegram.answer(ADA, "", || {
        telegram.says(ADA, "turn on the lamp");
    });
    if labels(&which).len() > 1 && labels(&which)[0] != "Undo" {
        telegram.answer(ADA, "", || telegram.presses(ADA, &which, &labels(&which)[0]));
    }
    // Edited messages are not asked for, and are nothing where they come.
    let allowed = telegram.calls("getUpdates").pop().unwrap().body["allowed_updates"].clone();
    assert_eq!(allowed, json!(["message", "callback_query", "my_chat_member"]));
    telegram.update(
        "edited_message",
        json!({ "message_id": 1, "date": super::server::now_s(), "text": "turn on the kitchen light",
            "from": { "id": ADA, "first_name": "Ada" },
            "chat": { "id": ADA, "type": "private" } }),
    );
    // The same update again and again.
    telegram.repeat(true);
    let n = telegram.sent(ADA).len();
    telegram.says(ADA, "what time is it?");
    telegram.wait(|| (telegram.sent(ADA).len() > n).then_some(()).ok_or("no answer".to_owned()));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(telegram.sent(ADA).len(), n + 1, "a repeated update was done again");
    assert_eq!(house.state(light), "off", "an edited message was obeyed");
    // One message a second in a chat, whatever is asked.
    for pair in telegram.sent(ADA).windows(2) {
        assert!(pair[1].at - pair[0].at >= std::time::Duration::from_millis(900), "{pair:?}");
    }
    // No kind of markup is on: a name is a name.
    for call in telegram.calls("sendMessage").iter().chain(&telegram.calls("editMessageText")) {
        assert!(call.body.get("parse_mode").is_none() && call.body.get("entities").is_none());
    }
}

#[test]
fn in_a_group_only_paired_people_are_heard_and_only_when_they_mention_the_house() {
    let house = House::paired("telegram-group");
    let telegram = &house.telegram;
    let says = |user: i64, text: &str| telegram.message(user, GROUP, 0, json!({ "text": text }));
    let at = BOT.1;
    // Nobody brought the house here.
    says(ADA, &format!("@{at} turn on the kitchen light"));
    let bedroom = house.state("light.bedroom_light");
    // A child cannot.
    says(BOB, &format!("/start@{at}"));
    telegram.answer(ADA, "", || {
        telegram.says(ADA, "what time is it?");
    });
    assert!(telegram.sent(GROUP).is_empty(), "{:?}", telegram.sent(GROUP));
    telegram.answer(GROUP, "listens in this group", || {
        says(ADA, &format!("/start@{at}"));
    });
    telegram.answer(GROUP, "Kitchen", || {
        says(ADA, &format!("/start@{at} kitchen"));
    });
    let n = telegram.sent(GROUP).len();
    says(ADA, "toggle the bedroom light");
    says(STRANGER, &format!("@{at} toggle the bedroom light"));
    says(ADA, &format!("@{at}other toggle the bedroom light"));
    // The group's room is meant where none is named.
    let done = telegram.answer(GROUP, "", || {
        says(BOB, &format!("@{} turn on the light", at.to_uppercase()));
    });
    house.daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    assert_eq!(telegram.sent(GROUP).len(), n + 1, "somebody was answered who is not to be");
    assert!(telegram.sent(STRANGER).is_empty() && done.body["reply_parameters"].is_object());
    // A reply to the house is for the house.
    telegram.answer(GROUP, "", || {
        let content = json!({ "text": "and turn it off",
            "reply_to_message": { "message_id": done.body["message_id"],
                "from": { "id": BOT.0, "is_bot": true } } });
        telegram.message(BOB, GROUP, 0, content);
    });
    house.daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
    assert_eq!(house.state("light.bedroom_light"), bedroom);
    // What Ada is asked Bob does not answer, by no button and by no word.
    let asked = telegram.answer(GROUP, "", || {
        says(ADA, &format!("@{at} unlock the front door"));
    });
    assert_eq!(labels(&asked), ["Yes", "No"], "{asked:?}");
    let n = telegram.calls("answerCallbackQuery").len();
    telegram.press(BOB, &asked, &button(&asked, "Yes").unwrap());
    telegram.press(STRANGER, &asked, &button(&asked, "Yes").unwrap());
    telegram.wait(|| {
        let answers = telegram.calls("answerCallbackQuery");
        let last = answers.get(n).ok_or("no answer")?;
        assert!(last.body["text"].as_str().unwrap().contains("somebody else"), "{last:?}");
        Ok(())
    });
    telegram.answer(GROUP, "", || {
        says(BOB, &format!("@{at} yes"));
    });
    assert_eq!(house.state("lock.front_door_lock"), "locked");
    telegram.presses(ADA, &asked, "Yes");
    house.daemon.wait_for("lock.front_door_lock", |state| state["state"] == "unlocked");
}

#[test]
fn the_commands_answer_and_their_controls_follow_the_house() {
    let house = House::paired("telegram-commands");
    let telegram = &house.telegram;
    let ask = |said: &str, words: &str| {
        telegram.answer(ADA, words, || {
            telegram.says(ADA, said);
        })
    };
    ask("/start", "Ada");
    ask("/help", "/rooms");
    ask("/nonsense", "/rooms");
    let home = ask("/home", "On:");
    assert!(text(&home).contains("Temperatures:"), "{home:?}");
    assert!(ask("/who", "Ada (admin)").body["text"].as_str().unwrap().contains("Bob (child)"));
    ask("/stop", "");
    ask("/remind", "in 20 minutes");
    ask("/remind to look at the oven in 20 minutes", "");
    let agenda = house.daemon.get("/api/homard/agenda");
    assert!(agenda.to_string().contains("oven"), "{agenda}");
    ask("/mute", "/mute 2h");
    ask("/mute 22-7", "22:00");
    ask("/mute off", "again");
    let history = ask("/history", "Of what?");
    assert!(labels(&history).len() > 1, "{history:?}");
    telegram.presses(ADA, &history, &labels(&history)[0]);
    let photo = telegram.wait(|| telegram.calls("sendPhoto").pop().ok_or("no chart".to_owned()));
    let raw = photo.body["raw"].as_str().unwrap();
    assert!(raw.contains("PNG") && raw.contains("24 h") && raw.contains("history.png"), "{raw}");
    let camera = telegram.answer(ADA, "", || {
        telegram.says(ADA, "/camera nowhere");
    });
    assert!(text(&camera).contains("no camera"), "{camera:?}");
    let scene = telegram.answer(ADA, "", || {
        telegram.says(ADA, "/scene");
    });
    assert!(text(&scene).contains("scene"), "{scene:?}");

    // Rooms, a room, a lamp: pages of one message.
    let rooms = ask("/rooms", "Rooms");
    let number = rooms.body["message_id"].clone();
    let page = |words: &str, n: usize| {
        telegram.wait(|| {
            let edits = telegram.calls("editMessageText");
            let found = edits.iter().skip(n).find(|call| {
                call.body["message_id"] == number
                    && (text(call).contains(words) || labels(call).join(" ").contains(words))
            });
            found.cloned().ok_or_else(|| format!("no page with {words}: {edits:?}"))
        })
    };
    let n = || telegram.calls("editMessageText").len();
    let before = n();
    telegram.presses(ADA, &rooms, "Kitchen");
    let kitchen = page("Kitchen light · off", before);
    // The child may look and switch, but not at Ada's page.
    let before = n();
    telegram.presses(ADA, &kitchen, "On");
    house.daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    page("Kitchen light · on", before);
    // The same when somebody else moves it.
    let before = n();
    house.daemon.say(&["turn off the kitchen light"]);
    let kitchen = page("Kitchen light · off", before);
    let before = n();
    telegram.presses(ADA, &kitchen, "Kitchen light");
    let lamp = page("40 %", before);
    telegram.presses(ADA, &lamp, "40 %");
    house.daemon.wait_for("light.kitchen_light", |state| {
        state["attributes"]["brightness"].as_i64().is_some_and(|level| (95..110).contains(&level))
    });
    // A door asks back, and a child may not.
    let before = n();
    telegram.presses(ADA, &rooms, "Hall");
    let hall = page("Front door", before);
    let before = n();
    telegram.presses(ADA, &hall, "Front door");
    let door = page("Unlock", before);
    let really = telegram.answer(ADA, "unlock?", || telegram.presses(ADA, &door, "Unlock"));
    assert_eq!(house.state("lock.front_door_lock"), "locked");
    for _ in 0..2 {
        telegram.presses(ADA, &really, "Yes");
    }
    house.daemon.wait_for("lock.front_door_lock", |state| state["state"] == "unlocked");
    // A thermostat.
    let before = n();
    telegram.presses(ADA, &rooms, "Bedroom");
    let bedroom = page("heating", before);
    let before = n();
    telegram.presses(ADA, &bedroom, "heating");
    let heating = page("→", before);
    let warmer = labels(&heating).into_iter().nth(2).unwrap();
    telegram.presses(ADA, &heating, &warmer);
    let wished: f64 = warmer.trim_end_matches(" °").parse().unwrap();
    house.daemon.wait_for("climate.bedroom_heating", |state| {
        state["attributes"]["temperature"].as_f64() == Some(wished)
    });
    // Bob's own page: he may not touch the heating.
    let rooms = telegram.answer(BOB, "Rooms", || {
        telegram.says(BOB, "/rooms");
    });
    assert!(labels(&rooms).len() > 3);
}
