//! The crowd: who comes and goes, what they do meanwhile, and what must come of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;

use super::{
    ledger::{Ear, Ledger, Place, Sender},
    person::{self, Kind, Person, Stage, room_name},
};
use crate::load::{
    error::{Failure, shown},
    histogram::Histogram,
    net::{Conns, Handler, Id, Reader},
    payload::Payload,
    sources::Sources,
};

/// Rooms for those who do not read, in which two witnesses talk so much that a mailbox is full within seconds.
const STUCK_ROOMS: u32 = 4;
/// In so many of the other rooms, the largest, there are two witnesses as well.
const WATCHED_ROOMS: u32 = 16;
const WITNESSES: u32 = 2 * (STUCK_ROOMS + WATCHED_ROOMS);
/// Everybody else has a higher number.
const FIRST_NUMBER: Sender = 1_000;

/// How long messages are, and those in the rooms for who does not read.
const BYTES: usize = 64;
const LONG_BYTES: usize = 4_000;

const SECOND: u64 = 1_000_000_000;
/// Longer than this nobody waits for what must happen: an answer, or the end of who does not read or does not register.
const AT_MOST: u64 = 60 * SECOND;
/// A stuck reader that is put out keeps its connection open for longer than the server writes to it.
const STAYS: u64 = 8 * SECOND;
/// How often a slow reader reads.
const PAUSE: u64 = SECOND / 20;

/// What has happened, for tables and verdicts.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(super) struct Counts {
    /// Connections that were begun.
    pub(super) lives: u64,
    /// Lines that were read.
    pub(super) lines: u64,
    /// Messages that witnesses heard and that were checked.
    pub(super) checked: u64,
    /// Those who stopped reading, those of them who were put out, and those who then read on and found the reason.
    pub(super) stuck: u64,
    pub(super) put_out: u64,
    pub(super) told: u64,
    /// Slow readers who were put out, and told so.
    pub(super) slow_out: u64,
    /// Those who were told that they send too much, or that they took too long to register.
    pub(super) flooders_out: u64,
    pub(super) timed_out: u64,
}

pub(super) struct Crowd {
    rng: Rng,
    sources: Sources,
    /// How many there are to be, and in how many rooms.
    users: usize,
    rooms: u32,
    /// The sums of the weights of rooms, to draw one.
    weights: Vec<f64>,
    people: Vec<Option<Person>>,
    /// The connections of each kind.
    kinds: BTreeMap<Kind, Vec<Id>>,
    /// Stuck and slow readers, by their numbers, until others are told that they are out.
    readers: HashMap<Sender, Id>,
    ledger: Ledger,
    ears: Vec<Ear>,
    next: Sender,
    goes_on: bool,
    is_ending: bool,
    /// What is due: a part of one each.
    due: Due,
    ticked: u64,
    looked: u64,
    read_slowly: u64,
    /// Which witnesses owe a `pong`, and what the first of them was told in lists.
    pongs: HashSet<Id>,
    lists: Vec<String>,
    pub(super) counts: Counts,
    /// From saying to hearing, at witnesses, but for what is said where somebody does not read.
    pub(super) times: Histogram,
}

/// How much of each is due; what is left over counts for the next time.
#[derive(Debug, Default)]
struct Due {
    births: f64,
    passers: f64,
    ends: f64,
    acts: f64,
    words: f64,
    long_words: f64,
}

/// How many messages a witness that talks much has on the way at most: a quarter of what it may send at once.
const UNHEARD: u32 = 50;

/// Takes the whole part.
fn whole(due: &mut f64) -> usize {
    let whole = due.floor();
    *due -= whole;
    whole as usize
}

impl Crowd {
    pub(super) fn new(users: usize, seed: u64) -> Self {
        let rooms = (users / 8).clamp(2 * WATCHED_ROOMS as usize, 2_000) as u32;
        let mut sum = 0.0;
        let weight = |rank: u32| {
            sum += f64::from(rank + 1).powf(-0.8);
            sum
        };
        Self {
            rng: Rng::with_seed(seed),
            sources: Sources::default(),
            users,
            rooms,
            weights: (0..rooms).map(weight).collect(),
            people: Vec::new(),
            kinds: BTreeMap::new(),
            readers: HashMap::new(),
            ledger: Ledger::default(),
            ears: Vec::new(),
            next: FIRST_NUMBER,
            goes_on: false,
            is_ending: false,
            due: Due::default(),
            ticked: 0,
            looked: 0,
            read_slowly: 0,
            pongs: HashSet::new(),
            lists: Vec::new(),
            counts: Counts::default(),
            times: Histogram::default(),
        }
    }

    /// The witnesses come.
    pub(super) fn begin(&mut self, conns: &mut Conns) -> Result<(), Failure> {
        for number in 0..WITNESSES {
            let room = number / 2;
            self.ears
                .push(Ear::new(Place::Room(room), Place::Witness(number)));
            let now = conns.clock.now();
            self.come(Person::new(Kind::Witness, number, vec![room], now), conns)?;
        }
        Ok(())
    }

    /// From now on others come too; or only go.
    pub(super) fn go_on(&mut self, goes_on: bool, now: u64) {
        self.goes_on = goes_on;
        self.ticked = now;
    }

    /// Whether only the witnesses are there.
    pub(super) fn is_calm(&self) -> bool {
        self.here() == WITNESSES as usize
            && self.witnesses().all(|person| person.stage == Stage::Here)
    }

    /// How many are there.
    pub(super) fn here(&self) -> usize {
        self.kinds.values().map(Vec::len).sum()
    }

    /// Each witness asks for something. What was said before it is asked has been heard before it is answered.
    pub(super) fn ask_all(&mut self, conns: &mut Conns) {
        for &id in self.of(Kind::Witness) {
            conns.out(id).extend_from_slice(b"ping\n");
        }
        self.pongs = self.of(Kind::Witness).iter().copied().collect();
    }

    /// One of them asks who is there, and which rooms.
    pub(super) fn ask_lists(&mut self, conns: &mut Conns) {
        self.lists.clear();
        let id = self.of(Kind::Witness)[0];
        conns
            .out(id)
            .extend_from_slice(b"list,friends\nlist,rooms\nping\n");
        self.pongs.insert(id);
    }

    /// Whether all of that is answered.
    pub(super) fn is_answered(&self) -> bool {
        self.pongs.is_empty()
    }

    /// Compares what was said with what was heard, and who is there with who should be, at a calm.
    pub(super) fn reckon(&mut self) -> Result<(), Failure> {
        let wrong = |what: String| Failure::violation("at the calm", what);
        self.counts.checked += self.ledger.reckon(&mut self.ears).map_err(wrong)?;
        let mut lists = self.lists.iter().map(|list| sorted(list));
        let names = (0..WITNESSES).map(|number| person::name(Kind::Witness, number, false));
        let rooms = (0..WITNESSES / 2).map(room_name);
        for due in [names.collect::<Vec<_>>(), rooms.collect()] {
            let found = lists.next().unwrap_or_default();
            if found != due {
                let what = format!("the server lists {found:?}, and only {due:?} are there");
                return Err(wrong(what));
            }
        }
        Ok(())
    }

    /// From now on the server may say good-bye.
    pub(super) fn expect_the_end(&mut self) {
        self.is_ending = true;
    }

    fn of(&self, kind: Kind) -> &[Id] {
        self.kinds.get(&kind).map_or(&[], Vec::as_slice)
    }

    fn witnesses(&self) -> impl Iterator<Item = &Person> {
        let ids = self.of(Kind::Witness).iter();
        ids.filter_map(|&id| self.people[id].as_ref())
    }

    fn come(&mut self, mut person: Person, conns: &mut Conns) -> Result<(), Failure> {
        let reader = match person.kind {
            Kind::Stuck | Kind::Slow => Reader::Small,
            _ => Reader::Eager,
        };
        let id = conns.open(&mut self.sources, reader)?;
        self.counts.lives += 1;
        conns
            .out(id)
            .extend_from_slice(&person.arrival(&mut self.rng));
        if matches!(person.kind, Kind::Stuck | Kind::Slow) {
            self.readers.insert(person.number, id);
        }
        let list = self.kinds.entry(person.kind).or_default();
        person.place = list.len();
        list.push(id);
        if self.people.len() <= id {
            self.people.resize_with(id + 1, || None);
        }
        if self.people[id].replace(person).is_some() {
            let what = "two have the same connection";
            return Err(Failure::violation("the generator", what));
        }
        Ok(())
    }

    /// Nothing more is heard of that one.
    fn forget(&mut self, id: Id) {
        let Some(person) = self.people[id].take() else {
            return;
        };
        self.readers.remove(&person.number);
        let Some(list) = self.kinds.get_mut(&person.kind) else {
            return;
        };
        list.swap_remove(person.place);
        if let Some(&moved) = list.get(person.place)
            && let Some(moved) = &mut self.people[moved]
        {
            moved.place = person.place;
        }
    }

    fn a_room(&mut self) -> u32 {
        let sum = self.weights.last().copied().unwrap_or_default();
        let drawn = self.rng.f64() * sum;
        let rank = self.weights.partition_point(|&weight| weight < drawn) as u32;
        STUCK_ROOMS + rank.min(self.rooms - 1)
    }

    fn someone(&mut self, kind: Kind, now: u64) -> Person {
        let mut rooms = match kind {
            Kind::Ordinary => (0..self.rng.usize(1..=3)).map(|_| self.a_room()).collect(),
            Kind::Stuck | Kind::Slow => vec![self.rng.u32(..STUCK_ROOMS)],
            // A small one.
            Kind::Flooder => vec![STUCK_ROOMS + self.rng.u32(self.rooms / 2..self.rooms)],
            _ => Vec::new(),
        };
        rooms.sort_unstable();
        rooms.dedup();
        self.next += 1;
        Person::new(kind, self.next, rooms, now)
    }

    /// Does what is due by the clock.
    pub(super) fn tick(&mut self, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        let passed = now.saturating_sub(self.ticked).min(SECOND) as f64 / SECOND as f64;
        self.ticked = now;
        if self.goes_on {
            self.births(passed, now, conns)?;
            self.due.acts += passed * self.of(Kind::Ordinary).len() as f64 / 6.0;
            for _ in 0..whole(&mut self.due.acts) {
                self.act(now, conns);
            }
        }
        let all = self.of(Kind::Ordinary).len();
        // Some 40 seconds are a life. When no more come, all are gone within seconds.
        self.due.ends += match self.goes_on {
            true => passed * all as f64 / 40.0,
            false => passed * self.users as f64 / 3.0,
        };
        for _ in 0..whole(&mut self.due.ends).min(all) {
            self.end(now, conns)?;
        }
        self.witnesses_talk(passed, now, conns);
        if now - self.read_slowly >= PAUSE {
            self.read_slowly = now;
            for id in self.of(Kind::Slow).to_vec() {
                self.read_once(id, now, conns)?;
            }
        }
        if now - self.looked >= SECOND {
            self.looked = now;
            self.look(now, conns)?;
        }
        Ok(())
    }

    fn births(&mut self, passed: f64, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        let few = (self.users / 60).max(4);
        for kind in [Kind::Stuck, Kind::Slow] {
            if self.of(kind).len() < few {
                let person = self.someone(kind, now);
                self.counts.stuck += u64::from(kind == Kind::Stuck);
                self.come(person, conns)?;
            }
        }
        let wanted = self.users.saturating_sub(2 * few + WITNESSES as usize);
        self.due.births += passed * self.users as f64 / 5.0;
        for _ in 0..whole(&mut self.due.births) {
            if self.of(Kind::Ordinary).len() < wanted {
                let person = self.someone(Kind::Ordinary, now);
                self.come(person, conns)?;
            }
        }
        // A leak is for each connection, so many of them make it show soon.
        self.due.passers += passed * self.users as f64 / 10.0;
        for _ in 0..whole(&mut self.due.passers) {
            let kind = match self.rng.u32(..100) {
                0..3 => Kind::Flooder,
                3..20 => Kind::Babbler,
                20..25 => Kind::Half,
                _ => Kind::Knock,
            };
            let person = self.someone(kind, now);
            self.come(person, conns)?;
        }
        Ok(())
    }

    fn an_ordinary_one(&mut self) -> Option<Id> {
        let all = self.kinds.get(&Kind::Ordinary)?;
        let id = *self.rng.choice(all)?;
        let person = self.people[id].as_ref()?;
        (person.stage == Stage::Here).then_some(id)
    }

    /// An ordinary one does something.
    fn act(&mut self, now: u64, conns: &mut Conns) {
        let Some(id) = self.an_ordinary_one() else {
            return;
        };
        let another_room = self.a_room();
        let other = self.an_ordinary_one();
        let other = other.and_then(|id| Some(self.people[id].as_ref()?.name()));
        let Some(person) = &mut self.people[id] else {
            return;
        };
        let room = self.rng.choice(&person.rooms).copied();
        let out = conns.out(id);
        match (self.rng.u32(..20), room) {
            (0..8, Some(room)) => {
                let place = Place::Room(room);
                say(person.number, place, BYTES, now, &mut self.ledger, out);
            }
            (8..10, _) => {
                let place = Place::Witness(self.rng.u32(..WITNESSES));
                say(person.number, place, BYTES, now, &mut self.ledger, out);
            }
            (10..13, _) => {
                let other = other.unwrap_or_else(|| person.name());
                out.extend_from_slice(format!("chat,{other},are you there?\n").as_bytes());
            }
            (13, _) => out.extend_from_slice(match self.rng.u32(..4) {
                0 => b"list,friends\n",
                _ => b"list,rooms\n",
            }),
            (14..16, Some(room)) => {
                out.extend_from_slice(format!("list,{}\n", room_name(room)).as_bytes());
            }
            (16, Some(room)) if person.rooms.len() > 1 => {
                person.rooms.retain(|&other| other != room);
                out.extend_from_slice(format!("leave,{}\n", room_name(room)).as_bytes());
            }
            (16..18, _) if !person.rooms.contains(&another_room) => {
                person.rooms.push(another_room);
                out.extend_from_slice(person::join(another_room).as_bytes());
            }
            (18, _) => {
                person.is_renamed = !person.is_renamed;
                out.extend_from_slice(format!("register,{}\n", person.name()).as_bytes());
            }
            _ => out.extend_from_slice(b"ping\n"),
        }
    }

    /// An ordinary one goes, in one of the ways in which people go.
    fn end(&mut self, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        let Some(id) = self.an_ordinary_one() else {
            return Ok(());
        };
        let how = self.rng.u32(..20);
        let Some(person) = &mut self.people[id] else {
            return Ok(());
        };
        match how {
            0..3 => {
                conns.reset(id)?;
                self.forget(id);
            }
            3..7 => {
                conns.close(id);
                self.forget(id);
            }
            7..10 if conns.half_close(id) => person.enter(Stage::Going, now),
            _ => {
                conns.out(id).extend_from_slice(b"quit\n");
                person.enter(Stage::Going, now);
            }
        }
        Ok(())
    }

    fn witnesses_talk(&mut self, passed: f64, now: u64, conns: &mut Conns) {
        let is_on = self.goes_on || !self.readers.is_empty();
        if !is_on || self.is_ending {
            return;
        }
        let ids = self.of(Kind::Witness).to_vec();
        let (loud, calm) = ids.split_at(2 * STUCK_ROOMS as usize);
        // Not quite as much as one may send.
        self.due.long_words += passed * 12.0;
        for _ in 0..whole(&mut self.due.long_words) {
            for (number, &id) in (0..).zip(loud) {
                let place = Place::Room(number / 2);
                // Who is held back would otherwise be too fast when it is let go.
                if self
                    .ledger
                    .unheard(number, place, &self.ears[number as usize])
                    >= UNHEARD
                {
                    continue;
                }
                say(
                    number,
                    place,
                    LONG_BYTES,
                    now,
                    &mut self.ledger,
                    conns.out(id),
                );
            }
        }
        if !self.goes_on {
            return;
        }
        self.due.words += passed * calm.len() as f64;
        for _ in 0..whole(&mut self.due.words) {
            let at = self.rng.usize(..calm.len());
            let number = loud.len() as u32 + at as u32;
            let place = match self.rng.u32(..4) {
                0 => Place::Witness(self.rng.u32(..WITNESSES)),
                _ => Place::Room(number / 2),
            };
            say(
                number,
                place,
                BYTES,
                now,
                &mut self.ledger,
                conns.out(calm[at]),
            );
        }
    }

    /// A slow reader reads once; when nobody else comes any more, it reads all and goes.
    fn read_once(&mut self, id: Id, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        let Some(person) = &mut self.people[id] else {
            return Ok(());
        };
        if !matches!(person.stage, Stage::Here | Stage::PutOut) {
            return Ok(());
        }
        if person.is_deaf {
            person.is_deaf = false;
            conns.heed(id)?;
        }
        if !self.goes_on || person.stage == Stage::PutOut {
            if person.stage == Stage::Here {
                conns.out(id).extend_from_slice(b"quit\n");
            }
            person.enter(Stage::Going, now);
        }
        Ok(())
    }

    /// Looks whether somebody waits in vain.
    fn look(&mut self, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        for id in 0..self.people.len() {
            let Some(person) = &self.people[id] else {
                continue;
            };
            let waits = now.saturating_sub(person.since);
            let is_over = match (person.kind, person.stage) {
                (Kind::Stuck, Stage::PutOut) if waits > STAYS => {
                    conns.close(id);
                    self.forget(id);
                    continue;
                }
                (Kind::Knock, _) => {
                    conns.reset(id)?;
                    self.forget(id);
                    continue;
                }
                (Kind::Witness, _) | (Kind::Ordinary | Kind::Slow, Stage::Here) => false,
                _ => waits > AT_MOST,
            };
            if is_over {
                let what = format!("{:?} for {} s, in vain", person.stage, waits / SECOND);
                return Err(Failure::violation(&self.name(id), what));
            }
        }
        Ok(())
    }

    /// A line that somebody reads.
    fn line(&mut self, id: Id, line: &[u8], now: u64, conns: &mut Conns) -> Result<(), Failure> {
        self.counts.lines += 1;
        let Some(person) = &mut self.people[id] else {
            return Ok(());
        };
        let is_error = line.starts_with(b"error,");
        if line.len() < 200 && !line.starts_with(b"#") {
            person.last.clear();
            person.last.extend_from_slice(line);
        }
        match (person.kind, person.stage) {
            (
                Kind::Half | Kind::Knock | Kind::Babbler | Kind::Flooder,
                Stage::Here | Stage::Going,
            ) => Ok(()),
            (_, Stage::Coming(left)) if line == b"ack" => self.answered(id, left - 1, now, conns),
            // What is said in a room may come before the answers.
            (Kind::Witness, _) => self.witness(id, line, now),
            // The other one may just be gone.
            _ if is_error && !is_of(line, b"no-such-user") => match person.kind {
                Kind::Ordinary => Err(refused(&person.name(), line)),
                _ => Ok(()),
            },
            (Kind::Ordinary, Stage::Going) if line == b"bye" => {
                self.ledger.is_sure(person.number);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// One of the first requests of somebody is answered, and so many are left.
    fn answered(
        &mut self,
        id: Id,
        left: usize,
        now: u64,
        conns: &mut Conns,
    ) -> Result<(), Failure> {
        let Some(person) = &mut self.people[id] else {
            return Ok(());
        };
        if left > 0 {
            person.stage = Stage::Coming(left);
            return Ok(());
        }
        person.enter(Stage::Here, now);
        match person.kind {
            Kind::Stuck | Kind::Slow => {
                person.is_deaf = true;
                conns.ignore(id)?;
            }
            Kind::Babbler => conns
                .out(id)
                .extend_from_slice(&person::babble(&mut self.rng)),
            Kind::Flooder => {
                let flood = person.rooms.first().map(|&room| person::flood(room));
                conns.out(id).extend(flood.unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    }

    fn witness(&mut self, id: Id, line: &[u8], now: u64) -> Result<(), Failure> {
        let Some(person) = &self.people[id] else {
            return Ok(());
        };
        let number = person.number;
        let failed = |what: String| {
            let who = person::name(Kind::Witness, number, false);
            Err(Failure::violation(&who, format!("{what}: {}", shown(line))))
        };
        if line == b"pong" {
            self.pongs.remove(&id);
            return Ok(());
        }
        if self.is_ending && line == b"bye" {
            return Ok(());
        }
        if line.starts_with(b"error,") {
            return failed("it is refused".to_owned());
        }
        let mut words = line.splitn(4, |&byte| byte == b' ');
        let (first, second, third) = (words.next(), words.next(), words.next());
        let Some(first) = first.filter(|_| second.is_some()) else {
            // No event but the answer to what it asked for at a calm.
            self.lists.push(String::from_utf8_lossy(line).into_owned());
            return Ok(());
        };
        let (place, who, what, skipped) = match (first, second, third) {
            ([b'#', b'r', room @ ..], Some(who), Some(what)) => {
                let room = std::str::from_utf8(room)
                    .ok()
                    .and_then(|room| room.parse().ok());
                let Some(room) = room else {
                    return failed("that is no room".to_owned());
                };
                let skipped = first.len() + who.len() + what.len() + 3;
                (Place::Room(room), who, what, skipped)
            }
            (who, Some(what), _) => (
                Place::Witness(number),
                who,
                what,
                who.len() + what.len() + 2,
            ),
            _ => return failed("that is no event".to_owned()),
        };
        if what != b"says" {
            if (what, third) == (b"quit", Some(b"slow")) {
                self.put_out(who, now);
            }
            return Ok(());
        }
        // What the others say has no number: they are refused half of it.
        if !matches!(who.first(), Some(b'u' | b'w')) {
            return Ok(());
        }
        let payload = line.get(skipped..).and_then(Payload::read);
        let (Some(payload), Some(sender)) = (payload, person::number_of(who)) else {
            return failed("the message is damaged".to_owned());
        };
        if payload.sender != sender {
            return failed("somebody else has said that".to_owned());
        }
        // Who talks where somebody does not read is held back for it, and that is measured elsewhere.
        if place != Place::Room(number / 2) || number >= 2 * STUCK_ROOMS {
            self.times.record(now.saturating_sub(payload.time));
        }
        self.ears[number as usize]
            .hear(sender, place, payload.sequence)
            .or_else(failed)
    }

    /// Others are told that this one was too slow.
    fn put_out(&mut self, name: &[u8], now: u64) {
        let Some(id) = person::number_of(name).and_then(|number| self.readers.remove(&number))
        else {
            return;
        };
        let Some(person) = &mut self.people[id] else {
            return;
        };
        if person.stage != Stage::Going {
            person.enter(Stage::PutOut, now);
        }
        self.counts.put_out += u64::from(person.kind == Kind::Stuck);
    }

    /// Every second one of those who were stuck reads on when it is out, and must then find out why.
    fn wake_the_stuck(&mut self, now: u64, conns: &mut Conns) -> Result<(), Failure> {
        for id in self.of(Kind::Stuck).to_vec() {
            if let Some(person) = &mut self.people[id]
                && person.stage == Stage::PutOut
                && person.since == now
                && person.number.is_multiple_of(2)
            {
                person.is_deaf = false;
                conns.heed(id)?;
                person.enter(Stage::Going, now);
            }
        }
        Ok(())
    }
}

/// Writes a message that can be checked wherever it is heard.
fn say(
    number: Sender,
    place: Place,
    bytes: usize,
    now: u64,
    ledger: &mut Ledger,
    out: &mut Vec<u8>,
) {
    let target = match place {
        Place::Room(room) => format!("say,{},", room_name(room)),
        Place::Witness(witness) => format!("chat,{},", person::name(Kind::Witness, witness, false)),
    };
    out.extend_from_slice(target.as_bytes());
    let payload = Payload {
        sender: number,
        sequence: ledger.say(number, place),
        time: now,
    };
    payload.write(bytes, out);
    out.push(b'\n');
}

/// Whether an error has that code.
fn is_of(line: &[u8], code: &[u8]) -> bool {
    line.split(|&byte| byte == b',').nth(1) == Some(code)
}

fn refused(who: &str, line: &[u8]) -> Failure {
    Failure::Refused {
        who: who.to_owned(),
        line: shown(line),
    }
}

fn sorted(list: &str) -> Vec<String> {
    let mut names: Vec<_> = list.split(',').map(ToOwned::to_owned).collect();
    names.sort();
    names
}

impl Handler for Crowd {
    fn read(
        &mut self,
        id: Id,
        bytes: &[u8],
        now: u64,
        conns: &mut Conns,
    ) -> Result<usize, Failure> {
        let put_out = self.counts.put_out;
        let end = bytes.iter().rposition(|&byte| byte == b'\n');
        let whole = end.map_or(0, |at| at + 1);
        for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
            self.line(id, &line[..line.len() - 1], now, conns)?;
        }
        if self.counts.put_out > put_out {
            self.wake_the_stuck(now, conns)?;
        }
        // A slow reader has read enough for now.
        if let Some(Some(person)) = self.people.get_mut(id)
            && person.kind == Kind::Slow
            && person.stage == Stage::Here
            && !person.is_deaf
        {
            person.is_deaf = true;
            conns.ignore(id)?;
        }
        Ok(whole)
    }

    fn name(&self, id: Id) -> String {
        match self.people.get(id) {
            Some(Some(person)) => person.name(),
            _ => format!("connection {id}"),
        }
    }

    fn closed(&mut self, id: Id, rest: &[u8], _conns: &mut Conns) -> Result<(), Failure> {
        let Some(person) = self.people.get(id).and_then(Option::as_ref) else {
            return Ok(());
        };
        let last = person.last.as_slice();
        let is_going = person.stage == Stage::Going;
        let is_right = rest.is_empty()
            && match person.kind {
                Kind::Witness => self.is_ending && last == b"bye",
                // Who has closed its half gets no last word.
                Kind::Ordinary => is_going,
                Kind::Stuck => is_going && is_of(last, b"full"),
                Kind::Slow => is_of(last, b"full") || (is_going && last == b"bye"),
                Kind::Flooder => is_of(last, b"rate-limited"),
                Kind::Babbler => last == b"bye",
                Kind::Half => is_of(last, b"timed-out"),
                Kind::Knock => true,
            };
        if !is_right {
            return Err(Failure::Closed {
                who: format!("{} ({:?})", person.name(), person.stage),
                last: format!("{}, then {}", shown(last), shown(rest)),
            });
        }
        let counts = &mut self.counts;
        match person.kind {
            Kind::Stuck => counts.told += 1,
            Kind::Slow if is_of(last, b"full") => counts.slow_out += 1,
            Kind::Flooder => counts.flooders_out += 1,
            Kind::Half => counts.timed_out += 1,
            _ => {}
        }
        self.forget(id);
        Ok(())
    }
}
