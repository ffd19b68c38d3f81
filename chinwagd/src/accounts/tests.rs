use std::{env, fs, path::PathBuf, process};

use super::{hashes::tests::line, *};

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let tokio = tokio::runtime::Builder::new_current_thread().build();
    tokio.unwrap().block_on(future)
}

/// A file that is gone with the test, which alone may call itself so.
pub(super) struct File(pub(super) PathBuf);

impl File {
    pub(super) fn new(test: &str, text: &str) -> Self {
        let name = format!("chinwagd-accounts-{}-{test}", process::id());
        let file = Self(env::temp_dir().join(name));
        file.write(text);
        file
    }

    pub(super) fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whose accounts are ada and bob with the passwords ADA and BOB, and whose operator is root with ROOT.
fn doorkeeper(guests: Guests, file: Option<&File>) -> Doorkeeper {
    let accounts = file.map(|file| AccountsFile::read(&file.0).unwrap());
    let opers = Hashes::of(&[line("root", "ROOT").parse().unwrap()]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "any instant would do")]
    let start = Instant::now();
    Doorkeeper::start(accounts, guests, opers, move || start).unwrap()
}

fn two_accounts(test: &str) -> File {
    File::new(test, &[line("ada", "ADA"), line("bob", "BOB")].join("\n"))
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

#[test]
fn a_name_is_for_whose_account_it_is_and_others_are_for_guests() {
    let file = two_accounts("names");
    for (guests, no_account) in [
        (Guests::Allow, Ok(())),
        (Guests::Refuse, Err("there is no such account")),
    ] {
        let doorkeeper = doorkeeper(guests, Some(&file));
        for (wanted, account, secret, expected) in [
            ("Ada", None, None, Err("this name needs its password")),
            ("Ada", None, Some(""), Err("this name needs its password")),
            ("Ada", None, Some("BOB"), Err("wrong password")),
            ("Ada", None, Some("ADA"), Ok(())),
            // Logged in, one needs to prove nothing more, but only for one's own name.
            ("Ada", Some("ada"), None, Ok(())),
            ("Ada", Some("ada"), Some("wrong"), Ok(())),
            (
                "Ada",
                Some("bob"),
                None,
                Err("this name needs its password"),
            ),
            ("Ada", Some("bob"), Some("ADA"), Ok(())),
            // What is nobody's account is for those with an account, and for guests if they are allowed.
            ("eve", None, None, no_account),
            ("eve", None, Some("ADA"), no_account),
            ("eve", Some("bob"), None, Ok(())),
            // Their account is gone from the file.
            ("eve", Some("cid"), None, no_account),
            ("cid", Some("cid"), None, no_account),
        ] {
            let account = account.map(name);
            let wanted_name = name(wanted);
            let answer = doorkeeper.may_have(&wanted_name, account.as_ref(), secret);
            let answer = block_on(answer);
            let answer = answer.as_ref().map(|&()| ()).map_err(Denied::reason);
            assert_eq!(
                answer, expected,
                "{wanted} {account:?} {secret:?} {guests:?}"
            );
        }
    }
}

#[test]
fn without_a_file_all_names_are_for_whoever_comes_first() {
    let doorkeeper = doorkeeper(Guests::Allow, None);
    let ada = name("ada");
    let granted = doorkeeper.may_have(&ada, None, None);
    assert_eq!(block_on(granted), Ok(()));
}

#[test]
fn who_is_unknown_and_who_is_wrong_are_told_the_same() {
    let doorkeeper = doorkeeper(Guests::Allow, None);
    let opers = &doorkeeper.opers;
    for (oper, password, is_right) in [
        ("ROOT", Some("ROOT"), true),
        ("root", Some("root"), false),
        ("root", Some(""), false),
        ("root", None, false),
        // This is the password of somebody else, which is hashed in the place of one's own.
        ("eve", Some("ROOT"), false),
    ] {
        let oper = name(oper);
        let proved = doorkeeper.prove(opers, &oper, password, "no");
        let expected = match is_right {
            true => Ok(()),
            false => Err(Denied::new("no")),
        };
        assert_eq!(block_on(proved), expected, "{oper} {password:?}");
    }
    let (nobody, root) = (Hashes::default(), name("root"));
    let proved = doorkeeper.prove(&nobody, &root, Some("ROOT"), "no");
    assert_eq!(block_on(proved), Err(Denied::new("no")));
}
