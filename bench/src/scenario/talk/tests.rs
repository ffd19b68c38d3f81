use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::*;
use crate::{
    load::{
        clock::Clock,
        net::{Net, Reader},
        sources::Sources,
    },
    scenario::stage::Work,
};

const BYTES: usize = 64;

/// A room of three, on connections 0 to 2, in which the first one has said two things.
fn talk(dialect: Dialect, news: News) -> (Talk, Net) {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut talk = Talk::new(dialect, BYTES, Pace::Window(2), news);
    let mouth = if speech::speaks_elsewhere(dialect) {
        3
    } else {
        0
    };
    talk.add_room(&[0, 1, 2], &[mouth], 0, |number| source(dialect, number));
    talk.senders[0].sent = 2;
    (talk, Net::new(nobody, Clock::start()).unwrap())
}

fn source(dialect: Dialect, number: usize) -> String {
    let name = speech::user(number);
    match dialect {
        Dialect::Irc => format!("{name}!~{name}@127.0.0.100"),
        _ => name,
    }
}

fn message(sequence: u32) -> Vec<u8> {
    let mut frame = format!("{} {} says ", speech::room(0), speech::user(0)).into_bytes();
    let payload = Payload {
        sender: 0,
        sequence,
        time: 1,
    };
    payload.write(BYTES, &mut frame);
    frame.push(b'\n');
    frame
}

/// What each of the three hears, in turn. An error is what was found to be wrong with it.
fn hear(news: News, heard: [&[&[u8]]; 3]) -> Result<(), String> {
    let (mut talk, mut net) = talk(Dialect::Line, news);
    for (id, pieces) in heard.into_iter().enumerate() {
        let all = pieces.concat();
        let used = talk.read(id, &all, 2, &mut net.conns);
        let used = used.map_err(|failure| failure.to_string())?;
        assert_eq!(used, all.len(), "{}", shown(&all[used..]));
    }
    match talk.is_done() {
        true => talk.check().map_err(|failure| failure.to_string()),
        false => Err(talk.missing()),
    }
}

#[test]
fn what_is_right_is_taken() {
    let (one, two) = (message(0), message(1));
    hear(News::None, [&[&one, &two]; 3]).unwrap();
}

#[test]
fn what_one_lacks_is_told() {
    let (one, two) = (message(0), message(1));
    let missing = hear(News::None, [&[&one, &two], &[&one], &[&one, &two]]).unwrap_err();
    assert!(missing.contains("member 1 of room 0 lacks 1"), "{missing}");
}

#[test]
fn what_nobody_has_heard_is_told() {
    let one = message(0);
    let missing = hear(News::None, [&[&one]; 3]).unwrap_err();
    assert!(missing.contains("1 of 2 messages were heard"), "{missing}");
}

#[test]
fn news_of_how_all_came_is_no_failure_and_later_news_is() {
    let (one, two) = (message(0), message(1));
    let (came, went) = (&b"#r0000 u00002 joined\n"[..], &b"u00002 quit slow\n"[..]);
    hear(
        News::None,
        [&[came, &one, &two], &[came, &one, &two], &[&one, &two]],
    )
    .unwrap();
    let error = hear(News::None, [&[&one, went, &two]; 3]).unwrap_err();
    assert!(error.contains("quit slow"), "{error}");
}

#[test]
fn news_that_is_counted_must_be_the_same_for_all() {
    let (one, two) = (message(0), message(1));
    let went = b"u00002 quit slow\n";
    hear(
        News::Counted,
        [
            &[&one, went, &two],
            &[&one, &two, went],
            &[&one, went, &two],
        ],
    )
    .unwrap();
    for other in [&[&one[..], &two][..], &[&one, &two, went, went]] {
        let error = hear(
            News::Counted,
            [&[&one, went, &two], other, &[&one, went, &two]],
        )
        .unwrap_err();
        assert!(error.contains("other news"), "{error}");
    }
}

#[test]
fn what_the_server_says_instead_is_told() {
    let one = message(0);
    let error = hear(News::Counted, [&[&one, b"error,full,too slow\n"]; 3]).unwrap_err();
    assert!(error.contains("too slow"), "{error}");
    let error = hear(News::Counted, [&[&one, b"missed,3,events\n"]; 3]).unwrap_err();
    assert!(error.contains("missed"), "{error}");
}

#[test]
fn the_beginning_of_something_waits_for_the_rest() {
    let (mut talk, mut net) = talk(Dialect::Line, News::Counted);
    let one = message(0);
    for end in 1..one.len() {
        assert_eq!(talk.read(0, &one[..end], 2, &mut net.conns).unwrap(), 0);
    }
    assert_eq!(talk.read(0, &one, 2, &mut net.conns).unwrap(), one.len());
    assert_eq!(talk.read(0, b"u00002 quit", 2, &mut net.conns).unwrap(), 0);
}

#[test]
fn the_answers_to_a_publisher_are_checked() {
    let (mut talk, mut net) = talk(Dialect::Redis, News::None);
    assert_eq!(talk.read(3, b":3\r\n:3", 2, &mut net.conns).unwrap(), 4);
    assert!(!talk.is_done());
    talk.read(3, b":2\r\n", 2, &mut net.conns).unwrap_err();
}

fn message_of_irc(sequence: u32) -> Vec<u8> {
    let (source, room) = (source(Dialect::Irc, 0), speech::room(0));
    let mut frame = format!(":{source} PRIVMSG {room} :").into_bytes();
    let payload = Payload {
        sender: 0,
        sequence,
        time: 1,
    };
    payload.write(BYTES, &mut frame);
    frame.extend_from_slice(b"\r\n");
    frame
}

#[test]
fn in_irc_it_is_done_when_all_others_have_heard_it() {
    let (mut talk, mut net) = talk(Dialect::Irc, News::None);
    let came = b":u00002!~u00002@127.0.0.100 JOIN :#r0000\r\n";
    let all = [&came[..], &message_of_irc(0), &message_of_irc(1)].concat();
    for id in 1..3 {
        assert!(!talk.is_done());
        assert_eq!(talk.read(id, &all, 2, &mut net.conns).unwrap(), all.len());
    }
    assert!(talk.is_done());
    assert_eq!(talk.operations(), 4);
    talk.check().unwrap();

    let echo = message_of_irc(0);
    let error = talk.read(0, &echo, 2, &mut net.conns).unwrap_err();
    assert!(error.to_string().contains("it hears itself"), "{error}");
    let refused = b":irc.bench 404 u00000 #r0000 :Cannot send to channel\r\n";
    let error = talk.read(0, refused, 2, &mut net.conns).unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}

#[test]
fn a_ping_in_irc_is_answered_wherever_it_comes() {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut net = Net::new(server.local_addr().unwrap(), Clock::start()).unwrap();
    let mut sources = Sources::default();
    for id in 0..2 {
        assert_eq!(net.conns.open(&mut sources, Reader::Eager).unwrap(), id);
    }
    let (mut talk, _) = talk(Dialect::Irc, News::None);
    let ping = b":irc.bench PING 7\r\n";
    let all = [&message_of_irc(0)[..], ping, &message_of_irc(1), ping].concat();
    assert_eq!(
        talk.read(1, &all[..all.len() - 3], 2, &mut net.conns)
            .unwrap(),
        all.len() - ping.len()
    );
    assert_eq!(talk.read(1, ping, 2, &mut net.conns).unwrap(), ping.len());
    assert_eq!(net.conns.out(1), &b"PONG 7\r\n".repeat(2));
    assert_eq!(talk.operations(), 2);
}
