use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::*;
use crate::load::clock::Clock;

const BYTES: usize = 64;

/// User 0 has sent three messages to user 1.
fn talk(dialect: Dialect) -> (Talk, Net) {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let work = Direct {
        users: 2,
        window: 3,
        bytes: BYTES,
    };
    let mut talk = Talk::new(work, dialect);
    for number in 0..2 {
        talk.add(number, &source(dialect, number ^ 1), number, number);
    }
    talk.users[0].sent = 3;
    talk.sent = 3;
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
    let mut frame = format!("{} says ", speech::user(0)).into_bytes();
    let payload = Payload {
        sender: 0,
        sequence,
        time: 1,
    };
    payload.write(BYTES, &mut frame);
    frame.push(b'\n');
    frame
}

/// User 1 hears that.
fn hear(bytes: &[u8]) -> Result<Talk, String> {
    let (mut talk, mut net) = talk(Dialect::Line);
    match talk.read(1, bytes, 2, &mut net.conns) {
        Ok(used) if used == bytes.len() => Ok(talk),
        Ok(used) => Err(format!("{used} bytes used")),
        Err(failure) => Err(failure.to_string()),
    }
}

fn messages(sequences: &[u32]) -> Vec<u8> {
    sequences
        .iter()
        .flat_map(|&sequence| message(sequence))
        .collect()
}

#[test]
fn what_is_right_is_taken() {
    let talk = hear(&messages(&[0, 1, 2])).unwrap();
    assert!(talk.is_done());
    talk.check().unwrap();
}

#[test]
fn a_lost_message_is_found() {
    assert!(hear(&messages(&[0, 2])).unwrap_err().contains("lost"));
}

#[test]
fn a_lost_last_message_is_found() {
    let talk = hear(&messages(&[0, 1])).unwrap();
    assert!(!talk.is_done());
    let failure = talk.check().unwrap_err().to_string();
    assert!(failure.contains("2 of 3 messages"), "{failure}");
}

#[test]
fn a_doubled_message_is_found() {
    assert!(hear(&messages(&[0, 0])).unwrap_err().contains("doubled"));
}

#[test]
fn another_order_is_found() {
    assert!(
        hear(&messages(&[1, 0]))
            .unwrap_err()
            .contains("out of order")
    );
}

#[test]
fn damage_is_found_wherever_it_is() {
    for at in 0..message(0).len() {
        let mut wrong = message(0);
        wrong[at] ^= 1;
        assert!(hear(&wrong).is_err(), "byte {at}");
    }
}

#[test]
fn what_the_server_says_instead_is_told() {
    let error = hear(b"error,no-such-user,nobody has that name\n").unwrap_err();
    assert!(error.contains("nobody has that name"), "{error}");
}

#[test]
fn an_end_is_told() {
    let (mut talk, mut net) = talk(Dialect::Line);
    let failure = talk.closed(1, b"error,full", &mut net.conns).unwrap_err();
    assert!(failure.to_string().contains("error,full"), "{failure}");
}

#[test]
fn what_nobody_sent_is_found_without_a_payload_too() {
    let (mut talk, mut net) = talk(Dialect::Seed);
    let heard = b"u00000 says hi";
    for _ in 0..3 {
        talk.read(1, heard, 2, &mut net.conns).unwrap();
    }
    talk.read(1, heard, 2, &mut net.conns).unwrap_err();
}

#[test]
fn a_ping_between_messages_of_irc_is_answered_and_another_line_is_told() {
    let (mut talk, _) = talk(Dialect::Irc);
    let message = |sequence| {
        let source = source(Dialect::Irc, 0);
        let mut frame = format!(":{source} PRIVMSG {} :", speech::user(1)).into_bytes();
        let payload = Payload {
            sender: 0,
            sequence,
            time: 1,
        };
        payload.write(BYTES, &mut frame);
        frame.extend_from_slice(b"\r\n");
        frame
    };
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut net = Net::new(server.local_addr().unwrap(), Clock::start()).unwrap();
    let mut sources = Sources::default();
    for id in 0..2 {
        assert_eq!(net.conns.open(&mut sources, Reader::Eager).unwrap(), id);
    }
    let ping = b"PING :irc.bench\r\n";
    let said = [&ping[..], &message(0), ping, &message(1), ping].concat();
    let used = talk.read(1, &said, 2, &mut net.conns).unwrap();
    assert_eq!(used, said.len());
    assert_eq!(net.conns.out(1), &b"PONG :irc.bench\r\n".repeat(3));
    assert_eq!(talk.received, 2);

    let gone = b":irc.bench 401 u00001 u00000 :No such nick or channel name\r\n";
    let error = talk.read(1, gone, 2, &mut net.conns).unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}
