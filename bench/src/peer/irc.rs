//! How the IRC servers are set up: for thousands of connections from one machine, and nothing holds them back.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Error, cannot};

/// Longer than any measurement, in seconds.
const LONG: u32 = 86_400;

/// Writes the configuration of ngircd.
pub(super) fn ngircd(directory: &Path, address: SocketAddr) -> Result<PathBuf, Error> {
    let (ip, port) = (address.ip(), address.port());
    // It becomes another user when it is started as root, and so is not ended with the bench any more: it ends
    // itself when nobody has been there for a minute.
    let text = format!(
        "\
[Global]
Name = irc.bench
Info = bench
AdminInfo1 = bench
Listen = {ip}
Ports = {port}
MotdPhrase = bench
[Limits]
IdleTimeout = 60
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 30
MaxPenaltyTime = 0
PingTimeout = {LONG}
PongTimeout = {LONG}
[Options]
DNS = no
Ident = no
PAM = no
"
    );
    write(directory, "ngircd.conf", &text)
}

/// Writes the configuration of inspircd.
pub(super) fn inspircd(directory: &Path, address: SocketAddr) -> Result<PathBuf, Error> {
    const PLENTY: u32 = 1_000_000;
    /// More than a process has memory for, in bytes.
    const ENDLESS: u32 = 1 << 30;

    let (ip, port) = (address.ip(), address.port());
    let text = format!(
        r#"<server name="irc.bench" description="bench" network="bench" id="1BN">
<admin name="bench" nick="bench" email="bench@irc.bench">
<bind address="{ip}" port="{port}" type="clients">
<connect allow="*" fakelag="no" commandrate="{ENDLESS}" threshold="{PLENTY}"
    recvq="{ENDLESS}" softsendq="{ENDLESS}" hardsendq="{ENDLESS}" timeout="{LONG}" pingfreq="{LONG}"
    limit="{PLENTY}" localmax="{PLENTY}" globalmax="{PLENTY}" maxconnwarn="no"
    resolvehostnames="no" useident="no" uniqueusername="no">
<performance somaxconn="4096" softlimit="{PLENTY}" clonesonconnect="no">
"#
    );
    write(directory, "inspircd.conf", &text)
}

fn write(directory: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = directory.join(name);
    fs::write(&path, text).map_err(cannot(format!("write {}", path.display())))?;
    Ok(path)
}
