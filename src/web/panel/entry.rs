//! The ways in: the form of who has an account or a token, and the first steps in a house that nobody runs yet. Who may
//! take them is decided in `web::session` and `web::accounts`.

use super::files;
use super::place;
use super::shell::{Icon, SCRIPTED, Text, head, put};
use super::words::{LANGUAGES, Words};

/// Names of languages, each in itself.
const NAMES: &[(&str, &str)] = &[("en", "English"), ("fr", "Français")];

/// The form that asks for a name and a password, or a token.
pub(super) fn sign_in(words: &Words, home: &str, wrong: Option<&str>) -> String {
    let mut out = String::new();
    head(&mut out, words, words.get("title"));
    put(
        &mut out,
        format_args!(
            "</head>\n<body class=\"sign-in\">\n<main>\n<p class=\"mark-of-house\">{}</p>\n<h1>{}</h1>\n",
            Icon("home"),
            Text(home),
        ),
    );
    if let Some(wrong) = wrong {
        put(&mut out, format_args!("<p role=\"alert\" class=\"error\">{}</p>\n", Text(wrong)));
    }
    put(
        &mut out,
        format_args!(
            "<form method=\"post\" action=\"/sign-in\" class=\"panel-box\">\n<label for=\"name\">{}</label>\n\
             <input id=\"name\" name=\"name\" required autofocus autocomplete=\"username\" \
             autocapitalize=\"words\" spellcheck=\"false\" maxlength=\"100\">\n\
             <label for=\"password\">{}</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" required \
             autocomplete=\"current-password\" maxlength=\"512\">\n\
             <button type=\"submit\">{}</button>\n</form>\n\
             <details class=\"other-way\"><summary>{}</summary>\n\
             <form method=\"post\" action=\"/sign-in\">\n<label for=\"token\">{}</label>\n\
             <input id=\"token\" name=\"token\" type=\"password\" required autocomplete=\"off\" \
             autocapitalize=\"none\" spellcheck=\"false\">\n\
             <p class=\"hint\">{} <code>homard token add panel</code></p>\n\
             <button type=\"submit\" class=\"quiet\">{}</button>\n</form></details>\n\
             </main>\n</body>\n</html>\n",
            Text(words.get("name")),
            Text(words.get("password")),
            Text(words.get("sign_in")),
            Text(words.get("sign_in.token")),
            Text(words.get("token")),
            Text(words.get("token.hint")),
            Text(words.get("sign_in")),
        ),
    );
    out
}

/// The first steps; the script shows one after the other.
pub(super) fn first_steps(words: &Words, needs_code: bool) -> String {
    let mut out = String::new();
    head(&mut out, words, words.get("welcome.title"));
    let version = files::version();
    put(
        &mut out,
        format_args!(
            "<script type=\"module\" src=\"/panel/{version}/welcome.js\"></script>\n</head>\n\
             <body class=\"welcome\">\n<main id=\"main\">\n<header>\n<p class=\"mark-of-house\">{}</p>\n\
             <h1>{}</h1>\n<p class=\"lead\">{}</p>\n\
             <p id=\"progress\" class=\"hint\" role=\"status\"></p>\n</header>\n\
             <noscript><p class=\"banner\">{}</p></noscript>\n",
            Icon("home"),
            Text(words.get("welcome.title")),
            Text(words.get("welcome.lead")),
            Text(words.get("no_script")),
        ),
    );
    step_language(&mut out, words, needs_code);
    put(
        &mut out,
        format_args!(
            "<form class=\"step panel-box\" id=\"step-home\" hidden>\n<h2>{}</h2>\n\
             <label for=\"home\">{}</label>\n<input id=\"home\" required maxlength=\"60\" \
             autocomplete=\"off\" value=\"{}\">\n<p class=\"hint\">{}</p>\n{}</form>\n",
            Text(words.get("welcome.home")),
            Text(words.get("welcome.home.name")),
            Text(words.get("welcome.home.default")),
            Text(words.get("welcome.home.hint")),
            Next(words),
        ),
    );
    put(
        &mut out,
        format_args!(
            "<form class=\"step panel-box\" id=\"step-owner\" hidden>\n<h2>{}</h2>\n\
             <p class=\"hint\">{}</p>\n<label for=\"name\">{}</label>\n\
             <input id=\"name\" required maxlength=\"100\" autocomplete=\"username\">\n\
             <label for=\"password\">{}</label>\n\
             <input id=\"password\" type=\"password\" required minlength=\"8\" maxlength=\"512\" \
             autocomplete=\"new-password\" aria-describedby=\"strength-words\">\n\
             <meter id=\"strength\" min=\"0\" max=\"4\" low=\"2\" high=\"3\" optimum=\"4\" \
             value=\"0\" aria-label=\"{}\"></meter>\n\
             <p id=\"strength-words\" class=\"hint\" role=\"status\">{}</p>\n{}</form>\n",
            Text(words.get("welcome.owner")),
            Text(words.get("welcome.owner.hint")),
            Text(words.get("name")),
            Text(words.get("password")),
            Text(words.get("strength")),
            Text(words.get("strength.hint")),
            Next(words),
        ),
    );
    // Their fields come with what the house knows, once somebody runs it.
    for (key, can_skip) in [("place", true), ("broker", false)] {
        let heading = format!("welcome.{key}");
        let hint = format!("{heading}.hint");
        put(
            &mut out,
            format_args!(
                "<form class=\"step panel-box\" id=\"step-{key}\" hidden>\n<h2>{}</h2>\n\
                 <p class=\"hint\">{}</p>\n<div id=\"{key}\" class=\"fields\"></div>\n\
                 <div class=\"row end\">",
                Text(words.get(&heading)),
                Text(words.get(&hint)),
            ),
        );
        if can_skip {
            let skip = Text(words.get("welcome.skip"));
            put(
                &mut out,
                format_args!(
                    "<button type=\"button\" class=\"quiet\" id=\"skip-{key}\">{skip}</button>"
                ),
            );
        }
        let next = Text(words.get("welcome.next"));
        put(&mut out, format_args!("<button type=\"submit\">{next}</button></div></form>\n"));
    }
    out.push_str("<template id=\"cities\">");
    place::cities(&mut out);
    out.push_str("</template>\n<template id=\"zones\">");
    place::zones(&mut out);
    out.push_str("</template>\n");
    put(
        &mut out,
        format_args!(
            "<form class=\"step panel-box\" id=\"step-devices\" hidden>\n<h2>{}</h2>\n\
             <p id=\"found\" class=\"found-count\" role=\"status\"></p>\n<p class=\"hint\">{}</p>\n\
             <div class=\"row end\"><button type=\"submit\">{}</button></div>\n</form>\n\
             <p id=\"told\" role=\"alert\"></p>\n\
             <p class=\"hint after\"><a href=\"/sign-in\">{}</a></p>\n</main>\n</body>\n</html>\n",
            Text(words.get("welcome.devices")),
            Text(words.get("welcome.devices.hint")),
            Text(words.get("welcome.done")),
            Text(words.get("welcome.token")),
        ),
    );
    out
}

fn step_language(out: &mut String, words: &Words, needs_code: bool) {
    put(
        out,
        format_args!(
            "<form class=\"step panel-box\" id=\"step-language\">\n<fieldset><legend>{}</legend>\n",
            Text(words.get("welcome.language")),
        ),
    );
    for language in LANGUAGES.iter() {
        let code = language.language;
        let name = NAMES.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| name);
        put(
            out,
            format_args!(
                "<label class=\"pick\" lang=\"{code}\"><input type=\"radio\" name=\"language\" \
                 value=\"{code}\"{}> {}</label>\n",
                if code == words.language { " checked" } else { "" },
                Text(name),
            ),
        );
    }
    out.push_str("</fieldset>\n");
    if needs_code {
        put(
            out,
            format_args!(
                "<label for=\"code\">{}</label>\n<input id=\"code\" required autocomplete=\"off\" \
                 autocapitalize=\"off\" spellcheck=\"false\" maxlength=\"100\">\n<p class=\"hint\">{}</p>\n",
                Text(words.get("welcome.code")),
                Text(words.get("welcome.code.hint")),
            ),
        );
    }
    put(out, format_args!("{}", Next(words)));
    put(
        out,
        format_args!(
            "<details class=\"other-way\"><summary>{}</summary>\n<p class=\"hint\">{}</p>\n\
             <label for=\"backup\">{}</label>\n<input id=\"backup\" type=\"file\">\n\
             <label for=\"backup-passphrase\">{}</label>\n<input id=\"backup-passphrase\" \
             type=\"password\" autocomplete=\"off\" maxlength=\"512\">\n<div class=\"row end\">\
             <button type=\"button\" class=\"quiet\" id=\"restore\" {SCRIPTED}>{}</button></div>\n\
             </details>\n</form>\n",
            Text(words.get("welcome.restore")),
            Text(words.get("welcome.restore.hint")),
            Text(words.get("welcome.restore.file")),
            Text(words.get("welcome.restore.passphrase")),
            Text(words.get("welcome.restore.do")),
        ),
    );
}

/// The button that leads on, once the script is there.
struct Next<'a>(&'a Words);

impl std::fmt::Display for Next<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let next = self.0.get("welcome.next");
        write!(
            f,
            "<div class=\"row end\"><button type=\"submit\" {SCRIPTED}>{}</button></div>",
            Text(next)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_in_have_words_for_all_they_say_and_ask_for_the_code_only_where_it_is_needed() {
        for words in LANGUAGES.iter() {
            for page in [sign_in(words, "<x>", Some("<y>")), first_steps(words, true)] {
                for bad in ["welcome.", "sign_in.", "strength.", "<x>", "<y>", " style=", "onclick"]
                {
                    let said = page.replace("/welcome.js", "");
                    assert!(!said.contains(bad), "{bad} in {said}");
                }
            }
            assert!(first_steps(words, true).contains("id=\"code\""));
            assert!(!first_steps(words, false).contains("id=\"code\""));
        }
    }
}
