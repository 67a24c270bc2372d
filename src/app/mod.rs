//! Wires everything: opens the data, builds the hub, starts the ports and stops them in order.
//!
//! Every port runs in a task of its own; one that panics or ends is started again, later each
//! time, and the house is told. The hub is not: without it there is no house, so its end ends the
//! program.

#[cfg(feature = "model")]
mod afar;
mod certificate;
mod demo_house;
pub(crate) mod door;
pub(crate) mod ears;
pub(crate) mod journal;
mod languages;
#[cfg(feature = "speech")]
mod listen;
mod memory;
#[cfg(feature = "speech")]
mod microphone;
#[cfg(feature = "model")]
mod minds;
mod mqtt_broker;
#[cfg(feature = "speech")]
mod name;
pub(crate) mod newer;
mod notice;
mod outgoing;
mod owner;
pub(crate) mod run_file;
#[cfg(feature = "speech")]
mod speak;
mod steward;
mod supervise;
mod systemd;
#[cfg(feature = "telegram")]
mod telegram;
#[cfg(feature = "model")]
pub(crate) mod thinking;
#[cfg(feature = "speech")]
mod wyoming;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use self::certificate::Certificate;
use self::door::{Handed, url};
use self::journal::Journal;
use self::mqtt_broker::{Reached, Retained};
use self::outgoing::Outgoing;
use self::run_file::RunFile;
use self::steward::Steward;
use self::systemd::Supervisor;
use crate::assistant::policy::{Policy, Verdict};
use crate::automation::rule::kept::KeptRules;
use crate::automation::{Agenda, Calendar, Moment};
use crate::board::Board;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::home::Home;
use crate::home::person::{Rights, Role};
use crate::hub::event::Effect;
use crate::hub::{Hub, HubHandle, Setup};
use crate::storage::{Storage, Writer};
use crate::{demo, mqtt, storage, web};

/// Groups of effects that may wait for a port; the hub keeps the rest.
const OUTBOX: usize = 64;
/// What a port gets to end in good order.
const FAREWELL: Duration = Duration::from_millis(500);
/// The token of a demo stays the same, so that the panel stays signed in.
const DEMO_TOKEN: &str = "demo-token";

/// What is to be run.
pub(crate) struct Options<'a> {
    /// What the owner decided.
    pub(crate) config: Config,
    /// Where the house is remembered; absolute.
    pub(crate) data_dir: PathBuf,
    /// Where models lie; absolute, need not exist.
    pub(crate) models: PathBuf,
    /// With a simulated house.
    pub(crate) is_demo: bool,
    /// What was logged so far, and will be.
    pub(crate) journal: Journal,
    /// Where the panel is reached beside its own port.
    pub(crate) handed: &'a Handed,
    /// What the first owner must show stands there, so that it is known before the house starts; need not exist.
    pub(crate) code_file: Option<&'a Path>,
}

/// Why it ended, in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to stop.
    Stopped,
    /// Its owner wishes that it starts again.
    ToRestart,
}

/// Where the running house can be reached.
pub(crate) struct Running {
    /// The panel and the API.
    pub(crate) url: String,
    /// A token that is good as long as it runs.
    pub(crate) token: String,
    /// The broker, in words.
    pub(crate) broker: String,
    /// What the first owner must show, where the panel is open to the network and nobody runs the
    /// house yet. Never logged.
    pub(crate) setup_code: Option<String>,
    /// What is not as usual, in words for a person.
    pub(crate) notes: Vec<String>,
}

/// Runs until SIGTERM or SIGINT, or until its owner wishes a restart. `ready` is told once everything answers.
///
/// # Errors
/// What kept it from starting, or what ended it.
pub(crate) fn run(options: Options<'_>, ready: impl FnOnce(&Running) + Send) -> Result<Ended> {
    memory::share_heaps();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("homard")
        .build()
        .context("the system gives no threads")?;
    let result = runtime.block_on(serve(options, ready));
    // What still blocks (a write on a dying disk) must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(options: Options<'_>, ready: impl FnOnce(&Running)) -> Result<Ended> {
    // First of all, so that a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    let supervisor = Supervisor::of_environment().map(Arc::new);

    let Options { config: file, data_dir, models, is_demo, journal, handed, code_file } = options;
    match storage::backup::restore_uploaded(&data_dir) {
        Ok(None) => {}
        Ok(Some(manifest)) => info!(made_at = manifest.made_at, "The house is that of the backup."),
        Err(error) => tracing::error!(%error, "The backup was not put back."),
    }
    let storage = Storage::open(&data_dir)?;
    let owner = storage.owner()?;
    let config = file.clone().with(&owner);
    let clock = Clock::system(config.home.time_zone.clone());
    let mut notes = Vec::new();
    let listeners = door::open(&config.http, handed, is_demo, &mut notes)?;
    let address = listeners[0].local_addr().context("the panel's address")?;
    let tls = config.http.tls.as_ref();
    let certificate = tls.map(|tls| Certificate::open(tls, &data_dir, &clock)).transpose()?;
    let outgoing = Outgoing::new(storage.clone(), clock.clone());

    let (home, mut agenda, rules) = restore(&storage, &clock)?;
    let place = ears::place(&config.home);
    let calendar = Calendar { zone: config.home.time_zone.clone(), place };
    agenda.set_calendar(calendar.clone());
    let settings = storage::Settings { history: recorded(&config), ..storage::Settings::default() };
    let writer = Writer::start(storage.clone(), settings).context("the system gives no thread")?;
    let retained = Arc::new(mqtt_broker::Retained::new(storage.clone(), writer.clone()));
    let (reached, broker) =
        mqtt_broker::reach(&config.mqtt, &file.mqtt, retained.clone(), is_demo, &mut notes).await?;

    let keeper = memory::Keeper::new(Board::here());
    #[cfg(feature = "speech")]
    let heard = listen::Ears::open(&models, &config, &outgoing, keeper.clone());
    #[cfg(feature = "speech")]
    let models_dir = models.clone();
    #[cfg(feature = "speech")]
    let ears = listen::listen(heard.clone());
    #[cfg(not(feature = "speech"))]
    let (ears, aloud) = (web::deaf(), web::mute());
    let (outbox, effects) = mpsc::channel(OUTBOX);
    let languages = languages::Settings {
        home: spoken(&config.home),
        models: Some(models.clone()),
        sentences: Some(data_dir.join("sentences")),
        zone: config.home.time_zone.clone(),
        policy: policy(&config.policy),
        place,
    };
    #[cfg(feature = "model")]
    let minds = minds::Minds::open(&config.model, &models, &outgoing, &keeper);
    #[cfg(not(feature = "model"))]
    let minds = ears::Minds;
    let holders = minds.holders();
    #[cfg(feature = "speech")]
    let holders = holders.chain(heard.holder(&models_dir));
    keeper.know(holders);
    let (ear, speech, sentence_problems) = ears::ear(languages, minds.clone(), &agenda);
    #[cfg(feature = "speech")]
    let spoken_by = speech.clone();
    let setup = Setup { home, agenda, writer, clock: clock.clone(), ear, outbox };
    let (hub, handle) = Hub::new(setup);
    #[cfg(feature = "speech")]
    heard.expect(speech.clone(), handle.clone());
    let people = storage.people();
    let hub = hub.knowing(Box::new(move |person| people.rights(person))).ruled(rules, calendar);
    let (stop_hub, hub_stops) = watch::channel(false);
    let mut hub = tokio::spawn(async move { hub.run(turned(hub_stops)).await });

    #[cfg(feature = "speech")]
    let speak = speak::voice(config.voice.tts.as_ref(), &outgoing);
    #[cfg(feature = "speech")]
    let aloud = speak::recorded(Arc::clone(&speak), speak::manner(&config.voice));
    #[cfg(feature = "speech")]
    let stations = wyoming::stations(&config.satellites);
    #[cfg(feature = "speech")]
    let mouths = {
        let near = stations.iter().map(|(station, _)| station.clone()).collect();
        speak::Mouths::new(&config.voice, Arc::clone(&speak), near)
    };
    #[cfg(feature = "speech")]
    let _listening = attend(microphone::Setup {
        voice: config.voice.clone(),
        models: models.clone(),
        ears: heard.clone(),
        hub: handle.clone(),
        mouths: mouths.clone(),
    })
    .await;
    #[cfg(not(feature = "speech"))]
    if config.voice.microphone.is_some() {
        notes.push("This Homard was built without speech, and hears no microphone.".to_owned());
    }

    let token = local_token(&data_dir, is_demo)?;
    let access = web::Access::new(&storage, clock.clone(), Some(&token));
    let setup_code = door::setup_code(&storage, &listeners, code_file)?;
    let (stop, stops) = watch::channel(false);
    let (restart, mut restarts) = watch::channel(false);
    #[cfg(feature = "telegram")]
    let (bot, bots) = watch::channel(telegram::settings(&config));
    #[cfg(feature = "telegram")]
    let (bot_state, bot_seen) = watch::channel(crate::telegram::State::Off);
    let broker_state = Arc::new(Mutex::new(web::BrokerState::Unknown));
    let witness = steward::witness(
        &reached.outside,
        Arc::clone(&broker_state),
        outgoing.clone(),
        clock.clone(),
    );
    let steward = Arc::new(Steward::new(steward::Setup {
        storage: storage.clone(),
        clock: clock.clone(),
        file,
        owner,
        setup_code: setup_code.clone(),
        data_dir: data_dir.clone(),
        models,
        journal,
        outgoing: outgoing.clone(),
        broker: broker_state,
        broker_words: reached.words.clone(),
        listen: certificate::shown(tls, address),
        certificate: certificate.clone(),
        hub: handle.clone(),
        speech,
        #[cfg(feature = "model")]
        minds,
        restart,
        is_demo,
        #[cfg(feature = "telegram")]
        bot,
        #[cfg(feature = "telegram")]
        bot_state: bot_seen,
    }));
    #[cfg(feature = "telegram")]
    let (bot_ears, bot_clock) = (ears.clone(), clock.clone());
    let served = web::House {
        hub: handle.clone(),
        access,
        listen: ears,
        aloud,
        daemon: Arc::clone(&steward) as Arc<dyn web::Daemon>,
        tls: certificate.as_ref().map(Certificate::server).transpose()?,
    };
    #[cfg_attr(not(any(feature = "speech", feature = "telegram")), allow(unused_mut))]
    let mut ports = start_ports(Ports {
        config: &config,
        steward,
        witness,
        clock,
        hub: &handle,
        listeners,
        served,
        effects,
        reached: &reached,
        retained: reached.is_ours.then_some(retained),
        house: is_demo.then(|| demo_house::settings(&config, &reached)),
        stop: stops.clone(),
    })?;
    #[cfg(feature = "telegram")]
    telegram::start(
        telegram::Setup {
            settings: bots,
            state: bot_state,
            config: &config,
            hub: &handle,
            storage: &storage,
            clock: &bot_clock,
            ears: bot_ears,
            outgoing: &outgoing,
            stop: &stops,
        },
        &mut ports,
    );
    #[cfg(feature = "speech")]
    {
        let (rooms, told) = (mouths.clone(), spoken_by.clone());
        let changed = Box::new(move || told.assistant().know_speakers(rooms.rooms()));
        changed();
        if !mouths.is_empty() {
            ports.spawn(speak::announce(mouths, handle.clone(), stops.clone()));
        }
        let setup = wyoming::Setup {
            config: &config,
            models: &models_dir,
            hub: &handle,
            ears: heard,
            speak,
            outgoing: &outgoing,
            changed,
            stop: &stops,
        };
        wyoming::start(setup, stations, &mut ports);
    }

    let broker_words = reached.words.clone();
    let scheme = certificate::scheme(tls);
    let running =
        Running { url: url(scheme, address), token, broker: broker_words, setup_code, notes };
    let run_file = RunFile {
        // Programs on this machine need no TLS, and know no certificate of our own making.
        url: url("http", address),
        broker: format!("{}:{}", reached.shown_host(), reached.outside.port),
        token: running.token.clone(),
        pid: std::process::id(),
    };
    if let Err(error) = run_file.write(&data_dir) {
        warn!(%error, "`homard say` will not find this daemon: its file cannot be written.");
    }
    // They end with the runtime.
    tokio::spawn(memory::give_back(storage, data_dir.clone()));
    tokio::spawn(memory::keep_within(keeper));
    tokio::spawn(ears::tell(sentence_problems, handle.clone()));
    if let Some(certificate) = certificate {
        tokio::spawn(certificate.keep());
    }
    info!(url = %running.url, data = %data_dir.display(), broker = %running.broker, "Homard runs.");
    if crate::board::IS_FOR_OLD_PROCESSORS {
        info!("Built for processors without AVX2: speech and the language model are slow.");
    }
    ready(&running);
    if let Some(supervisor) = supervisor.clone() {
        supervisor
            .ready(&format!("The panel is at {}, the broker is {}.", running.url, running.broker));
        let hub = handle.clone();
        // It ends with the runtime.
        tokio::spawn(async move { supervisor.vouch_for(hub).await });
    }

    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        _ = restarts.wait_for(|is_wished| *is_wished) => None,
        ended = &mut hub => Some(ended),
    };
    let why = if *restarts.borrow() { Ended::ToRestart } else { Ended::Stopped };
    info!("Homard stops.");
    // A restart is none to systemd: the process goes on as the program that lies there now.
    if let Some(supervisor) = supervisor.filter(|_| why == Ended::Stopped) {
        supervisor.stopping();
    }
    RunFile::remove(&data_dir);
    stop.send_replace(true);
    end_ports(ports).await;
    // The broker goes after its clients and before the writer that keeps its messages.
    if let Some(broker) = broker {
        broker.stop().await;
    }
    outgoing.close();
    stop_hub.send_replace(true);
    let ended = match ended {
        Some(ended) => ended,
        None => hub.await,
    };
    match ended {
        Ok(Ok(())) => Ok(why),
        Ok(Err(why)) => Err(anyhow!("not everything could be written at the end: {why}")),
        Err(_) => bail!("the hub ended unexpectedly; what was acknowledged is on the disk"),
    }
}

/// The house as it was before the restart, and what is to happen in it.
fn restore(storage: &Storage, clock: &Clock) -> Result<(Home, Agenda, KeptRules)> {
    let known = storage.load()?;
    let now = Moment { wall: clock.now(), steady: clock.steady() };
    let agenda = Agenda::restore(known.agenda, known.lists, now);
    let home = Home::restore(known.floors, known.areas, known.devices, known.entities, now.wall);
    Ok((home, agenda, known.rules))
}

/// Listens to the microphone, if one is wanted. A house without ears is still a house.
#[cfg(feature = "speech")]
async fn attend(setup: microphone::Setup) -> Option<microphone::Listening> {
    let hub = setup.hub.clone();
    match microphone::start(setup) {
        Ok(listening) => listening,
        Err(error) => {
            let why = format!("{error:#}");
            warn!(error = why, "The microphone is not listened to.");
            // A hub that is gone ends the program anyway.
            let _ = hub.send(vec![microphone::problem(&why)]).await;
            None
        }
    }
}

/// What the history keeps.
fn recorded(config: &Config) -> storage::history::Settings {
    let config::History { days, megabytes, exclude } = config.history.clone();
    let usual = storage::history::Settings::default();
    storage::history::Settings { days, megabytes, exclude, ..usual }
}

/// The home's languages, its own first.
fn spoken(home: &config::Home) -> Vec<String> {
    let others = home.languages.iter().filter(|code| **code != home.language);
    std::iter::once(&home.language).chain(others).cloned().collect()
}

/// A token for this machine's user: new at each start, but the same for each demo.
fn local_token(dir: &Path, is_demo: bool) -> Result<String> {
    let kept = dir.join(DEMO_TOKEN);
    if is_demo && let Ok(token) = std::fs::read_to_string(&kept) {
        let token = token.trim();
        if token.len() >= 32 {
            return Ok(token.to_owned());
        }
    }
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(|error| anyhow!("no random numbers: {error}"))?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    if is_demo {
        run_file::write_private(&kept, token.as_bytes()).context("the demo's token")?;
    }
    Ok(token)
}

/// What the ports need.
struct Ports<'a> {
    config: &'a Config,
    steward: Arc<Steward>,
    witness: mqtt::Witness,
    clock: Clock,
    hub: &'a HubHandle,
    listeners: Vec<TcpListener>,
    /// What the panel's port is given.
    served: web::House,
    effects: mpsc::Receiver<Vec<Effect>>,
    reached: &'a Reached,
    /// What our own broker keeps.
    retained: Option<Arc<Retained>>,
    house: Option<demo::Settings>,
    stop: watch::Receiver<bool>,
}

fn start_ports(ports: Ports<'_>) -> Result<JoinSet<()>> {
    let Ports { config, clock, hub, listeners, served, effects, reached, .. } = ports;
    let Ports { retained, house, stop, steward, witness, .. } = ports;
    let mut tasks = JoinSet::new();

    let stopping = stop.clone();
    tasks.spawn(supervise::keep("panel", hub.clone(), stop.clone(), move || {
        let (settings, served, stopping) = (steward.settings(), served.clone(), stopping.clone());
        // The port stays ours over a restart of what answers on it.
        let listeners: std::io::Result<Vec<_>> =
            listeners.iter().map(TcpListener::try_clone).collect();
        async move {
            let listeners = listeners?.into_iter().map(tokio::net::TcpListener::from_std);
            let listeners = listeners.collect::<std::io::Result<_>>()?;
            web::run(listeners, settings, served, turned(stopping)).await
        }
    }));

    let mut settings = mqtt_broker::settings(&config.mqtt, &reached.outside)?;
    settings.witness = Some(witness);
    settings.kept_since = retained.map(|retained| -> mqtt::KeptSince {
        Arc::new(move |topic, payload| retained.kept_since(topic, payload))
    });
    // Whoever may write to the broker is taken for somebody who lives here.
    let (to_hub, stopping) = (hub.by(Rights::of(Role::Adult)), stop.clone());
    let effects = Arc::new(tokio::sync::Mutex::new(effects));
    tasks.spawn(supervise::keep("mqtt", hub.clone(), stop.clone(), move || {
        let (settings, hub, clock) = (settings.clone(), to_hub.clone(), clock.clone());
        let (effects, stopping) = (Arc::clone(&effects), stopping.clone());
        async move {
            let mut effects = effects.lock().await;
            mqtt::run(settings, hub, clock, &mut effects, turned(stopping)).await
        }
    }));

    if let Some(settings) = house {
        let (to_hub, stopping) = (hub.clone(), stop.clone());
        tasks.spawn(supervise::keep("demo", hub.clone(), stop, move || {
            demo_house::live(settings.clone(), to_hub.clone(), stopping.clone())
        }));
    }
    Ok(tasks)
}

fn policy(policy: &config::Policy) -> Policy {
    let rule = |rule: Option<config::Rule>| {
        rule.map(|rule| match rule {
            config::Rule::Allow => Verdict::Allow,
            config::Rule::Ask => Verdict::Ask,
            config::Rule::Never => Verdict::Never,
        })
    };
    Policy {
        unlock: rule(policy.unlock),
        disarm: rule(policy.disarm),
        valves: rule(policy.valves),
        sirens: rule(policy.sirens),
        extremes: rule(policy.temperatures),
    }
}

fn web_settings(home: &config::Home) -> web::Settings {
    web::Settings {
        name: home.name.clone(),
        latitude: home.position.map(|position| position.latitude),
        longitude: home.position.map(|position| position.longitude),
        elevation: home.position.map(|position| position.elevation),
        time_zone: home.zone_name().to_owned(),
        language: home.language.clone(),
        is_metric: home.unit_system == config::UnitSystem::Metric,
        is_tls: false,
        setup_code: None,
    }
}

/// Waits for the ports, and no longer than it takes to say goodbye.
async fn end_ports(mut ports: JoinSet<()>) {
    let all_ended = async { while ports.join_next().await.is_some() {} };
    if timeout(FAREWELL, all_ended).await.is_err() {
        ports.shutdown().await;
    }
}

/// Done when the switch turns to true, or nobody can turn it any more.
async fn turned(mut switch: watch::Receiver<bool>) {
    // An error means that the other side is gone, which is a stop too.
    let _ = switch.wait_for(|is_on| *is_on).await;
}
