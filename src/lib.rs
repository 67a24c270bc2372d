//! Homard: a home-automation hub and the household's own assistant, in one process on a small
//! board, without a cloud.
//!
//! # The idea
//!
//! A functional core in an imperative shell. What the house *is* and what it *decides* are plain
//! values and functions ([`home`], [`intent`], [`assistant`]); what speaks to the outside are ports
//! ([`mqtt`], [`web`], `telegram`, [`broker`], [`demo`]). Between them runs one loop, the [`hub`]: it takes
//! [`hub::event::Event`]s in, asks the core, and sends [`hub::event::Effect`]s out. Whoever
//! understands sentences is a [`hub::Ear`] to it: [`app`] gives it the assistant as one.
//!
//! ```text
//!  devices ──► broker ──► mqtt ──┐                        ┌──► mqtt ──► devices
//!  panel, programs ─────► web ───┼─ Event, Query ► hub ───┼─ Effect, Shown ► web ► panel
//!  `homard/say` ────────► mqtt ──┘                  │     └──► storage (LMDB)
//!                                                   │
//!                                                  ├─ home: what the house is
//!                                                  └─ Ear ► assistant ► intent: what is meant
//! ```
//!
//! # Layers
//!
//! Arrows point down only; `tests/it/architecture.rs` enforces it.
//!
//! ```text
//!  6  main  cli  app  eval                 wire everything; eval: the house with simulated devices
//!  5  mqtt  web  wyoming  telegram  broker  demo   ports: one outside protocol each, never each other
//!  4  hub                                  the one loop, the only writer of the house
//!  3  storage                              LMDB
//!  2  assistant ► intent, automation  tidings      decide: pure
//!  -  json  yaml                       the model's values as JSON and YAML
//!  1  home   template   catalog   llm      the model; the templates of MQTT discovery; files to fetch; a language model
//!  0  config  clock  text  packed         leaves
//!     board  update                       what the machine beneath says of itself; newer programs
//! ```
//!
//! The hub does not name the assistant, [`catalog`] is for the command line and the owner's page of models, and the ports `broker`
//! and `demo` name nothing below them: they are of use without a house. What each module names is the
//! table `MAY_USE` of that test.
//!
//! # Invariants
//!
//! 1. `home`, `template`, `intent`, `automation` and `assistant` do no input or output, start no task and read no
//!    clock: same input, same output.
//! 2. The hub is the only writer of [`home::Home`]. Ports read it through
//!    [`hub::HubHandle::read`], a closure, so that no lock crosses an `.await`.
//! 3. Topics and payloads never leave `mqtt`, but for those that an automation's author wrote down; JSON types of the
//!    API never leave `web`; chat ids and the bot's token never leave `telegram`, but for the disk and the page of who
//!    may talk to the house.
//! 4. What was recognised in a sentence never acts by itself: it is an intent, and walks one road:
//!    target, capability, action, outcome. What a language model makes of it is asked of the person first.
//! 5. A target is never widened. No such room, no such name: ask, do not act.
//! 6. Nothing is acted on because of a retained or restored message.
//! 7. The hub's loop never blocks: the disk and the ports answer by events, and a sentence that is
//!    said before the languages are ready waits beside it.
//! 8. [`hub::HubHandle`] has six methods: `send`, `read`, `ask`, `watch`, `n_registry_changes` and `by`. A seventh needs a
//!    change of this list.
//! 9. What a person put into the agenda is on the disk before it is answered; what acts by itself is
//!    noted as begun on the disk before it acts, and is not done when its time is long over.
//! 10. A reply is built from what devices reported, never from what was wished.
//! 11. Whatever is asked comes with [`home::person::Rights`], and the hub holds every deed against them
//!     ([`home::guard::check`]): no port decides who may do what. What guests see is
//!     [`home::person::Rights::sees`].
//!
//! # Reading order
//!
//! [`hub::event`] shows everything that can happen; [`home`] what the house is;
//! [`home::domain::switch`] and `mqtt/component/switch.rs` are the blueprint of a kind of device;
//! then [`hub`], [`mqtt::engine`], [`intent`].
// Its readers work on it: the documentation is made with its private items.
#![allow(rustdoc::private_intra_doc_links)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod app;
pub mod assistant;
pub mod automation;
pub mod board;
pub mod broker;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod eval;
pub mod home;
pub mod hub;
pub mod intent;
pub mod json;
#[cfg(feature = "model")]
pub mod llm;
pub mod mqtt;
mod packed;
#[cfg(feature = "speech")]
pub mod speech;
pub mod storage;
#[cfg(feature = "telegram")]
pub mod telegram;
pub mod template;
pub mod text;
#[cfg(feature = "telegram")]
pub mod tidings;
pub mod update;
pub mod web;
#[cfg(feature = "speech")]
pub mod wyoming;
pub mod yaml;
