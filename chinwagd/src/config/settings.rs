//! What one layer sets, and what comes of all layers together.

use std::{collections::HashSet, num::NonZeroUsize, path::PathBuf, thread};

use chinwag::{
    ConfigError, Limits, LimitsBuilder, Rate, Rates, RoomName, SlowReader, TakenName, Timeouts,
    UserName,
};
use clap::{Args, ValueEnum, builder::BoolishValueParser};
use serde::Deserialize;
use thiserror::Error;

use super::{
    irc::{
        IrcConfig, NETWORK_NAME, NetworkName, PING_INTERVAL, PING_TIMEOUT, Password, SERVER_NAME,
        ServerName,
    },
    values::{
        Guests, Most, Pace, Pause, Room, Term, Wait, slow_reader, taken_name, text, whole_number,
    },
};
use crate::{
    accounts::{AccountsFile, Credential, Hashes},
    listen::Endpoint,
    runtime::RuntimeKind,
};

/// How to serve. All of it is in range.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where to listen; at least one.
    pub(crate) listen: Vec<Endpoint>,
    pub(crate) limits: Limits,
    /// What the limits are made of, for the one that may be lowered.
    pub(crate) limits_builder: LimitsBuilder,
    /// Whether somebody asked for that many connections, or it is the default, which may be lowered.
    pub(crate) max_connections_set: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) rates: Rates,
    pub(crate) slow_reader: SlowReader,
    pub(crate) taken_name: TakenName,
    /// The rooms that are always there, each once.
    pub(crate) rooms: Vec<RoomName>,
    /// The room that clients of seed are in.
    pub(crate) seed_room: Option<RoomName>,
    /// The names that need a password, once their file is read.
    pub(crate) accounts: Option<AccountsFile>,
    pub(crate) guests: Guests,
    /// Who may be an operator.
    pub(crate) opers: Hashes,
    pub(crate) irc: IrcConfig,
    /// Whether others on this machine can read the password.
    pub(crate) password_is_seen: bool,
    pub(crate) runtime: RuntimeKind,
    /// How many threads serve connections, at most 1,024, if the runtime has that many of them.
    pub(crate) threads: NonZeroUsize,
    /// Whether somebody asked for that many threads.
    pub(crate) threads_set: bool,
    /// The variables of the environment that are called like settings and are none.
    pub(crate) unknown_variables: Vec<String>,
}

/// Why settings cannot work, each by itself or together.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Unfit {
    #[error(transparent)]
    Alone(#[from] ConfigError),
    #[error("no-throttle and {0} cannot both be set: no-throttle switches {0} off")]
    Throttle(&'static str),
    #[error("there are {rooms} rooms, but max-rooms is {max}")]
    Rooms { rooms: usize, max: usize },
    #[error("guests is refuse, and without accounts nobody could have a name")]
    Nobody,
    #[error("oper {0} is there twice; one name has one password")]
    OperTwice(UserName),
}

const LISTENING: &str = "Listening";
const LIMITS: &str = "Limits";
const RATES: &str = "Rates";
const POLICIES: &str = "Policies";
const ROOMS: &str = "Rooms";
const ACCOUNTS: &str = "Accounts";
const IRC: &str = "IRC";

/// What one layer sets. Field, flag, variable and key of the file are one name, but that the flag for one
/// of the `rooms` is `--room`.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Settings {
    #[arg(
        long,
        value_name = "SCHEME://ADDR",
        env = "CHINWAG_LISTEN",
        value_delimiter = ','
    )]
    #[arg(help_heading = LISTENING, help = format!(
        "Where to listen; may be repeated, or hold several with commas between\n[default: {}]",
        list(&Endpoint::defaults())
    ))]
    pub(super) listen: Option<Vec<Endpoint>>,

    #[arg(long, value_name = "RUNTIME", env = "CHINWAG_RUNTIME", value_enum)]
    #[arg(help_heading = LISTENING, help = format!(
        "What runs the connections\n[default: {}]",
        RuntimeKind::default()
    ))]
    pub(super) runtime: Option<RuntimeKind>,

    #[arg(long, value_name = "N", env = "CHINWAG_THREADS", value_parser = whole_number::<usize>)]
    #[arg(
        help_heading = LISTENING,
        help = "How many threads serve, from 1 to 1024; --runtime threads does not heed it\n\
                [default: as many as there are processors]"
    )]
    pub(super) threads: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_CONNECTIONS", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most connections at once; one more is told `full`\n[default: {}]",
        default_connections()
    ))]
    pub(super) max_connections: Option<usize>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_MAX_LINE", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The longest line that a client may send\n[default: {}]",
        Limits::default().max_line()
    ))]
    pub(super) max_line: Option<usize>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_MAILBOX_BYTES", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "How much may wait for a client that reads slowly; --slow-reader says what then\n[default: {}]",
        Limits::default().mailbox_bytes()
    ))]
    pub(super) mailbox_bytes: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_ROOMS", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most rooms, permanent ones included\n[default: {}]",
        Limits::default().max_rooms()
    ))]
    pub(super) max_rooms: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_MEMBERS", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most members of one room\n[default: {}]",
        Limits::default().max_members()
    ))]
    pub(super) max_members: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_ROOMS_PER_USER", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most rooms that one user may be in\n[default: {}]",
        Limits::default().max_user_rooms()
    ))]
    pub(super) max_rooms_per_user: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_DEVICES", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most connections that share a name, with --taken-name share\n[default: {}]",
        Limits::default().max_devices()
    ))]
    pub(super) max_devices: Option<usize>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_BANS", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The most names that a room bans, and the most that it invites\n[default: {}]",
        Limits::default().max_bans()
    ))]
    pub(super) max_bans: Option<usize>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_MAX_TOPIC", value_parser = whole_number::<usize>)]
    #[arg(help_heading = LIMITS, help = format!(
        "The longest topic, away text or reason of a kick\n[default: {}]",
        Limits::default().max_topic()
    ))]
    pub(super) max_topic: Option<usize>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_IDLE_TIMEOUT")]
    #[arg(help_heading = LIMITS, help = format!(
        "How long a client may send nothing, like 30s or 1h; `off` or `never` is for ever\n[default: {}]",
        Wait(Timeouts::default().idle())
    ))]
    pub(super) idle_timeout: Option<Wait>,

    #[serde(alias = "registration-timeout")]
    #[arg(long, value_name = "TIME", env = "CHINWAG_REGISTER_TIMEOUT")]
    #[arg(visible_alias = "registration-timeout")]
    #[arg(help_heading = LIMITS, help = format!(
        "How long a client may have no name, like 30s or 1h; `off` or `never` is for ever\n[default: {}]",
        Wait(Timeouts::default().register())
    ))]
    pub(super) register_timeout: Option<Wait>,

    #[arg(long, value_name = "RATE", env = "CHINWAG_MESSAGE_RATE")]
    #[arg(help_heading = RATES, help = format!(
        "How many requests one client may make, like 20/s, 600/min or `off`\n[default: {}]",
        Pace(Rates::default().messages())
    ))]
    pub(super) message_rate: Option<Pace>,

    #[arg(long, value_name = "N", env = "CHINWAG_MESSAGE_BURST", value_parser = whole_number::<u32>)]
    #[arg(help_heading = RATES, help = format!(
        "How many of them may come at once\n[default: {}]",
        burst(Rates::default().messages())
    ))]
    pub(super) message_burst: Option<u32>,

    #[arg(long, value_name = "RATE", env = "CHINWAG_BYTE_RATE")]
    #[arg(help_heading = RATES, help = format!(
        "How many bytes one client may send, like 65536/s\n[default: {}]",
        Pace(Rates::default().bytes())
    ))]
    pub(super) byte_rate: Option<Pace>,

    #[arg(long, value_name = "BYTES", env = "CHINWAG_BYTE_BURST", value_parser = whole_number::<u32>)]
    #[arg(help_heading = RATES, help = format!(
        "How many of them may come at once\n[default: {}]",
        burst(Rates::default().bytes())
    ))]
    pub(super) byte_burst: Option<u32>,

    #[arg(long, value_name = "RATE", env = "CHINWAG_JOIN_RATE")]
    #[arg(help_heading = RATES, help = format!(
        "How many rooms one client may join, like 5/s\n[default: {}]",
        Pace(Rates::default().joins())
    ))]
    pub(super) join_rate: Option<Pace>,

    #[arg(long, value_name = "N", env = "CHINWAG_JOIN_BURST", value_parser = whole_number::<u32>)]
    #[arg(help_heading = RATES, help = format!(
        "How many of them it may join at once\n[default: {}]",
        burst(Rates::default().joins())
    ))]
    pub(super) join_burst: Option<u32>,

    #[arg(long, value_name = "RATE", env = "CHINWAG_CONNECTION_RATE")]
    #[arg(help_heading = RATES, help = format!(
        "How many connections may come from one address, like 2/s\n[default: {}]",
        Pace(Rates::default().connections())
    ))]
    pub(super) connection_rate: Option<Pace>,

    #[arg(long, value_name = "N", env = "CHINWAG_CONNECTION_BURST", value_parser = whole_number::<u32>)]
    #[arg(help_heading = RATES, help = format!(
        "How many of them may come at once\n[default: {}]",
        burst(Rates::default().connections())
    ))]
    pub(super) connection_burst: Option<u32>,

    #[arg(long, value_name = "N", env = "CHINWAG_MAX_CONNECTIONS_PER_ADDRESS")]
    #[arg(help_heading = RATES, help = format!(
        "The most connections at once from one address; one more is told `full`; or `off`\n[default: {}]",
        Most(Rates::default().max_per_address())
    ))]
    pub(super) max_connections_per_address: Option<Most>,

    #[arg(
        long,
        value_name = "BOOL",
        env = "CHINWAG_LIMIT_LOOPBACK",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(
        help_heading = RATES,
        help = "Count connections from this machine too in what one address may do\n[default: false]"
    )]
    pub(super) limit_loopback: Option<bool>,

    #[arg(
        long,
        value_name = "BOOL",
        env = "CHINWAG_NO_THROTTLE",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(
        help_heading = RATES,
        help = "Switch all rates and limits by address off, for tests and benchmarks\n[default: false]"
    )]
    pub(super) no_throttle: Option<bool>,

    #[serde(deserialize_with = "text")]
    #[arg(long, value_name = "POLICY", env = "CHINWAG_SLOW_READER", value_parser = slow_reader())]
    #[arg(help_heading = POLICIES, help = format!(
        "What becomes of a client for whom more than --mailbox-bytes would wait\n[default: {}]",
        SlowReader::default()
    ))]
    pub(super) slow_reader: Option<SlowReader>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_PATIENCE")]
    #[arg(help_heading = POLICIES, help = format!(
        "How long who talks to such a client is held back first, like 50ms; `off` is not at all\n\
         [default: {}]",
        Pause(Timeouts::default().patience())
    ))]
    pub(super) patience: Option<Pause>,

    #[serde(deserialize_with = "text")]
    #[arg(long, value_name = "POLICY", env = "CHINWAG_TAKEN_NAME", value_parser = taken_name())]
    #[arg(help_heading = POLICIES, help = format!(
        "What becomes of a client that asks for a name that somebody has\n[default: {}]",
        TakenName::default()
    ))]
    pub(super) taken_name: Option<TakenName>,

    #[arg(
        long = "room",
        value_name = "#NAME",
        env = "CHINWAG_ROOMS",
        value_delimiter = ',',
        alias = "rooms"
    )]
    #[arg(
        help_heading = ROOMS,
        help = "A room that is always there; may be repeated, or hold several with commas between;\n\
         the # may be left out, which a shell takes for a comment unless it is in quotes\n\
         [default: none]"
    )]
    pub(super) rooms: Option<Vec<Room>>,

    #[arg(long, value_name = "#NAME", env = "CHINWAG_SEED_ROOM")]
    #[arg(
        help_heading = ROOMS,
        help = "The room that clients of seed are in, who have no words to join one\n[default: none]"
    )]
    pub(super) seed_room: Option<Room>,

    #[serde(alias = "secrets")]
    #[arg(long, value_name = "FILE", env = "CHINWAG_ACCOUNTS", alias = "secrets")]
    #[arg(
        help_heading = ACCOUNTS,
        help = "Names that need a password: a file with a line NAME:HASH, which `chinwagd hash-password NAME`\n\
                makes, for each; it is read again when it changes\n\
                [default: none]"
    )]
    pub(super) accounts: Option<PathBuf>,

    #[serde(deserialize_with = "text")]
    #[arg(long, value_name = "WHO", env = "CHINWAG_GUESTS", value_enum)]
    #[arg(help_heading = ACCOUNTS, help = format!(
        "Who may be there without an account, under a name that is none\n[default: {}]",
        Guests::default()
    ))]
    pub(super) guests: Option<Guests>,

    #[arg(
        long = "oper",
        value_name = "NAME:HASH",
        env = "CHINWAG_OPERS",
        value_delimiter = ' ',
        alias = "opers"
    )]
    #[arg(
        help_heading = ACCOUNTS,
        help = "Who may be an operator on irc, with /OPER NAME PASSWORD; `chinwagd hash-password NAME` makes it;\n\
                may be repeated, or hold several with spaces between, in single quotes\n\
                [default: none]"
    )]
    pub(super) opers: Option<Vec<Credential>>,

    #[arg(long, value_name = "NAME", env = "CHINWAG_SERVER_NAME")]
    #[arg(help_heading = IRC, help = format!(
        "What the server is called, like irc.example.org: best as clients reach it\n[default: {SERVER_NAME}]"
    ))]
    pub(super) server_name: Option<ServerName>,

    #[arg(long, value_name = "NAME", env = "CHINWAG_NETWORK_NAME")]
    #[arg(help_heading = IRC, help = format!(
        "What clients call the chat: one word\n[default: {NETWORK_NAME}]"
    ))]
    pub(super) network_name: Option<NetworkName>,

    #[arg(long, value_name = "PASSWORD", env = "CHINWAG_PASSWORD")]
    #[arg(
        help_heading = IRC,
        help = "What all clients of irc must send as PASS; best set it by its variable or in the file, as others\n\
                on this machine can read the command line\n\
                [default: none]"
    )]
    pub(super) password: Option<Password>,

    #[arg(long, value_name = "FILE", env = "CHINWAG_MOTD")]
    #[arg(
        help_heading = IRC,
        help = "The message of the day: a text file, which is read at the start\n[default: none]"
    )]
    pub(super) motd: Option<PathBuf>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_PING_INTERVAL")]
    #[arg(help_heading = IRC, help = format!(
        "After how long a silence a client is sent a PING, like 90s; `off` or `never` is not at all\n[default: {}]",
        Wait(Some(PING_INTERVAL))
    ))]
    pub(super) ping_interval: Option<Wait>,

    #[arg(long, value_name = "TIME", env = "CHINWAG_PING_TIMEOUT")]
    #[arg(help_heading = IRC, help = format!(
        "How long it may take to answer, before it is disconnected\n[default: {}]",
        Pause(PING_TIMEOUT)
    ))]
    pub(super) ping_timeout: Option<Term>,
}

fn list(endpoints: &[Endpoint]) -> String {
    let endpoints: Vec<_> = endpoints.iter().map(ToString::to_string).collect();
    endpoints.join(",")
}

/// The default for the default runtime, and those of runtimes that have another.
fn default_connections() -> String {
    let most = RuntimeKind::default().default_max_connections();
    let others = RuntimeKind::value_variants().iter();
    others
        .filter(|runtime| runtime.default_max_connections() != most)
        .map(|runtime| {
            format!(
                "; with --runtime {runtime} {}",
                runtime.default_max_connections()
            )
        })
        .fold(most.to_string(), |all, other| all + &other)
}

fn burst(rate: Option<Rate>) -> u32 {
    rate.map_or(0, |rate| rate.burst())
}

/// Each thread costs memory and a place in the system's tables; no machine gains from more.
const MAX_THREADS: usize = 1024;

impl Settings {
    /// These, and those of `under` where these say nothing.
    pub(super) fn or(self, mut under: Self) -> Self {
        // Who switches all rates off means those as well that are set below.
        if self.no_throttle == Some(true) {
            under = Self {
                message_rate: None,
                message_burst: None,
                byte_rate: None,
                byte_burst: None,
                join_rate: None,
                join_burst: None,
                connection_rate: None,
                connection_burst: None,
                max_connections_per_address: None,
                limit_loopback: None,
                ..under
            };
        }
        Self {
            listen: self.listen.or(under.listen),
            runtime: self.runtime.or(under.runtime),
            threads: self.threads.or(under.threads),
            max_connections: self.max_connections.or(under.max_connections),
            max_line: self.max_line.or(under.max_line),
            mailbox_bytes: self.mailbox_bytes.or(under.mailbox_bytes),
            max_rooms: self.max_rooms.or(under.max_rooms),
            max_members: self.max_members.or(under.max_members),
            max_rooms_per_user: self.max_rooms_per_user.or(under.max_rooms_per_user),
            max_devices: self.max_devices.or(under.max_devices),
            max_bans: self.max_bans.or(under.max_bans),
            max_topic: self.max_topic.or(under.max_topic),
            idle_timeout: self.idle_timeout.or(under.idle_timeout),
            register_timeout: self.register_timeout.or(under.register_timeout),
            message_rate: self.message_rate.or(under.message_rate),
            message_burst: self.message_burst.or(under.message_burst),
            byte_rate: self.byte_rate.or(under.byte_rate),
            byte_burst: self.byte_burst.or(under.byte_burst),
            join_rate: self.join_rate.or(under.join_rate),
            join_burst: self.join_burst.or(under.join_burst),
            connection_rate: self.connection_rate.or(under.connection_rate),
            connection_burst: self.connection_burst.or(under.connection_burst),
            max_connections_per_address: self
                .max_connections_per_address
                .or(under.max_connections_per_address),
            limit_loopback: self.limit_loopback.or(under.limit_loopback),
            no_throttle: self.no_throttle.or(under.no_throttle),
            slow_reader: self.slow_reader.or(under.slow_reader),
            patience: self.patience.or(under.patience),
            taken_name: self.taken_name.or(under.taken_name),
            rooms: self.rooms.or(under.rooms),
            seed_room: self.seed_room.or(under.seed_room),
            accounts: self.accounts.or(under.accounts),
            guests: self.guests.or(under.guests),
            opers: self.opers.or(under.opers),
            server_name: self.server_name.or(under.server_name),
            network_name: self.network_name.or(under.network_name),
            password: self.password.or(under.password),
            motd: self.motd.or(under.motd),
            ping_interval: self.ping_interval.or(under.ping_interval),
            ping_timeout: self.ping_timeout.or(under.ping_timeout),
        }
    }

    /// These, and the defaults where they say nothing; each by itself.
    pub(super) fn resolve(&self) -> Result<Config, Unfit> {
        self.check_throttle()?;
        let runtime = self.runtime.unwrap_or_default();
        let limits_builder = self.limits(runtime);
        let limits = limits_builder.clone().build()?;
        let rooms = self.room_names();
        // Another layer may raise what is not set here.
        if self.max_rooms.is_some() && rooms.len() > limits.max_rooms() {
            return Err(too_many(&rooms, &limits));
        }
        Ok(Config {
            listen: self.endpoints()?,
            limits,
            limits_builder,
            max_connections_set: self.max_connections.is_some(),
            timeouts: self.timeouts()?,
            rates: self.rates()?,
            slow_reader: self.slow_reader.unwrap_or_default(),
            taken_name: self.taken_name.unwrap_or_default(),
            rooms,
            seed_room: self.seed_room.as_ref().map(|Room(name)| name.clone()),
            accounts: None,
            guests: self.guests.unwrap_or_default(),
            opers: self.opers()?,
            irc: self.irc()?,
            password_is_seen: false,
            runtime,
            threads: self.thread_count()?,
            threads_set: self.threads.is_some(),
            unknown_variables: Vec::new(),
        })
    }

    /// The settings of all layers, which must fit together as well.
    pub(super) fn resolve_all(&self) -> Result<Config, Unfit> {
        let config = self.resolve()?;
        if config.rooms.len() > config.limits.max_rooms() {
            return Err(too_many(&config.rooms, &config.limits));
        }
        if config.guests == Guests::Refuse && self.accounts.is_none() {
            return Err(Unfit::Nobody);
        }
        Ok(config)
    }

    fn check_throttle(&self) -> Result<(), Unfit> {
        if self.no_throttle != Some(true) {
            return Ok(());
        }
        let throttles = [
            ("message-rate", self.message_rate.is_some()),
            ("message-burst", self.message_burst.is_some()),
            ("byte-rate", self.byte_rate.is_some()),
            ("byte-burst", self.byte_burst.is_some()),
            ("join-rate", self.join_rate.is_some()),
            ("join-burst", self.join_burst.is_some()),
            ("connection-rate", self.connection_rate.is_some()),
            ("connection-burst", self.connection_burst.is_some()),
            (
                "max-connections-per-address",
                self.max_connections_per_address.is_some(),
            ),
            ("limit-loopback", self.limit_loopback == Some(true)),
        ];
        let set = throttles.into_iter().find(|&(_, is_set)| is_set);
        set.map_or(Ok(()), |(key, _)| Err(Unfit::Throttle(key)))
    }

    fn limits(&self, runtime: RuntimeKind) -> LimitsBuilder {
        let default = Limits::default();
        let connections = self.max_connections;
        Limits::builder()
            .max_connections(connections.unwrap_or_else(|| runtime.default_max_connections()))
            .max_line(self.max_line.unwrap_or(default.max_line()))
            .mailbox_bytes(self.mailbox_bytes.unwrap_or(default.mailbox_bytes()))
            .max_rooms(self.max_rooms.unwrap_or(default.max_rooms()))
            .max_members(self.max_members.unwrap_or(default.max_members()))
            .max_user_rooms(self.max_rooms_per_user.unwrap_or(default.max_user_rooms()))
            .max_devices(self.max_devices.unwrap_or(default.max_devices()))
            .max_bans(self.max_bans.unwrap_or(default.max_bans()))
            .max_topic(self.max_topic.unwrap_or(default.max_topic()))
    }

    fn timeouts(&self) -> Result<Timeouts, ConfigError> {
        let default = Timeouts::default();
        Timeouts::builder()
            .idle(self.idle_timeout.map_or(default.idle(), |wait| wait.0))
            .register(
                self.register_timeout
                    .map_or(default.register(), |wait| wait.0),
            )
            .patience(self.patience.map_or(default.patience(), |pause| pause.0))
            .build()
    }

    fn rates(&self) -> Result<Rates, ConfigError> {
        if self.no_throttle == Some(true) {
            return Ok(Rates::unlimited());
        }
        let default = Rates::default();
        let most = self.max_connections_per_address;
        Rates::builder()
            .messages(rate(
                self.message_rate,
                self.message_burst,
                default.messages(),
            ))
            .bytes(rate(self.byte_rate, self.byte_burst, default.bytes()))
            .joins(rate(self.join_rate, self.join_burst, default.joins()))
            .connections(rate(
                self.connection_rate,
                self.connection_burst,
                default.connections(),
            ))
            .max_per_address(most.map_or(default.max_per_address(), |most| most.0))
            .loopback(self.limit_loopback.unwrap_or(default.loopback()))
            .build()
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, ConfigError> {
        let endpoints = self.listen.clone().unwrap_or_else(Endpoint::defaults);
        in_range("the number of addresses in listen", endpoints.len(), 1024)?;
        Ok(endpoints)
    }

    /// Each once, in the order given.
    fn room_names(&self) -> Vec<RoomName> {
        let mut seen = HashSet::new();
        let rooms = self.rooms.iter().flatten().map(|Room(name)| name);
        rooms.filter(|name| seen.insert(*name)).cloned().collect()
    }

    fn opers(&self) -> Result<Hashes, Unfit> {
        Hashes::of(self.opers.as_deref().unwrap_or_default()).map_err(Unfit::OperTwice)
    }

    fn irc(&self) -> Result<IrcConfig, ConfigError> {
        let interval = self
            .ping_interval
            .map_or(Some(PING_INTERVAL), |wait| wait.0);
        let timeout = self.ping_timeout.map_or(PING_TIMEOUT, |term| term.0);
        for (key, wait) in [
            ("ping-interval", interval.unwrap_or(PING_INTERVAL)),
            ("ping-timeout", timeout),
        ] {
            if wait.is_zero() {
                return Err(ConfigError::ZeroWait { key });
            }
        }
        let set = [
            (
                "opers",
                self.opers.as_ref().is_some_and(|opers| !opers.is_empty()),
            ),
            ("server-name", self.server_name.is_some()),
            ("network-name", self.network_name.is_some()),
            ("password", self.password.is_some()),
            ("motd", self.motd.is_some()),
            ("ping-interval", self.ping_interval.is_some()),
            ("ping-timeout", self.ping_timeout.is_some()),
        ];
        Ok(IrcConfig {
            server_name: self.server_name.clone().unwrap_or_default(),
            network_name: self.network_name.clone().unwrap_or_default(),
            password: self.password.clone(),
            motd: None,
            keep_alive: interval.map(|interval| (interval, timeout)),
            set: set
                .into_iter()
                .filter(|&(_, is_set)| is_set)
                .map(|(key, _)| key)
                .collect(),
        })
    }

    fn thread_count(&self) -> Result<NonZeroUsize, ConfigError> {
        let threads = match self.threads {
            Some(threads) => in_range("threads", threads, MAX_THREADS)?,
            None => thread::available_parallelism().map_or(1, usize::from),
        };
        Ok(NonZeroUsize::new(threads.min(MAX_THREADS)).unwrap_or(NonZeroUsize::MIN))
    }
}

/// A rate, and how many at once: each is as by default unless it is set.
fn rate(pace: Option<Pace>, burst: Option<u32>, default: Option<Rate>) -> Option<Rate> {
    let rate = pace.map_or(default, |pace| pace.0)?;
    let burst = burst.or(default.map(|rate| rate.burst()));
    Some(rate.with_burst(burst.unwrap_or(rate.burst())))
}

fn too_many(rooms: &[RoomName], limits: &Limits) -> Unfit {
    Unfit::Rooms {
        rooms: rooms.len(),
        max: limits.max_rooms(),
    }
}

fn in_range(key: &'static str, value: usize, max: usize) -> Result<usize, ConfigError> {
    match value {
        _ if (1..=max).contains(&value) => Ok(value),
        _ => Err(ConfigError::OutOfRange {
            key,
            value,
            min: 1,
            max,
        }),
    }
}
