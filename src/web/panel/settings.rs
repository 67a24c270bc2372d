//! The settings pages: what stands where; their scripts fill it. Everybody has the part about themselves, who runs the
//! house the rest.

use super::place;
use super::shell::{Icon, Text, put};
use super::words::Words;
use crate::home::person::{Matter, Rights};

/// Sections of who runs the house, by the key of their heading; each is a box that the script fills.
const OF_OWNER: [&str; 2] = ["people", "tokens"];

/// A part of the settings with a page of its own, for who runs the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chapter {
    /// Its name, languages, place and units.
    Home,
    /// The MQTT broker.
    Broker,
    /// Microphone, voice and models.
    Voice,
    /// Connections to other machines.
    Connections,
    /// The bot of Telegram.
    #[cfg(feature = "telegram")]
    Telegram,
    /// The last lines of the log.
    Log,
    /// Network, version, disk; what else there is.
    System,
}

impl Chapter {
    /// In the order in which they are offered.
    pub(super) const ALL: &[Self] = &[
        Self::Home,
        Self::Broker,
        Self::Voice,
        #[cfg(feature = "telegram")]
        Self::Telegram,
        Self::System,
        Self::Connections,
        Self::Log,
    ];

    pub(super) fn script(self) -> &'static str {
        match self {
            Self::Home => "settings-home",
            Self::Broker => "settings-broker",
            Self::Voice => "settings-voice",
            Self::Connections => "settings-connections",
            #[cfg(feature = "telegram")]
            Self::Telegram => "settings-telegram",
            Self::Log => "settings-log",
            Self::System => "settings-system",
        }
    }

    pub(super) fn address(self) -> &'static str {
        match self {
            Self::Home => "/settings/home",
            Self::Broker => "/settings/broker",
            Self::Voice => "/settings/voice",
            Self::Connections => "/settings/connections",
            #[cfg(feature = "telegram")]
            Self::Telegram => "/settings/telegram",
            Self::Log => "/settings/log",
            Self::System => "/settings/system",
        }
    }

    /// The key of its name.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Home => "settings.home",
            Self::Broker => "settings.broker",
            Self::Voice => "settings.voice",
            Self::Connections => "settings.connections",
            #[cfg(feature = "telegram")]
            Self::Telegram => "settings.telegram",
            Self::Log => "settings.log",
            Self::System => "settings.system",
        }
    }

    fn picture(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Broker => "signal",
            Self::Voice => "microphone",
            Self::Connections => "connectivity",
            #[cfg(feature = "telegram")]
            Self::Telegram => "talk",
            Self::Log => "text",
            Self::System => "settings",
        }
    }
}

/// The page's body.
pub(super) fn body(rights: &Rights, words: &Words) -> String {
    let mut out = String::new();
    let is_owner = rights.allow(Matter::Daemon);
    put(
        &mut out,
        format_args!(
            "<section aria-labelledby=\"h-me\">\n<h2 id=\"h-me\">{}</h2>\n\
             <div id=\"me\" class=\"panel-box\"></div>\n\
             <form method=\"post\" action=\"/sign-out\"><button type=\"submit\" class=\"quiet\">{}\
             <span>{}</span></button></form>\n</section>\n",
            Text(words.get("settings.me")),
            Icon("sign-out"),
            Text(words.get("sign_out")),
        ),
    );
    if is_owner {
        put(
            &mut out,
            format_args!(
                "<section aria-labelledby=\"h-house\">\n<h2 id=\"h-house\">{}</h2>\n\
                 <ul class=\"panel-box chapters\">\n",
                Text(words.get("settings.house")),
            ),
        );
        for chapter in Chapter::ALL {
            put(
                &mut out,
                format_args!(
                    "<li><a href=\"{}\">{}<span class=\"words\"><span class=\"name\">{}</span>\
                     <span class=\"hint\">{}</span></span></a></li>\n",
                    chapter.address(),
                    Icon(chapter.picture()),
                    Text(words.get(chapter.title())),
                    Text(words.get(&format!("{}.hint", chapter.title()))),
                ),
            );
        }
        out.push_str("</ul>\n</section>\n");
        for key in OF_OWNER {
            section(&mut out, words, key, &format!("settings.{key}"), true);
        }
    }
    out
}

/// A heading and a box that the script fills.
fn section(out: &mut String, words: &Words, id: &str, key: &str, has_hint: bool) {
    put(
        out,
        format_args!(
            "<section aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{}</h2>\n",
            Text(words.get(key))
        ),
    );
    if has_hint {
        let hint = format!("{key}.hint");
        put(out, format_args!("<p class=\"hint\">{}</p>\n", Text(words.get(&hint))));
    }
    put(out, format_args!("<div id=\"{id}\" class=\"panel-box\"></div>\n</section>\n"));
}

/// The body of a chapter's page.
pub(super) fn chapter(chapter: Chapter, words: &Words) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<p class=\"back\"><a href=\"/settings\">{}<span>{}</span></a></p>\n\
             <div id=\"restart\" class=\"banner\" role=\"status\" hidden></div>\n",
            Icon("back"),
            Text(words.get("nav.settings")),
        ),
    );
    match chapter {
        Chapter::Home => {
            section(&mut out, words, "home", "settings.home.name", false);
            section(&mut out, words, "languages", "settings.languages", true);
            section(&mut out, words, "place", "settings.place", true);
            out.push_str("<template id=\"cities\">");
            place::cities(&mut out);
            out.push_str("</template>\n<template id=\"zones\">");
            place::zones(&mut out);
            out.push_str("</template>\n");
        }
        Chapter::Broker => {
            section(&mut out, words, "broker-state", "settings.broker.state", false);
            section(&mut out, words, "broker", "settings.broker.which", true);
        }
        Chapter::Voice => {
            section(&mut out, words, "voice", "settings.voice.microphone", false);
            section(&mut out, words, "models", "settings.models", true);
            #[cfg(feature = "model")]
            section(&mut out, words, "talker", "settings.talker", true);
            #[cfg(feature = "model")]
            section(&mut out, words, "elsewhere", "settings.elsewhere", true);
        }
        Chapter::Connections => {
            section(&mut out, words, "connections", "settings.connections.made", true);
        }
        #[cfg(feature = "telegram")]
        Chapter::Telegram => {
            section(&mut out, words, "bot", "settings.telegram.bot", true);
            section(&mut out, words, "waiting", "settings.telegram.waiting", true);
            section(&mut out, words, "chats", "settings.telegram.chats", true);
        }
        Chapter::Log => {
            put(
                &mut out,
                format_args!(
                    "<div class=\"tools\"><label class=\"field\"><span class=\"legend\">{}</span>\
                     <select id=\"level\"></select></label>\n\
                     <button type=\"button\" class=\"quiet\" id=\"again\">{}</button></div>\n\
                     <p id=\"counted\" class=\"hint\" role=\"status\"></p>\n\
                     <ol id=\"lines\" class=\"panel-box log\"></ol>\n",
                    Text(words.get("settings.log.level")),
                    Text(words.get("settings.log.again")),
                ),
            );
        }
        Chapter::System => {
            section(&mut out, words, "about", "settings.system.about", false);
            section(&mut out, words, "network", "settings.network", true);
            section(&mut out, words, "start", "settings.start", true);
            section(&mut out, words, "updates", "settings.updates", true);
            put(
                &mut out,
                format_args!(
                    "<section aria-labelledby=\"h-backups\">\n<h2 id=\"h-backups\">{}</h2>\n\
                     <p class=\"panel-box\">{}</p>\n</section>\n",
                    Text(words.get("settings.backups")),
                    Text(words.get("settings.backups.words")),
                ),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_scripts_are_named_alike() {
        for chapter in Chapter::ALL {
            let word = chapter.address().trim_start_matches("/settings/");
            assert_eq!(chapter.script(), format!("settings-{word}"));
        }
    }
}
