//! It says where it listens, and serves there within its limits.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    process::Stdio,
};

use crate::{
    peer::Peer,
    process::{Chinwagd, Folder, command, output, text_of},
};

on_every_runtime! {
    users_of_both_wires_talk
    a_unix_socket_is_made_and_taken_away
    one_connection_more_is_told_that_there_is_no_room
    who_gives_no_name_in_time_is_sent_away
    an_idle_user_is_sent_away
    a_port_in_use_is_not_taken
}

#[test]
fn it_says_where_it_listens_in_the_order_given() {
    let folder = Folder::new("order");
    let socket = format!("line+unix://{}", text_of(&folder.path("s")));
    let listen = [
        "seed://127.0.0.1:0",
        "line://localhost:0",
        &socket,
        "line://127.0.0.1:0",
    ];
    let args: Vec<_> = listen.iter().flat_map(|it| ["--listen", it]).collect();
    let chinwagd = Chinwagd::spawn(&mut command(&args), listen.len());

    let endpoints = chinwagd.endpoints();
    for (said, scheme) in endpoints.iter().zip(["seed", "line", "line+unix", "line"]) {
        let (real_scheme, address) = said.split_once("://").unwrap();
        assert_eq!(real_scheme, scheme);
        if scheme != "line+unix" {
            let address: SocketAddr = address.parse().unwrap();
            assert!(address.ip().is_loopback());
            assert_ne!(address.port(), 0);
        }
    }
    assert_eq!(endpoints[2], socket);
    let last = endpoints[3].strip_prefix("line://").unwrap();
    assert_eq!(Peer::tcp(last).ask("ping"), "pong");
}

fn users_of_both_wires_talk(runtime: &str) {
    for threads in ["1", "2"] {
        let chinwagd = Chinwagd::start_on(runtime, &["--threads", threads]);
        let mut ada = chinwagd.user("ada");
        let mut bob = chinwagd.user("bob");
        let mut cid = Peer::tcp(chinwagd.address("seed"));
        cid.say("register,cid");
        cid.hears("ack");

        assert_eq!(ada.ask("list,friends"), "ada,bob,cid");
        cid.say("list,friends");
        cid.hears("ada,bob,cid");
        ada.say("chat,bob,hello, bob\n");
        assert_eq!(bob.hear(), "ada says hello, bob");
        bob.say("chat,ada\n");
        assert_eq!(ada.hear(), "bob says hi");
        cid.say("chat,ada");
        assert_eq!(ada.hear(), "cid says hi");
        ada.say("chat,cid,at last\n");
        cid.hears("ada says at last");
    }
}

fn a_unix_socket_is_made_and_taken_away(runtime: &str) {
    let folder = Folder::new(&format!("unix-{runtime}"));
    let path = folder.path("s");
    let endpoint = format!("line+unix://{}", text_of(&path));
    // The file of a server that died without tidying up.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());

    let args = ["--runtime", runtime, "--listen", &endpoint];
    let mut chinwagd = Chinwagd::spawn(&mut command(&args), 1);
    assert_eq!(chinwagd.endpoints()[0], endpoint);
    let mut ada = Peer::unix(&path);
    assert_eq!(ada.ask("register,ada"), "ack");

    let second = output(&mut command(&args));
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(
        said,
        format!("chinwagd: cannot listen on {endpoint}: Address already in use\n")
    );
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(ada.ask("ping"), "pong");

    chinwagd.signal("TERM");
    assert_eq!(ada.hear(), "bye");
    drop(ada);
    assert_eq!(chinwagd.exit_code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new("file");
    let path = folder.file("s", "dear diary");
    let endpoint = format!("seed+unix://{path}");
    let refused = output(&mut command(&["--listen", &endpoint]));
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("a file at that path that is no socket"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(path).unwrap(), "dear diary");
}

fn one_connection_more_is_told_that_there_is_no_room(runtime: &str) {
    let chinwagd = Chinwagd::start_on(runtime, &["--max-connections", "1"]);
    let mut ada = chinwagd.user("ada");
    let mut bob = chinwagd.line();
    assert!(bob.hear().starts_with("error,full,"));
    bob.hears_the_end();
    assert_eq!(ada.ask("list,friends"), "ada");
}

#[test]
fn a_line_past_the_limit_is_refused_and_the_next_is_served() {
    let chinwagd = Chinwagd::start(&["--max-line", "64"]);
    let mut ada = chinwagd.user("ada");
    let fits = format!("chat,ada,{}", "x".repeat(64 - 9));
    assert_eq!(ada.ask(&fits), format!("ada says {}", "x".repeat(64 - 9)));
    assert!(ada.ask(&format!("{fits}x")).starts_with("error,too-long,"));
    assert_eq!(ada.ask("ping"), "pong");
}

fn who_gives_no_name_in_time_is_sent_away(runtime: &str) {
    let chinwagd = Chinwagd::start_on(
        runtime,
        &["--register-timeout", "1s", "--idle-timeout", "never"],
    );
    let mut ada = chinwagd.user("ada");
    let mut nobody = chinwagd.line();
    assert!(nobody.hear().starts_with("error,timed-out,"));
    nobody.hears_the_end();
    assert_eq!(ada.ask("ping"), "pong");
}

fn an_idle_user_is_sent_away(runtime: &str) {
    let chinwagd = Chinwagd::start_on(runtime, &["--idle-timeout", "500ms"]);
    let mut ada = chinwagd.user("ada");
    assert!(ada.hear().starts_with("error,timed-out,"));
    ada.hears_the_end();
}

fn a_port_in_use_is_not_taken(runtime: &str) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("line://{}", taken.local_addr().unwrap());
    let free = "seed://127.0.0.1:0";
    let args = [
        "--runtime",
        runtime,
        "--listen",
        free,
        "--listen",
        &endpoint,
    ];
    let refused = output(&mut command(&args));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        said,
        format!(
            "chinwagd: cannot listen on {endpoint}: Address already in use; choose another with --listen\n"
        )
    );
    assert_eq!(refused.status.code(), Some(1));
    // It does not say that it listens on the first before it has the second.
    assert_eq!(refused.stdout, b"");
}

#[test]
fn nobody_has_to_read_stdout() {
    let folder = Folder::new("stdout");
    let path = folder.path("s");
    let endpoint = format!("line+unix://{}", text_of(&path));
    let (unread, stdout) = io::pipe().unwrap();
    drop(unread);
    let mut command = command(&["--listen", &endpoint]);
    let mut child = command
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It accepts before it logs that.
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    stderr
        .find(|line| line.as_ref().unwrap().contains("is up"))
        .unwrap()
        .unwrap();

    let mut ada = Peer::unix(&path);
    assert_eq!(ada.ask("register,ada"), "ack");
    child.kill().unwrap();
    child.wait().unwrap();
}
