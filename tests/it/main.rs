//! The integration tests: one binary, so that the library is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
// Tests with real programs wait for them in real time.
#![allow(clippy::disallowed_methods)]

mod access;
mod actuators;
mod agenda;
mod agenda_restart;
mod announced_again;
mod architecture;
mod backup;
mod broker;
mod cli;
mod clients;
mod config;
mod conversations;
mod corpus;
mod demo;
mod discovery;
#[cfg(feature = "speech")]
mod endpoint;
mod errands;
mod eval;
mod faults;
mod hard_times;
mod history;
mod hub;
mod lights;
mod man;
#[cfg(all(feature = "speech", feature = "model"))]
mod memory;
#[cfg(feature = "speech")]
mod microphone;
#[cfg(feature = "model")]
mod model;
#[cfg(feature = "model")]
mod model_server;
mod models;
mod mosquitto;
mod official;
mod openapi;
#[cfg(feature = "model")]
mod outside;
mod own_sentences;
mod owner;
mod panel;
mod panel_history;
mod panel_hostile;
mod panel_routines;
mod panel_settings;
#[cfg(feature = "speech")]
mod panel_speech;
mod panel_things;
mod power_cuts;
mod probes;
mod restart;
mod roles;
mod rule_files;
mod rule_peer;
mod rule_words;
mod rules;
mod sentences;
mod silence;
mod simple;
#[cfg(feature = "speech")]
mod speech;
mod storage;
mod support;
mod systemd;
#[cfg(feature = "telegram")]
mod telegram;
mod templates;
mod tls;
mod updates;
mod web;
mod websocket;
mod writing;
#[cfg(feature = "speech")]
mod wyoming;
mod zigbee2mqtt;
