//! What `--help` says beside the settings.

/// What follows them.
pub(super) const EXAMPLES: &str = "\
Start it, and talk to it:
  chinwagd
  nc 127.0.0.1 4000
then type, each on its own line:
  register,ada
  list,friends
  chat,ada,hello
  join,#lobby
  say,#lobby,hello
  quit

Listen elsewhere:
  chinwagd --listen line://0.0.0.0:4000 --listen line+unix:///run/chinwag.sock

For clients of IRC:
  chinwagd --listen irc://0.0.0.0:6667 --server-name irc.example.org --motd motd.txt

A scheme is `line` (what a person can type), `seed` (the original, unframed protocol) or `irc`, and `+unix`
puts it on a Unix socket. Port 0 takes a free port. Once all listeners accept, stdout gets a line
`listening SCHEME://ADDR` for each, in their order, and nothing else.

Rooms that are always there, and names that need a password:
  chinwagd hash-password ada >>accounts          # type the password, and Enter
  chinwagd --accounts accounts --room '#lobby' --room '#help'
Then ada says register,ada,PASSWORD, and on irc she logs in with SASL PLAIN, or, if the
server has no --password, sends it as PASS. The file has a line NAME:HASH for each, with an argon2id
hash; empty lines and those that begin with # do not count. It is read again when it changes.

Settings: a flag wins over CHINWAG_* in the environment, that over the --config file, and that over the
default. The file is TOML, its keys are the flags without the dashes, and `rooms` and `opers`:
  listen = [\"line://0.0.0.0:4000\", \"seed://[::1]:4001\"]
  max-connections = 10000
  idle-timeout = \"30m\"
  message-rate = \"10/s\"
  rooms = [\"#lobby\", \"#help\"]

A rate is COUNT/TIME, like 20/s, 600/min, 5/10s or 1000/day, or `off`. Its burst is how many may come at
once after a pause. Who is faster is told `rate-limited`, and disconnected if that does not help.

Logs go to stderr. RUST_LOG says how much: error, warn, info (the default), debug or trace.

SIGTERM and SIGINT shut it down: everybody gets what waits for them and a good-bye, which takes less
than 5 s. A second signal ends it at once.

Exit codes: 0 after a shutdown; 1 for a bad file or an address that cannot be had; 2 for a bad flag or
environment variable; 130 and 143 after a second SIGINT or SIGTERM.

More is in the source: README.md, chinwagd/chinwag.example.toml for a file with all settings, and
docs/protocol.md and docs/irc.md for what clients say.
";
