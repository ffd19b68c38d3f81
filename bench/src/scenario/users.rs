//! Users who are there before anything is measured.

use crate::{
    load::{
        error::Failure,
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
