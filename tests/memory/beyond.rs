//! What a chat can do beyond the words of `line`, on a wire that has words for it.

use std::{future::pending, time::Duration};

use chinwag::{
    Answer, Authenticator, Claim, Command, Denied, Event, Hub, MaskList, Moment, Policy,
    RoomSetting, Runtime, Secret, Server, Style, TakenName, UserName, Verb, Verdict, async_trait,
    wire::{Form, KeepAlive, Line, Reading, Wire, WireError},
};
use chinwag_testkit::{Link, MemoryNet, Peer, VirtualRuntime};

use crate::chat::MemoryPeer;

/// `line`, and a few verbs more. What `line` has no words for is written down as it is.
#[derive(Debug, Clone, Default)]
struct Beyond {
    keep_alive: Option<KeepAlive>,
}

impl Wire for Beyond {
    fn frame_end(&self, input: &[u8]) -> Option<usize> {
        Line::default().frame_end(input)
    }

    fn keep_alive(&self) -> Option<KeepAlive> {
        self.keep_alive
    }

    fn probe(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"are you there?\n");
    }

    fn decode<'a>(
        &mut self,
        payload: &'a [u8],
        reading: &mut Reading,
    ) -> Result<Option<Command<'a>>, WireError> {
        let line = std::str::from_utf8(payload).unwrap();
        let fields: Vec<_> = line.splitn(4, ',').collect();
        Ok(Some(match fields[..] {
            ["part", room, reason] => Command::Leave {
                room,
                reason: Some(reason),
            },
            ["tagged", to, extra, text] if to.starts_with('#') => Command::Say {
                room: to,
                text,
                least: Default::default(),
                style: Style {
                    extra: Some(extra),
                    ..Style::default()
                },
            },
            ["tagged", to, extra, text] => Command::Chat {
                to,
                text,
                style: Style {
                    extra: Some(extra),
                    ..Style::default()
                },
            },
            ["signal", to, extra] => Command::Signal { to, extra },
            ["secret", room] => Command::Set {
                room,
                setting: RoomSetting::Secret(true),
            },
            ["settings", room] => Command::Settings { room },
            ["masks", room] => Command::ListMasks {
                room,
                list: MaskList::Bans,
            },
            ["watch", name] => Command::Watch {
                name,
                on: true,
                changes: true,
            },
            ["whowas", name] => Command::Whowas { name },
            ["oper", name] => Command::Elevate {
                name,
                secret: Secret(""),
            },
            ["kill", name, reason] => Command::Kill { name, reason },
            ["announce", text] => Command::Announce { text },
            _ => return Line::default().decode(payload, reading),
        }))
    }

    fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        match answer {
            Answer::Rooms { rooms, .. } => {
                for room in rooms {
                    let line = format!("{} ({})\n", room.name, room.topic.text);
                    out.extend_from_slice(line.as_bytes());
                }
            }
            Answer::Whowas { past, .. } => {
                out.extend_from_slice(format!("{}\n", past.len()).as_bytes());
            }
            Answer::Settings { .. } | Answer::Masks { .. } | Answer::Watched { .. } => {
                out.extend_from_slice(format!("{answer:?}\n").as_bytes());
            }
            answer => Line::default().answer(answer, out),
        }
    }

    fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
        match event {
            Event::Said { extra, .. } | Event::Direct { extra, .. } => {
                let extra = extra.as_deref().unwrap_or("nothing");
                out.extend_from_slice(format!("[{extra}] ").as_bytes());
                Line::encode(event, form, out);
            }
            Event::Online { .. } | Event::Offline { .. } | Event::Signal { .. } => {
                out.extend_from_slice(format!("{event:?}\n").as_bytes());
            }
            _ => Line::encode(event, form, out),
        }
    }
}

/// Runs `test` against a server of `hub`, in several orders.
fn run(hub: impl Fn() -> Hub, wire: Beyond, test: impl AsyncFn(VirtualRuntime, MemoryNet)) {
    for seed in 0..8 {
        let rt = VirtualRuntime::new(seed);
        let net = MemoryNet::new();
        let server = Server::new(hub())
            .listen(net.listen("beyond"), wire.clone())
            .run_until(pending::<()>(), rt.clone());
        rt.spawn(async move { server.await.unwrap() }).unwrap();
        rt.block_on(async {
            rt.settle().await;
            test(rt.clone(), net).await;
        });
    }
}

async fn user(net: &MemoryNet, name: &str) -> MemoryPeer {
    Peer::registered(net.connect("beyond"), name).await
}

/// Looks at texts and at nothing else, and lets none pass.
struct NoTexts;

#[async_trait]
impl Policy for NoTexts {
    fn wants(&self, moment: Moment) -> bool {
        moment == Moment::Text
    }

    async fn text(&self, _: &UserName, what: Verb, _: &str) -> Result<Verdict, Denied> {
        match what {
            Verb::Leave => pending().await,
            _ => Err(Denied::new("not that")),
        }
    }
}

fn without_texts() -> Hub {
    crate::unthrottled_with(|hub| hub.policy(NoTexts))
}

/// Otherwise a client would wait for ever for the end of its being there.
#[test]
fn who_may_not_say_why_they_leave_is_told_so() {
    run(without_texts, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        ada.ask("join,#a", "ack").await;
        ada.ask("part,#a,because", "error,unavailable,*").await;
        ada.ask("list,#a", "ada").await;
        ada.ask("leave,#a", "ack").await;
    });
}

/// Also where the messages themselves are not looked at.
#[test]
fn what_a_message_carries_is_asked_about_where_only_texts_are() {
    run(without_texts, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        ada.ask("join,#a", "ack").await;
        ada.ask("tagged,#a,like,hello", "[nothing] #a ada says hello")
            .await;
        ada.ask("tagged,ada,like,hello", "[nothing] ada says hello")
            .await;
        ada.ask("signal,#a,typing", "error,denied,not that").await;
        ada.ask("say,#a,hello", "[nothing] #a ada says hello").await;
    });
}

/// Nothing that is asked of it tells a secret room from one that there is not, for who is not in it.
#[test]
fn a_secret_room_is_none_to_strangers() {
    run(crate::unthrottled, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        ada.ask("join,#a", "ack").await;
        ada.ask("secret,#a", "ack").await;
        let mut eve = user(&net, "eve").await;
        for request in [
            "say,ROOM,hello",
            "tagged,ROOM,like,hello",
            "signal,ROOM,typing",
            "leave,ROOM",
            "topic,ROOM",
            "topic,ROOM,mine",
            "kick,ROOM,ada",
            "ban,ROOM,ada",
            "unban,ROOM,ada",
            "role,ROOM,ada,member",
            "invite,ROOM,ada",
            "invite-only,ROOM,on",
            "list,ROOM",
            "settings,ROOM",
            "masks,ROOM",
            "secret,ROOM",
        ] {
            for room in ["#a", "#b"] {
                let request = request.replace("ROOM", room);
                eve.ask(&request, "error,no-such-room,*").await;
            }
        }
    });
}

/// The topic of a room for the invited is nobody else's business.
#[test]
fn the_list_of_rooms_has_no_topic_that_one_may_not_ask_for() {
    run(crate::unthrottled, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        ada.ask("join,#a", "ack").await;
        ada.ask("topic,#a,the plan", "#a ada topic the plan").await;
        ada.hears("ack").await;
        let mut eve = user(&net, "eve").await;
        eve.ask("list,rooms", "#a (the plan)").await;
        ada.ask("invite-only,#a,on", "#a ada invite-only on").await;
        ada.hears("ack").await;
        eve.ask("topic,#a", "error,not-a-member,*").await;
        eve.ask("list,rooms", "#a ()").await;
        ada.ask("list,rooms", "#a (the plan)").await;
    });
}

/// A short request does not draw a thousand lines, however often somebody has had a name.
#[test]
fn only_the_last_who_had_a_name_are_told_of() {
    run(crate::unthrottled, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        for _ in 0..100 {
            ada.ask("register,bob", "ack").await;
            ada.ask("register,ada", "ack").await;
        }
        ada.ask("whowas,bob", "16").await;
    });
}

/// Lets everybody be an operator who says that they are the boss.
struct Boss;

#[async_trait]
impl Authenticator for Boss {
    async fn authenticate(&self, _: Claim<'_>) -> Result<(), Denied> {
        Ok(())
    }

    async fn elevate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        match claim.name.as_str() {
            "boss" => Ok(()),
            _ => Err(Denied::new("you are not")),
        }
    }
}

/// Who only shares a name with an operator has proved nothing.
#[test]
fn another_device_of_an_operator_is_none() {
    let hub =
        || crate::unthrottled_with(|hub| hub.authenticator(Boss).taken_name(TakenName::Share));
    run(hub, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        ada.ask("oper,eve", "error,denied,you are not").await;
        ada.ask("oper,boss", "ack").await;
        let mut other = user(&net, "ada").await;
        other.ask("announce,hello", "error,denied,*").await;
        other.ask("kill,ada,bye", "error,denied,*").await;
        ada.ask("announce,hello", "* ada announces hello").await;
        ada.hears("ack").await;
        other.hears("* ada announces hello").await;
        other.ask("oper,boss", "ack").await;
        other.ask("announce,hello", "* ada announces hello").await;
    });
}

/// What is said of whoever is put out is no longer than what is said of one who is put out of a room.
#[test]
fn the_reason_of_an_operator_is_not_too_long() {
    let hub = || crate::unthrottled_with(|hub| hub.authenticator(Boss));
    run(hub, Beyond::default(), async |_, net| {
        let mut ada = user(&net, "ada").await;
        let mut bob = user(&net, "bob").await;
        ada.ask("oper,boss", "ack").await;
        let long = "x".repeat(513);
        ada.ask(&format!("kill,bob,{long}"), "error,too-long,*")
            .await;
        bob.ask("ping", "pong").await;
        ada.ask(&format!("kill,bob,{}", &long[1..]), "ack").await;
    });
}

/// A list is not interrupted, but whoever has read it is asked behind it, and has time to answer.
#[test]
fn who_reads_a_long_list_is_asked_for_a_sign_of_life_behind_it() {
    let hub = || {
        let hub = crate::unthrottled();
        for i in 0..10_000 {
            hub.open_room(&format!("#a-room-with-a-number-{i}"))
                .unwrap();
        }
        hub
    };
    let keep_alive = Some(KeepAlive {
        after: Duration::from_secs(90),
        within: Duration::from_secs(60),
    });
    run(hub, Beyond { keep_alive }, async |rt, net| {
        let narrow = Link {
            capacity: 1024,
            ..Link::default()
        };
        let mut ada = Peer::new(net.try_connect("beyond", narrow).unwrap());
        ada.ask("register,ada", "ack").await;
        ada.say("list,rooms").await;
        for i in 0..10_000 {
            // For a while it reads slowly.
            if i % 100 == 0 && i < 5_000 {
                rt.sleep(Duration::from_secs(4)).await;
            }
            ada.hears("#a-room-*").await;
        }
        ada.hears("are you there?").await;
        rt.sleep(Duration::from_secs(50)).await;
        ada.ask("ping", "pong").await;
        ada.hears("are you there?").await;
        ada.hears("error,timed-out,*").await;
    });
}
