//! What the doctor says of the models: whether they are there, and whether there is room for them.

#[cfg(feature = "model")]
use serde_json::Value;

use super::{Finding, Level};
use crate::board::Board;
use crate::catalog::{Catalog, Presence, SENTENCES, Store};
#[cfg(feature = "model")]
use crate::cli::daemon::Connection;
#[cfg(feature = "model")]
use crate::config::{Model, ModelProtocol, OutsideModel, Secret, Talker};

/// Whether the packs of all languages are there. Homard works without them.
pub(super) fn sentences(store: &Store) -> Finding {
    let finding = |level, text: String| Finding::new("sentences", level, text);
    let catalog = Catalog::built_in();
    let model = catalog.as_ref().ok().and_then(|catalog| catalog.model(SENTENCES));
    let fetch = "`homard models pull` fetches";
    match model.map(|model| (store.presence(model), model)) {
        Some((Presence::Whole, model)) => {
            finding(Level::Good, format!("{} languages", model.languages.len()))
        }
        Some((Presence::Partial(n), model)) => {
            let text = format!(
                "{n} of {} files of the packs are right; {fetch} the rest",
                model.files.len()
            );
            finding(Level::Watch, text)
        }
        Some((Presence::Absent, _)) => {
            let dir = store.dir().display();
            finding(
                Level::Good,
                format!("English and French, built in; {fetch} 65 languages to {dir}"),
            )
        }
        None => finding(Level::Bad, "the catalogue of models cannot be read".to_owned()),
    }
}

/// Who is asked and who talks in the house that runs, which its owner may have chosen in the panel.
#[cfg(feature = "model")]
pub(super) fn chosen(daemon: &Connection) -> Option<Model> {
    let choice = daemon.get("/api/homard/model").ok()?;
    let text = |value: &Value| Some(value.as_str()?.to_owned());
    let outside = |outside: &Value| {
        let has_key = outside["has_key"].as_bool()?;
        // Which one it is stays with the house.
        let key = has_key.then(|| Secret::new(""));
        let (url, name) = (text(&outside["url"])?, text(&outside["name"])?);
        Some(OutsideModel { url, name, key, protocol: ModelProtocol::OpenAi })
    };
    Some(Model {
        ask: choice["ask"].as_bool()?,
        talk: text(&choice["talk"]).and_then(Talker::named),
        outside: outside(&choice["outside"]),
    })
}

/// Whether the language model is there, and what leaves the house for one on another machine. Homard works without.
#[cfg(feature = "model")]
pub(super) fn model(store: &Store, model: &Model) -> Finding {
    let finding = |text: String| Finding::new("language model", Level::Good, text);
    let talks_afar = model.talk == Some(Talker::Outside);
    if let Some(outside) = model.outside.as_ref().filter(|_| model.ask || talks_afar) {
        let (host, port) = outside.machine();
        let what = match (model.ask, talks_afar) {
            (true, false) => "what nobody understands",
            (false, _) => "what is not about the house",
            (true, true) => "what nobody understands, and what is not about the house,",
        };
        let text = format!("{what} leaves the house, to `{}` at {host}:{port}", outside.name);
        if outside.is_in_the_clear() && outside.key.is_some() {
            let remedy = "its key is sent without encryption: let its address begin with https:// where the server has that";
            return finding(text).at(Level::Watch).with(remedy);
        }
        return finding(text);
    }
    let catalog = Catalog::built_in();
    let models = catalog.iter().flat_map(|catalog| &catalog.models);
    let mut models = models.filter(|model| model.kind == "language model" && model.default);
    let is_there = models.any(|model| store.presence(model) == Presence::Whole);
    let text = match (model.ask, is_there) {
        (false, _) => "is not asked, by `[model] ask`",
        (true, true) => "is asked about what nobody understands",
        (true, false) => {
            "is not there, so nothing unusual is understood; `homard models pull` fetches it"
        }
    };
    finding(text.to_owned())
}

/// Whether the models that are here fit into what they may take of this board's memory, together.
pub(super) fn room(store: &Store, board: &Board) -> Option<Finding> {
    let budget = board.budget()?;
    let (total, models) = (budget.total >> 20, budget.models >> 20);
    let catalog = Catalog::built_in().ok()?;
    let here = catalog.models.iter().filter(|model| store.presence(model) == Presence::Whole);
    let wanted = here.fold(0, |sum, model| sum + u64::from(model.memory_mib));
    let text = format!(
        "those that are here take {wanted} MiB in use; they may take {models} of {total} MiB together"
    );
    let finding = Finding::new("models", Level::Good, text);
    if wanted > models {
        let remedy = "they take turns, which costs a second each time; a smaller recogniser (`whisper-tiny.en`), or \
                      `[model] ask = false`, spares it";
        return Some(finding.at(Level::Watch).with(remedy));
    }
    Some(finding)
}
