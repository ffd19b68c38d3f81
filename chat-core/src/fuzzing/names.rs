//! Names: which texts are some, and which of them are the same.

use std::hash::{BuildHasherDefault, Hasher};

use crate::model::{RoomName, UserName, name_hash, same_name};

/// How many bytes are worth a look: no name is longer, and the ways to write one take time.
const MOST: usize = 300;

/// A text is a name if each of its characters may be in one, and is then written as it came. Two texts are the same name
/// or not, whichever is asked about the other, and the same ones hash alike.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]);
    let (a, b) = text.split_once(' ').unwrap_or((&text, ""));
    for text in [a, b] {
        is_name(text);
    }
    let (up, low) = (a.to_uppercase(), a.to_lowercase());
    let texts = [a, b, &up, &low];
    for one in texts {
        for other in texts {
            let same = same_name(one, other);
            assert_eq!(same, same_name(other, one));
            assert!(!same || hash(one) == hash(other), "{one:?} {other:?}");
            // It is a relation of equivalence.
            for third in texts {
                assert!(!same || same_name(one, third) == same_name(other, third));
            }
        }
        let is_a = !std::ptr::eq(one, b);
        assert!(!is_a || same_name(a, one), "{a:?} {one:?}");
    }
}

fn is_name(text: &str) {
    let is_made_of = |first: &str, others: &str| {
        let mut chars = text.chars();
        let is_letter = |c: char, more: &str| c.is_alphanumeric() || more.contains(c);
        let begins_well = chars.next().is_some_and(|c| is_letter(c, first));
        begins_well && chars.all(|c| is_letter(c, others))
    };
    let length = text.chars().count();
    let is_user = is_made_of("_[]{}\\|^`", "_[]{}\\|^`-.") && length <= 32;
    let user = text.parse::<UserName>();
    assert_eq!(user.is_ok(), is_user, "{text:?}");
    assert!(user.is_ok_and(|name| name.as_str() == text) || !is_user);
    let room = format!("#{text}").parse::<RoomName>();
    let is_room = is_made_of("", "_-.") && length <= 63;
    assert_eq!(room.is_ok(), is_room, "{text:?}");
    assert!(text.starts_with('#') || text.parse::<RoomName>().is_err());
}

fn hash(text: &str) -> u64 {
    name_hash(&BuildHasherDefault::<Pieces>::default(), text)
}

/// Tells pieces apart, which the hasher of the standard library does not.
#[derive(Default)]
struct Pieces(u64);

impl Hasher for Pieces {
    fn write(&mut self, piece: &[u8]) {
        for &byte in piece {
            self.0 = self.0.wrapping_mul(257).wrapping_add(u64::from(byte) + 1);
        }
        self.0 = self.0.wrapping_mul(31);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
