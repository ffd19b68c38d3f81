//! Flags, environment and file: which one wins, and what is refused how.

use std::process::Stdio;

use crate::process::{ANYWHERE, Chinwagd, Folder, command, output};

/// The `max-line` that a server works with, as its error tells.
fn max_line(chinwagd: &Chinwagd) -> usize {
    let answer = chinwagd.line().ask(&"x".repeat(5000));
    let digits: String = answer.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = Folder::new("layers");
    let file = folder.file(
        "c.toml",
        "max-line = 100\nlisten = ['seed://127.0.0.1:0', 'line://127.0.0.1:0']",
    );
    assert_eq!(max_line(&Chinwagd::start(&[])), 4096);

    let from_file = Chinwagd::spawn(&mut command(&["--config", &file]), 2);
    assert!(from_file.endpoints()[0].starts_with("seed://"));
    assert_eq!(max_line(&from_file), 100);

    let mut with_env = command(&[]);
    with_env
        .env("CHINWAG_CONFIG", &file)
        .env(
            "CHINWAG_LISTEN",
            "line://127.0.0.1:0,seed://127.0.0.1:0,seed://127.0.0.1:0",
        )
        .env("CHINWAG_MAX_LINE", "200");
    let from_env = Chinwagd::spawn(&mut with_env, 3);
    assert!(from_env.endpoints()[0].starts_with("line://"));
    assert_eq!(max_line(&from_env), 200);

    let mut with_flags = command(&["--config", &file, "--max-line", "300"]);
    with_flags
        .args(["--listen", "line://127.0.0.1:0"])
        .env("CHINWAG_CONFIG", "/does/not/exist")
        .env("CHINWAG_LISTEN", "seed://127.0.0.1:0")
        .env("CHINWAG_MAX_LINE", "200");
    let from_flags = Chinwagd::spawn(&mut with_flags, 1);
    assert_eq!(max_line(&from_flags), 300);
}

#[test]
fn settings_that_are_right_are_said_to_be() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/chinwag.example.toml");
    for args in [
        &["--check-config"][..],
        &["--check-config", "--config", example],
        &[
            "--check-config",
            "--listen",
            "line://chat.example:4000",
            "--threads",
            "1",
        ],
    ] {
        let checked = output(&mut command(args));
        assert_eq!(checked.stdout, b"configuration ok\n");
        assert_eq!(checked.stderr, b"");
        assert_eq!(checked.status.code(), Some(0));
    }
}

/// What works and is hardly meant is said when the settings are checked, and in the log of a server.
#[test]
fn settings_that_are_odd_are_warned_of() {
    let folder = Folder::new("doubts");
    let nobody = folder.file("accounts", "");
    let odd = |args: &[&str]| {
        let mut command = command(args);
        command.env("CHINWAG_MAX_LIEN", "5");
        command
    };
    let refuse = ["--accounts", &nobody, "--guests", "refuse"];
    let threads = ["--runtime", "threads", "--threads", "2"];
    let checked = output(odd(&["--check-config"]).args(refuse).args(threads));
    let text = String::from_utf8(checked.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let [variable, threads_, seed, "configuration ok"] = lines[..] else {
        panic!("{text}");
    };
    assert!(variable.starts_with("warning: CHINWAG_MAX_LIEN is no setting"));
    assert!(threads_.starts_with("warning: threads is 2, which has no effect"));
    assert!(seed.contains("nobody can have a name on seed://127.0.0.1:4001"));
    assert_eq!(checked.status.code(), Some(0));

    let mut serving = odd(&ANYWHERE);
    serving.args(refuse).stderr(Stdio::piped());
    let log = Chinwagd::spawn(&mut serving, 2).stop_and_read_the_log();
    assert!(log.contains("CHINWAG_MAX_LIEN is no setting"), "{log}");
    assert!(log.contains("nobody can have a name on seed://"), "{log}");
}

#[test]
fn the_file_is_refused_in_one_line_with_code_1() {
    let folder = Folder::new("files");
    for (text, said) in [
        (
            "# one\nmax-lines = 3\n",
            "line 2: unknown field `max-lines`",
        ),
        (
            "[limits]\nmax-line = 100\n",
            "line 1: unknown field `limits`",
        ),
        ("max-line = 'long'\n", "line 1: "),
        ("max-line = 100\nmax-line = 200\n", "line 2: "),
        ("max-line = \n", "line 1: "),
        (
            "max-line = 3\n",
            "max-line is 3, but must be from 64 to 1048576",
        ),
        ("threads = 0\n", "threads is 0, but must be from 1 to 1024"),
        (
            "max_connections = 3\n",
            "line 1: unknown field `max_connections`; did you mean max-connections?",
        ),
        ("idle-timeout = 30\n", "in quotes"),
        (
            "\nregister-timeout = off\n",
            "it is a time like \"30s\" or \"1h\", or \"off\", in quotes",
        ),
        (
            "listen = 'line://a:1'\n",
            "it is a list like [\"line://127.0.0.1:4000\"]",
        ),
        ("idle-timeout = '30'\n", "line 1: \"30\": time unit needed"),
        ("idle-timeout = '0s'\n", "idle-timeout is zero"),
        (
            "\nruntime = 'tokyo'\n",
            "line 2: \"tokyo\": the runtimes are tokio, async-std, smol, threads",
        ),
        ("runtime = ''\n", "line 1: \"\": the runtimes are "),
        ("runtime = smol\n", "it is a name like \"tokio\", in quotes"),
        ("runtime = 2\n", "it is a name like \"tokio\", in quotes"),
        ("listen = []\n", "listen is 0"),
        (
            "room = ['#a']\n",
            "line 1: unknown field `room`; did you mean rooms?",
        ),
        ("rooms = '#a'\n", "it is a list like [\"#lobby\"]"),
        ("rooms = [#a]\n", "it is a list like [\"#lobby\"]"),
        (
            "rooms = ['#a b']\n",
            "line 1: \"#a b\": a name has only letters",
        ),
        (
            "max-bans = '3'\n",
            "line 1: it is a whole number, without quotes",
        ),
        ("max-rooms = 0\n", "max-rooms is 0, but must be from 1 to"),
        ("max-members = -1\n", "line 1: it is a whole number"),
        (
            "max-rooms-per-user = 9999999\n",
            "max-rooms-per-user is 9999999",
        ),
        ("max-devices = 2000\n", "max-devices is 2000"),
        ("max-topic = 0\n", "max-topic is 0"),
        (
            "\nmessage-rate = 20\n",
            "line 2: invalid type: integer `20`, expected a string; it is a rate like \"20/s\"",
        ),
        (
            "byte-rate = 'fast'\n",
            "line 1: \"fast\": there is no / in it",
        ),
        ("join-rate = '1/0s'\n", "join-rate is for a time of zero"),
        ("connection-rate = '0/s'\n", "connection-rate is 0"),
        ("message-burst = 0\n", "message-burst is 0"),
        ("byte-burst = '9'\n", "line 1: it is a whole number"),
        (
            "max-connections-per-address = 'many'\n",
            "line 1: it is a whole number, without quotes, or \"off\"",
        ),
        ("no-throttle = 'yes'\n", "line 1: it is true or false"),
        ("limit-loopback = 1\n", "line 1: it is true or false"),
        (
            "no-throttle = true\njoin-burst = 3\n",
            "no-throttle and join-burst cannot both be set",
        ),
        (
            "slow-reader = 'wait'\n",
            "line 1: \"wait\": it must be disconnect, drop-oldest or drop-newest",
        ),
        (
            "slow-reader = drop\n",
            "it is a policy like \"disconnect\", in quotes",
        ),
        (
            "taken-name = 'Share'\n",
            "line 1: \"Share\": it must be refuse, replace or share",
        ),
        ("patience = 50\n", "it is a time like \"30s\""),
        ("patience = 'never'\n", "line 1: \"never\": "),
        (
            "guests = 'some'\n",
            "line 1: \"some\": it must be allow or refuse",
        ),
        ("accounts = 3\n", "it is the path of a file, in quotes"),
        ("secrets = 3\n", "it is the path of a file, in quotes"),
        ("motd = 3\n", "it is the path of a file, in quotes"),
        ("ping-interval = 90\n", "it is a time like \"30s\""),
        ("ping-interval = '0s'\n", "ping-interval is zero"),
        (
            "ping-timeout = 60\n",
            "it is a time like \"60s\", in quotes",
        ),
        (
            "ping-timeout = 'off'\n",
            "line 1: \"off\": expected number at 0; it is a time like 30s or 1h",
        ),
        ("registration-timeout = 3\n", "it is a time like \"30s\""),
        (
            "server-name = 3\n",
            "it is a name like \"irc.example.org\", in quotes",
        ),
        (
            "server-name = 'two words'\n",
            "line 1: \"two words\": it must be like",
        ),
        ("network-name = 'two words'\n", "line 1: \"two words\": "),
        ("password = 12345\n", "line 1: it is text, in quotes"),
        ("password = hunter2\n", "line 1: it is text, in quotes"),
        ("password = ''\n", "line 1: it is empty; leave it out"),
        (
            "password = \"hunter2\\n\"\n",
            "line 1: it must be one line of at most 256 bytes",
        ),
        (
            "opers = 'root:hunter2'\n",
            "line 1: it is a list like ['root:HASH'] of what chinwagd hash-password NAME prints",
        ),
        (
            "opers = ['root:hunter2']\n",
            "line 1: after the name there is no argon2id hash",
        ),
        (
            "rooms = ['#a', '#b']\nmax-rooms = 1\n",
            "there are 2 rooms, but max-rooms is 1",
        ),
        ("max-line = 100\nmax-line = 200\n", "line 2: duplicate key"),
        ("listen = ['line://a:1', 'b\\nc']\n", "line 1: "),
        (
            "listen = [\"b\\n\\nc\"]\n",
            "line 1: \"b\\n\\nc\": it is SCHEME://ADDR",
        ),
    ] {
        let file = folder.file("c.toml", text);
        for args in [
            &["--config", &file][..],
            &["--config", &file, "--check-config"],
        ] {
            // A good flag does not hide a bad file.
            let args = [args, &ANYWHERE].concat();
            refused(&args, &[], 1, &format!("{file}: "));
            refused(&args, &[], 1, said);
        }
    }
    refused(
        &["--config", "/does/not/exist"],
        &[],
        1,
        "/does/not/exist: No such file",
    );
    refused(&["--config", "/"], &[], 1, "cannot read /: ");
}

#[test]
fn flags_and_environment_are_refused_in_one_line_with_code_2() {
    for (args, said) in [
        (&["--frobnicate"][..], "'--frobnicate'"),
        (&["serve"], "'serve'"),
        (&["--listen"], "'--listen <SCHEME://ADDR>'"),
        (
            &["--listen", "127.0.0.1:4000"],
            "for example line://127.0.0.1:4000",
        ),
        (
            &["--listen", "ircs://127.0.0.1:4000"],
            "the schemes are line, seed,",
        ),
        (&["--listen", "line://127.0.0.1:99999"], "from 0 to 65535"),
        (&["--listen", "line+unix://run/s"], "must begin with /"),
        (&["--listen", "line://a\n\nb:1"], "the host is neither"),
        (
            &["--max-line", "3"],
            "max-line is 3, but must be from 64 to 1048576",
        ),
        (&["--max-line", "many"], "'many'"),
        (&["--max-connections", "0"], "max-connections is 0"),
        (&["--mailbox-bytes", "1"], "mailbox-bytes is 1"),
        (&["--idle-timeout", "0s"], "idle-timeout is zero"),
        (&["--register-timeout", "soon"], "'soon'"),
        (
            &["--runtime", "tokyo"],
            "'tokyo' for '--runtime <RUNTIME>' [possible values: tokio, async-std, smol, threads]",
        ),
        (&["--runtime", "Smol"], "'Smol'"),
        (
            &["--runtime"],
            "[possible values: tokio, async-std, smol, threads]",
        ),
        (&["--threads", "0"], "threads is 0"),
        (&["--check-config", "--threads", "9999"], "threads is 9999"),
        (&["--max-rooms", "0"], "max-rooms is 0"),
        (&["--max-members", "0"], "max-members is 0"),
        (&["--max-rooms-per-user", "0"], "max-rooms-per-user is 0"),
        (&["--max-devices", "0"], "max-devices is 0"),
        (&["--max-bans", "x"], "'x' for '--max-bans <N>'"),
        (&["--max-topic", "0"], "max-topic is 0"),
        (
            &["--message-rate", "20"],
            "there is no / in it; it is a rate like 20/s or 600/min, or off",
        ),
        (&["--byte-burst", "0"], "byte-burst is 0"),
        (&["--join-rate", "1/0s"], "join-rate is for a time of zero"),
        (&["--connection-burst", "4294967296"], "it is too large"),
        (
            &["--max-connections-per-address", "0"],
            "max-connections-per-address is 0",
        ),
        (
            &["--max-connections-per-address", "few"],
            "it is no whole number, nor is it off",
        ),
        (
            &["--no-throttle", "--message-rate", "5/s"],
            "no-throttle and message-rate cannot both be set: no-throttle switches message-rate off",
        ),
        (
            &["--no-throttle", "--limit-loopback"],
            "no-throttle and limit-loopback cannot both be set",
        ),
        (
            &["--slow-reader", "wait"],
            "'--slow-reader <POLICY>' [possible values: disconnect, drop-oldest, drop-newest]",
        ),
        (&["--patience", "never"], "'never' for '--patience <TIME>'"),
        (
            &["--taken-name", "mine"],
            "[possible values: refuse, replace, share]",
        ),
        (&["--room"], "'--room <#NAME>'"),
        (
            &["--room", "#a b"],
            "'#a b' for '--room <#NAME>': a name has only letters",
        ),
        (
            &["--room", "a,b", "--max-rooms", "1"],
            "there are 2 rooms, but max-rooms is 1",
        ),
        (
            &["--guests", "refuse"],
            "guests is refuse, and without accounts nobody could have a name",
        ),
    ] {
        refused(args, &[], 2, said);
    }
    for (variable, value, said) in [
        ("CHINWAG_LISTEN", "line://127.0.0.1:0,seed", "'seed'"),
        ("CHINWAG_MAX_CONNECTIONS", "-1", "'-1'"),
        ("CHINWAG_MAX_LINE", "3", "max-line is 3"),
        ("CHINWAG_MAILBOX_BYTES", "", "''"),
        ("CHINWAG_IDLE_TIMEOUT", "1", "time unit needed"),
        ("CHINWAG_REGISTER_TIMEOUT", "0s", "register-timeout is zero"),
        (
            "CHINWAG_RUNTIME",
            "async_std",
            "CHINWAG_RUNTIME: invalid value 'async_std' for '--runtime <RUNTIME>' \
             [possible values: tokio, async-std, smol, threads]",
        ),
        (
            "CHINWAG_THREADS",
            "two",
            "CHINWAG_THREADS: invalid value 'two' for '--threads <N>': it is no whole number",
        ),
        (
            "CHINWAG_MESSAGE_RATE",
            "fast",
            "CHINWAG_MESSAGE_RATE: invalid value 'fast' for '--message-rate <RATE>'",
        ),
        (
            "CHINWAG_NO_THROTTLE",
            "maybe",
            "CHINWAG_NO_THROTTLE: invalid value 'maybe' for '--no-throttle[=<BOOL>]'",
        ),
        (
            "CHINWAG_ROOMS",
            "#a,#b c",
            "CHINWAG_ROOMS: invalid value '#b c'",
        ),
        (
            "CHINWAG_TAKEN_NAME",
            "mine",
            "CHINWAG_TAKEN_NAME: invalid value 'mine'",
        ),
        ("CHINWAG_MAX_ROOMS", "0", "max-rooms is 0"),
        (
            "CHINWAG_PASSWORD",
            "hunter2\n",
            "CHINWAG_PASSWORD: invalid value for '--password <PASSWORD>': it must be one line",
        ),
        (
            "CHINWAG_REGISTRATION_TIMEOUT",
            "soon",
            "CHINWAG_REGISTRATION_TIMEOUT: invalid value 'soon'",
        ),
        (
            "CHINWAG_OPERS",
            "root:hunter2",
            "CHINWAG_OPERS: invalid value for '--oper <NAME:HASH>': after the name there is no",
        ),
        ("RUST_LOG", "chinwag=loud", "RUST_LOG"),
    ] {
        refused(&[], &[(variable, value)], 2, said);
    }
    // A bad flag is not blamed on the environment.
    refused(
        &["--threads=three"],
        &[("CHINWAG_THREADS", "two")],
        2,
        "chinwagd: invalid value 'three'",
    );
    refused(
        &["--registration-timeout", "soon"],
        &[("CHINWAG_REGISTER_TIMEOUT", "later")],
        2,
        "chinwagd: invalid value 'soon'",
    );
    // What the environment says in CHINWAG_CONFIG is a file, whose being there is another matter.
    refused(
        &[],
        &[("CHINWAG_CONFIG", "/does/not/exist")],
        1,
        "/does/not/exist",
    );
}

fn refused(args: &[&str], env: &[(&str, &str)], code: i32, said: &str) {
    let refused = output(command(args).envs(env.iter().copied()));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(
        stderr.starts_with("chinwagd: "),
        "{args:?} {env:?}: {stderr}"
    );
    assert!(stderr.contains(said), "{args:?} {env:?}: {stderr}");
    assert!(!stderr.contains("hunter2"), "{args:?} {env:?}: {stderr}");
    assert_eq!(
        stderr.matches('\n').count(),
        1,
        "{args:?} {env:?}: {stderr}"
    );
    assert!(stderr.ends_with('\n'));
    assert_eq!(refused.stdout, b"");
    assert_eq!(refused.status.code(), Some(code), "{args:?} {env:?}");
}

#[test]
fn help_and_version_are_answers() {
    let help = output(&mut command(&["--help"]));
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    for needed in [
        "line://127.0.0.1:4000,seed://127.0.0.1:4001",
        "[default: 65536; with --runtime threads 4096]",
        "[default: 30s]",
        "CHINWAG_MAILBOX_BYTES",
        "[env: CHINWAG_RUNTIME]",
        "[default: tokio]",
        "RUSTSEC-2025-0052",
        "whatever --threads says",
        "nc 127.0.0.1 4000",
        "130 and 143",
        "[env: CHINWAG_LISTEN]",
        "`never`",
        "chinwag.example.toml",
        "join,#lobby",
        "say,#lobby,hello",
        "[default: 20/s]",
        "[env: CHINWAG_ROOMS]",
        "--no-throttle[=<BOOL>]",
        "hash-password",
        "drop-oldest:",
        "\nListening:\n",
        "\nLimits:\n",
        "\nRates:\n",
        "\nPolicies:\n",
        "\nRooms:\n",
        "\nAccounts:\n",
        "\nIRC:\n",
        "[alias: --registration-timeout]",
        "[default: chinwag.local]",
        "[default: 1m 30s]",
        "irc://0.0.0.0:6667",
    ] {
        assert!(help.contains(needed), "{needed}");
    }
    let version = output(&mut command(&["--version"]));
    assert_eq!(version.status.code(), Some(0));
    let expected = concat!("chinwagd ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(version.stdout, expected.as_bytes());
}
