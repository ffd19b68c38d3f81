//! A signal ends it in good order, and a second one at once.

use crate::process::{Chinwagd, command};

on_every_runtime! {
    a_signal_says_good_bye_and_frees_the_port
    a_second_signal_ends_it_at_once
}

fn a_signal_says_good_bye_and_frees_the_port(runtime: &str) {
    for signal in ["TERM", "INT"] {
        let mut chinwagd = Chinwagd::start_on(runtime, &[]);
        let address = chinwagd.address("line").to_owned();
        let mut ada = chinwagd.user("ada");
        let mut bob = chinwagd.user("bob");
        let mut nobody = chinwagd.line();
        assert_eq!(nobody.ask("ping"), "pong");
        bob.say("chat,ada,before the end\n");
        assert_eq!(bob.ask("ping"), "pong");

        chinwagd.signal(signal);
        assert_eq!(ada.hear(), "bob says before the end");
        for peer in [&mut ada, &mut bob, &mut nobody] {
            assert_eq!(peer.hear(), "bye");
            peer.hears_the_end();
        }
        // The sockets of this side are still open, and so in the way if anything is.
        assert_eq!(chinwagd.exit_code(), Some(0));
        let again = format!("line://{address}");
        let again = Chinwagd::spawn(&mut command(&["--runtime", runtime, "--listen", &again]), 1);
        assert_eq!(again.address("line"), address);
        again.user("ada");
    }
}

fn a_second_signal_ends_it_at_once(runtime: &str) {
    for (second, code) in [("INT", 130), ("TERM", 143)] {
        let args = ["--mailbox-bytes", "1000000000", "--no-throttle"];
        let mut chinwagd = Chinwagd::start_on(runtime, &args);
        // Ada does not read, so that the shutdown has to wait for her.
        let _ada = chinwagd.user("ada");
        let mut bob = chinwagd.user("bob");
        let message = format!("chat,ada,{}\n", "x".repeat(4000));
        bob.say(&message.repeat(5000));
        assert_eq!(bob.ask("ping"), "pong");

        chinwagd.signal("TERM");
        assert_eq!(bob.hear(), "bye");
        chinwagd.signal(second);
        assert_eq!(chinwagd.exit_code(), Some(code));
    }
}
