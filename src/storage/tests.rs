//! What the storage refuses, upgrades and leaves out; without other processes.

use std::fs;

use super::*;

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
        "3",
        "the data in DIR was written by a newer Homard (format 3, this one knows 2); \
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
    assert_eq!(Storage::open(&dir.0).unwrap().dump().unwrap(), "meta format 2\n");
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
    let before = storage.env.info().last_txn_id;
    storage.write(&[Keep::Floor(floor("a", "A")), Keep::ForgetArea(AreaId::new("b"))]).unwrap();
    assert_eq!(storage.env.info().last_txn_id, before);
    storage.write(&[Keep::Floor(floor("a", "B"))]).unwrap();
    assert_eq!(storage.env.info().last_txn_id, before + 1);
}

#[test]
fn a_token_is_known_until_it_is_removed_and_never_stored() {
    let dir = Dir::new("tokens");
    let storage = Storage::open(&dir.0).unwrap();
    let tokens = storage.tokens();
    let now = jiff::Timestamp::from_second(5).unwrap();
    let token = tokens.add(" panel ", now).unwrap();
    assert_eq!((token.len(), &token[..4]), (4 + 64, "hmd_"));
    let other = tokens.add("phone", now).unwrap();
    assert_ne!(token, other);
    assert_eq!(tokens.check(&token).unwrap().as_deref(), Some("panel"));
    assert_eq!(tokens.check(&other).unwrap().as_deref(), Some("phone"));
    for guess in ["", "hmd_", &token[..67], &token.to_uppercase(), &format!("{token}0")] {
        assert_eq!(tokens.check(guess).unwrap(), None, "{guess}");
    }
    let dump = storage.dump().unwrap();
    assert!(!dump.contains(&token[4..]), "{dump}");
    for name in ["", "  ", "panel", "a\nb", &"n".repeat(101)] {
        assert!(matches!(tokens.add(name, now), Err(Error::Token(_))), "{name}");
    }
    let names: Vec<String> = tokens.list().unwrap().into_iter().map(|known| known.name).collect();
    assert_eq!(names, ["panel", "phone"]);
    assert!(tokens.remove("panel").unwrap());
    assert!(!tokens.remove("panel").unwrap());
    assert_eq!(tokens.check(&token).unwrap(), None);
}
