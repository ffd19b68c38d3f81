//! Rooms, from one connection to another.

use crate::process::{ANYWHERE, Chinwagd, Folder, command};

on_every_runtime! {
    what_one_says_in_a_room_its_members_hear
}

fn what_one_says_in_a_room_its_members_hear(runtime: &str) {
    let chinwagd = Chinwagd::start_on(runtime, &[]);
    let mut ada = chinwagd.user("ada");
    let mut bob = chinwagd.user("bob");
    assert_eq!(ada.ask("join,#dev"), "ack");
    assert_eq!(bob.ask("list,rooms"), "#dev");
    assert_eq!(bob.ask("join,#Dev"), "ack");
    assert_eq!(ada.hear(), "#dev bob joined");
    assert_eq!(ada.ask("list,#dev"), "ada,bob");

    bob.say("say,#dev,hello, all\n");
    for peer in [&mut ada, &mut bob] {
        assert_eq!(peer.hear(), "#dev bob says hello, all");
    }
    assert_eq!(bob.ask("leave,#dev"), "ack");
    assert_eq!(ada.hear(), "#dev bob left");
    assert!(bob.ask("say,#dev,hello?").starts_with("error,"));

    // The last one takes the room along.
    assert_eq!(ada.ask("leave,#dev"), "ack");
    assert_eq!(bob.ask("list,rooms"), "");
}

#[test]
fn permanent_rooms_are_there_from_the_start_to_the_end() {
    let flags = [
        "--room",
        "#lobby,help",
        "--room",
        "#dev",
        "--room",
        "#LOBBY",
    ];
    let chinwagd = Chinwagd::start(&flags);
    let mut ada = chinwagd.user("ada");
    assert_eq!(ada.ask("list,rooms"), "#lobby,#help,#dev");
    assert_eq!(ada.ask("join,#lobby"), "ack");
    assert_eq!(ada.ask("leave,#lobby"), "ack");
    assert_eq!(ada.ask("list,rooms"), "#lobby,#help,#dev");
    // They count.
    let full = Chinwagd::start(&["--room", "#lobby", "--max-rooms", "1"]);
    let refused = full.user("ada").ask("join,#dev");
    assert!(refused.starts_with("error,full,"), "{refused}");
}

#[test]
fn rooms_of_a_flag_win_over_the_environment_and_those_over_the_file() {
    let folder = Folder::new("rooms");
    let file = folder.file("c.toml", "rooms = ['#file', 'other']");
    let rooms = |flags: &[&str], variable: Option<&str>| {
        let mut command = command(&[&ANYWHERE, flags].concat());
        command.envs(variable.map(|rooms| ("CHINWAG_ROOMS", rooms)));
        Chinwagd::spawn(&mut command, 2)
            .user("ada")
            .ask("list,rooms")
    };
    let from_file = ["--config", &file];
    assert_eq!(rooms(&from_file, None), "#file,#other");
    assert_eq!(rooms(&from_file, Some("#env,more")), "#env,#more");
    let all = [&from_file[..], &["--room=#flag"]].concat();
    assert_eq!(rooms(&all, Some("#env")), "#flag");
}
