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
            ["watch", name] => Command::Watch { name, on: true },
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
