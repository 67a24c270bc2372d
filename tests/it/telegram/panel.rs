//! *Settings → Telegram* in a real browser: every state of the bot, on a phone and a wide screen.

use super::server::{Fault, Server, TOKEN};
use super::{ADA, House};
use crate::panel_settings::{seen, settle};
use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Folder};

#[test]
fn the_page_of_the_bot_says_how_it_is_and_lets_people_in() {
    let Some(mut browser) = Browser::start("en") else { return };
    let (folder, telegram) = (Folder::new("telegram-page"), Server::start());
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[telegram]\napi_url = \"{}\"\n",
        telegram.url()
    );
    let daemon = Daemon::start_configured("demo", &folder, &lines);
    let house = House { daemon, telegram, folder };
    settle(&mut browser, &house.daemon);
    let page = format!("{}/settings/telegram", house.daemon.url);
    let says = |class: &str, words: &str| {
        format!("document.querySelector('#bot .note{class}')?.textContent.includes({words:?})")
    };
    browser.open(&page);
    browser.wait(&says("", "There is no bot yet"));
    seen(&mut browser, "telegram-none");
    let paste = |browser: &mut Browser, token: &str| {
        browser.fill("[name=token]", token);
        browser.click("#bot [type=submit]");
        // Who still types would keep what they type.
        browser.eval("document.activeElement.blur()");
    };
    // What is no token at all is not even tried.
    paste(&mut browser, "hello");
    browser.wait("document.querySelector('#told.bad')?.textContent.includes('token')");
    seen(&mut browser, "telegram-no-token");
    browser.open(&page);
    browser.wait(&says("", "There is no bot yet"));
    paste(&mut browser, "4242:of-some-other-bot_that-is-no-more");
    browser.wait(&says(".bad", "does not know this token"));
    seen(&mut browser, "telegram-wrong");
    // Without a network.
    house.telegram.trouble("getMe", &[Fault::Cut; 3]);
    paste(&mut browser, TOKEN);
    browser.wait(&says(".bad", "has not been reached since"));
    seen(&mut browser, "telegram-lost");
    browser.wait(&says(".good", "@homard_test_bot"));
    // Somebody asks, and is let in with two touches.
    house.code(ADA);
    browser.wait("document.querySelector('#waiting [data-code]')");
    // The code is to be compared: it stands on one line, also on a phone.
    browser.size(360, 780, false);
    let lines = browser.eval("document.querySelector('#waiting .name').getClientRects()[0].height");
    assert!(lines.as_f64().unwrap() < 40.0, "the code is {lines} px high");
    seen(&mut browser, "telegram-waiting");
    browser.eval("document.querySelector('#waiting select').value = document.querySelectorAll('#waiting option')[1].value");
    browser.click("#waiting [data-code] button");
    browser.wait("document.querySelector('#chats li')?.textContent.includes('Ada')");
    seen(&mut browser, "telegram-paired");
    // The token was taken back.
    house.telegram.revoke(true);
    browser.wait(&says(".bad", "does not know this token"));
    seen(&mut browser, "telegram-revoked");
    assert!(!browser.text("main").contains("a-Token"), "the token is shown");
}
