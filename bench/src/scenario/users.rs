//! Users who are there before anything is measured.

use crate::{
    load::{
        error::Failure,
        irc,
        net::{Conns, Id, Net},
        setup, speech,
    },
    peer::Dialect,
};

/// Opens connections that each have a name.
pub(crate) fn registered(
    net: &mut Net,
    dialect: Dialect,
    count: usize,
    mut open: impl FnMut(&mut Conns, usize) -> Result<Id, Failure>,
) -> Result<Vec<Id>, Failure> {
    let register = |number: usize| speech::register(dialect, &speech::user(number));
    setup::each(
        net,
        dialect,
        count,
        |number, conns| open(conns, number),
        register,
    )
}

/// Opens connections that are each in a room; user `number` in `room(number)`.
pub(crate) fn joined(
    net: &mut Net,
    dialect: Dialect,
    count: usize,
    mut open: impl FnMut(&mut Conns, usize) -> Result<Id, Failure>,
    room: impl Fn(usize) -> usize,
) -> Result<Vec<Id>, Failure> {
    let join = |number: usize| speech::join(dialect, &speech::room(room(number)));
    if dialect == Dialect::Redis {
        // It knows no names: to listen is all there is to joining.
        return setup::each(
            net,
            dialect,
            count,
            |number, conns| open(conns, number),
            join,
        );
    }
    let ids = registered(net, dialect, count, open)?;
    setup::each(net, dialect, count, |number, _| Ok(ids[number]), join)
}

/// From whom messages of these users come, as others see it; `speakers` are their numbers and connections.
///
/// Where that is more than the name, each asks the server, by saying something to itself.
pub(crate) fn sources(
    net: &mut Net,
    dialect: Dialect,
    speakers: &[(usize, Id)],
) -> Result<Vec<String>, Failure> {
    let name = |number: usize| speech::user(speakers[number].0);
    if dialect != Dialect::Irc {
        return Ok((0..speakers.len()).map(name).collect());
    }
    let ask = |number: usize| speech::to_oneself(&name(number));
    let begin = |number: usize, _: &mut Conns| Ok(speakers[number].1);
    let (_, answers) = setup::answers(net, dialect, speakers.len(), begin, ask)?;
    let source = |(number, answer): (usize, &Vec<u8>)| {
        let source = irc::source(answer).map(ToOwned::to_owned);
        source.ok_or_else(|| Failure::violation(&name(number), "its source is no text"))
    };
    let sources: Vec<_> = (answers.iter().enumerate())
        .map(source)
        .collect::<Result<_, _>>()?;
    match sources.windows(2).find(|two| two[0].len() != two[1].len()) {
        // Messages are compared as bytes, many at a time.
        Some(two) => Err(Failure::violation(
            &two[1],
            format!("it is not as long as {}", two[0]),
        )),
        None => Ok(sources),
    }
}
