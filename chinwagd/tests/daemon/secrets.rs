//! Names that need a secret.

use std::process::Stdio;

use crate::process::{ANYWHERE, Chinwagd, Folder, command, output, output_for};

/// A file in which `ada` has the secret `xyzzy, twice`, with a hash that is quick to check.
const ADA: &str = "# ours\n\n\
    Ada:$argon2id$v=19$m=8,t=1,p=1$JuJ69JDsf++1xQiWj5s/jw$b7MKJj7c78XQxbZsBVJLE/DXtXOHTS2fsdKo20e3Fi0\n";

on_every_runtime! {
    a_name_is_for_who_knows_its_secret
}

fn a_name_is_for_who_knows_its_secret(runtime: &str) {
    let folder = Folder::new(&format!("secret-{runtime}"));
    let file = folder.file("secrets", ADA);
    let chinwagd = Chinwagd::start_on(runtime, &["--secrets", &file]);
    let mut ada = chinwagd.line();
    let needed = "error,denied,this name needs its secret";
    assert_eq!(ada.ask("register,ada"), needed);
    assert_eq!(ada.ask("register,ADA,"), needed);
    assert_eq!(
        ada.ask("register,ada,XYZZY, twice"),
        "error,denied,wrong secret"
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
    let file = folder.file("secrets", ADA);
    let config = folder.file(
        "c.toml",
        &format!("secrets = '{file}'\nguests = 'refuse'\ntaken-name = 'replace'"),
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
fn a_hashed_secret_is_a_line_of_the_file() {
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
        let file = folder.file("secrets", &line);
        let chinwagd = Chinwagd::start(&["--secrets", &file]);
        let mut zoe = chinwagd.line();
        assert_eq!(zoe.ask("register,zoë,s3cret, twice"), "ack");
    }
}

fn hashed(name: &str, secret: &str) -> String {
    let output = output_for(&mut command(&["--hash-secret", name]), secret);
    assert_eq!(output.stderr, b"");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_no_secret_is_not_hashed() {
    for (name, secret, said, code) in [
        ("ada", "", "chinwagd: the secret: it is empty", 1),
        ("ada", "\nxyzzy\n", "chinwagd: the secret: it is empty", 1),
        ("ada", "x\0\n", "chinwagd: the secret: no client could", 1),
        (
            "ada lovelace",
            "xyzzy\n",
            "chinwagd: invalid value 'ada lovelace' for '--hash-secret <NAME>': a name has only",
            2,
        ),
    ] {
        let refused = output_for(&mut command(&["--hash-secret", name]), secret);
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
            "line 2: it is NAME:HASH; chinwagd --hash-secret NAME makes such a line",
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
        let file = folder.file("secrets", text);
        for check in [&[][..], &["--check-config"]] {
            let args = [&ANYWHERE, &["--secrets", &*file][..], check].concat();
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
    let nowhere = output(&mut command(&["--secrets", "/does/not/exist"]));
    let stderr = String::from_utf8(nowhere.stderr).unwrap();
    assert!(stderr.starts_with("chinwagd: cannot read /does/not/exist: No such file"));
    assert_eq!(nowhere.status.code(), Some(1));
}
