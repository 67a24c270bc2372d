//! The settings page: what stands where; its script fills it. Everybody has the part about themselves, who runs the house
//! the rest.

use super::shell::{Icon, Text, put};
use super::words::Words;
use crate::home::person::{Matter, Rights};

/// Sections of who runs the house, by the key of their heading; each is a box that the script fills.
const OF_OWNER: [&str; 2] = ["people", "tokens"];

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
        for key in OF_OWNER {
            put(
                &mut out,
                format_args!(
                    "<section aria-labelledby=\"h-{key}\">\n<h2 id=\"h-{key}\">{}</h2>\n\
                     <p class=\"hint\">{}</p>\n<div id=\"{key}\" class=\"panel-box\"></div>\n\
                     </section>\n",
                    Text(words.get(&format!("settings.{key}"))),
                    Text(words.get(&format!("settings.{key}.hint"))),
                ),
            );
        }
    }
    out
}
