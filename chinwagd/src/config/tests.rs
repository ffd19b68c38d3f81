use std::time::Duration;

use chinwag::{Limits, Rate, Rates, SlowReader, TakenName, Timeouts};
use clap::ValueEnum;

use super::{
    file::line_at,
    irc::{NETWORK_NAME, PING_INTERVAL, PING_TIMEOUT, SERVER_NAME},
    values::{Pause, Wait},
    *,
};
use crate::{
    accounts::{Credential, Hashes},
    runtime::RuntimeKind,
};

/// A hash that is quick to check.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$JuJ69JDsf++1xQiWj5s/jw$b7MKJj7c78XQxbZsBVJLE/DXtXOHTS2fsdKo20e3Fi0";

fn file(text: &str) -> Settings {
    toml::from_str(text).unwrap()
}

fn flags(flags: &[&str]) -> Result<Settings, String> {
    let line = ["chinwagd"].into_iter().chain(flags.iter().copied());
    let line: Vec<_> = line.map(OsString::from).collect();
    match parse(&line) {
        Ok(line) => Ok(line.settings),
        Err(error) => Err(not_parsed(&error, &line).unwrap_err().to_string()),
    }
}

fn listen(config: &Config) -> Vec<String> {
    config.listen.iter().map(ToString::to_string).collect()
}

#[test]
fn the_flags_are_well_formed() {
    CommandLine::command().debug_assert();
}

#[test]
fn nothing_set_is_the_defaults_of_the_library() {
    let config = Settings::default().resolve().unwrap();
    assert_eq!(
        listen(&config),
        ["line://127.0.0.1:4000", "seed://127.0.0.1:4001"]
    );
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.timeouts, Timeouts::default());
    assert_eq!(config.rates, Rates::default());
    assert_eq!(config.slow_reader, SlowReader::default());
    assert_eq!(config.taken_name, TakenName::default());
    assert_eq!(config.guests, Guests::Allow);
    assert!(config.rooms.is_empty() && config.accounts.is_none());
    assert_eq!(config.runtime.to_string(), "tokio");
    assert!(config.opers.is_empty());
    assert_eq!(config.irc.server_name.0, "chinwag.local");
    assert_eq!(config.irc.network_name.0, "chinwag");
    assert!(config.irc.password.is_none() && config.irc.motd.is_none());
    let [interval, timeout] = [90, 60].map(Duration::from_secs);
    assert_eq!(config.irc.keep_alive, Some((interval, timeout)));
    assert!(config.irc.set.is_empty());
    assert!(!config.max_connections_set && !config.threads_set);
}

#[test]
fn a_layer_covers_the_one_under_it_key_by_key() {
    let over = flags(&["--max-line", "100", "--listen", "line://[::1]:1"]).unwrap();
    let under = file("max-line = 200\nthreads = 3\nlisten = ['seed://[::1]:2']");
    let config = over.or(under).resolve().unwrap();
    assert_eq!(config.limits.max_line(), 100);
    assert_eq!(config.threads.get(), 3);
    assert_eq!(listen(&config), ["line://[::1]:1"]);
}

#[test]
fn every_key_of_the_file() {
    let settings = file(
        &r#"
        listen = ["line://0.0.0.0:0", "seed://localhost:1"]
        max-connections = 5
        max-line = 64
        mailbox-bytes = 2048
        idle-timeout = "off"
        register-timeout = "1m 30s"
        max-rooms = 6
        max-members = 7
        max-rooms-per-user = 8
        max-devices = 9
        max-bans = 10
        max-topic = 11
        message-rate = "12/s"
        message-burst = 13
        byte-rate = "14/min"
        byte-burst = 15
        join-rate = "16/h"
        join-burst = 17
        connection-rate = "18/10s"
        connection-burst = 19
        max-connections-per-address = 20
        limit-loopback = true
        no-throttle = false
        slow-reader = "drop-oldest"
        patience = "21ms"
        taken-name = "share"
        rooms = ['#a', 'b', '#A']
        seed-room = 'b'
        accounts = "names"
        guests = "refuse"
        opers = ["root:HASH"]
        server-name = "irc.example.org"
        network-name = "Example"
        password = "sesame"
        motd = "welcome"
        ping-interval = "22s"
        ping-timeout = "23s"
        runtime = "smol"
        threads = 2
        "#
        .replace("HASH", HASH),
    );
    let config = settings.resolve().unwrap();
    assert_eq!(listen(&config), ["line://0.0.0.0:0", "seed://localhost:1"]);
    assert_eq!(config.limits.max_connections(), 5);
    assert_eq!(config.limits.max_line(), 64);
    assert_eq!(config.limits.mailbox_bytes(), 2048);
    assert_eq!(config.timeouts.idle(), None);
    let minute_and_half = Some(Duration::from_secs(90));
    assert_eq!(config.timeouts.register(), minute_and_half);
    assert_eq!(config.runtime.to_string(), "smol");
    assert_eq!(config.threads.get(), 2);
    let limits = Limits::builder()
        .max_connections(5)
        .max_line(64)
        .mailbox_bytes(2048)
        .max_rooms(6)
        .max_members(7)
        .max_user_rooms(8)
        .max_devices(9)
        .max_bans(10)
        .max_topic(11);
    assert_eq!(config.limits, limits.build().unwrap());
    let rate = |count, secs| Rate::new(count, Duration::from_secs(secs));
    let rates = Rates::builder()
        .messages(rate(12, 1).with_burst(13))
        .bytes(rate(14, 60).with_burst(15))
        .joins(rate(16, 3600).with_burst(17))
        .connections(rate(18, 10).with_burst(19))
        .max_per_address(20)
        .loopback(true);
    assert_eq!(config.rates, rates.build().unwrap());
    assert_eq!(config.slow_reader, SlowReader::DropOldest);
    assert_eq!(config.timeouts.patience(), Duration::from_millis(21));
    assert_eq!(config.taken_name, TakenName::Share);
    assert_eq!(config.rooms, ["#a", "#b"]);
    assert_eq!(config.seed_room, Some("#b".parse().unwrap()));
    assert_eq!(settings.accounts, Some("names".into()));
    assert_eq!(config.guests, Guests::Refuse);
    let root: Credential = format!("root:{HASH}").parse().unwrap();
    assert_eq!(config.opers, Hashes::of(&[root]).unwrap());
    assert_eq!(config.irc.server_name.0, "irc.example.org");
    assert_eq!(config.irc.network_name.0, "Example");
    assert_eq!(config.irc.password, Some("sesame".parse().unwrap()));
    assert!(!format!("{settings:?} {config:?}").contains("sesame"));
    assert_eq!(settings.motd, Some("welcome".into()));
    let [interval, timeout] = [22, 23].map(Duration::from_secs);
    assert_eq!(config.irc.keep_alive, Some((interval, timeout)));
    assert_eq!(config.irc.set.len(), 7);
}

#[test]
fn every_setting_is_a_flag_a_variable_and_a_key() {
    let command = CommandLine::command();
    let example = include_str!("../../chinwag.example.toml");
    let others = ["hash-secret", "config", "check-config", "help", "version"];
    let mut count = 0;
    for arg in command.get_arguments() {
        let flag = arg.get_long().unwrap();
        if others.contains(&flag) {
            continue;
        }
        count += 1;
        let key = match flag {
            "room" => "rooms",
            "oper" => "opers",
            _ => flag,
        };
        let variable = format!("CHINWAG_{}", key.to_uppercase().replace('-', "_"));
        assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(&*variable));
        assert!(arg.get_help_heading().is_some(), "{flag}");
        let is_there = |line: &str| {
            let line = line.strip_prefix("# ").unwrap_or(line);
            line.starts_with(&format!("{key} = "))
        };
        assert!(example.lines().any(is_there), "{key}");
        // The file knows the key, whatever is wrong with the value.
        let error = toml::from_str::<Settings>(&format!("{key} = -1")).unwrap_err();
        assert!(!error.message().contains("unknown field"), "{key}: {error}");
    }
    assert_eq!(count, 39);
}

#[test]
fn a_rate_and_its_burst_are_set_apart() {
    let config = flags(&["--message-rate", "5/s"]).unwrap();
    let config = config.or(file(
        "message-burst = 7\nbyte-burst = 9\njoin-rate = 'off'\njoin-burst = 3",
    ));
    let rates = config.resolve_all().unwrap().rates;
    assert_eq!(rates.messages(), Some(Rate::per_second(5).with_burst(7)));
    let bytes = Rates::default().bytes().unwrap();
    assert_eq!(rates.bytes(), Some(bytes.with_burst(9)));
    assert_eq!(rates.joins(), None);
    assert_eq!(rates.connections(), Rates::default().connections());
    let burst = flags(&["--message-rate", "5/s"])
        .unwrap()
        .resolve()
        .unwrap();
    let burst = burst.rates.messages().map(|rate| rate.burst());
    assert_eq!(burst, Rates::default().messages().map(|rate| rate.burst()));
}

#[test]
fn switches_may_stand_alone() {
    for (line, switched) in [
        (&["--no-throttle"][..], Some(true)),
        (&["--no-throttle=true"], Some(true)),
        (&["--no-throttle=no"], Some(false)),
        (&[], None),
    ] {
        assert_eq!(flags(line).unwrap().no_throttle, switched);
    }
    let off = flags(&["--no-throttle"]).unwrap().resolve_all().unwrap();
    assert_eq!(off.rates, Rates::unlimited());
}

#[test]
fn who_switches_the_rates_off_means_those_of_the_file_too() {
    let rates = "message-rate = '1/s'\nmax-connections-per-address = 3\nlimit-loopback = true\nmax-line = 99";
    let config = flags(&["--no-throttle"]).unwrap().or(file(rates));
    let config = config.resolve_all().unwrap();
    assert_eq!(config.rates, Rates::unlimited());
    assert_eq!(config.limits.max_line(), 99);
    // The other way round it cannot be known what is meant.
    let unclear = flags(&["--join-burst", "3"]).unwrap();
    let unclear = unclear.or(file("no-throttle = true")).resolve_all();
    assert_eq!(unclear.unwrap_err(), Unfit::Throttle("join-burst"));
}

#[test]
fn settings_must_fit_together() {
    for (settings, said) in [
        (
            "no-throttle = true\nmessage-rate = '1/s'",
            "no-throttle and message-rate cannot both be set",
        ),
        (
            "no-throttle = true\nlimit-loopback = true",
            "no-throttle and limit-loopback cannot",
        ),
        (
            "rooms = ['#a', '#b']\nmax-rooms = 1",
            "there are 2 rooms, but max-rooms is 1",
        ),
        (
            "guests = 'refuse'",
            "guests is refuse, and without accounts",
        ),
    ] {
        let error = file(settings).resolve_all().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    // Each alone is right, as the other may come from elsewhere.
    file("guests = 'refuse'").resolve().unwrap();
    file("rooms = ['#a', '#A']\nmax-rooms = 1\nno-throttle = true\nlimit-loopback = false")
        .resolve_all()
        .unwrap();
}

#[cfg(unix)]
#[test]
fn threads_have_room_for_fewer_unless_more_are_asked_for() {
    let config = file("runtime = 'threads'").resolve().unwrap();
    assert_eq!(config.limits.max_connections(), 4096);
    assert!(!config.max_connections_set);
    // A default of one layer does not cover what another says.
    let asked = flags(&["--runtime", "threads"]).unwrap();
    let asked = asked.or(file("max-connections = 70000")).resolve().unwrap();
    assert_eq!(asked.limits.max_connections(), 70_000);
}

#[test]
fn flags_file_and_log_know_the_runtimes_by_the_same_names() {
    for runtime in RuntimeKind::value_variants() {
        let name = runtime.to_string();
        let by_flag = flags(&["--runtime", &name]).unwrap();
        let by_file = file(&format!("runtime = '{name}'"));
        assert_eq!(by_flag.runtime, Some(*runtime));
        assert_eq!(by_file.runtime, Some(*runtime));
    }
}

#[test]
fn the_example_file_holds_the_defaults() {
    let example = file(include_str!("../../chinwag.example.toml"));
    assert!(example.max_line.is_some() && example.listen.is_some());
    let connections = Limits::default().max_connections();
    let unset = format!("\n# max-connections = {connections}\n");
    assert!(include_str!("../../chinwag.example.toml").contains(&unset));
    for (key, default) in [
        ("server-name", SERVER_NAME),
        ("network-name", NETWORK_NAME),
        ("ping-interval", &Wait(Some(PING_INTERVAL)).to_string()),
        ("ping-timeout", &Pause(PING_TIMEOUT).to_string()),
    ] {
        let unset = format!("\n# {key} = \"{default}\"\n");
        assert!(
            include_str!("../../chinwag.example.toml").contains(&unset),
            "{key}"
        );
    }
    let example = example.resolve().unwrap();
    let defaults = Settings::default().resolve().unwrap();
    assert_eq!(format!("{example:?}"), format!("{defaults:?}"));
}

#[test]
fn endpoints_are_repeated_or_separated_by_commas() {
    let one_by_one = flags(&["--listen", "line://a:1", "--listen", "seed://b:2"]);
    let at_once = flags(&["--listen", "line://a:1, seed://b:2"]);
    for settings in [one_by_one, at_once] {
        let config = settings.unwrap().resolve().unwrap();
        assert_eq!(listen(&config), ["line://a:1", "seed://b:2"]);
    }
}

#[test]
fn operators_are_repeated_or_separated_by_spaces() {
    let [root, ada] = ["root", "ada"].map(|name| format!("{name}:{HASH}"));
    let one_by_one = flags(&["--oper", &root, "--oper", &ada]);
    let at_once = flags(&["--oper", &format!("{root} {ada}")]);
    for settings in [one_by_one, at_once] {
        let config = settings.unwrap().resolve().unwrap();
        assert_eq!(config.opers.len(), 2);
    }
    let twice = flags(&["--oper", &root, "--oper", &root.replace("root", "ROOT")]);
    let error = twice.unwrap().resolve().unwrap_err().to_string();
    assert_eq!(error, "oper root is there twice; one name has one password");
}

#[test]
fn what_has_two_names_is_known_by_both() {
    for line in [&["--secrets", "names"][..], &["--accounts", "names"]] {
        assert_eq!(flags(line).unwrap().accounts, Some("names".into()));
    }
    let old = file("secrets = 'names'");
    assert_eq!(old.accounts, Some("names".into()));
    let minute = Some(Wait(Some(Duration::from_secs(60))));
    let by_flag = flags(&["--registration-timeout", "1min"]).unwrap();
    let by_file = file("registration-timeout = '1min'");
    for settings in [by_flag, by_file] {
        assert_eq!(settings.register_timeout, minute);
    }
}

#[test]
fn without_an_interval_there_are_no_pings() {
    for off in ["off", "never"] {
        let config = flags(&["--ping-interval", off, "--ping-timeout", "5s"]).unwrap();
        assert_eq!(config.resolve().unwrap().irc.keep_alive, None);
    }
}

#[test]
fn a_password_is_said_to_be_seen_only_on_the_command_line() {
    for (line, is_seen) in [
        (&["chinwagd", "--password", "x"][..], true),
        (&["chinwagd", "--password=x"], true),
        (&["chinwagd"], false),
    ] {
        let line: Vec<_> = line.iter().map(OsString::from).collect();
        assert_eq!(parse(&line).unwrap().password_is_seen, is_seen);
    }
}

#[test]
fn passwords_are_hashed_by_an_order_of_its_own() {
    let task = |line: &[&str]| {
        let line: Vec<_> = line.iter().map(OsString::from).collect();
        let line = parse(&line).unwrap();
        match line.task {
            Some(Task::HashPassword { name }) => name.map(|name| name.to_string()),
            None => panic!("it would serve"),
        }
    };
    assert_eq!(
        task(&["chinwagd", "hash-password", "ada"]).as_deref(),
        Some("ada")
    );
    assert_eq!(task(&["chinwagd", "hash-password"]), None);
    let mixed = flags(&["--threads", "2", "hash-password"]).unwrap_err();
    assert!(mixed.contains("cannot be used with"), "{mixed}");
}

#[test]
fn what_cannot_work_is_refused_with_its_key() {
    for (settings, said) in [
        ("threads = 0", "threads is 0, but must be from 1 to 1024"),
        ("max-line = 1", "max-line is 1, but must be from 64 to"),
        ("max-connections = 0", "max-connections is 0"),
        ("mailbox-bytes = 0", "mailbox-bytes is 0"),
        ("idle-timeout = '0s'", "idle-timeout is zero"),
        ("register-timeout = '0s'", "register-timeout is zero"),
        ("max-rooms = 0", "max-rooms is 0"),
        ("max-members = 0", "max-members is 0"),
        ("max-rooms-per-user = 0", "max-rooms-per-user is 0"),
        ("max-devices = 0", "max-devices is 0"),
        ("max-bans = 0", "max-bans is 0"),
        ("max-topic = 0", "max-topic is 0"),
        ("message-rate = '0/s'", "message-rate is 0"),
        ("message-burst = 0", "message-burst is 0"),
        ("byte-rate = '5/0s'", "byte-rate is for a time of zero"),
        ("byte-burst = 0", "byte-burst is 0"),
        ("join-rate = '0/h'", "join-rate is 0"),
        ("join-burst = 0", "join-burst is 0"),
        ("connection-rate = '0/s'", "connection-rate is 0"),
        ("connection-burst = 0", "connection-burst is 0"),
        (
            "max-connections-per-address = 0",
            "max-connections-per-address is 0",
        ),
        ("ping-interval = '0s'", "ping-interval is zero"),
        ("ping-timeout = '0s'", "ping-timeout is zero"),
        ("listen = []", "the number of addresses in listen is 0"),
    ] {
        let error = file(settings).resolve().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn a_mistake_on_the_command_line_is_told_without_the_advice() {
    for (line, said) in [
        (
            &["--max-lines", "1"][..],
            "unexpected argument '--max-lines' found",
        ),
        (&["serve"], "unrecognized subcommand 'serve'"),
        (
            &["hash-password", "a b"],
            "invalid value 'a b' for '[NAME]': a name has only letters",
        ),
        (
            &["--password", "hunter2\n"],
            "invalid value for '--password <PASSWORD>': it must be one line",
        ),
        (
            &["--password="],
            "invalid value for '--password <PASSWORD>': it is empty; leave it out",
        ),
        (
            &["--server-name", "two words"],
            "invalid value 'two words' for '--server-name <NAME>': it must be like the name of a host",
        ),
        (
            &["--network-name", "two words"],
            "invalid value 'two words' for '--network-name <NAME>': it must be one word of letters",
        ),
        (
            &["--ping-timeout", "off"],
            "invalid value 'off' for '--ping-timeout <TIME>': expected number at 0; it is a time like",
        ),
        (
            &["--oper", "root:hunter2"],
            "invalid value for '--oper <NAME:HASH>': after the name there is no argon2id hash",
        ),
        (
            &["--max-line"],
            "a value is required for '--max-line <BYTES>'",
        ),
        (
            &["--max-line", "x"],
            "invalid value 'x' for '--max-line <BYTES>': it is no whole number;",
        ),
        (
            &["--max-line", "99999999999999999999"],
            "invalid value '99999999999999999999' for '--max-line <BYTES>': it is too large",
        ),
        (
            &["--max-line=-1"],
            "invalid value '-1' for '--max-line <BYTES>'",
        ),
        (
            &["--idle-timeout", "5"],
            "invalid value '5' for '--idle-timeout <TIME>': time unit",
        ),
        (
            &["--message-rate", "fast"],
            "invalid value 'fast' for '--message-rate <RATE>': there is no / in it; it is a rate like 20/s",
        ),
        (
            &["--room", "#a b"],
            "invalid value '#a b' for '--room <#NAME>': a name has only letters",
        ),
        (
            &["--no-throttle=maybe"],
            "invalid value 'maybe' for '--no-throttle[=<BOOL>]': value was not a boolean",
        ),
        (
            &["--listen", "x"],
            "invalid value 'x' for '--listen <SCHEME://ADDR>': it is SCHEME",
        ),
    ] {
        let error = flags(line).unwrap_err();
        assert!(error.starts_with(said), "{error}");
        assert!(!error.contains('\n'), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn the_help_is_not_too_wide() {
    let mut command = CommandLine::command();
    for help in [command.render_help(), command.render_long_help()] {
        for line in help.to_string().lines() {
            assert!(line.chars().count() <= 114, "{line}");
        }
    }
}

#[test]
fn a_line_of_the_file_is_found_by_its_bytes() {
    let text = "a\nbc\n";
    let lines = [0, 1, 2, 3, 4, 5, 99].map(|position| line_at(text, position));
    assert_eq!(lines, [1, 1, 2, 2, 2, 3, 3]);
}
