//! The manual page, `systemd/homard.1`: made from the command line's own description, so that the
//! two never differ. `UPDATE=1 cargo test --test it man` writes it anew.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use homard::cli::Cli;

const PAGE: &str = "systemd/homard.1";

/// One page for everything: the command itself, then a section for each of its commands.
fn page() -> String {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let man = Man::new(command.clone()).date("");
    let mut out = Vec::new();
    man.render_title(&mut out).unwrap();
    man.render_name_section(&mut out).unwrap();
    man.render_synopsis_section(&mut out).unwrap();
    man.render_description_section(&mut out).unwrap();
    man.render_options_section(&mut out).unwrap();
    for sub in command.get_subcommands() {
        section(sub, &format!("homard {}", sub.get_name()), &mut out);
    }
    man.render_extra_section(&mut out).unwrap();
    man.render_version_section(&mut out).unwrap();
    // Each section defines the apostrophe anew; once is enough.
    let text = String::from_utf8(out).unwrap();
    let apostrophe = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    let text = text.replace(apostrophe, "");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{apostrophe}{}\n", lines.join("\n"))
}

fn section(command: &Command, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(".SH {}\n", name.to_uppercase()).as_bytes());
    // What every command has stands at the top.
    let own = command.clone().mut_args(|arg| {
        let is_everywhere = matches!(arg.get_id().as_str(), "help" | "version" | "log");
        if is_everywhere { arg.hide(true) } else { arg }
    });
    let man = Man::new(own);
    let mut own = Vec::new();
    man.render_synopsis_section(&mut own).unwrap();
    man.render_description_section(&mut own).unwrap();
    man.render_options_section(&mut own).unwrap();
    let own = String::from_utf8(own).unwrap();
    out.extend_from_slice(own.replace(".SH ", ".SS ").as_bytes());
    for sub in command.get_subcommands() {
        section(sub, &format!("{name} {}", sub.get_name()), out);
    }
}

#[test]
fn the_manual_page_says_what_the_command_line_knows() {
    let page = page();
    let mut commands = vec![(String::from("homard"), Cli::command())];
    let mut n_options = 0;
    while let Some((name, command)) = commands.pop() {
        if name != "homard" {
            assert!(page.contains(&format!(".SH {}\n", name.to_uppercase())), "{name}\n{page}");
        }
        for option in command.get_opts().filter(|option| !option.is_hide_set()) {
            let Some(long) = option.get_long() else { continue };
            let written = format!("\\-\\-{}", long.replace('-', "\\-"));
            assert!(page.contains(&written), "{name} --{long}\n{page}");
            n_options += 1;
        }
        for sub in command.get_subcommands() {
            commands.push((format!("{name} {}", sub.get_name()), sub.clone()));
        }
    }
    assert!(n_options > 15, "{n_options}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "{PAGE} is out of date; `UPDATE=1 cargo test --test it man` writes it");
}

/// What a shell completes (`systemd/completions`), made here so that the program does not carry it.
#[test]
fn shells_complete_what_the_command_line_knows() {
    use clap_complete::{Shell, generate};
    for (shell, file) in
        [(Shell::Bash, "homard.bash"), (Shell::Zsh, "_homard"), (Shell::Fish, "homard.fish")]
    {
        let mut made = Vec::new();
        generate(shell, &mut Cli::command(), "homard", &mut made);
        let made = String::from_utf8(made).unwrap();
        let lines: Vec<&str> = made.lines().map(str::trim_end).collect();
        let made = format!("{}\n", lines.join("\n"));
        for command in Cli::command().get_subcommands() {
            assert!(made.contains(command.get_name()), "{file}: {}", command.get_name());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/completions").join(file);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{file} is not up to date: UPDATE=1 cargo test --test it man");
    }
}
