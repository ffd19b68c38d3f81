//! Names that need a password.

use std::{
    fs,
    io::BufRead,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use crate::process::{ANYWHERE, Chinwagd, Folder, command, output, output_for};

/// A file in which `ada` has the secret `xyzzy, twice`, with a hash that is quick to check.
const ADA: &str = "# ours\n\n\
    Ada:$argon2id$v=19$m=8,t=1,p=1$JuJ69JDsf++1xQiWj5s/jw$b7MKJj7c78XQxbZsBVJLE/DXtXOHTS2fsdKo20e3Fi0\n";

on_every_runtime! {
    a_name_is_for_who_knows_its_secret
}

fn a_name_is_for_who_knows_its_secret(runtime: &str) {
    let folder = Folder::new(&format!("secret-{runtime}"));
    let file = folder.file("accounts", ADA);
    let chinwagd = Chinwagd::start_on(runtime, &["--accounts", &file]);
    let mut ada = chinwagd.line();
    let needed = "error,denied,this name needs its password";
    assert_eq!(ada.ask("register,ada"), needed);
    assert_eq!(ada.ask("register,ADA,"), needed);
    assert_eq!(
        ada.ask("register,ada,XYZZY, twice"),
        "error,denied,wrong password"
    );
    assert_eq!(ada.ask("list,friends"), "");
    assert_eq!(ada.ask("register,ada,xyzzy, twice"), "ack");
    // It is hers already.
    assert_eq!(ada.ask("register,ADA"), "ack");
    // Others are for whoever comes first, whatever they say.
    let mut bob = chinwagd.line();
    assert_eq!(bob.ask("register,bob,anything"), "ack");
    assert_eq!(bob.ask("register,ada"), needed);
    assert_eq!(bob.ask("list,friends"), "ADA,bob");
}

#[test]
fn guests_are_refused_if_it_is_said() {
    let folder = Folder::new("guests");
    let file = folder.file("accounts", ADA);
    let config = folder.file(
        "c.toml",
        &format!("accounts = '{file}'\nguests = 'refuse'\ntaken-name = 'replace'"),
    );
    let mut command = command(&ANYWHERE);
    command.args(["--config", &config]).stderr(Stdio::piped());
    let chinwagd = Chinwagd::spawn(&mut command, 2);
    let mut peer = chinwagd.line();
    assert_eq!(
        peer.ask("register,bob,xyzzy, twice"),
        "error,denied,there is no such account"
    );
    assert_eq!(peer.ask("register,ada,xyzzy, twice"), "ack");
    // Who knows the secret takes the name over, which is nothing to warn of.
    let mut again = chinwagd.line();
    assert_eq!(again.ask("register,ada,xyzzy, twice"), "ack");
    assert!(peer.hear().starts_with("error,replaced,"));
    drop((peer, again));
    let log = chinwagd.stop_and_read_the_log();
    assert!(!log.contains("taken-name"), "{log}");
    assert!(!log.contains("xyzzy"), "{log}");
}

#[test]
fn a_hashed_password_is_a_line_of_the_file() {
    let lines = [
        "s3cret, twice\n",
        "s3cret, twice\r\nmore\n",
        "s3cret, twice",
    ]
    .map(|input| hashed("Zoë", input));
    assert_ne!(lines[0], lines[1]);
    for line in lines {
        assert!(line.starts_with("Zoë:$argon2id$v=19$m=19456,"), "{line}");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let folder = Folder::new("hash");
        let file = folder.file("accounts", &line);
        let chinwagd = Chinwagd::start(&["--accounts", &file]);
        let mut zoe = chinwagd.line();
        assert_eq!(zoe.ask("register,zoë,s3cret, twice"), "ack");
    }
}

fn hashed(name: &str, secret: &str) -> String {
    let output = output_for(&mut command(&["hash-password", name]), secret);
    assert_eq!(output.stderr, b"");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn without_a_name_only_the_hash_is_printed() {
    let output = output_for(&mut command(&["hash-password"]), "xyzzy\n");
    let hash = String::from_utf8(output.stdout).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    assert_eq!(hash.matches('\n').count(), 1, "{hash}");
    let folder = Folder::new("only-hash");
    let file = folder.file("accounts", &format!("ada:{hash}"));
    let chinwagd = Chinwagd::start(&["--accounts", &file]);
    assert_eq!(chinwagd.line().ask("register,ada,xyzzy"), "ack");
}

#[test]
fn what_was_called_secrets_still_works() {
    let line = output_for(&mut command(&["--hash-secret", "ada"]), "xyzzy\n");
    let folder = Folder::new("old-names");
    let file = folder.file("secrets", &String::from_utf8(line.stdout).unwrap());
    let config = folder.file("c.toml", &format!("secrets = '{file}'"));
    let commands = [&["--secrets", &file][..], &["--config", &config], &[]];
    for args in commands {
        let mut command = command(&[&ANYWHERE, args].concat());
        if args.is_empty() {
            command.env("CHINWAG_SECRETS", &file);
        }
        let chinwagd = Chinwagd::spawn(command.stderr(Stdio::piped()), 2);
        let answer = chinwagd.line().ask("register,ada,wrong");
        assert_eq!(answer, "error,denied,wrong password");
        assert_eq!(chinwagd.line().ask("register,ada,xyzzy"), "ack");
        let log = chinwagd.stop_and_read_the_log();
        assert!(!log.contains("WARN"), "{log}");
    }
    // Beside the new name the old one counts for nothing, and that is said.
    let mut both = command(&["--check-config", "--accounts", &file]);
    both.env("CHINWAG_ACCOUNTS", &file);
    both.env("CHINWAG_SECRETS", "/does/not/exist");
    let checked = String::from_utf8(output(&mut both).stdout).unwrap();
    assert!(
        checked.contains("CHINWAG_SECRETS is no setting"),
        "{checked}"
    );
}

/// A claim after the file has changed is judged by what is there now, while who has a name keeps it.
#[test]
fn accounts_that_change_are_read_again() {
    let folder = Folder::new("changes");
    let file = folder.file("accounts", ADA);
    let mut command = command(&ANYWHERE);
    command
        .args(["--accounts", &file, "--no-throttle"])
        .stderr(Stdio::piped());
    let mut chinwagd = Chinwagd::spawn(&mut command, 2);
    folder.file("accounts", &format!("{ADA}{}", ADA.replace("Ada", "bob")));
    let mut bob = chinwagd.line();
    let needed = "error,denied,this name needs its password";
    assert_eq!(bob.ask("register,bob"), needed);
    assert_eq!(bob.ask("register,bob,xyzzy, twice"), "ack");

    // What is wrong with it is logged, without what is there, and changes nothing. It is looked at once a second
    // at most, and when somebody claims something.
    let broken = folder.file("new", "cid:open sesame");
    fs::rename(broken, &file).unwrap();
    let mut log = chinwagd.stderr().lines().map(Result::unwrap);
    let is_told = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut eve = chinwagd.line();
            while !is_told.load(Relaxed) {
                assert_eq!(eve.ask("register,bob"), needed);
            }
        });
        let warning = log.find(|line| line.contains("WARN")).unwrap();
        is_told.store(true, Relaxed);
        let said = "line 1: after the name there is no argon2id hash";
        assert!(warning.contains(said), "{warning}");
        assert!(!warning.contains("sesame"), "{warning}");
    });
}

#[test]
fn what_is_no_password_is_not_hashed() {
    for (name, secret, said, code) in [
        ("ada", "", "chinwagd: the password: it is empty", 1),
        ("ada", "\nxyzzy\n", "chinwagd: the password: it is empty", 1),
        ("ada", "x\0\n", "chinwagd: the password: no client could", 1),
        (
            "ada lovelace",
            "xyzzy\n",
            "chinwagd: invalid value 'ada lovelace' for '[NAME]': a name has only",
            2,
        ),
    ] {
        let refused = output_for(&mut command(&["hash-password", name]), secret);
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert!(stderr.starts_with(said), "{stderr}");
        assert_eq!(refused.stdout, b"");
        assert_eq!(refused.status.code(), Some(code));
    }
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line() {
    let folder = Folder::new("wrong");
    let again = ADA.replace("Ada", "ADA");
    for (text, said) in [
        (
            "\nada\n",
            "line 2: it is NAME:HASH; chinwagd hash-password NAME makes one",
        ),
        (
            "ada:open sesame",
            "line 1: after the name there is no argon2id hash",
        ),
        ("ada:$argon2id$v=19$x", "line 1: the hash is broken"),
        ("a da:$argon2id$v=19$x", "line 1: a name has only letters"),
        (
            &*format!("{ADA}{again}"),
            "line 6: Ada is on line 3 already",
        ),
    ] {
        let file = folder.file("accounts", text);
        for check in [&[][..], &["--check-config"]] {
            let args = [&ANYWHERE, &["--accounts", &*file][..], check].concat();
            let refused = output(&mut command(&args));
            let stderr = String::from_utf8(refused.stderr).unwrap();
            let said = format!("chinwagd: {file}: {said}");
            assert!(stderr.starts_with(&said), "{stderr}");
            assert!(!stderr.contains("sesame"), "{stderr}");
            assert_eq!(stderr.matches('\n').count(), 1, "{stderr}");
            assert_eq!(refused.stdout, b"");
            assert_eq!(refused.status.code(), Some(1));
        }
    }
    let nowhere = output(&mut command(&["--accounts", "/does/not/exist"]));
    let stderr = String::from_utf8(nowhere.stderr).unwrap();
    assert!(stderr.starts_with("chinwagd: cannot read /does/not/exist: No such file"));
    assert_eq!(nowhere.status.code(), Some(1));
}
