//! What a matched sentence means for the house's own books: timers, lists, announcements.

use crate::intent::matcher::{Match, Source};
use crate::intent::meaning::{Errand, TimerWords};
use crate::intent::value::Value;

/// The errand of a match; `None` for an intent that is none, or without what it needs.
pub(super) fn errand(found: &Match) -> Option<Errand> {
    let text = |slot: &str| {
        let slot = found.find(slot)?;
        Some(slot.value.as_text()?.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // A room that was said; the speaker's is known anyway.
    let area = || text("area").filter(|_| is_said(found, "area"));
    let list = |slot: &str| text(slot).filter(|_| is_said(found, slot));
    let change = |sign: f64| Some(Errand::ChangeTimer(timer(found), sign * length(found, "")?));
    Some(match &*found.intent {
        "HassStartTimer" => Errand::StartTimer {
            seconds: length(found, "")?,
            name: text("name"),
            then: text("conversation_command"),
        },
        "HassCancelTimer" => Errand::CancelTimer(timer(found)),
        "HassCancelAllTimers" => Errand::CancelAllTimers(area()),
        "HassIncreaseTimer" => change(1.0)?,
        "HassDecreaseTimer" => change(-1.0)?,
        "HassPauseTimer" => Errand::PauseTimer(timer(found)),
        "HassUnpauseTimer" => Errand::UnpauseTimer(timer(found)),
        "HassTimerStatus" => Errand::TimerStatus(timer(found)),
        "HassShoppingListAddItem" => Errand::AddItem { list: None, item: text("item")? },
        "HassShoppingListCompleteItem" => Errand::CompleteItem { list: None, item: text("item")? },
        "HassListAddItem" => Errand::AddItem { list: list("name"), item: text("item")? },
        "HassListCompleteItem" => Errand::CompleteItem { list: list("name"), item: text("item")? },
        "HassListRemoveItem" => Errand::RemoveItem { list: list("name"), item: text("item")? },
        "HassBroadcast" => Errand::Broadcast { message: text("message")?, area: area() },
        "HassGetWeather" => Errand::Weather(list("name")),
        "HassRespond" => Errand::Respond,
        "HassVacuumCleanArea" => {
            Errand::Clean { name: list("name"), area: text("area").or_else(|| text("floor"))? }
        }
        "HassMediaPause"
        | "HassMediaUnpause"
        | "HassMediaNext"
        | "HassMediaPrevious"
        | "HassMediaSearchAndPlay"
        | "HassMediaPlayerMute"
        | "HassMediaPlayerUnmute"
        | "HassSetVolume"
        | "HassSetVolumeRelative" => Errand::Media { area: area() },
        // Of Homard's own packs.
        "HomardShowList" => Errand::ShowList(list("list")),
        "HomardListAddItem" => Errand::AddItem { list: list("list"), item: text("item")? },
        "HomardListCompleteItem" => {
            Errand::CompleteItem { list: list("list"), item: text("item")? }
        }
        "HomardListRemoveItem" => Errand::RemoveItem { list: list("list"), item: text("item")? },
        "HomardPlans" => Errand::Plans,
        "HomardCancelPlan" => Errand::CancelPlan(text("plan")?),
        "HomardCancelPlans" => Errand::CancelPlans,
        _ => return None,
    })
}

fn is_said(found: &Match, slot: &str) -> bool {
    found.find(slot).is_some_and(|slot| slot.source != Source::Context)
}

fn timer(found: &Match) -> TimerWords {
    let text = |slot: &str| {
        let slot = found.find(slot).filter(|slot| slot.source != Source::Context)?;
        slot.value.as_text().map(|text| text.trim().to_owned())
    };
    TimerWords { name: text("name"), area: text("area"), started_s: length(found, "start_") }
}

/// The length that the slots with this prefix say, in seconds; `None` if none of them is filled.
fn length(found: &Match, prefix: &str) -> Option<f64> {
    let number = |unit: &str| {
        let value = found.slot(&format!("{prefix}{unit}"))?;
        match value {
            Value::Text(text) => text.parse().ok(),
            other => other.as_number(),
        }
    };
    let (hours, minutes, seconds) = (number("hours"), number("minutes"), number("seconds"));
    if hours.is_none() && minutes.is_none() && seconds.is_none() {
        return None;
    }
    let or_none = |number: Option<f64>| number.unwrap_or(0.0);
    Some(or_none(hours) * 3_600.0 + or_none(minutes) * 60.0 + or_none(seconds))
}
