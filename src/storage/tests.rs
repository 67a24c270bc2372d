//! What the storage refuses, upgrades and leaves out; without other processes.

use std::fs;

use super::*;
use crate::home::person::{Rights, Role, Voice};

/// A directory of its own for one test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("homard-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn floor(id: &str, name: &str) -> Floor {
    Floor { id: FloorId::new(id), name: name.into(), aliases: Vec::new(), level: Some(1) }
}

/// What `open` says on a directory whose format record is `format`.
fn check_format(format: &str, expected: &str) {
    let dir = Dir::new("format");
    let storage = Storage::open(&dir.0).unwrap();
    let mut txn = storage.env.write_txn().unwrap();
    storage.tables.meta.put(&mut txn, FORMAT, format).unwrap();
    txn.commit().unwrap();
    drop(storage);
    for opened in [Storage::open(&dir.0), Storage::open_shared(&dir.0)] {
        let said = opened.map(|_| ()).unwrap_err().to_string();
        assert_eq!(said.replace(&dir.0.display().to_string(), "DIR"), expected);
    }
}

#[test]
fn a_newer_format_is_refused_in_plain_words() {
    check_format(
        "5",
        "the data in DIR was written by a newer Homard (format 5, this one knows 4); \
         install that version again, or start with another data directory",
    );
    check_format("x", "the data in DIR has no readable format record: `x`");
    check_format("0", "the data in DIR has no readable format record: `0`");
}

#[test]
fn upgrades_run_once_each_in_order() {
    fn add(tables: &Tables, txn: &mut RwTxn, what: &str) -> Result<(), Error> {
        let log = tables.meta.get(txn, "log")?.unwrap_or_default().to_owned();
        Ok(tables.meta.put(txn, "log", &format!("{log}{what}"))?)
    }
    let (first, second): (Upgrade, Upgrade) =
        (|tables, txn| add(tables, txn, "1→2 "), |tables, txn| add(tables, txn, "2→3 "));
    let dir = Dir::new("upgrades");
    for (upgrades, log) in [
        (&[][..], ""),
        (&[first][..], "1→2 "),
        (&[first][..], "1→2 "),
        (&[first, second][..], "1→2 2→3 "),
    ] {
        let storage = Storage::open_with(&dir.0, upgrades).unwrap();
        let txn = storage.env.read_txn().unwrap();
        assert_eq!(storage.tables.meta.get(&txn, "log").unwrap().unwrap_or_default(), log);
    }
    let fresh = Dir::new("upgrades-fresh");
    let storage = Storage::open_with(&fresh.0, &[first, second]).unwrap();
    assert_eq!(storage.dump().unwrap(), "meta format 3\n");
}

#[test]
fn a_failed_upgrade_changes_nothing() {
    let fail: Upgrade = |tables, txn| {
        tables.meta.put(txn, "half", "done")?;
        Err(Error::Random("no".into()))
    };
    let dir = Dir::new("failed-upgrade");
    drop(Storage::open(&dir.0).unwrap());
    assert!(Storage::open_with(&dir.0, &[UPGRADES, &[fail]].concat()).is_err());
    assert_eq!(Storage::open(&dir.0).unwrap().dump().unwrap(), "meta format 4\n");
}

/// A program that was tried and taken back may have raised the format, and then the one of before is needed again.
#[test]
fn only_a_registry_that_a_newer_program_has_raised_is_put_back() {
    let dir = Dir::new("put-back");
    drop(Storage::open(&dir.0).unwrap());
    let before = Storage::open_shared(&dir.0).unwrap().dump().unwrap();
    let kept = dir.0.join("kept.mdb");
    backup::keep_registry(&dir.0, &kept).unwrap();
    assert!(!backup::put_back_registry(&kept, &dir.0).unwrap(), "it can be read");
    let raise: Upgrade = |_, _| Ok(());
    drop(Storage::open_with(&dir.0, &[UPGRADES, &[raise]].concat()).unwrap());
    assert!(matches!(Storage::open(&dir.0), Err(Error::Newer { .. })));
    assert!(backup::put_back_registry(&kept, &dir.0).unwrap());
    assert_eq!(Storage::open(&dir.0).unwrap().dump().unwrap(), before);
    assert!(!backup::put_back_registry(&kept, &dir.0).unwrap(), "it was used up");
}

#[test]
fn a_second_daemon_is_refused_and_a_command_is_not() {
    let dir = Dir::new("second");
    let first = lock_only(&dir.0);
    let said = Storage::open(&dir.0).map(|_| ()).unwrap_err().to_string();
    let pid = std::process::id();
    let expected =
        format!("another Homard (process {pid}) already uses the data in {}", dir.0.display());
    assert_eq!(said, expected);
    Storage::open_shared(&dir.0).unwrap();
    drop(first);
    Storage::open(&dir.0).unwrap();
}

fn lock_only(dir: &Path) -> File {
    make_directory(dir).unwrap();
    lock(dir).unwrap()
}

#[test]
fn a_broken_record_costs_only_itself() {
    let dir = Dir::new("broken");
    let storage = Storage::open(&dir.0).unwrap();
    storage.write(&[Keep::Floor(floor("a", "A")), Keep::Floor(floor("c", "C"))]).unwrap();
    let mut txn = storage.env.write_txn().unwrap();
    for (table, bytes) in [
        (storage.tables.floors.raw(), &b"\xff{"[..]),
        (
            storage.tables.entities.raw(),
            br#"{"id":"x.y","key":"k","domain":"x","naming":"main","topic":"t"}"#,
        ),
        (storage.tables.areas.raw(), b""),
    ] {
        table.put(&mut txn, b"b", bytes).unwrap();
    }
    txn.commit().unwrap();
    let loaded = storage.load().unwrap();
    assert_eq!(loaded.floors, [floor("a", "A"), floor("c", "C")]);
    assert_eq!(loaded.entities.len() + loaded.areas.len(), 0);
    let places: Vec<&str> =
        loaded.problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(places, ["stored floor `b`", "stored area `b`", "stored entity `x.y`"]);
}

#[test]
fn ids_of_any_length_are_kept() {
    let dir = Dir::new("ids");
    let storage = Storage::open(&dir.0).unwrap();
    let long = "x".repeat(70_000);
    let ids = ["", "\0", &long, "é"];
    let keeps: Vec<Keep> = ids.iter().map(|id| Keep::Floor(floor(id, "F"))).collect();
    storage.write(&keeps).unwrap();
    let mut loaded: Vec<String> =
        storage.load().unwrap().floors.iter().map(|floor| floor.id.to_string()).collect();
    loaded.sort();
    let mut ids = ids.map(str::to_owned);
    ids.sort();
    assert_eq!(loaded, ids);
    for id in &ids {
        storage.write(&[Keep::ForgetFloor(FloorId::new(id))]).unwrap();
    }
    assert_eq!(storage.load().unwrap().floors, []);
}

#[test]
fn an_equal_record_is_not_written_again() {
    let dir = Dir::new("equal");
    let storage = Storage::open(&dir.0).unwrap();
    storage.write(&[Keep::Floor(floor("a", "A"))]).unwrap();
    let before = storage.version();
    storage.write(&[Keep::Floor(floor("a", "A")), Keep::ForgetArea(AreaId::new("b"))]).unwrap();
    assert_eq!(storage.version(), before);
    storage.write(&[Keep::Floor(floor("a", "B"))]).unwrap();
    assert_eq!(storage.version(), before + 1);
}

#[test]
fn a_token_is_known_until_it_is_removed_and_never_stored() {
    let dir = Dir::new("tokens");
    let storage = Storage::open(&dir.0).unwrap();
    let tokens = storage.tokens();
    let admin = Holder::Role(Role::Admin);
    let named = |token: &str| tokens.check(token).unwrap().map(|bearer| bearer.name);
    let now = jiff::Timestamp::from_second(5).unwrap();
    let token = tokens.add(" panel ", &admin, now).unwrap();
    assert_eq!((token.len(), &token[..4]), (4 + 64, "hmd_"));
    let other = tokens.add("phone", &admin, now).unwrap();
    assert_ne!(token, other);
    assert_eq!(named(&token).as_deref(), Some("panel"));
    assert_eq!(named(&other).as_deref(), Some("phone"));
    for guess in ["", "hmd_", &token[..67], &token.to_uppercase(), &format!("{token}0")] {
        assert_eq!(tokens.check(guess).unwrap(), None, "{guess}");
    }
    let dump = storage.dump().unwrap();
    assert!(!dump.contains(&token[4..]), "{dump}");
    for name in ["", "  ", "panel", "a\nb", &"n".repeat(101)] {
        assert!(matches!(tokens.add(name, &admin, now), Err(Error::Token(_))), "{name}");
    }
    let names: Vec<String> = tokens.list().unwrap().into_iter().map(|known| known.name).collect();
    assert_eq!(names, ["panel", "phone"]);
    assert!(tokens.remove("panel").unwrap());
    assert!(!tokens.remove("panel").unwrap());
    assert_eq!(tokens.check(&token).unwrap(), None);
}

#[test]
fn a_token_may_do_what_its_holder_may() {
    let dir = Dir::new("holders");
    let storage = Storage::open(&dir.0).unwrap();
    let (tokens, people) = (storage.tokens(), storage.people());
    let now = jiff::Timestamp::from_second(5).unwrap();
    let edit =
        PersonEdit { name: Some("Ada".into()), role: Some(Role::Guest), ..Default::default() };
    let ada = people.add(edit, None, now).unwrap();
    let child = tokens.add("child", &Holder::Role(Role::Child), now).unwrap();
    let hers = tokens.add("hers", &Holder::Person(ada.id.clone()), now).unwrap();
    let rights = |token: &str| tokens.check(token).unwrap().map(|bearer| bearer.rights);
    assert_eq!(rights(&child), Some(Rights::of(Role::Child)));
    assert_eq!(rights(&hers), Some(ada.rights()));
    let areas = [AreaId::new("attic")].into();
    let edit = PersonEdit { areas: Some(areas), ..Default::default() };
    let ada = people.edit(&ada.id, edit).unwrap().unwrap();
    assert_eq!(rights(&hers), Some(ada.rights()));
    assert!(people.remove(&ada.id).unwrap());
    assert_eq!(rights(&hers), None);
    assert_eq!(tokens.list().unwrap().len(), 1, "a person's tokens go with them");
    // As it was written before there were roles.
    let mut txn = storage.env.write_txn().unwrap();
    let old = format!(r#"{{"name":"old","sha256":"{}","made":1}}"#, hash("secret"));
    storage.tables.tokens.raw().put(&mut txn, b"old", old.as_bytes()).unwrap();
    txn.commit().unwrap();
    assert_eq!(rights("secret"), Some(Rights::of(Role::Admin)));
}

#[test]
fn people_sign_in_and_a_new_password_ends_their_sessions() {
    let dir = Dir::new("people");
    let storage = Storage::open(&dir.0).unwrap();
    let (people, sessions) = (storage.people(), storage.sessions());
    let now = jiff::Timestamp::from_second(1_000_000_000).unwrap();
    let later = |hours| now + jiff::SignedDuration::from_hours(hours);
    let edit = |name: &str, role| PersonEdit {
        name: Some(name.into()),
        role: Some(role),
        ..PersonEdit::default()
    };
    assert!(people.is_empty().unwrap());
    for (name, password) in [("", "long enough"), ("Ada", "short"), ("a\nb", "long enough")] {
        assert!(people.add(edit(name, Role::Admin), Some(password), now).is_err(), "{name}");
    }
    let ada = people.add(edit(" Ada ", Role::Admin), Some("long enough"), now).unwrap();
    let bob = people.add(edit("Bob", Role::Child), None, now).unwrap();
    assert!(people.add(edit("ADA", Role::Adult), None, now).is_err(), "the name is taken");
    for (name, password, expected) in [
        ("ada", "long enough", Some(&ada)),
        ("Ada", "Long enough", None),
        ("Bob", "", None),
        ("Bob", "long enough", None),
        ("Eve", "long enough", None),
    ] {
        assert_eq!(people.sign_in(name, password).unwrap().as_ref(), expected, "{name} {password}");
    }
    assert!(!storage.dump().unwrap().contains("long enough"));
    // Their own voice; what was written before there were any says the house's.
    let heard = |voice: Option<&str>, volume| {
        let voice = Some(voice.map(str::to_owned));
        people.edit(&bob.id, PersonEdit { voice, volume: Some(volume), ..PersonEdit::default() })
    };
    let voice = Voice { name: Some("+f3".to_owned()), volume: Some(0) };
    assert_eq!(heard(Some(" +f3 "), Some(0)).unwrap().unwrap().voice, voice);
    for (name, volume) in [(Some(""), None), (Some("a\nb"), None), (None, Some(101))] {
        assert!(heard(name, volume).is_err(), "{name:?} {volume:?}");
    }
    assert_eq!(people.person(&bob.id).unwrap().unwrap().voice, voice);
    assert_eq!(heard(None, None).unwrap().unwrap().voice, Voice::default());
    let mut txn = storage.env.write_txn().unwrap();
    let old = br#"{"id":"old","name":"Eve","role":"adult","language":"fr","made":1}"#;
    storage.tables.people.raw().put(&mut txn, b"old", old).unwrap();
    txn.commit().unwrap();
    let eve = people.named("eve").unwrap().unwrap();
    assert_eq!((eve.language.as_deref(), &eve.voice), (Some("fr"), &Voice::default()));
    assert!(people.remove(&eve.id).unwrap());

    let cookie = sessions.open(&ada.id, now).unwrap();
    assert_ne!(cookie, sessions.open(&ada.id, now).unwrap());
    assert!(!storage.dump().unwrap().contains(&cookie));
    assert_eq!(sessions.find(&cookie, later(1)).unwrap(), Some((ada.clone(), false)));
    assert_eq!(sessions.find(&cookie, later(7)).unwrap(), Some((ada.clone(), true)));
    assert_eq!(sessions.find("guess", now).unwrap(), None);
    assert_eq!(sessions.find(&cookie, later(31 * 24)).unwrap(), None);
    sessions.note(&cookie, later(29 * 24)).unwrap();
    assert!(sessions.find(&cookie, later(31 * 24)).unwrap().is_some(), "it slides");
    people.set_password(&ada.id, "another one").unwrap().unwrap();
    assert_eq!(sessions.find(&cookie, later(29 * 24)).unwrap(), None);
    assert_eq!(people.sign_in("Ada", "long enough").unwrap(), None);

    let child = PersonEdit { role: Some(Role::Child), ..PersonEdit::default() };
    assert!(people.edit(&ada.id, child).is_err(), "nobody would run the house");
    assert!(people.remove(&ada.id).is_err(), "nobody would run the house");
    assert_eq!(people.person(&ada.id).unwrap(), Some(ada));
    assert!(people.remove(&bob.id).unwrap());
    assert!(!people.remove(&bob.id).unwrap());
}
