//! What the server of a script is like.

use std::time::{Duration, SystemTime};

use chinwag::{
    Addr, Authenticator, Claim, Denied, Hub, Limits, Policy, Rates, RoomName, Runtime, TakenName,
    Timeouts, UserName, Verb, Verdict, async_trait, wire::Irc,
};
use chinwag_testkit::VirtualRuntime;

use crate::script::Script;

/// When it is, as each script begins: 2026-01-01T00:00:00Z, of which this is the number of seconds.
pub(crate) const BEGIN: u64 = 1_767_225_600;

/// The hub and the wire that `script` asks for.
pub(crate) fn server(script: &Script, rt: &VirtualRuntime) -> Result<(Hub, Irc), String> {
    let mut limits = Limits::builder();
    let mut timeouts = Timeouts::builder().idle(None);
    let mut rates = Rates::unlimited();
    let mut taken = TakenName::default();
    let mut doorman = Doorman::default();
    let mut rooms = Vec::new();
    let (mut has_doorman, mut has_keeper) = (false, false);
    let mut irc = Irc::builder()
        .server_name("irc.example.org")
        .network_name("ExampleNet")
        .no_keep_alive()
        .created(at(Duration::ZERO));
    for (number, setting) in &script.settings {
        let wrong = || format!("{number}: what is the server to be?");
        let (key, value) = setting.split_once(' ').unwrap_or((setting, ""));
        let pair = || value.split_once(' ').ok_or_else(wrong);
        let owned = || pair().map(|(a, b)| (a.to_owned(), b.to_owned()));
        let seconds = |text: &str| humantime::parse_duration(text).map_err(|_| wrong());
        match key {
            "password" => irc = irc.password(value),
            "motd" => irc = irc.motd(&value.replace(" | ", "\n").replace(" |", "\n")),
            "admin" => irc = irc.admin(value.split(" | ")),
            "network" => irc = irc.network_name(value),
            "sasl" => irc = irc.sasl(true),
            "account" => doorman.accounts.push(owned()?),
            "oper" => doorman.operators.push(owned()?),
            "reserve" => doorman.reserved.push(owned()?),
            "room" => rooms.push(value.to_owned()),
            "keeper" => has_keeper = true,
            "rates" if value == "default" => rates = Rates::default(),
            "keep-alive" => {
                let (after, within) = pair()?;
                irc = irc.keep_alive(seconds(after)?, seconds(within)?);
            }
            "register-within" => timeouts = timeouts.register(seconds(value)?),
            "taken-name" => {
                taken = match value {
                    "replace" => TakenName::Replace,
                    "share" => TakenName::Share,
                    _ => return Err(wrong()),
                }
            }
            "limit" => {
                let (what, count) = pair()?;
                let count: usize = count.parse().map_err(|_| wrong())?;
                limits = match what {
                    "line" => limits.max_line(count),
                    "rooms" => limits.max_rooms(count),
                    "members" => limits.max_members(count),
                    "rooms-of-one" => limits.max_user_rooms(count),
                    "bans" => limits.max_bans(count),
                    "topic" => limits.max_topic(count),
                    "connections" => limits.max_connections(count),
                    _ => return Err(wrong()),
                };
            }
            _ => return Err(wrong()),
        }
        has_doorman |= matches!(key, "sasl" | "account" | "oper" | "reserve");
    }
    let (clock, calendar) = (rt.clone(), rt.clone());
    let mut hub = Hub::builder()
        .limits(limits.build().map_err(|error| error.to_string())?)
        .timeouts(timeouts.build().map_err(|error| error.to_string())?)
        .rates(rates)
        .taken_name(taken)
        .clock(move || clock.now())
        .calendar(move || at(calendar.elapsed()));
    if has_doorman {
        hub = hub.authenticator(doorman);
    }
    if has_keeper {
        hub = hub.policy(Keeper(rt.clone()));
    }
    let hub = hub.build();
    for room in rooms {
        hub.open_room(&room).map_err(|error| error.to_string())?;
    }
    let irc = irc.build();
    Ok((hub, irc.map_err(|error| error.to_string())?))
}

fn at(elapsed: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(BEGIN) + elapsed
}

/// Who knows the accounts, the operators, and the names that are not for everybody.
#[derive(Debug, Default)]
struct Doorman {
    accounts: Vec<(String, String)>,
    operators: Vec<(String, String)>,
    reserved: Vec<(String, String)>,
}

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        let reserved = self.reserved.iter().find(|(name, _)| *claim.name == **name);
        match reserved {
            Some(_) if claim.account == Some(claim.name) => Ok(()),
            Some((_, secret)) if claim.secret != Some(secret) => {
                Err(Denied::new("that name is not for everybody"))
            }
            _ => Ok(()),
        }
    }

    async fn log_in(&self, claim: Claim<'_>) -> Result<(), Denied> {
        knows(&self.accounts, claim)
    }

    async fn elevate(&self, claim: Claim<'_>) -> Result<(), Denied> {
        knows(&self.operators, claim)
    }
}

fn knows(secrets: &[(String, String)], claim: Claim<'_>) -> Result<(), Denied> {
    let is =
        |(name, secret): &&(String, String)| *claim.name == **name && claim.secret == Some(secret);
    match secrets.iter().find(is) {
        Some(_) => Ok(()),
        None => Err(Denied::new("wrong name or secret")),
    }
}

/// Keeps order: `root` is no nick, `#staff` no room for just anybody, `spam` is not said and `damn` said otherwise; and
/// what has `slow` in it takes three seconds.
struct Keeper(VirtualRuntime);

impl Keeper {
    async fn look_at(&self, text: &str) -> Result<Verdict, Denied> {
        if text.contains("slow") {
            self.0.sleep(Duration::from_secs(3)).await;
        }
        match text {
            _ if text.contains("spam") => Err(Denied::new("no advertisements")),
            _ if text.contains("damn") => Ok(Verdict::Rewrite(text.replace("damn", "d***"))),
            _ => Ok(Verdict::Allow),
        }
    }
}

#[async_trait]
impl Policy for Keeper {
    async fn register(&self, _: &Addr, name: &UserName) -> Result<(), Denied> {
        match name == "root" {
            true => Err(Denied::new("that name is reserved")),
            false => Ok(()),
        }
    }

    async fn join(&self, _: &UserName, room: &RoomName) -> Result<(), Denied> {
        match room == "#staff" {
            true => Err(Denied::new("only for the staff")),
            false => Ok(()),
        }
    }

    async fn publish(&self, _: &UserName, _: &RoomName, text: &str) -> Result<Verdict, Denied> {
        self.look_at(text).await
    }

    async fn direct(&self, _: &UserName, _: &UserName, text: &str) -> Result<Verdict, Denied> {
        self.look_at(text).await
    }

    async fn text(&self, _: &UserName, _: Verb, text: &str) -> Result<Verdict, Denied> {
        self.look_at(text).await
    }
}
