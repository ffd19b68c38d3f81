//! What a message says: who sent it, as which of its messages, and when, so that every receiver can check it.
//!
//! `SENDER SEQUENCE TIME CHECK xxxx…` in hexadecimal digits of a fixed number, and filled up to the size that
//! was asked for. CHECK depends on the other three: a byte that changes anywhere is found.

/// The smallest payload.
pub(crate) const SMALLEST: usize = SENDER + SEQUENCE + TIME + CHECK + 4;

const SENDER: usize = 6;
const SEQUENCE: usize = 8;
const TIME: usize = 12;
const CHECK: usize = 8;
const FILLER: u8 = b'x';

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) sender: u32,
    /// Counted from 0 for each sender.
    pub(crate) sequence: u32,
    /// When it was sent, or was to be sent, in nanoseconds of the generator's clock.
    pub(crate) time: u64,
}

impl Payload {
    /// Adds it to `out`, as `size` bytes.
    pub(crate) fn write(&self, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size;
        let mut head = [b' '; SMALLEST];
        let (sender, rest) = head.split_at_mut(SENDER + 1);
        let (sequence, rest) = rest.split_at_mut(SEQUENCE + 1);
        let (time, check) = rest.split_at_mut(TIME + 1);
        put(self.sender.into(), &mut sender[..SENDER]);
        put(self.sequence.into(), &mut sequence[..SEQUENCE]);
        put(self.time, &mut time[..TIME]);
        put(self.check(), &mut check[..CHECK]);
        out.extend_from_slice(&head);
        out.resize(end, FILLER);
    }

    /// Takes one apart. Nothing, if a byte of it is not as it was written.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (sender, rest) = take::<SENDER>(bytes)?;
        let (sequence, rest) = take::<SEQUENCE>(rest)?;
        let (time, rest) = take::<TIME>(rest)?;
        let (check, rest) = take::<CHECK>(rest)?;
        let payload = Self {
            sender: sender as u32,
            sequence: sequence as u32,
            time,
        };
        let right = check == payload.check() && rest.iter().all(|&byte| byte == FILLER);
        right.then_some(payload)
    }

    fn check(&self) -> u64 {
        let mixed = (u64::from(self.sender) << 40 ^ u64::from(self.sequence))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            ^ self.time;
        (mixed ^ mixed >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
    }
}

/// As many digits as there is place for.
fn put(value: u64, place: &mut [u8]) {
    let mut value = value;
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// So many digits and a space, and what follows them.
fn take<const DIGITS: usize>(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<DIGITS>()?;
    let (mut value, mut wrong) = (0, 0);
    for digit in digits {
        let digit = VALUES[usize::from(*digit)];
        wrong |= digit;
        value = value << 4 | u64::from(digit);
    }
    let rest = rest.strip_prefix(b" ")?;
    (wrong < NO_DIGIT).then_some((value, rest))
}

/// What each byte is worth as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};
const NO_DIGIT: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Payload = Payload {
        sender: 9_999,
        sequence: 70_000,
        time: 3_600_000_000_123,
    };

    #[test]
    fn what_is_written_is_read() {
        for size in [SMALLEST, 64, 4_000] {
            let mut bytes = Vec::new();
            SOME.write(size, &mut bytes);
            assert_eq!(bytes.len(), size);
            assert_eq!(Payload::read(&bytes), Some(SOME));
        }
    }

    #[test]
    fn any_changed_byte_is_found() {
        let mut bytes = Vec::new();
        SOME.write(64, &mut bytes);
        for at in 0..bytes.len() {
            for change in 1..=255 {
                let mut wrong = bytes.clone();
                wrong[at] ^= change;
                assert_eq!(Payload::read(&wrong), None, "byte {at} changed by {change}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_is_found() {
        let mut bytes = Vec::new();
        SOME.write(SMALLEST, &mut bytes);
        for end in 0..SMALLEST {
            assert_eq!(Payload::read(&bytes[..end]), None);
        }
    }
}
