//! The agenda on simulated time: no clock, no disk.

use super::*;

fn wall(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const START: &str = "2026-11-22T11:00:00Z";

/// So many seconds after the start; the wall clock goes wrong by `jump` seconds.
fn at(seconds: i64, jump: i64) -> Moment {
    let wall = wall(START) + SignedDuration::from_secs(seconds + jump);
    Moment { wall, steady: SignedDuration::from_secs(seconds) }
}

fn asker(conversation: &str, area: Option<&str>) -> Asker {
    Asker {
        language: "en".into(),
        area: area.map(crate::home::id::AreaId::new),
        conversation: conversation.into(),
        ..Asker::default()
    }
}

fn start(agenda: &mut Agenda, seconds: f64, name: Option<&str>, from: Asker, now: i64) -> EntryId {
    agenda.start_timer(from, "said", (seconds, name.map(str::to_owned), None), at(now, 0)).unwrap()
}

fn deed() -> Task {
    let wish = Wish {
        entities: vec![crate::home::id::EntityId::new("switch.heater")],
        what: "turn_on".into(),
        fields: Vec::new(),
    };
    Task::Deed(Deed { wishes: vec![wish], ..Deed::default() })
}

/// Ids and fates of what is due.
fn due(agenda: &mut Agenda, now: Moment) -> Vec<(u64, Fate)> {
    agenda.due(now).into_iter().map(|ripe| (ripe.entry.id.0, ripe.fate)).collect()
}

/// The same agenda after a restart.
fn restart(agenda: &mut Agenda, written: Moment, now: Moment) -> Agenda {
    for entry in agenda.entries.keys() {
        agenda.touched.insert(Touched::Entry(*entry));
    }
    let kept = agenda.take_touched(written).into_iter().filter_map(|record| match record {
        Record::Entry(kept) => Some(*kept),
        Record::ForgetEntry(_) | Record::List(_) | Record::ForgetList(_) => None,
    });
    Agenda::restore(kept.collect::<Vec<_>>(), Vec::new(), now)
}

#[test]
fn timers_are_over_in_their_order_and_only_once() {
    let mut agenda = Agenda::default();
    start(&mut agenda, 300.0, None, asker("a", None), 0);
    start(&mut agenda, 60.0, Some("eggs"), asker("a", None), 0);
    assert_eq!(agenda.next_steady(), Some(SignedDuration::from_secs(60)));
    assert_eq!(due(&mut agenda, at(59, 0)), []);
    assert_eq!(due(&mut agenda, at(60, 0)), [(2, Fate::Happens)]);
    assert_eq!(due(&mut agenda, at(60, 0)), []);
    assert_eq!(due(&mut agenda, at(400, 0)), [(1, Fate::ToldLate)]);
    assert_eq!((agenda.next_steady(), agenda.next_wall()), (None, None));
}

#[test]
fn a_timer_does_not_care_what_the_wall_clock_does() {
    for jump in [-40_000_000, -3_600, 3_600, 800_000_000] {
        let mut agenda = Agenda::default();
        start(&mut agenda, 600.0, None, asker("a", None), 0);
        assert_eq!(due(&mut agenda, at(10, jump)), [], "{jump}");
        assert_eq!(due(&mut agenda, at(599, jump)), [], "{jump}");
        assert_eq!(due(&mut agenda, at(600, jump)), [(1, Fate::Happens)], "{jump}");
    }
}

#[test]
fn a_deed_at_seven_follows_the_wall_clock_and_is_not_done_too_late() {
    let seven = |agenda: &mut Agenda| {
        let due = Due::At(wall(START) + SignedDuration::from_secs(3_600));
        agenda.add(asker("a", None), "at noon", due, deed(), at(0, 0)).unwrap();
    };
    let cases = [
        (at(3_599, 0), &[][..]),
        (at(3_600, 0), &[(1, Fate::Happens)]),
        // The clock was set forward: just in time, and too late.
        (at(10, 3_650), &[(1, Fate::Happens)]),
        (at(10, 3_720), &[(1, Fate::Missed)]),
        // It was set back: the clock does not show seven yet.
        (at(3_700, -1_800), &[]),
    ];
    for (now, expected) in cases {
        let mut agenda = Agenda::default();
        seven(&mut agenda);
        assert_eq!(due(&mut agenda, now), expected, "{now:?}");
    }
    // Done once, though the clock shows it again.
    let mut agenda = Agenda::default();
    seven(&mut agenda);
    assert_eq!(due(&mut agenda, at(3_600, 0)), [(1, Fate::Happens)]);
    assert!(agenda.cancel(EntryId(1)).is_some());
    assert_eq!(due(&mut agenda, at(3_660, -3_600)), []);
    assert_eq!(due(&mut agenda, at(7_200, -3_600)), []);
}

#[test]
fn what_the_house_missed_is_told_and_timers_go_on() {
    let mut agenda = Agenda::default();
    start(&mut agenda, 600.0, Some("eggs"), asker("a", None), 0);
    let then = (600.0, None, Some("turn off the oven".to_owned()));
    agenda.start_timer(asker("a", None), "said", then, at(0, 0)).unwrap();
    let noon = Due::At(wall(START) + SignedDuration::from_secs(600));
    agenda.add(asker("a", None), "at noon", noon, deed(), at(0, 0)).unwrap();
    start(&mut agenda, 3_600.0, None, asker("a", None), 0);
    let held = start(&mut agenda, 100.0, None, asker("a", None), 0);
    agenda.pause_timer(held, at(40, 0)).unwrap();
    let written = at(60, 0);
    // Off for 15 minutes: the steady clock begins anew.
    let after = |seconds: i64| Moment {
        wall: wall(START) + SignedDuration::from_secs(seconds),
        steady: SignedDuration::from_secs(seconds - 960),
    };
    let mut restored = restart(&mut agenda, written, after(960));
    let found = due(&mut restored, after(960));
    assert_eq!(found, [(1, Fate::ToldLate), (2, Fate::Missed), (3, Fate::Missed)]);
    assert_eq!(restored.next_steady(), Some(SignedDuration::from_secs(3_600 - 960)));
    assert_eq!(due(&mut restored, after(3_600)), [(4, Fate::Happens)]);
    restored.unpause_timer(held, after(3_600)).unwrap();
    assert_eq!(due(&mut restored, after(3_659)), []);
    assert_eq!(due(&mut restored, after(3_660)), [(5, Fate::Happens)]);
    // Off for a minute only: it is done.
    let mut restored = restart(&mut agenda, written, after(660));
    let fates: Vec<Fate> = due(&mut restored, after(660)).into_iter().map(|(_, f)| f).collect();
    assert_eq!(fates, [Fate::ToldLate, Fate::Happens, Fate::Happens]);
}

#[test]
fn a_board_without_a_battery_clock_does_not_count_twice() {
    let mut agenda = Agenda::default();
    start(&mut agenda, 600.0, None, asker("a", None), 0);
    // Off for an hour, but the clock starts where it was stopped, or in 1970.
    for behind in [-3_600, -1_795_000_000] {
        let boot = Moment { wall: at(3_660, behind).wall, steady: SignedDuration::ZERO };
        let mut restored = restart(&mut agenda, at(60, 0), boot);
        assert_eq!(due(&mut restored, boot), [], "{behind}");
        let left = restored.entry(EntryId(1)).and_then(|entry| entry.left_s(boot)).unwrap();
        assert!(left <= 540.0, "{behind}: {left}");
        // The network says what time it is.
        let set = Moment { wall: at(3_690, 0).wall, steady: SignedDuration::from_secs(30) };
        assert_eq!(due(&mut restored, set), [(1, Fate::ToldLate)], "{behind}");
    }
    // A second setting is somebody's whim.
    let boot = Moment { wall: at(100, 0).wall, steady: SignedDuration::ZERO };
    let mut restored = restart(&mut agenda, at(60, 0), boot);
    let back = Moment { wall: at(0, 0).wall, steady: SignedDuration::from_secs(10) };
    let forward = Moment { wall: at(9_000, 0).wall, steady: SignedDuration::from_secs(20) };
    assert_eq!(due(&mut restored, back), []);
    assert_eq!(due(&mut restored, forward), []);
    let over = Moment { wall: at(9_500, 0).wall, steady: SignedDuration::from_secs(500) };
    assert_eq!(due(&mut restored, over), [(1, Fate::Happens)]);
}

#[test]
fn what_was_stopped_in_the_middle_is_told_whether_done_or_said() {
    for task in [deed(), Task::Remind("the cat".into()), Task::Say("dinner".into())] {
        let mut agenda = Agenda::default();
        let noon = Due::At(wall(START));
        agenda.add(asker("a", None), "at noon", noon, task, at(-60, 0)).unwrap();
        assert_eq!(due(&mut agenda, at(0, 0)), [(1, Fate::Happens)]);
        assert_eq!(due(&mut agenda, at(1, 0)), [], "it has begun");
        let mut restored = restart(&mut agenda, at(1, 0), at(5, 0));
        assert_eq!(due(&mut restored, at(5, 0)), []);
        let told: Vec<Fate> = restored.interrupted().into_iter().map(|ripe| ripe.fate).collect();
        assert_eq!(told, [Fate::Interrupted]);
        assert_eq!(restored.entries().count(), 0);
    }
}

#[test]
fn a_timer_is_found_by_what_is_said_of_it() {
    let mut agenda = Agenda::default();
    start(&mut agenda, 300.0, Some("Pizza"), asker("a", Some("kitchen")), 0);
    start(&mut agenda, 600.0, None, asker("b", Some("kitchen")), 0);
    start(&mut agenda, 600.0, None, asker("c", Some("den")), 0);
    let kitchen = crate::home::id::AreaId::new("kitchen");
    let named = |name| TimerQuery { name: Some(name), ..TimerQuery::default() };
    let long = |seconds| TimerQuery { started_s: Some(seconds), ..TimerQuery::default() };
    let here = TimerQuery { area: Some(&kitchen), ..TimerQuery::default() };
    let any = TimerQuery::default();
    let cases = [
        (named("pizza"), asker("x", None), Ok(1)),
        (named("rice"), asker("x", None), Err(Unable::NoSuch)),
        (long(300.0), asker("x", None), Ok(1)),
        (long(600.0), asker("x", None), Err(Unable::Ambiguous)),
        (long(600.0), asker("x", Some("den")), Ok(3)),
        (here, asker("x", None), Err(Unable::Ambiguous)),
        (here, asker("b", None), Ok(2)),
        (any, asker("x", None), Err(Unable::Ambiguous)),
        (any, asker("c", None), Ok(3)),
        (any, asker("x", Some("den")), Ok(3)),
    ];
    for (query, from, expected) in cases {
        let found = agenda.timer(query, &from, at(0, 0)).map(|id| id.0);
        assert_eq!(found, expected, "{query:?} {from:?}");
    }
    assert_eq!(agenda.cancel_timers(Some(&kitchen)), 2);
    assert_eq!(agenda.cancel_timers(None), 1);
    assert_eq!(agenda.cancel_timers(None), 0);
}

#[test]
fn a_timer_is_changed_and_held() {
    let mut agenda = Agenda::default();
    let id = start(&mut agenda, 300.0, None, asker("a", None), 0);
    agenda.change_timer(id, 60.0, at(100, 0)).unwrap();
    agenda.pause_timer(id, at(200, 0)).unwrap();
    agenda.pause_timer(id, at(210, 0)).unwrap();
    agenda.change_timer(id, -40.0, at(250, 0)).unwrap();
    assert_eq!(due(&mut agenda, at(10_000, 0)), []);
    agenda.unpause_timer(id, at(10_000, 0)).unwrap();
    agenda.unpause_timer(id, at(10_010, 0)).unwrap();
    assert_eq!(due(&mut agenda, at(10_119, 0)), []);
    assert_eq!(agenda.entry(id).and_then(|entry| entry.left_s(at(10_119, 0))), Some(1.0));
    agenda.change_timer(id, -60.0, at(10_119, 0)).unwrap();
    assert_eq!(due(&mut agenda, at(10_119, 0)), [(1, Fate::Happens)]);
    assert_eq!(agenda.change_timer(id, 1.0, at(10_120, 0)), Err(Unable::NoSuch));
}

#[test]
fn the_agenda_is_bounded_and_refuses_nonsense() {
    let mut agenda = Agenda::default();
    for seconds in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e12] {
        let started = agenda.start_timer(asker("a", None), "", (seconds, None, None), at(0, 0));
        assert_eq!(started, Err(Unable::BadTime), "{seconds}");
    }
    let long = (5.0, Some("x".repeat(501)), None);
    let started = agenda.start_timer(asker("a", None), "", long, at(0, 0));
    assert_eq!(started, Err(Unable::TooLong));
    for _ in 0..MOST_TIMERS {
        start(&mut agenda, 5.0, None, asker("a", None), 0);
    }
    let started = agenda.start_timer(asker("a", None), "", (5.0, None, None), at(0, 0));
    assert_eq!(started, Err(Unable::TooMany));
    for _ in 0..MOST_DEEDS {
        agenda.add(asker("a", None), "", Due::At(wall(START)), deed(), at(0, 0)).unwrap();
    }
    let added = agenda.add(asker("a", None), "", Due::At(wall(START)), deed(), at(0, 0));
    assert_eq!(added, Err(Unable::TooMany));
    let id = EntryId(1);
    assert_eq!(agenda.change_timer(id, 1e12, at(0, 0)), Err(Unable::BadTime));
    assert_eq!(agenda.change_timer(id, f64::NAN, at(0, 0)), Err(Unable::BadTime));
}

#[test]
fn only_what_changed_is_written() {
    let mut agenda = Agenda::default();
    let id = start(&mut agenda, 300.0, None, asker("a", None), 0);
    agenda.add_item(None, "milk").unwrap();
    assert_eq!(agenda.take_touched(at(0, 0)).len(), 2);
    assert_eq!(agenda.take_touched(at(0, 0)).len(), 0);
    due(&mut agenda, at(100, 0));
    assert_eq!(agenda.take_touched(at(100, 0)).len(), 0);
    agenda.cancel(id);
    assert_eq!(agenda.take_touched(at(100, 0)), [Record::ForgetEntry(id)]);
}

#[test]
fn what_comes_again_stays_and_each_time_is_an_entry_of_its_own() {
    let daily = Rhythm::Clock { days: crate::home::rhythm::Days::DAILY, hour: 12, minute: 0 };
    let mut agenda = Agenda::default();
    let id = agenda.add_standing(asker("a", None), "said", daily, deed(), at(0, 0)).unwrap();
    assert_eq!(agenda.next_wall(), Some(wall("2026-11-22T12:00:00Z")));
    // Begun as an entry of its own, so that a power cut now is told of it alone.
    assert_eq!(due(&mut agenda, at(3_600, 0)), [(2, Fate::Happens)]);
    assert_eq!(agenda.next_wall(), Some(wall("2026-11-23T12:00:00Z")));
    let mut cut = restart(&mut agenda, at(3_600, 0), at(3_700, 0));
    let told: Vec<(u64, Fate)> =
        cut.interrupted().into_iter().map(|ripe| (ripe.entry.id.0, ripe.fate)).collect();
    assert_eq!(told, [(2, Fate::Interrupted)]);
    assert_eq!(cut.entry(id).map(|entry| entry.again), Some(Some(daily)));
    agenda.cancel(EntryId(2));
    // A clock that is put back brings it no second time, and days that were missed are told once.
    assert_eq!(due(&mut agenda, at(3_700, -600)), []);
    assert_eq!(due(&mut agenda, at(4_400, -600)), []);
    assert_eq!(due(&mut agenda, at(5 * 86_400, 0)), [(3, Fate::Missed)]);
    assert_eq!(agenda.next_wall(), Some(wall("2026-11-27T12:00:00Z")));
    agenda.cancel(EntryId(3));
    assert!(agenda.cancel(id).is_some());
    assert_eq!(agenda.entries().count(), 0);
}
