//! How far a client is with its log-in.

/// The most bytes of what a client sends to log in, as it is encoded: two chunks and a bit, which holds the longest
/// account and a secret of half a kilobyte.
const MAX_RESPONSE: usize = 1200;

/// The bytes of a chunk. One that is not as long is the last.
pub(crate) const CHUNK: usize = 400;

/// The only mechanism.
pub(crate) const PLAIN: &str = "PLAIN";

/// A log-in with the mechanism PLAIN that is under way, or was.
#[derive(Debug, Default)]
pub(crate) enum Sasl {
    /// The response is expected.
    #[default]
    Expected,
    /// So much of it has come.
    Begun(Vec<u8>),
    /// The program was asked about this account.
    Asked(Box<str>),
    /// This account is the client's.
    Done,
}

/// Why a chunk is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The chunk, or all of it, is too long.
    TooLong,
    /// It is not what the mechanism has.
    Malformed,
}

/// What a client has sent to log in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Plain {
    pub(crate) account: String,
    pub(crate) secret: String,
}

impl Sasl {
    /// Takes a chunk. What all chunks say, if it is the last.
    pub(crate) fn take(&mut self, chunk: &str) -> Result<Option<Plain>, Refusal> {
        let mut response = match std::mem::take(self) {
            Self::Begun(response) => response,
            _ => Vec::new(),
        };
        // That is how nothing is written.
        let chunk = if chunk == "+" { "" } else { chunk };
        if chunk.len() > CHUNK || response.len() + chunk.len() > MAX_RESPONSE {
            return Err(Refusal::TooLong);
        }
        response.extend_from_slice(chunk.as_bytes());
        if chunk.len() == CHUNK {
            *self = Self::Begun(response);
            return Ok(None);
        }
        plain(&response).map(Some).ok_or(Refusal::Malformed)
    }
}

/// Reads the response of PLAIN ([RFC 4616](https://www.rfc-editor.org/rfc/rfc4616)): whom one wants to be, who one is,
/// and the secret. Nobody can be somebody else here.
fn plain(response: &[u8]) -> Option<Plain> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let decoded = STANDARD.decode(response).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let mut parts = text.split('\0');
    let (wanted, account, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none();
    let is_themselves = wanted.is_empty() || wanted == account;
    let is_good = is_whole && is_themselves && !account.is_empty() && !secret.is_empty();
    is_good.then(|| Plain {
        account: account.into(),
        secret: secret.into(),
    })
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plain")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn what_is_plain_is_read() {
        let take = |text: &str| Sasl::default().take(&encoded(text));
        let right = take("ada\0ada\0sesame").unwrap().unwrap();
        assert_eq!((&*right.account, &*right.secret), ("ada", "sesame"));
        assert_eq!(take("\0ada\0sesame"), Ok(Some(right)));
        for wrong in [
            "",
            "ada",
            "ada\0sesame",
            "bob\0ada\0x",
            "\0\0x",
            "\0ada\0",
            "\0a\0b\0c",
        ] {
            assert_eq!(take(wrong), Err(Refusal::Malformed), "{wrong:?}");
        }
        assert_eq!(Sasl::default().take("!!"), Err(Refusal::Malformed));
        assert_eq!(Sasl::default().take("+"), Err(Refusal::Malformed));
    }

    #[test]
    fn a_long_response_comes_in_chunks() {
        for length in [293, 294, 295, 500, 895] {
            let text = encoded(&format!("\0ada\0{}", "x".repeat(length)));
            let mut sasl = Sasl::default();
            let mut chunks: Vec<&str> = text
                .as_bytes()
                .chunks(CHUNK)
                .map(|chunk| std::str::from_utf8(chunk).unwrap())
                .collect();
            if text.len().is_multiple_of(CHUNK) {
                chunks.push("+");
            }
            let last = chunks.pop().unwrap();
            for chunk in chunks {
                assert_eq!(sasl.take(chunk), Ok(None));
            }
            assert_eq!(sasl.take(last).unwrap().unwrap().secret.len(), length);
        }
        let mut sasl = Sasl::default();
        assert_eq!(sasl.take(&"x".repeat(401)), Err(Refusal::TooLong));
        let chunk = "x".repeat(400);
        for _ in 0..3 {
            assert_eq!(sasl.take(&chunk), Ok(None));
        }
        assert_eq!(sasl.take(&chunk), Err(Refusal::TooLong));
    }
}
