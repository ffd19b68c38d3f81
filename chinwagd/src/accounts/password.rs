//! Makes a hash of a password that somebody types.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, phc::PasswordHash},
};
use chinwag::UserName;

use crate::failure::Failure;

/// The longest password to hash, in bytes; no line of a client's is longer.
const MAX_PASSWORD: u64 = 1 << 20;

/// Reads a password from stdin, and makes of it the line for `name`, or without one only the hash.
pub(crate) fn hash_from_stdin(name: Option<&UserName>) -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        let whose = name.map(|name| format!(" of {name}")).unwrap_or_default();
        // Only who sees it has any use for it.
        let _ = write!(
            io::stderr(),
            "The password{whose}, which will be seen as you type: "
        );
    }
    let mut line = Vec::new();
    let mut input = stdin.lock().take(MAX_PASSWORD);
    input
        .read_until(b'\n', &mut line)
        .map_err(Failure::System)?;
    let password = one_line(&line).map_err(Failure::BadPassword)?;
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash: PasswordHash = hash.map_err(|error| Failure::System(io::Error::other(error)))?;
    Ok(match name {
        Some(name) => format!("{name}:{hash}\n"),
        None => format!("{hash}\n"),
    })
}

/// The password in a line of stdin, as a client can send it.
fn one_line(line: &[u8]) -> Result<&str, &'static str> {
    let password = str::from_utf8(line).map_err(|_| "it is no UTF-8")?;
    let password = password.strip_suffix('\n').unwrap_or(password);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password {
        "" => Err("it is empty; it is read from stdin, up to the end of the line"),
        _ if password.contains(['\r', '\0']) => Err("no client could send what is in it"),
        _ => Ok(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_that_a_client_can_send() {
        for line in ["x, y", "x, y\n", "x, y\r\n"] {
            assert_eq!(one_line(line.as_bytes()), Ok("x, y"));
        }
        for line in ["", "\n", "\r\n", "a\rb\n", "a\0"] {
            assert!(one_line(line.as_bytes()).is_err(), "{line:?}");
        }
        assert_eq!(one_line(b"\xff\n"), Err("it is no UTF-8"));
    }
}
