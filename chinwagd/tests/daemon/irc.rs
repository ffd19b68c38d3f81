//! Clients of IRC.

use std::{io::Read, net::TcpStream, os::unix::net::UnixStream, process::Stdio};

use crate::{
    peer::Peer,
    process::{ANYWHERE, Chinwagd, Folder, command, output, output_for, text_of},
};

/// A hash of `xyzzy, twice` that is quick to check.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$JuJ69JDsf++1xQiWj5s/jw$b7MKJj7c78XQxbZsBVJLE/DXtXOHTS2fsdKo20e3Fi0";

const LISTEN: [&str; 2] = ["--listen", "irc://127.0.0.1:0"];

on_every_runtime! {
    a_client_of_irc_and_one_of_line_talk_in_a_room
    a_password_lets_those_in_who_say_it
}

struct Client(Peer<TcpStream>);

impl Client {
    fn new(chinwagd: &Chinwagd) -> Self {
        Self(Peer::tcp(chinwagd.address("irc")))
    }

    /// One that has registered as `nick`, and read its welcome.
    fn registered(chinwagd: &Chinwagd, nick: &str) -> Self {
        let mut client = Self::new(chinwagd);
        client.register(nick);
        client.hears("001");
        client.hears_one_of(&["376", "422"]);
        client
    }

    fn say(&self, line: &str) {
        self.0.say(&format!("{line}\r\n"));
    }

    fn register(&self, nick: &str) {
        self.say(&format!("NICK {nick}"));
        self.say(&format!("USER {nick} 0 * :{nick} in full"));
    }

    /// Says what SASL PLAIN does, in base64, and returns what comes of it.
    fn log_in(&mut self, response: &str) -> String {
        self.say("CAP REQ :sasl");
        assert!(self.hears("CAP").contains("ACK"));
        self.say("AUTHENTICATE PLAIN");
        self.hears("AUTHENTICATE");
        self.say(&format!("AUTHENTICATE {response}"));
        self.hears_one_of(&["903", "904"])
    }

    /// The next line with this command or numeric, whatever comes before it.
    fn hears(&mut self, command: &str) -> String {
        self.hears_one_of(&[command])
    }

    fn hears_one_of(&mut self, commands: &[&str]) -> String {
        loop {
            let line = self.0.hear();
            let line = line.strip_suffix('\r').unwrap_or(&line);
            let is_it = |word: &str| commands.contains(&word);
            // The first word is the source, if there is one.
            if line.split(' ').take(2).any(is_it) {
                return line.to_owned();
            }
            assert!(!line.starts_with("ERROR"), "{line}");
        }
    }

    /// Waits for the end of the stream.
    fn hears_the_end(self) {
        let mut rest = String::new();
        self.0.into_stream().read_to_string(&mut rest).unwrap();
    }
}

fn a_client_of_irc_and_one_of_line_talk_in_a_room(runtime: &str) {
    let chinwagd = Chinwagd::start_with_irc(&["--runtime", runtime]);
    let mut ada = Client::registered(&chinwagd, "ada");
    let mut bob = chinwagd.user("bob");
    assert_eq!(bob.ask("list,friends"), "ada,bob");
    ada.say("JOIN #lobby");
    ada.hears("366");
    assert_eq!(bob.ask("join,#lobby"), "ack");
    assert!(ada.hears("JOIN").starts_with(":bob!"));
    ada.say("PRIVMSG #lobby :hello, bob");
    assert_eq!(bob.hear(), "#lobby ada says hello, bob");
    bob.say("say,#lobby,hello, ada\n");
    let said = ada.hears("PRIVMSG");
    assert!(said.starts_with(":bob!"), "{said}");
    assert!(said.ends_with(" PRIVMSG #lobby :hello, ada"), "{said}");
    bob.hear();
    ada.say("PRIVMSG bob :psst");
    assert_eq!(bob.hear(), "ada says psst");
    ada.say("QUIT");
    assert!(bob.hear().starts_with("ada quit"));
    ada.hears_the_end();
}

#[test]
fn a_client_is_told_where_it_is() {
    let folder = Folder::new("motd");
    let motd = folder.file("motd", "welcome,\nstranger\n");
    let named = ["--server-name", "irc.example.org", "--network-name", "Ex"];
    let chinwagd = Chinwagd::start_with_irc(&[&named[..], &["--motd", &motd]].concat());
    let mut ada = Client::new(&chinwagd);
    ada.register("ada");
    let welcome = ada.hears("001");
    assert!(
        welcome.starts_with(":irc.example.org 001 ada :"),
        "{welcome}"
    );
    assert!(welcome.contains("Ex"), "{welcome}");
    while !ada.hears("005").contains(" NETWORK=Ex ") {}
    assert!(ada.hears("372").contains("welcome,"));
    assert!(ada.hears("372").contains("stranger"));
    ada.hears("376");

    let chinwagd = Chinwagd::start_with_irc(&[]);
    let mut ada = Client::new(&chinwagd);
    ada.register("ada");
    assert!(ada.hears("001").starts_with(":chinwag.local "));
    while !ada.hears("005").contains(" NETWORK=chinwag ") {}
    ada.hears("422");
}

fn a_password_lets_those_in_who_say_it(runtime: &str) {
    let mut by_variable = command(&[&ANYWHERE[..], &LISTEN, &["--runtime", runtime]].concat());
    by_variable.env("CHINWAG_PASSWORD", "open, sesame");
    let mut by_flag = command(&[&ANYWHERE[..], &LISTEN, &["--runtime", runtime]].concat());
    by_flag.args(["--password", "open, sesame"]);
    for (mut command, is_seen) in [(by_variable, false), (by_flag, true)] {
        command.env("RUST_LOG", "trace").stderr(Stdio::piped());
        let chinwagd = Chinwagd::spawn(&mut command, 3);
        for wrong in [None, Some("PASS :open sesame"), Some("PASS :")] {
            let mut eve = Client::new(&chinwagd);
            wrong.inspect(|wrong| eve.say(wrong));
            eve.register("eve");
            eve.hears_one_of(&["464", "461"]);
            eve.hears_the_end();
        }
        let mut ada = Client::new(&chinwagd);
        ada.say("PASS :open, sesame");
        ada.register("ada");
        ada.hears("001");
        drop(ada);
        let log = chinwagd.stop_and_read_the_log();
        assert!(!log.contains("sesame"), "{log}");
        let warning = "password is on the command line";
        assert_eq!(log.contains(warning), is_seen, "{log}");
        assert!(log.contains("password is set, and on line://"), "{log}");
    }
}

/// What `hash-password` makes is a file of accounts, and who is in it can log in.
#[test]
fn who_has_an_account_logs_in() {
    let line = output_for(&mut command(&["hash-password", "ada"]), "sesame\n");
    let folder = Folder::new("sasl");
    let file = folder.file("accounts", &String::from_utf8(line.stdout).unwrap());
    let chinwagd = Chinwagd::start_with_irc(&["--accounts", &file]);
    let mut ada = Client::new(&chinwagd);
    ada.say("CAP LS 302");
    let offered = ada.hears("CAP");
    assert!(offered.contains("sasl=PLAIN"), "{offered}");
    ada.register("ada");
    // ada with the password SESAME, and eve with that of ada: both are told the same.
    let wrong = ada.log_in("AGFkYQBTRVNBTUU=");
    let unknown = ada.log_in("AGV2ZQBzZXNhbWU=");
    assert_eq!(wrong, unknown);
    assert!(wrong.contains(" 904 "), "{wrong}");
    // ada with the password sesame.
    assert!(ada.log_in("AGFkYQBzZXNhbWU=").contains(" 903 "));
    ada.say("CAP END");
    assert!(ada.hears("001").contains(" ada "));

    // Without a proof nobody has her name.
    drop(ada);
    let mut eve = Client::new(&chinwagd);
    eve.register("ada");
    let refusal = eve.hears_one_of(&["001", "432", "433", "437", "464", "465"]);
    assert!(!refusal.contains(" 001 "), "{refusal}");
    eve.say("NICK eve");
    assert!(eve.hears("001").contains(" eve "));
}

#[test]
fn without_accounts_nobody_is_asked_to_log_in() {
    let chinwagd = Chinwagd::start_with_irc(&[]);
    let mut ada = Client::new(&chinwagd);
    ada.say("CAP LS 302");
    let offered = ada.hears("CAP");
    assert!(!offered.contains("sasl"), "{offered}");
}

#[test]
fn who_has_an_account_is_no_guest_whatever_they_are_called() {
    let folder = Folder::new("no-guests");
    let accounts = format!("ada:{HASH}\nbob:{HASH}\n");
    let file = folder.file("accounts", &accounts);
    let chinwagd = Chinwagd::start_with_irc(&["--accounts", &file, "--guests", "refuse"]);
    let mut ada = Client::new(&chinwagd);
    ada.say("CAP LS 302");
    ada.hears("CAP");
    ada.register("ada_");
    // ada with the password `xyzzy, twice`.
    assert!(ada.log_in("AGFkYQB4eXp6eSwgdHdpY2U=").contains(" 903 "));
    ada.say("CAP END");
    assert!(ada.hears("001").contains(" ada_ "));
    // The name of another account is not for her, and hers is.
    ada.say("NICK bob");
    ada.say("NICK ada");
    let renamed = ada.hears("NICK");
    assert!(renamed.starts_with(":ada_!"), "{renamed}");
    assert!(renamed.ends_with("ada"), "{renamed}");

    let mut eve = Client::new(&chinwagd);
    eve.register("eve");
    let refusal = eve.hears_one_of(&["001", "432", "433", "437", "464", "465", "ERROR"]);
    assert!(!refusal.contains(" 001 "), "{refusal}");
}

#[test]
fn an_account_that_is_new_in_the_file_can_log_in() {
    let folder = Folder::new("new-account");
    let file = folder.file("accounts", &format!("bob:{HASH}\n"));
    let chinwagd = Chinwagd::start_with_irc(&["--accounts", &file]);
    folder.file("accounts", &format!("bob:{HASH}\nada:{HASH}\n"));
    let mut ada = Client::new(&chinwagd);
    assert!(ada.log_in("AGFkYQB4eXp6eSwgdHdpY2U=").contains(" 903 "));
}

#[test]
fn an_operator_proves_it() {
    let oper = format!("root:{HASH}");
    let mut command = command(&[&ANYWHERE[..], &LISTEN, &["--oper", &oper]].concat());
    let mut chinwagd = Chinwagd::spawn(command.stderr(Stdio::piped()), 3);
    let mut log = chinwagd.stderr();
    let mut ada = Client::registered(&chinwagd, "ada");
    for wrong in ["OPER root :wrong", "OPER eve :xyzzy, twice"] {
        ada.say(wrong);
        ada.hears_one_of(&["464", "491"]);
    }
    ada.say("OPER root :xyzzy, twice");
    ada.hears("381");
    drop(ada);

    chinwagd.signal("TERM");
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert_eq!(
        said.matches("is no operator: wrong name or password")
            .count(),
        2
    );
    assert!(said.contains("oper=eve"), "{said}");
    assert!(said.contains("is an operator"), "{said}");
    assert!(!said.contains("xyzzy"), "{said}");
}

#[test]
fn who_says_nothing_is_asked_and_then_sent_away() {
    let pings = ["--ping-interval", "100ms", "--ping-timeout", "2s"];
    let chinwagd = Chinwagd::start_with_irc(&pings);
    let mut ada = Client::registered(&chinwagd, "ada");
    for _ in 0..3 {
        let ping = ada.hears("PING");
        let (_, token) = ping.split_once("PING ").unwrap();
        ada.say(&format!("PONG {token}"));
    }
    ada.hears("PING");
    ada.hears("ERROR");
    ada.hears_the_end();
}

#[test]
fn who_does_not_register_in_time_is_sent_away() {
    let chinwagd = Chinwagd::start_with_irc(&["--registration-timeout", "200ms"]);
    let mut ada = Client::new(&chinwagd);
    ada.say("NICK ada");
    ada.hears("ERROR");
    ada.hears_the_end();
}

#[test]
fn a_unix_socket_will_do() {
    let folder = Folder::new("irc-unix");
    let path = folder.path("s");
    let endpoint = format!("irc+unix://{}", text_of(&path));
    let chinwagd = Chinwagd::spawn(&mut command(&["--listen", &endpoint]), 1);
    assert_eq!(chinwagd.endpoints()[0], endpoint);
    let mut ada: Peer<UnixStream> = Peer::unix(&path);
    ada.say("NICK ada\r\nUSER ada 0 * :Ada\r\n");
    assert!(ada.hear().contains(" 001 ada "));
}

/// A setting that is for IRC only has no effect without.
#[test]
fn settings_of_irc_without_irc_are_warned_of() {
    let oper = format!("root:{HASH}");
    for (args, said) in [
        (
            &["--server-name", "irc.example.org"][..],
            Some("server-name"),
        ),
        (&["--ping-timeout", "5s"], Some("ping-timeout")),
        (&["--oper", &oper], Some("opers")),
        (&["--oper", &oper, "--listen", "irc://127.0.0.1:0"], None),
        (&[], None),
    ] {
        let checked = check(args);
        let warning = said.map(|key| {
            format!("warning: {key} is set, which has no effect: without --listen irc://HOST:PORT nobody speaks irc\n")
        });
        assert_eq!(checked, warning.unwrap_or_default() + "configuration ok\n");
    }
}

#[test]
fn who_would_be_sent_away_before_being_asked_is_warned_of() {
    let warning = "warning: idle-timeout is 1m, and ping-interval 1m 30s: who is silent on irc is sent away before \
                   being asked for a sign of life\n";
    let checked = check(&[&LISTEN[..], &["--idle-timeout", "60s"]].concat());
    assert_eq!(checked, format!("{warning}configuration ok\n"));
    for fits in [
        &["--idle-timeout", "60s", "--ping-interval", "30s"][..],
        &["--idle-timeout", "60s", "--ping-interval", "off"],
        &["--idle-timeout", "off"],
    ] {
        assert_eq!(check(&[&LISTEN[..], fits].concat()), "configuration ok\n");
    }
}

/// What is said of these settings.
fn check(args: &[&str]) -> String {
    let checked = output(command(&["--check-config"]).args(args));
    assert_eq!(checked.status.code(), Some(0));
    String::from_utf8(checked.stdout).unwrap()
}

#[test]
fn a_file_that_is_not_there_is_no_message_of_the_day() {
    let refused = output(&mut command(&["--motd", "/does/not/exist"]));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.starts_with("chinwagd: cannot read /does/not/exist: No such file"),
        "{said}"
    );
    assert_eq!(refused.status.code(), Some(1));
}
