//! Lines that tell what became of somebody: everybody must hear each exactly once.

/// What somebody has heard, whatever its order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) lines: u64,
    /// The sum of a hash of each.
    sum: u64,
}

impl Presence {
    pub(crate) fn hear(&mut self, line: &[u8]) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in line {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.lines += 1;
        self.sum = self
            .sum
            .wrapping_add((hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Presence {
        let mut presence = Presence::default();
        lines.iter().for_each(|line| presence.hear(line.as_bytes()));
        presence
    }

    #[test]
    fn the_same_lines_in_any_order_are_the_same() {
        assert_eq!(of(&["a joined", "b joined"]), of(&["b joined", "a joined"]));
    }

    #[test]
    fn a_lost_a_doubled_and_a_changed_line_are_found() {
        let all = of(&["a joined", "b joined"]);
        for wrong in [
            &["a joined"][..],
            &["a joined", "b joined", "b joined"],
            &["a joined", "a joined"],
            &["a joined", "c joined"],
        ] {
            assert_ne!(all, of(wrong));
        }
    }
}
