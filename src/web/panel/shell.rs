//! The frame of every page, the pages that are only a frame, and text that cannot become markup.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::files;
use super::settings::Chapter;
use super::words::Words;
use crate::home::person::{Matter, Rights};
use crate::web::{Settings, gzip};

/// Nothing from elsewhere, nothing inline, nobody may frame it.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// Of a button that only the page's script makes useful: `ready` in `core.js` lets it be pressed. Until then a press
/// would be lost, or send the form to nowhere.
pub(super) const SCRIPTED: &str = "data-scripted disabled";

/// Examples of what can be said.
const EXAMPLES: [&str; 4] = ["talk.try.1", "talk.try.2", "talk.try.3", "talk.try.4"];

/// The pages one can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Rooms and what is in them.
    Home,
    /// The chat.
    Talk,
    /// What was.
    History,
    /// What the house does by itself.
    Routines,
    /// What was found.
    Devices,
    /// Oneself, people, the daemon.
    Settings,
    /// A part of the settings with a page of its own.
    Chapter(Chapter),
}

impl Page {
    const ALL: [Self; 6] =
        [Self::Home, Self::Talk, Self::Routines, Self::History, Self::Devices, Self::Settings];

    /// Its script, and its picture in the menu.
    fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Talk => "talk",
            Self::Routines => "routines",
            Self::History => "history",
            Self::Devices => "devices",
            Self::Settings => "settings",
            Self::Chapter(chapter) => chapter.script(),
        }
    }

    /// Its class in the style sheet, and that of the page above it in the menu.
    fn class(self) -> &'static str {
        match self {
            Self::Chapter(_) => "settings",
            page => page.word(),
        }
    }

    fn address(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::Talk => "/talk",
            Self::Routines => "/routines",
            Self::History => "/history",
            Self::Devices => "/devices",
            Self::Settings => "/settings",
            Self::Chapter(chapter) => chapter.address(),
        }
    }

    fn title<'a>(self, settings: &'a Settings, words: &'a Words) -> &'a str {
        match self {
            Self::Home => &settings.name,
            Self::Talk => words.get("talk.title"),
            Self::Routines => words.get("nav.routines"),
            Self::History => words.get("nav.history"),
            Self::Devices => words.get("nav.devices"),
            Self::Settings => words.get("nav.settings"),
            Self::Chapter(chapter) => words.get(chapter.title()),
        }
    }
}

/// What stands around every page.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) settings: &'a Settings,
    /// Of the reader: what is not for them is not shown.
    pub(super) rights: &'a Rights,
    /// What the page's script sends with whatever is to do something.
    pub(super) page_word: &'a str,
    pub(super) words: &'a Words,
}

/// A page as an answer.
pub(super) fn html(status: StatusCode, headers: &HeaderMap, page: &str) -> Response {
    let kind = "text/html; charset=utf-8";
    let mut response = gzip::response(headers, kind, page.as_bytes().to_vec());
    *response.status_mut() = status;
    let policy = HeaderValue::from_static(POLICY);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// The head, open until `</head>`.
pub(super) fn head(out: &mut String, words: &Words, title: &str) {
    put(
        out,
        format_args!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1, \
             viewport-fit=cover\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"/panel/{}/panel.css\">\n",
            words.language,
            Text(title),
            files::version(),
        ),
    );
}

/// A whole page around its body.
pub(super) fn page(frame: &Frame<'_>, page: Page, body: &str) -> String {
    let Frame { settings, rights, page_word, words } = *frame;
    let mut out = String::with_capacity(body.len() + 4 * 1024);
    let title = page.title(settings, words);
    head(&mut out, words, title);
    let version = files::version();
    put(
        &mut out,
        format_args!(
            "<link rel=\"preload\" as=\"fetch\" crossorigin href=\"/panel/{version}/{}.json\">\n\
             <link rel=\"modulepreload\" href=\"/panel/{version}/core.js\">\n\
             <script type=\"module\" src=\"/panel/{version}/{}.js\"></script>\n</head>\n\
             <body class=\"{}\" data-degrees=\"{}\" data-word=\"{}\">\n<a class=\"skip\" href=\"#main\">{}</a>\n\
             <header class=\"top-bar\">\n<h1>{}</h1>\n<p id=\"status\" role=\"status\">{}</p>\n\
             </header>\n",
            words.language,
            page.word(),
            page.class(),
            if settings.is_metric { "°C" } else { "°F" },
            Text(page_word),
            Text(words.get("skip")),
            Text(title),
            Text(words.get("connecting")),
        ),
    );
    nav(&mut out, rights, words, page);
    put(
        &mut out,
        format_args!(
            "<main id=\"main\" tabindex=\"-1\">\n<noscript><p class=\"banner\">{}</p></noscript>\n\
             {body}</main>\n<p id=\"told\" role=\"status\"></p>\n</body>\n</html>\n",
            Text(words.get("no_script")),
        ),
    );
    out
}

fn nav(out: &mut String, rights: &Rights, words: &Words, current: Page) {
    put(out, format_args!("<nav aria-label=\"{}\">\n", Text(words.get("nav"))));
    let is_for = |page: &Page| match page {
        Page::Devices => rights.allow(Matter::House),
        Page::Routines => rights.allow(Matter::Agenda),
        Page::Home | Page::Talk | Page::History | Page::Settings | Page::Chapter(_) => true,
    };
    for page in Page::ALL.into_iter().filter(is_for) {
        put(
            out,
            format_args!(
                "<a href=\"{}\"{}>{}<span>{}</span></a>\n",
                page.address(),
                match page == current {
                    true => " aria-current=\"page\"",
                    // Where one is, though not quite.
                    false if page.word() == current.class() => " aria-current=\"true\"",
                    false => "",
                },
                Icon(page.word()),
                Text(words.get(match page {
                    Page::Home => "nav.home",
                    Page::Talk => "nav.talk",
                    Page::Routines => "nav.routines",
                    Page::History => "nav.history",
                    Page::Devices => "nav.devices",
                    Page::Settings | Page::Chapter(_) => "nav.settings",
                })),
            ),
        );
    }
    out.push_str("</nav>\n");
}

/// The chat: its script fills the log. The rooms are answers to "in which room?".
pub(super) fn talk(words: &Words, rooms: &[String]) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<div id=\"hello\">\n<p class=\"lead\">{}</p>\n<p class=\"hint\">{}</p>\n\
             <ul class=\"quick\">\n",
            Text(words.get("talk.hello")),
            Text(words.get("talk.try")),
        ),
    );
    for key in EXAMPLES {
        put(
            &mut out,
            format_args!(
                "<li><button type=\"button\" {SCRIPTED}>{}</button></li>\n",
                Text(words.get(key))
            ),
        );
    }
    put(
        &mut out,
        format_args!(
            "</ul>\n</div>\n<ol id=\"log\" aria-label=\"{}\" aria-live=\"polite\"></ol>\n\
             <datalist id=\"rooms\">",
            Text(words.get("talk.log")),
        ),
    );
    for room in rooms {
        put(&mut out, format_args!("<option value=\"{}\"></option>", Text(room)));
    }
    put(
        &mut out,
        format_args!(
            "</datalist>\n<div class=\"after\"><label class=\"check\"><input type=\"checkbox\" \
             id=\"aloud\" {SCRIPTED}>{}</label>\n<button type=\"button\" class=\"quiet\" id=\"new\" \
             hidden>{}</button></div>\n<form id=\"say\">\n<label class=\"hidden\" for=\"text\">{}\
             </label>\n<input id=\"text\" name=\"text\" autocomplete=\"off\" maxlength=\"500\" \
             enterkeyhint=\"send\" placeholder=\"{}\">\n<button type=\"button\" id=\"microphone\" \
             aria-pressed=\"false\" aria-label=\"{}\" {SCRIPTED}>{}</button>\n<button type=\"submit\" \
             {SCRIPTED} aria-label=\"{}\">{}</button>\n</form>\n",
            Text(words.get("talk.aloud")),
            Text(words.get("talk.new")),
            Text(words.get("talk.label")),
            Text(words.get("talk.example")),
            Text(words.get("talk.mic")),
            Icon("microphone"),
            Text(words.get("send")),
            Icon("send"),
        ),
    );
    out
}

/// What the house does by itself: automations, what is planned, lists. Its script fills it.
pub(super) fn routines(rights: &Rights, words: &Words) -> String {
    let mut out = String::new();
    for id in ["rules", "plans", "lists"] {
        put(
            &mut out,
            format_args!(
                "<section aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{}</h2>\n",
                Text(words.get(&format!("routines.{id}"))),
            ),
        );
        if id == "rules" && rights.allow(Matter::Daemon) {
            put(
                &mut out,
                format_args!(
                    "<p class=\"makers\"><button type=\"button\" id=\"make\" {SCRIPTED}>{}<span>{}</span></button>\
                     <button type=\"button\" class=\"quiet\" id=\"paste\" {SCRIPTED}>{}<span>{}</span></button></p>\n",
                    Icon("plus"),
                    Text(words.get("routines.make")),
                    Icon("text"),
                    Text(words.get("routines.paste")),
                ),
            );
        }
        let may = match id == "plans" && rights.allow(Matter::House) {
            true => " data-may=\"change\"",
            false => "",
        };
        put(
            &mut out,
            format_args!("<div id=\"{id}\"{may} aria-busy=\"true\"></div>\n</section>\n"),
        );
    }
    out
}

/// The frame of the history: its script draws in it.
pub(super) fn history(words: &Words) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<div class=\"tools\">\n<label class=\"field\"><span class=\"legend\">{}</span>\
             <select id=\"what\"></select></label>\n\
             <div id=\"spans\" class=\"segments\" role=\"group\" aria-label=\"{}\">",
            Text(words.get("history.what")),
            Text(words.get("history.span")),
        ),
    );
    for hours in ["24", "168", "720"] {
        put(
            &mut out,
            format_args!(
                "<button type=\"button\" value=\"{hours}\" aria-pressed=\"false\" {SCRIPTED}>{}</button>",
                Text(words.get(&format!("history.span.{hours}"))),
            ),
        );
    }
    put(
        &mut out,
        format_args!(
            "</div>\n</div>\n<div class=\"when\">\n\
             <button type=\"button\" class=\"round\" id=\"earlier\" aria-label=\"{}\" {SCRIPTED}>\
             <span class=\"flipped\">{}</span></button>\n<p id=\"when\"></p>\n\
             <button type=\"button\" class=\"round\" id=\"later\" aria-label=\"{}\" disabled>{}</button>\n\
             <a class=\"quiet\" id=\"csv\" download hidden>{}</a>\n</div>\n\
             <div id=\"charts\" aria-busy=\"true\"></div>\n",
            Text(words.get("history.earlier")),
            Icon("more"),
            Text(words.get("history.later")),
            Icon("more"),
            Text(words.get("history.csv")),
        ),
    );
    out
}

/// The list of devices: its script fills it.
pub(super) fn devices(words: &Words) -> String {
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<div class=\"tools\">\n<label class=\"field\"><span class=\"legend\">{}</span>\
             <input id=\"search\" type=\"search\" autocomplete=\"off\"></label>\n\
             <label class=\"field\"><span class=\"legend\">{}</span><select id=\"which\">\
             <option value=\"\">{}</option><option value=\"problems\">{}</option>\
             <option value=\"offline\">{}</option><option value=\"battery\">{}</option>\
             <option value=\"vitals\">{}</option><option value=\"silent\">{}</option>\
             </select></label>\n</div>\n<p id=\"counted\" class=\"hint\" role=\"status\"></p>\n\
             <ul id=\"devices\"></ul>\n",
            Text(words.get("devices.search")),
            Text(words.get("devices.filter")),
            Text(words.get("devices.filter.all")),
            Text(words.get("devices.filter.problems")),
            Text(words.get("devices.filter.offline")),
            Text(words.get("devices.filter.battery")),
            Text(words.get("devices.filter.vitals")),
            Text(words.get("devices.filter.silent")),
        ),
    );
    put(
        &mut out,
        format_args!(
            "<section>\n<h2>{}</h2>\n<ul id=\"problems\" class=\"panel-box problems\"></ul>\n\
             </section>\n<section>\n<h2>{}</h2>\n<div id=\"places\" class=\"panel-box\"></div>\n\
             </section>\n",
            Text(words.get("devices.problems")),
            Text(words.get("places")),
        ),
    );
    out
}

pub(super) fn put(out: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = out.write_fmt(words);
}

/// A picture of the sprite.
pub(super) struct Icon(pub(super) &'static str);

impl std::fmt::Display for Icon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"/panel/{}/icons.svg#{}\"/></svg>",
            files::version(),
            self.0
        )
    }
}

/// A text as it stands in HTML, also within an attribute's quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::panel::settings;
    use crate::web::panel::words::LANGUAGES;

    #[test]
    fn names_cannot_become_markup() {
        for (name, written) in
            [("plain é", "plain é"), ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"), ("é<é", "é&lt;é")]
        {
            assert_eq!(Text(name).to_string(), written);
        }
    }

    #[test]
    fn pages_have_words_for_all_they_say_and_nothing_inline() {
        let settings = Settings { name: "Chez <nous>".to_owned(), ..Settings::default() };
        for words in LANGUAGES.iter() {
            let bodies = [
                (Page::Talk, talk(words, &["<Hall>".to_owned()])),
                (Page::History, history(words)),
                (Page::Routines, routines(&Rights::all(), words)),
                (Page::Devices, devices(words)),
                (Page::Settings, settings::body(&Rights::all(), words)),
            ];
            let chapters = Chapter::ALL
                .iter()
                .map(|one| (Page::Chapter(*one), settings::chapter(*one, words)));
            let bodies = bodies.into_iter().chain(chapters);
            for (which, body) in bodies {
                let rights = Rights::all();
                let frame = Frame { settings: &settings, rights: &rights, page_word: "\"<", words };
                let page = page(&frame, which, &body);
                for bad in [
                    "<nous>",
                    "<Hall>",
                    "style=\"",
                    "onclick",
                    "<style",
                    "<script>",
                    "talk.",
                    "devices.",
                    "settings.",
                    "history.",
                    "routines.",
                    "data-word=\"\"",
                ] {
                    // The scripts' names hold a page's word and a point.
                    let said = page
                        .replace("/talk.js", "")
                        .replace("/devices.js", "")
                        .replace("/settings.js", "")
                        .replace("/routines.js", "")
                        .replace("/history.js", "");
                    assert!(!said.contains(bad), "{bad} in {said}");
                }
            }
        }
    }
}
