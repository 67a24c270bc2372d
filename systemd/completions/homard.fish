# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_homard_global_optspecs
    string join \n log= h/help V/version
end

function __fish_homard_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_homard_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_homard_using_subcommand
    set -l cmd (__fish_homard_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c homard -n "__fish_homard_needs_command" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c homard -n "__fish_homard_needs_command" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_needs_command" -f -a "run" -d 'Runs the house'
complete -c homard -n "__fish_homard_needs_command" -f -a "demo" -d 'Runs a simulated house of about 30 devices, to try everything without hardware'
complete -c homard -n "__fish_homard_needs_command" -f -a "say" -d 'Says a sentence to the running house and prints its answer'
complete -c homard -n "__fish_homard_needs_command" -f -a "hear" -d 'Plays a recording to the running house and prints what it heard and its answer'
complete -c homard -n "__fish_homard_needs_command" -f -a "listen" -d 'Listens to this machine\'s microphone until a silence, and does as `hear`'
complete -c homard -n "__fish_homard_needs_command" -f -a "wake" -d 'Learns another wake word than “hey homard”'
complete -c homard -n "__fish_homard_needs_command" -f -a "models" -d 'Lists, fetches and verifies the models: sentences of 65 languages, speech, a language model'
complete -c homard -n "__fish_homard_needs_command" -f -a "user" -d 'Adds, lists and removes the people who may sign in'
complete -c homard -n "__fish_homard_needs_command" -f -a "token" -d 'Makes, lists and removes the tokens that programs need'
complete -c homard -n "__fish_homard_needs_command" -f -a "automations" -d 'Takes in and gives out automations, scripts and scenes as Home Assistant writes them'
complete -c homard -n "__fish_homard_needs_command" -f -a "check" -d 'Reads the configuration and shows every problem with its line; changes nothing'
complete -c homard -n "__fish_homard_needs_command" -f -a "doctor" -d 'Looks at broker, devices, models, and the machine beneath, and says what to do'
complete -c homard -n "__fish_homard_needs_command" -f -a "backup" -d 'Writes all that the house knows into one file, while it lives'
complete -c homard -n "__fish_homard_needs_command" -f -a "restore" -d 'Puts a backup back, into a house that does not run'
complete -c homard -n "__fish_homard_needs_command" -f -a "update" -d 'Brings a newer program, tries it, and takes it back where it does not answer'
complete -c homard -n "__fish_homard_needs_command" -f -a "eval" -d 'Tries sentences on described homes with simulated devices, and counts what was understood'
complete -c homard -n "__fish_homard_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand run" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand run" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand run" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand run" -l setup-code-file -d 'What the first owner must show where the panel is open to the network: the first line of this file, eight letters and digits or more; without the file there is another code at each start' -r -F
complete -c homard -n "__fish_homard_using_subcommand run" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c homard -n "__fish_homard_using_subcommand run" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand demo" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand demo" -l data-dir -d 'Where the simulated house is remembered [default: $XDG_DATA_HOME/homard-demo or ~/.local/share/homard-demo]' -r -F
complete -c homard -n "__fish_homard_using_subcommand demo" -l models -d 'Where models lie [default: `models` in the data directory if that is given, else those of the real house]' -r -F
complete -c homard -n "__fish_homard_using_subcommand demo" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand demo" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand demo" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand say" -l language -d 'The language it is in; the home\'s own unless given' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l area -d 'The room it is said in: id, name or another name' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l conversation -d 'Go on with this conversation (`conversation_id` of an answer); without it, with the one of the last two minutes, so that a question back can be answered' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l data-dir -d 'The data of the house to speak to [default: that of `run`, else that of `demo`]' -r -F
complete -c homard -n "__fish_homard_using_subcommand say" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand say" -l json -d 'Print the whole answer as JSON'
complete -c homard -n "__fish_homard_using_subcommand say" -l explain -d 'Print how it was read and why what was done was done'
complete -c homard -n "__fish_homard_using_subcommand say" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand say" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand hear" -l language -d 'The language that is spoken; found out among the household\'s unless given' -r
complete -c homard -n "__fish_homard_using_subcommand hear" -l area -d 'The room it is said in: id, name or another name' -r
complete -c homard -n "__fish_homard_using_subcommand hear" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand hear" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand hear" -l data-dir -d 'The data of the house to speak to [default: that of `run`, else that of `demo`]' -r -F
complete -c homard -n "__fish_homard_using_subcommand hear" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand hear" -l json -d 'Print the whole answer as JSON'
complete -c homard -n "__fish_homard_using_subcommand hear" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand hear" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand listen" -l microphone -d 'The microphone: as ALSA names it, or a part of what it says of itself [default: that of the configuration, else the system\'s]' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l language -d 'The language that is spoken; found out among the household\'s unless given' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l area -d 'The room it is said in: id, name or another name [default: that of the configuration]' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand listen" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand listen" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand listen" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand listen" -l json -d 'Print the whole answer as JSON'
complete -c homard -n "__fish_homard_using_subcommand listen" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand listen" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand wake" -l out -d 'The file that is made, for `wake_word` of the configuration' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l spelling -d 'Other spellings, as a voice must read them to say the word as you do' -r
complete -c homard -n "__fish_homard_using_subcommand wake" -l recordings -d 'Folders of WAV files in each of which somebody says the word and nothing else; ten of each person of the household help most' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l others -d 'Folders of WAV files in which the word is not said: the more talk, the fewer false alarms' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand wake" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand wake" -l measure -d 'Learn nothing: measure the file on these recordings, how often the word is noticed and how often something else is taken for it'
complete -c homard -n "__fish_homard_using_subcommand wake" -l only-recordings -d 'Learn from these recordings alone, and not from the voices of espeak-ng'
complete -c homard -n "__fish_homard_using_subcommand wake" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand wake" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "list" -d 'Shows all models of the catalogue and which are there'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "pull" -d 'Fetches models that are not there yet; without a name, those that belong to every house'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "check" -d 'Reads models that are there and compares them with the catalogue; without a name, all'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "bench" -d 'Measures language models that are there, or a GGUF file: tokens a second, loading, memory'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "talk" -d 'Has the running house answer what is not about it by another language model; it is loaded first'
complete -c homard -n "__fish_homard_using_subcommand models; and not __fish_seen_subcommand_from list pull check bench talk help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from list" -l data-dir -d 'The data directory of the house [default: $XDG_DATA_HOME/homard or ~/.local/share/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from list" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from list" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from pull" -l data-dir -d 'The data directory of the house [default: $XDG_DATA_HOME/homard or ~/.local/share/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from pull" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from pull" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from pull" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from pull" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from check" -l data-dir -d 'The data directory of the house [default: $XDG_DATA_HOME/homard or ~/.local/share/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from check" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from check" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -l threads -d 'With so many threads' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -l data-dir -d 'The data directory of the house [default: $XDG_DATA_HOME/homard or ~/.local/share/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from bench" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -l data-dir -d 'The data directory of the house [default: those of the real house, then of the demo]' -r -F
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from talk" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "list" -d 'Shows all models of the catalogue and which are there'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "pull" -d 'Fetches models that are not there yet; without a name, those that belong to every house'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "check" -d 'Reads models that are there and compares them with the catalogue; without a name, all'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "bench" -d 'Measures language models that are there, or a GGUF file: tokens a second, loading, memory'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "talk" -d 'Has the running house answer what is not about it by another language model; it is loaded first'
complete -c homard -n "__fish_homard_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "add" -d 'Adds somebody; asks for their password, or takes it from HOMARD_PASSWORD or standard input'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "list" -d 'Shows everybody, with their role'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "remove" -d 'Removes somebody, with their sessions and tokens'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "pair" -d 'Lets somebody talk to the house by Telegram: the code is what the bot gave them'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "password" -d 'Gives somebody another password, and ends all their sessions'
complete -c homard -n "__fish_homard_using_subcommand user; and not __fish_seen_subcommand_from add list remove pair password help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l role -d 'What they are here: `admin`, `adult`, `child` or `guest`' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l language -d 'The language they are spoken to in, `fr`' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l voice -d 'The voice they are spoken to with, by its name; `+f3` is a variant of espeak-ng\'s for any language' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l volume -d 'How loud they are spoken to, 0 to 100' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l area -d 'A room that a guest may see and use, by its id, `guest_room`; several with commas or given several times' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from list" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from list" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from list" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from remove" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from remove" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from remove" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from pair" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from pair" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from pair" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from pair" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from pair" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from password" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from password" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from password" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from password" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "add" -d 'Adds somebody; asks for their password, or takes it from HOMARD_PASSWORD or standard input'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "list" -d 'Shows everybody, with their role'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Removes somebody, with their sessions and tokens'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "pair" -d 'Lets somebody talk to the house by Telegram: the code is what the bot gave them'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "password" -d 'Gives somebody another password, and ends all their sessions'
complete -c homard -n "__fish_homard_using_subcommand user; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -f -a "add" -d 'Makes a token and prints it, once, alone on the last line'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -f -a "list" -d 'Shows the names of all tokens and when they were made'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -f -a "remove" -d 'Removes a token: it no longer works, from now on'
complete -c homard -n "__fish_homard_using_subcommand token; and not __fish_seen_subcommand_from add list remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -l role -d 'What it may do, everywhere in the house: `admin`, `adult` or `child`' -r
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -l person -d 'The person whose it is: it may do what they may, and goes with them' -r
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from list" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from list" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from list" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from remove" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from remove" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from remove" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "add" -d 'Makes a token and prints it, once, alone on the last line'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "list" -d 'Shows the names of all tokens and when they were made'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Removes a token: it no longer works, from now on'
complete -c homard -n "__fish_homard_using_subcommand token; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -f -a "import" -d 'Takes in `automations.yaml`, `scripts.yaml` or `scenes.yaml` of Home Assistant\'s, and says by line what is not supported; what has such parts is kept, shown, and begins nothing. Exit 4 if there is any'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -f -a "export" -d 'Writes all automations as such a file'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -f -a "list" -d 'Lists automations, scripts and scenes'
complete -c homard -n "__fish_homard_using_subcommand automations; and not __fish_seen_subcommand_from import export list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l kind -d 'What is in it [default: as its name says]' -r -f -a "automation\t''
script\t''
scene\t''"
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l data-dir -d 'The data of the house to speak to [default: that of `run`, else that of `demo`]' -r -F
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -l json -d 'Print the report as JSON'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -l kind -d 'What is written [default: as the file\'s name says]' -r -f -a "automation\t''
script\t''
scene\t''"
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -l data-dir -d 'The data of the house to speak to [default: that of `run`, else that of `demo`]' -r -F
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -l data-dir -d 'The data of the house to speak to [default: that of `run`, else that of `demo`]' -r -F
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from help" -f -a "import" -d 'Takes in `automations.yaml`, `scripts.yaml` or `scenes.yaml` of Home Assistant\'s, and says by line what is not supported; what has such parts is kept, shown, and begins nothing. Exit 4 if there is any'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from help" -f -a "export" -d 'Writes all automations as such a file'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from help" -f -a "list" -d 'Lists automations, scripts and scenes'
complete -c homard -n "__fish_homard_using_subcommand automations; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand check" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand check" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand check" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand check" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand check" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand doctor" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand doctor" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand doctor" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand doctor" -l url -d 'Where the daemon answers; found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand doctor" -l token -d 'A token (`homard token add NAME`); found in the data directory unless given' -r
complete -c homard -n "__fish_homard_using_subcommand doctor" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand doctor" -l json -d 'Print the findings as JSON'
complete -c homard -n "__fish_homard_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand backup" -l keep -d 'Of the backups in the folder keep only so many, the newest' -r
complete -c homard -n "__fish_homard_using_subcommand backup" -l recipient -d 'Encrypt it for the owner of this public key of age (`age1…`, made by `age-keygen`)' -r
complete -c homard -n "__fish_homard_using_subcommand backup" -l passphrase-file -d 'Encrypt it with the passphrase that is the first line of this file' -r -F
complete -c homard -n "__fish_homard_using_subcommand backup" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand backup" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand backup" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand backup" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand backup" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand restore" -l identity -d 'Where it is encrypted for a public key: the file with the secret one (`AGE-SECRET-KEY-1…`)' -r -F
complete -c homard -n "__fish_homard_using_subcommand restore" -l passphrase-file -d 'Where it is encrypted with a passphrase: the file whose first line it is' -r -F
complete -c homard -n "__fish_homard_using_subcommand restore" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand restore" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand restore" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand restore" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand restore" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand update" -l config -d 'The configuration; without one, the defaults hold' -r -F
complete -c homard -n "__fish_homard_using_subcommand update" -l data-dir -d 'Where the house is remembered [default: $XDG_DATA_HOME/homard or ~/.local/share/homard, else that of Debian\'s package, /var/lib/homard]' -r -F
complete -c homard -n "__fish_homard_using_subcommand update" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand update" -l check -d 'Only ask whether there is a newer one, where `[update] url` says'
complete -c homard -n "__fish_homard_using_subcommand update" -l later -d 'Do not start the house anew; the new program is tried at its next start'
complete -c homard -n "__fish_homard_using_subcommand update" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand update" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand eval" -l only -d 'Only tests with this in a sentence, or in the name of their group, home or file' -r
complete -c homard -n "__fish_homard_using_subcommand eval" -l bar -d 'Fail unless so many percent are right and there is no wrong action' -r
complete -c homard -n "__fish_homard_using_subcommand eval" -l models -d 'Where models lie [default: `models` in the data directory]' -r -F
complete -c homard -n "__fish_homard_using_subcommand eval" -l log -d 'What is logged to standard error: error, warn, info, debug, trace, or finer (`info,homard::mqtt=debug`)' -r
complete -c homard -n "__fish_homard_using_subcommand eval" -l by-group -d 'Print the scores of each group and home'
complete -c homard -n "__fish_homard_using_subcommand eval" -l failures -d 'Print each failure: what was expected and what happened'
complete -c homard -n "__fish_homard_using_subcommand eval" -l json -d 'Print everything as JSON'
complete -c homard -n "__fish_homard_using_subcommand eval" -s h -l help -d 'Print help'
complete -c homard -n "__fish_homard_using_subcommand eval" -s V -l version -d 'Print version'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "run" -d 'Runs the house'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "demo" -d 'Runs a simulated house of about 30 devices, to try everything without hardware'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "say" -d 'Says a sentence to the running house and prints its answer'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "hear" -d 'Plays a recording to the running house and prints what it heard and its answer'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "listen" -d 'Listens to this machine\'s microphone until a silence, and does as `hear`'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "wake" -d 'Learns another wake word than “hey homard”'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "models" -d 'Lists, fetches and verifies the models: sentences of 65 languages, speech, a language model'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "user" -d 'Adds, lists and removes the people who may sign in'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "token" -d 'Makes, lists and removes the tokens that programs need'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "automations" -d 'Takes in and gives out automations, scripts and scenes as Home Assistant writes them'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "check" -d 'Reads the configuration and shows every problem with its line; changes nothing'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "doctor" -d 'Looks at broker, devices, models, and the machine beneath, and says what to do'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "backup" -d 'Writes all that the house knows into one file, while it lives'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "restore" -d 'Puts a backup back, into a house that does not run'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "update" -d 'Brings a newer program, tries it, and takes it back where it does not answer'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "eval" -d 'Tries sentences on described homes with simulated devices, and counts what was understood'
complete -c homard -n "__fish_homard_using_subcommand help; and not __fish_seen_subcommand_from run demo say hear listen wake models user token automations check doctor backup restore update eval help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "list" -d 'Shows all models of the catalogue and which are there'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "pull" -d 'Fetches models that are not there yet; without a name, those that belong to every house'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "check" -d 'Reads models that are there and compares them with the catalogue; without a name, all'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "bench" -d 'Measures language models that are there, or a GGUF file: tokens a second, loading, memory'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "talk" -d 'Has the running house answer what is not about it by another language model; it is loaded first'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "add" -d 'Adds somebody; asks for their password, or takes it from HOMARD_PASSWORD or standard input'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "list" -d 'Shows everybody, with their role'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "remove" -d 'Removes somebody, with their sessions and tokens'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "pair" -d 'Lets somebody talk to the house by Telegram: the code is what the bot gave them'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from user" -f -a "password" -d 'Gives somebody another password, and ends all their sessions'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "add" -d 'Makes a token and prints it, once, alone on the last line'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "list" -d 'Shows the names of all tokens and when they were made'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from token" -f -a "remove" -d 'Removes a token: it no longer works, from now on'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from automations" -f -a "import" -d 'Takes in `automations.yaml`, `scripts.yaml` or `scenes.yaml` of Home Assistant\'s, and says by line what is not supported; what has such parts is kept, shown, and begins nothing. Exit 4 if there is any'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from automations" -f -a "export" -d 'Writes all automations as such a file'
complete -c homard -n "__fish_homard_using_subcommand help; and __fish_seen_subcommand_from automations" -f -a "list" -d 'Lists automations, scripts and scenes'
