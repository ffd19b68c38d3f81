//! All that happens in a room has one order, whatever it is, and whoever hears it.

use std::{collections::BTreeMap, future::Future, sync::Mutex, time::Duration};

use chinwag::Runtime;
use chinwag_testkit::VirtualRuntime;
use fastrand::Rng;
use futures::{channel::oneshot, future::join_all};

use crate::chat::{Chat, MemoryPeer};

/// Those who are in the room from before the first moment to after the last: two who only listen, and an owner and two
/// moderators who act.
const LISTENERS: [&str; 2] = ["l0", "l1"];
const STAYS: [&str; 3] = ["m0", "m1", "m2"];
/// Those who come and go.
const VISITORS: [&str; 6] = ["v0", "v1", "v2", "v3", "v4", "v5"];

/// What each of them, and the program, does.
const STEPS: usize = 12;

/// What lines tell.
const KINDS: [&str; 9] = [
    "away", "joined", "kicked", "left", "now", "quit", "role", "says", "topic",
];

/// Somebody, and what they have heard in the room.
struct Heard {
    name: &'static str,
    lines: Vec<String>,
}

#[test]
fn all_that_happens_in_a_room_has_one_order() {
    let counts = Mutex::new(BTreeMap::new());
    for seed in 0..200 {
        let rt = VirtualRuntime::new(seed);
        Chat::run_once(seed, rt, crate::unthrottled(), |chat| {
            let counts = &counts;
            async move {
                for line in storm(&chat, Rng::with_seed(seed)).await {
                    let kind = kind_of(&line).to_owned();
                    *counts.lock().unwrap().entry(kind).or_insert(0) += 1;
                }
            }
        });
    }
    let counts = counts.into_inner().unwrap();
    println!("{counts:?}");
    assert!(counts.keys().eq(&KINDS), "{counts:?}");
    assert!(counts.values().all(|count| *count > 100), "{counts:?}");
}

/// What happens, from its first moment to its last, as all have heard it.
async fn storm(chat: &Chat, mut rng: Rng) -> Vec<String> {
    let mut stay = Vec::new();
    for name in STAYS.into_iter().chain(LISTENERS) {
        let mut peer = chat.user(name).await;
        peer.ask("join,#a", "ack").await;
        stay.push((name, peer));
    }
    stay[0].1.say("role,#a,m1,moderator").await;
    stay[0].1.say("role,#a,m2,moderator").await;
    chat.hub.publish("#a", "the beginning").unwrap();
    for (_, peer) in &mut stay {
        up_to(peer, "#a * says the beginning").await;
    }

    let listeners = stay.split_off(STAYS.len());
    let acting = stay.into_iter().map(|(name, peer)| {
        let acts = acts(chat.clone(), name, peer, rng.fork());
        spawn(&chat.rt, acts)
    });
    let acting: Vec<_> = acting.collect();
    let visiting = VISITORS.map(|name| spawn(&chat.rt, visit(chat.clone(), name, rng.fork())));
    moderate(chat, &mut rng).await;
    let visited: Vec<_> = join_all(visiting).await;
    let acted: Vec<_> = join_all(acting).await;
    // Those that were reset are gone, too.
    chat.rt.settle().await;
    chat.hub.publish("#a", "the end").unwrap();

    let mut stayed = Vec::new();
    let acted = acted.into_iter().map(Result::unwrap);
    for (name, mut peer) in listeners.into_iter().chain(acted) {
        let lines = up_to(&mut peer, "#a * says the end").await;
        stayed.push(Heard { name, lines });
    }
    let all = stayed[0].lines.clone();
    for Heard { name, lines } in &stayed {
        let due: Vec<_> = all.iter().filter(|line| is_told(line, name)).collect();
        assert!(
            lines.iter().eq(due.iter().copied()),
            "{name} hears {lines:#?}\nof {due:#?}"
        );
    }
    for Heard { name, lines } in visited.into_iter().filter_map(Result::unwrap) {
        let joined = format!("#a {name} joined");
        let since = all.iter().skip_while(|line| **line != joined).skip(1);
        let mut due = since.filter(|line| is_told(line, name));
        for line in &lines {
            assert_eq!(
                Some(line),
                due.next(),
                "{name} hears {lines:#?}\nof {all:#?}"
            );
        }
        let kicked = format!(" kicked {name}");
        let put_out = lines.last().filter(|line| line.contains(&kicked));
        let end = put_out.or_else(|| due.next()).unwrap();
        let is_its = end.contains(&format!(" {name}")) || end.starts_with(name);
        let is_end = ["kicked", "left", "quit"].contains(&kind_of(end));
        assert!(is_its && is_end, "{name} hears {lines:#?}\nof {all:#?}");
    }
    all
}

/// Somebody who is there all the time does this and that.
async fn acts(
    chat: Chat,
    name: &'static str,
    mut peer: MemoryPeer,
    mut rng: Rng,
) -> (&'static str, MemoryPeer) {
    for step in 0..STEPS {
        let visitor = VISITORS[rng.usize(..VISITORS.len())];
        let request = match rng.u8(..9) {
            0..3 => format!("say,#a,{step} of {name}"),
            3 => format!("topic,#a,{step} of {name}"),
            4 => format!("kick,#a,{visitor}"),
            5 => format!("role,#a,{visitor},voiced"),
            6 => format!("role,#a,{visitor},member"),
            7 => format!("register,{name}x{step}"),
            _ => format!("away,{step}"),
        };
        peer.say(&request).await;
        pause(&chat, &mut rng).await;
    }
    (name, peer)
}

/// Somebody comes, talks and goes. What they hear meanwhile, unless they break off.
async fn visit(chat: Chat, name: &'static str, mut rng: Rng) -> Option<Heard> {
    for _ in 0..rng.usize(..STEPS) {
        pause(&chat, &mut rng).await;
    }
    let mut peer = chat.user(name).await;
    peer.ask("join,#a", "ack").await;
    for step in 0..rng.usize(..STEPS) {
        let request = match rng.u8(..5) {
            0 => format!("register,{name}x{step}"),
            _ => format!("say,#a,{step} of {name}"),
        };
        peer.say(&request).await;
        pause(&chat, &mut rng).await;
    }
    let last = match rng.u8(..3) {
        0 => {
            peer.say("quit").await;
            "bye"
        }
        1 => {
            peer.say("leave,#a\nping").await;
            "pong"
        }
        _ => {
            peer.into_inner().reset();
            return None;
        }
    };
    let lines = up_to(&mut peer, last).await;
    Some(Heard { name, lines })
}

/// The program takes part.
async fn moderate(chat: &Chat, rng: &mut Rng) {
    let room = chat.hub.room("#a").unwrap();
    for step in 0..STEPS {
        match rng.u8(..4) {
            0 => room.set_topic(&step.to_string()).unwrap(),
            1 => {
                let visitor = VISITORS[rng.usize(..VISITORS.len())];
                // They may not be there.
                let _ = room.kick(visitor, None);
            }
            _ => drop(room.publish(&step.to_string()).unwrap()),
        }
        pause(chat, rng).await;
    }
}

/// Others have their turn, most of the time.
async fn pause(chat: &Chat, rng: &mut Rng) {
    match rng.u8(..4) {
        0 => {}
        1 => chat.rt.sleep(Duration::ZERO).await,
        _ => chat.rt.sleep(Duration::from_micros(rng.u64(..1000))).await,
    }
}

/// The events that `peer` is told up to `last`, without what it is answered.
async fn up_to(peer: &mut MemoryPeer, last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let line = peer.line().await;
        if line == last {
            return lines;
        }
        if line != "ack" && !line.starts_with("error,") {
            lines.push(line);
        }
    }
}

/// Whether `name` is told this, as a member: everything, but not what it is called itself, or that it is away.
fn is_told(line: &str, name: &str) -> bool {
    let (who, what) = line.split_once(' ').unwrap();
    let is_its = who == name || who.starts_with(&format!("{name}x"));
    !(is_its && what.starts_with("is "))
}

/// What a line tells.
fn kind_of(line: &str) -> &str {
    let mut words = line.trim_start_matches("#a ").split(' ').skip(1);
    words.find(|word| *word != "is").unwrap()
}

fn spawn<T: Send + 'static>(
    rt: &VirtualRuntime,
    work: impl Future<Output = T> + Send + 'static,
) -> oneshot::Receiver<T> {
    let (tell, told) = oneshot::channel();
    let task = async move {
        let _ = tell.send(work.await);
    };
    rt.spawn(task).unwrap();
    told
}
