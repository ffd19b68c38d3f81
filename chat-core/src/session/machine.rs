//! The pure half of a connection: bytes and time in, actions out.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::{
    config::{Limits, Timeouts},
    model::{Command, ErrorCode, Verb},
    rt::deadline_after,
    wire::{KeepAlive, Reading, Wire, WireError},
};

/// Cuts a connection's bytes into frames, reads them, and keeps its deadlines.
///
/// The contract: [`feed`](Self::feed) it what was read, piece by piece, until all is used; do each
/// [`Action`] before feeding on, and ask for the [`next_part`](Self::next_part) of a frame that [`has_more`](Self::has_more). Tell it what it cannot know: when bytes came ([`heard`](Self::heard)), and
/// whether there is a name. When [`deadline`](Self::deadline) has passed, ask what is [`overdue`](Self::overdue).
#[derive(Debug)]
pub(crate) struct Machine {
    max_line: u32,
    /// The unfinished frame between two reads; empty, and without memory, for a peer that sends whole
    /// ones.
    carry: Vec<u8>,
    state: FrameState,
    /// Which part of the frame is next.
    part: u32,
    /// By when it must have a name.
    register_by: Option<Instant>,
    idle: Option<Duration>,
    /// A silent peer has been asked for a sign of life.
    probed: bool,
    /// When it gave a sign of life without saying anything, or was asked for one, in milliseconds after `last_heard`.
    unsure_after: u32,
    last_heard: Instant,
}

/// What has to be done about a peer that is silent, or has no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It is to be asked for a sign of life.
    Probe,
    /// It took too long for what is said here.
    Over(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameState {
    /// The next byte begins a frame, or continues the one in `carry`.
    Reading,
    /// `carry` holds a frame that has been dealt with.
    Done,
    /// The next byte belongs to a frame that has been refused already.
    Skipping,
}

/// What is to be done about a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    /// Do what it asks for.
    Do(Command<'a>),
    /// Answer that it cannot be read.
    Refuse(WireError),
}

impl Action<'_> {
    /// What was asked for, as far as it can be told.
    pub(crate) fn verb(&self) -> Verb {
        match self {
            Self::Do(command) => command.verb(),
            Self::Refuse(error) => error.verb,
        }
    }
}

/// How far [`Machine::feed`] came.
#[derive(Debug)]
pub(crate) struct Fed<'a> {
    /// How many bytes it used; feed it the rest next. Not zero, unless there was no input.
    pub(crate) used: usize,
    /// The frame goes on, and may yet ask for something.
    pub(crate) unfinished: bool,
    /// What is to be done, if anything.
    pub(crate) action: Option<Action<'a>>,
}

/// The longest terminator of any wire, in bytes.
const TERMINATOR: usize = 2;

impl Machine {
    pub(crate) fn new(
        limits: &Limits,
        timeouts: &Timeouts,
        wire: &impl Wire,
        now: Instant,
    ) -> Self {
        Self {
            max_line: u32::try_from(wire.max_frame(limits.max_line())).unwrap_or(u32::MAX),
            carry: Vec::new(),
            state: FrameState::Reading,
            part: 0,
            register_by: timeouts.register().map(|wait| deadline_after(now, wait)),
            idle: timeouts.idle(),
            probed: false,
            unsure_after: 0,
            last_heard: now,
        }
    }

    /// Uses up at most one frame from the front of `input`, and reads its first part, or of one that was taken back the
    /// part that was next.
    pub(crate) fn feed<'a>(
        &'a mut self,
        wire: &mut impl Wire,
        input: &'a [u8],
        reading: &mut Reading,
    ) -> Fed<'a> {
        self.pause();
        reading.begin(self.part);
        match wire.frame_end(input) {
            Some(end) => Fed {
                used: end,
                unfinished: false,
                action: self.end_frame(wire, &input[..end], reading),
            },
            None => {
                let action = self.carry_on(wire, input);
                Fed {
                    used: input.len(),
                    unfinished: self.state == FrameState::Reading,
                    action,
                }
            }
        }
    }

    /// Whether the frame that `reading` is of has another part.
    pub(crate) fn has_more(&mut self, reading: &Reading) -> bool {
        let next = reading.next_part();
        self.part = next.unwrap_or(0);
        next.is_some()
    }

    /// Reads the next part of the frame that ended with `end`, which is what was used of it when it was fed.
    pub(crate) fn next_part<'a>(
        &'a mut self,
        wire: &mut impl Wire,
        end: &'a [u8],
        reading: &mut Reading,
    ) -> Fed<'a> {
        reading.begin(self.part);
        let frame = match self.state {
            FrameState::Done => &self.carry,
            _ => end,
        };
        Fed {
            used: 0,
            unfinished: false,
            action: read(wire, wire.payload(frame), reading),
        }
    }

    /// Takes the last frame back: the bytes to feed instead of `rest`, so that it comes again. `before` is
    /// what was fed, and `rest` what was not used of it.
    pub(crate) fn put_back(&mut self, before: &[u8], rest: &[u8]) -> Vec<u8> {
        if self.state != FrameState::Done {
            return before.to_vec();
        }
        self.state = FrameState::Reading;
        let mut bytes = mem::take(&mut self.carry);
        bytes.extend_from_slice(rest);
        bytes
    }

    /// Gives the memory of a frame that has been dealt with back, when there is nothing more to feed now.
    pub(crate) fn pause(&mut self) {
        if self.state == FrameState::Done {
            self.carry = Vec::new();
            self.state = FrameState::Reading;
        }
    }

    /// How many bytes it keeps of an unfinished frame.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn kept(&self) -> usize {
        self.carry.capacity()
    }

    /// Says that bytes have come at `now`.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.unsure_after = 0;
        self.probed = false;
    }

    /// Says that the peer has taken bytes at `now` that there was no room for before. It has given a sign of life by
    /// that, and may have had no other way: who has much to read is not read from.
    pub(crate) fn took(&mut self, now: Instant) {
        self.set_unsure(now);
    }

    fn set_unsure(&mut self, now: Instant) {
        let after = now.saturating_duration_since(self.last_heard).as_millis();
        self.unsure_after = u32::try_from(after).unwrap_or(u32::MAX);
    }

    /// When [`overdue`](Self::overdue) is worth asking. It may move to a later time with every read.
    pub(crate) fn deadline(&self, wire: &impl Wire, has_name: bool) -> Option<Instant> {
        let register = self.register_by.filter(|_| !has_name);
        let probe = wire.keep_alive().filter(|_| has_name).map(|keep_alive| {
            let KeepAlive { after, within } = keep_alive;
            let wait = if self.probed { within } else { after };
            let unsure_after = Duration::from_millis(self.unsure_after.into());
            deadline_after(self.last_heard, unsure_after.saturating_add(wait))
        });
        let idle = self.idle.map(|wait| deadline_after(self.last_heard, wait));
        [register, idle, probe].into_iter().flatten().min()
    }

    /// What is to be done about the peer by now, if anything. It is told once that it is to be probed.
    pub(crate) fn overdue(
        &mut self,
        wire: &impl Wire,
        now: Instant,
        has_name: bool,
    ) -> Option<Overdue> {
        if self.deadline(wire, has_name)? > now {
            return None;
        }
        match self.register_by {
            Some(by) if by <= now && !has_name => {
                return Some(Overdue::Over("no name was registered in time"));
            }
            _ => {}
        }
        let silent = now.saturating_duration_since(self.last_heard);
        let is_idle = self.idle.is_some_and(|idle| idle <= silent);
        if wire.keep_alive().is_some() && has_name && !self.probed && !is_idle {
            self.probed = true;
            self.set_unsure(now);
            return Some(Overdue::Probe);
        }
        Some(Overdue::Over("nothing was heard for too long"))
    }

    fn max_line(&self) -> usize {
        usize::try_from(self.max_line).unwrap_or(usize::MAX - TERMINATOR)
    }

    fn end_frame<'a>(
        &'a mut self,
        wire: &mut impl Wire,
        end: &'a [u8],
        reading: &mut Reading,
    ) -> Option<Action<'a>> {
        if self.state == FrameState::Skipping {
            self.state = FrameState::Reading;
            return None;
        }
        let too_long = self.carry.len() + end.len() > self.max_line() + TERMINATOR;
        let frame = match self.carry.is_empty() {
            true => end,
            false => {
                self.state = FrameState::Done;
                self.carry_within(end);
                &self.carry
            }
        };
        let payload = wire.payload(frame);
        if too_long || payload.len() > self.max_line() {
            let verb = wire.verb(frame);
            return Some(Action::Refuse(line_too_long(verb, self.max_line())));
        }
        read(wire, payload, reading)
    }

    /// Adds as much of `more` to what is kept as a frame may have. Of one that is too long that is enough to tell what
    /// it asks for.
    fn carry_within(&mut self, more: &[u8]) {
        let room = (self.max_line() + TERMINATOR).saturating_sub(self.carry.len());
        self.carry.extend_from_slice(&more[..room.min(more.len())]);
    }

    /// Keeps `input`, in which no frame ends, for later.
    fn carry_on(&mut self, wire: &impl Wire, input: &[u8]) -> Option<Action<'static>> {
        if self.state == FrameState::Skipping {
            return None;
        }
        // A last byte that is the first of the terminator is not counted yet.
        if self.carry.len() + input.len() < self.max_line() + TERMINATOR {
            self.carry.extend_from_slice(input);
            return None;
        }
        let verb = match self.carry.is_empty() {
            true => wire.verb(input),
            false => {
                self.carry_within(input);
                wire.verb(&self.carry)
            }
        };
        self.carry = Vec::new();
        self.state = FrameState::Skipping;
        Some(Action::Refuse(line_too_long(verb, self.max_line())))
    }
}

/// Reads a part of a frame.
fn read<'a>(wire: &mut impl Wire, payload: &'a [u8], reading: &mut Reading) -> Option<Action<'a>> {
    match wire.decode(payload, reading) {
        Ok(command) => command.map(Action::Do),
        Err(error) => Some(Action::Refuse(error)),
    }
}

fn line_too_long(verb: Verb, max_line: usize) -> WireError {
    let explanation = format!("a line has at most {max_line} bytes");
    WireError::new(verb, ErrorCode::TooLong, explanation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Answer, Event},
        wire::{Form, Line, Seed},
    };

    fn machine(max_line: usize) -> Machine {
        let limits = Limits::builder().max_line(max_line).build().unwrap();
        Machine::new(&limits, &Timeouts::default(), &Line, epoch())
    }

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn epoch() -> Instant {
        Instant::now()
    }

    /// Everything that comes of `pieces`, written down.
    fn actions<'a>(
        machine: &mut Machine,
        mut wire: impl Wire,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Vec<String> {
        let mut actions = Vec::new();
        let mut reading = Reading::default();
        for mut rest in pieces {
            while !rest.is_empty() {
                let fed = machine.feed(&mut wire, rest, &mut reading);
                actions.extend(fed.action.map(|action| format!("{action:?}")));
                rest = &rest[fed.used..];
            }
        }
        actions
    }

    fn too_long(actions: &[String]) -> usize {
        actions.iter().filter(|a| a.contains("TooLong")).count()
    }

    #[test]
    fn many_commands_in_one_piece() {
        let actions = actions(
            &mut machine(4096),
            Line,
            [&b"register,ada\r\n\nchat,bob,a,b\nping\nlist,friends\nquit\n"[..]],
        );
        assert_eq!(
            actions,
            [
                r#"Do(Register { name: "ada", secret: None })"#,
                r#"Do(Chat { to: "bob", text: "a,b", style: Style { kind: Message, extra: None } })"#,
                "Do(Ping)",
                "Do(ListUsers)",
                "Do(Quit { reason: None })"
            ]
        );
    }

    #[test]
    fn a_line_may_be_exactly_as_long_as_the_limit() {
        for end in ["\n", "\r\n"] {
            for (length, refused) in [(63, 0), (64, 0), (65, 1), (66, 1), (200, 1)] {
                let line = format!("chat,b,{}{end}ping\n", "x".repeat(length - 7));
                let whole = actions(&mut machine(64), Line, [line.as_bytes()]);
                assert_eq!(too_long(&whole), refused, "{length} {end:?}");
                assert_eq!(whole.len(), 2, "the next line is served");
                let bytes = actions(&mut machine(64), Line, line.as_bytes().chunks(1));
                assert_eq!(bytes, whole, "{length} {end:?}");
            }
        }
    }

    #[test]
    fn an_endless_line_is_refused_once_and_keeps_no_memory() {
        let mut machine = machine(64);
        let chunk = [b'x'; 1000];
        let mut refusals = 0;
        for _ in 0..10_000 {
            refusals += actions(&mut machine, Line, [&chunk[..]]).len();
            assert_eq!(machine.kept(), 0);
        }
        assert_eq!(refusals, 1);
        assert_eq!(
            actions(&mut machine, Line, [&b"\nping\n"[..]]),
            ["Do(Ping)"]
        );
    }

    #[test]
    fn whole_lines_leave_no_memory_behind() {
        let mut machine = machine(4096);
        actions(&mut machine, Line, [&b"pi"[..], b"ng\npi", b"ng\n"]);
        machine.pause();
        assert_eq!(machine.kept(), 0);
    }

    #[test]
    fn a_seed_read_is_a_command_and_too_long_a_register_is_answered() {
        let mut machine = machine(64);
        let reads = [&b"register,ada"[..], b"chat,ada"];
        assert_eq!(
            actions(&mut machine, Seed::default(), reads),
            [
                r#"Do(Register { name: "ada", secret: None })"#,
                r#"Do(Chat { to: "ada", text: "hi", style: Style { kind: Message, extra: None } })"#
            ]
        );
        let long = format!("register,{}", "x".repeat(64));
        let refused = actions(&mut machine, Seed::default(), [long.as_bytes()]);
        assert!(refused[0].contains("verb: Register, code: TooLong"));
    }

    #[test]
    fn deadlines() {
        let start = epoch();
        let timeouts = Timeouts::builder()
            .register(Duration::from_secs(10))
            .idle(Duration::from_secs(60))
            .build()
            .unwrap();
        let mut machine = Machine::new(&Limits::default(), &timeouts, &Line, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        machine.heard(at(9));
        assert_eq!(machine.deadline(&Line, false), Some(at(10)));
        assert_eq!(machine.overdue(&Line, at(9), false), None);
        assert!(
            machine.overdue(&Line, at(10), false).is_some(),
            "hearing is not a name"
        );
        assert_eq!(machine.deadline(&Line, true), Some(at(69)));
        assert_eq!(machine.overdue(&Line, at(68), true), None);
        assert!(machine.overdue(&Line, at(69), true).is_some());
    }

    /// `line`, but silent peers are asked for a sign of life.
    #[derive(Clone)]
    struct Asks;

    impl Wire for Asks {
        fn frame_end(&self, input: &[u8]) -> Option<usize> {
            Line.frame_end(input)
        }

        fn decode<'a>(
            &mut self,
            payload: &'a [u8],
            reading: &mut Reading,
        ) -> Result<Option<Command<'a>>, WireError> {
            Line.decode(payload, reading)
        }

        fn keep_alive(&self) -> Option<KeepAlive> {
            Some(KeepAlive {
                after: Duration::from_secs(90),
                within: Duration::from_secs(60),
            })
        }

        fn answer(&mut self, answer: &Answer<'_>, out: &mut Vec<u8>) {
            Line.answer(answer, out);
        }

        fn encode(event: &Event, form: Form, out: &mut Vec<u8>) {
            Line::encode(event, form, out);
        }
    }

    #[test]
    fn who_has_a_name_and_is_silent_is_asked_once_and_then_out_of_time() {
        let start = epoch();
        let mut machine = machine(64);
        let asks = Asks;
        let at = |seconds| start + Duration::from_secs(seconds);
        machine.heard(start);
        assert_eq!(machine.deadline(&asks, true), Some(at(90)));
        assert_eq!(machine.overdue(&asks, at(89), true), None);
        assert_eq!(machine.overdue(&asks, at(90), true), Some(Overdue::Probe));
        assert_eq!(machine.overdue(&asks, at(91), true), None);
        assert_eq!(machine.deadline(&asks, true), Some(at(150)));
        machine.heard(at(140));
        assert_eq!(machine.overdue(&asks, at(231), true), Some(Overdue::Probe));
        let over = machine.overdue(&asks, at(291), true);
        assert!(matches!(over, Some(Overdue::Over(_))), "{over:?}");
    }

    /// As after the whole process was stopped for a while.
    #[test]
    fn who_is_asked_late_has_as_long_to_answer() {
        let start = epoch();
        let mut machine = machine(64);
        let at = |seconds| start + Duration::from_secs(seconds);
        machine.heard(start);
        assert_eq!(machine.overdue(&Asks, at(999), true), Some(Overdue::Probe));
        assert_eq!(machine.overdue(&Asks, at(1058), true), None);
        assert_eq!(machine.deadline(&Asks, true), Some(at(1059)));
        // It takes what there was no room for.
        machine.took(at(1058));
        assert_eq!(machine.overdue(&Asks, at(1117), true), None);
        let over = machine.overdue(&Asks, at(1118), true);
        assert!(matches!(over, Some(Overdue::Over(_))), "{over:?}");
    }
}
