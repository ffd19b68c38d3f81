//! What a script expects to be heard.

use std::collections::BTreeMap;

use crate::message::Message;

/// What names in braces stand for, since they were heard first.
pub(crate) type Bound = BTreeMap<String, String>;

/// A line with wildcards.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    wild: Vec<Wild>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wild {
    /// `{}`: a word.
    Word,
    /// `{name}`: a word, the same each time.
    Bind(String),
    /// `{...}`: anything, and any number of params.
    Rest,
    /// `:*` at the end: a param, whatever it is.
    Last,
    /// `{a or b}`: one of these.
    OneOf(Vec<String>),
    /// `{any order: a b c}`: these, in any order.
    AnyOrder(Vec<String>),
    /// `{among others: a b}`: these and perhaps others, in any order.
    Among(Vec<String>),
}

/// What stands for the wildcard of that number while a line is taken apart.
const FIRST: u32 = 0xE000;

fn mark(index: usize) -> char {
    char::from_u32(FIRST + u32::try_from(index).unwrap()).unwrap()
}

/// The number of the wildcard that `c` stands for.
fn index(c: char) -> Option<usize> {
    (0xE000..0xF000)
        .contains(&u32::from(c))
        .then(|| (u32::from(c) - FIRST) as usize)
}

impl Pattern {
    /// Reads a line with wildcards.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let (mut text, mut wild) = (String::new(), Vec::new());
        let mut rest = line;
        while let Some(brace) = rest.find('{') {
            text.push_str(&rest[..brace]);
            rest = &rest[brace + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                text.push('{');
                rest = after;
                continue;
            }
            let (inside, after) = rest.split_once('}').ok_or("a brace is not closed")?;
            rest = after;
            let words = |list: &str| split(list).map(str::to_owned).collect();
            let this = match inside {
                "" => Wild::Word,
                "..." => Wild::Rest,
                _ if let Some(list) = inside.strip_prefix("any order: ") => {
                    Wild::AnyOrder(words(list))
                }
                _ if let Some(list) = inside.strip_prefix("among others: ") => {
                    Wild::Among(words(list))
                }
                _ if let Some(many) = repeated(inside) => {
                    text.push_str(&many);
                    continue;
                }
                _ if inside.contains(" or ") => {
                    Wild::OneOf(inside.split(" or ").map(str::to_owned).collect())
                }
                name if is_name(name) => Wild::Bind(name.to_owned()),
                _ => return Err(format!("what is {{{inside}}}?")),
            };
            text.push(mark(wild.len()));
            wild.push(this);
        }
        text.push_str(rest);
        if let Some(start) = text.strip_suffix(" :*") {
            text = format!("{start} :{}", mark(wild.len()));
            wild.push(Wild::Last);
        }
        Ok(Self { text, wild })
    }

    /// Whether `line` is such a message. What it binds is bound only if it is.
    pub(crate) fn matches_message(&self, line: &str, bound: &mut Bound) -> bool {
        let (Some(wanted), Some(heard)) = (Message::parse(&self.text), Message::parse(line)) else {
            return false;
        };
        let mut tried = bound.clone();
        let same = self.text(&wanted.command, &heard.command, &mut tried)
            && wanted.source.is_some() == heard.source.is_some()
            && self.text(
                &wanted.source.unwrap_or_default(),
                &heard.source.unwrap_or_default(),
                &mut tried,
            )
            && self.tags(&wanted.tags, &heard.tags, &mut tried)
            && self.params(&wanted.params, &heard.params, &mut tried);
        if same {
            *bound = tried;
        }
        same
    }

    /// Whether `line` is such a line.
    pub(crate) fn matches_line(&self, line: &str, bound: &mut Bound) -> bool {
        let mut tried = bound.clone();
        let same = self.text(&self.text, line, &mut tried);
        if same {
            *bound = tried;
        }
        same
    }

    fn tags(
        &self,
        wanted: &BTreeMap<String, String>,
        heard: &BTreeMap<String, String>,
        bound: &mut Bound,
    ) -> bool {
        let is_rest = |key: &&String| self.is_rest(key);
        let count = wanted.keys().filter(|key| !is_rest(key)).count();
        let are_all = wanted.keys().any(|key| self.is_rest(key)) || heard.len() == count;
        are_all
            && wanted
                .iter()
                .filter(|(key, _)| !is_rest(key))
                .all(|(key, value)| heard.get(key).is_some_and(|it| self.text(value, it, bound)))
    }

    fn params(&self, wanted: &[String], heard: &[String], bound: &mut Bound) -> bool {
        let Some((first, others)) = wanted.split_first() else {
            return heard.is_empty();
        };
        if self.is_rest(first) {
            return (0..=heard.len()).any(|skip| {
                let mut tried = bound.clone();
                let same = self.params(others, &heard[skip..], &mut tried);
                if same {
                    *bound = tried;
                }
                same
            });
        }
        let Some((it, rest)) = heard.split_first() else {
            return false;
        };
        self.text(first, it, bound) && self.params(others, rest, bound)
    }

    fn is_rest(&self, text: &str) -> bool {
        let mut chars = text.chars();
        let wild = chars.next().and_then(index).map(|index| &self.wild[index]);
        wild == Some(&Wild::Rest) && chars.next().is_none()
    }

    /// Whether `heard` is the part `wanted` of the pattern.
    fn text(&self, wanted: &str, heard: &str, bound: &mut Bound) -> bool {
        let literal = wanted.find(|c| index(c).is_some()).unwrap_or(wanted.len());
        let (literal, wanted) = wanted.split_at(literal);
        let Some(heard) = heard.strip_prefix(literal) else {
            return false;
        };
        let Some(c) = wanted.chars().next() else {
            return heard.is_empty();
        };
        let others = &wanted[c.len_utf8()..];
        let Some(wild) = index(c).map(|index| &self.wild[index]) else {
            return false;
        };
        if let Wild::Bind(name) = wild
            && let Some(value) = bound.get(name).cloned()
        {
            return heard
                .strip_prefix(&*value)
                .is_some_and(|rest| self.text(others, rest, bound));
        }
        let ends = heard.char_indices().map(|(at, c)| at + c.len_utf8());
        for end in std::iter::once(0).chain(ends) {
            let (it, rest) = heard.split_at(end);
            let fits = match wild {
                Wild::Rest | Wild::Last => true,
                Wild::Word | Wild::Bind(_) => !it.is_empty() && !it.contains([' ', ';']),
                Wild::OneOf(texts) => texts.iter().any(|text| text == it),
                Wild::AnyOrder(words) => {
                    sorted(split(it)) == sorted(words.iter().map(|word| &**word))
                }
                Wild::Among(words) => words
                    .iter()
                    .all(|word| split(it).any(|there| there == word)),
            };
            let mut tried = bound.clone();
            if let Wild::Bind(name) = wild {
                tried.insert(name.clone(), it.to_owned());
            }
            if fits && self.text(others, rest, &mut tried) {
                *bound = tried;
                return true;
            }
        }
        false
    }
}

/// A line to be sent, with the names in braces filled in.
pub(crate) fn fill(line: &str, bound: &Bound) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = line;
    while let Some(brace) = rest.find('{') {
        text.push_str(&rest[..brace]);
        rest = &rest[brace + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            text.push('{');
            rest = after;
            continue;
        }
        let (inside, after) = rest.split_once('}').ok_or("a brace is not closed")?;
        rest = after;
        match (repeated(inside), bound.get(inside)) {
            (Some(many), _) => text.push_str(&many),
            (None, Some(value)) => text.push_str(value),
            (None, None) => return Err(format!("nothing was called {{{inside}}} yet")),
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// What `TEXT*N` stands for.
fn repeated(inside: &str) -> Option<String> {
    let (text, count) = inside.rsplit_once('*')?;
    Some(text.repeat(count.parse().ok()?))
}

fn is_name(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The items of a list: words, or what stands between commas if there are no spaces.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let separator = if list.contains(' ') { ' ' } else { ',' };
    list.split(separator).filter(|item| !item.is_empty())
}

fn sorted<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, line: &str) -> Option<Bound> {
        let mut bound = Bound::new();
        let pattern = Pattern::parse(pattern).unwrap();
        pattern.matches_message(line, &mut bound).then_some(bound)
    }

    #[test]
    fn messages_are_compared_by_their_parts() {
        assert!(matches(":a PONG b c", ":a PONG b :c").is_some());
        assert!(matches(":a PONG b c", ":a PONG b :c d").is_none());
        assert!(matches("@x=1;y :a B", "@y;x=1 :a B").is_some());
        assert!(matches(":a B", "@y;x=1 :a B").is_none());
        assert!(matches("@{...} :a B", "@y;x=1 :a B").is_some());
        assert!(matches("@{...} :a B", ":a B").is_some());
        assert!(matches("@x={};{...} :a B", "@y;x=1 :a B").is_some());
        assert!(matches("@z;{...} :a B", "@y;x=1 :a B").is_none());
    }

    #[test]
    fn wildcards() {
        assert!(matches(":a 001 b :*", ":a 001 b :Hello, you").is_some());
        assert!(matches(":a 001 b :*", ":a 001 b").is_none());
        assert!(matches(":a 005 b {...}", ":a 005 b X=1 Y").is_some());
        assert!(matches(":a PART #c {...}", ":a PART #c").is_some());
        assert!(matches("MODE * +b *!*@*", "MODE * +b *!*@*").is_some());
        assert!(matches(":a 005 b {...} :*", ":a 005 b X=1 Y Z :are supported").is_some());
        assert!(
            matches(
                ":a 353 b = #c :{any order: @a b c}",
                ":a 353 b = #c :b c @a"
            )
            .is_some()
        );
        assert!(matches(":a 353 b = #c :{any order: @a b c}", ":a 353 b = #c :b @a").is_none());
        assert!(matches(":a 731 b :{any order: d,e}", ":a 731 b :e,d").is_some());
        assert!(matches("CAP * LS :{among others: x y=1}", "CAP * LS :z y=1 x ").is_some());
        assert!(matches("{442 or 482} a", "482 a").is_some());
        assert!(matches("{442 or 482} a", "401 a").is_none());
        assert!(matches("A {{b}", "A {b}").is_some());
        assert!(matches("A :{x*3}", "A xxx").is_some());
    }

    #[test]
    fn names_bind() {
        let bound = matches(
            "@msgid={m} :{n}!{} A :about {m}",
            "@msgid=4-x :n!u@h A :about 4-x",
        );
        assert_eq!(bound.unwrap()["m"], "4-x");
        assert!(matches("@msgid={m} A :about {m}", "@msgid=4 A :about 5").is_none());
        let bound = Bound::from([("m".to_owned(), "4".to_owned())]);
        assert_eq!(
            fill("@+reply={m} A {xy*2} {{b", &bound).unwrap(),
            "@+reply=4 A xyxy {b"
        );
        fill("{other}", &bound).unwrap_err();
    }
}
