//! Builds the servers that are part of this workspace.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fmt};

use serde_json::Value;

/// Where the servers of this workspace are, by the names of their programs.
#[derive(Debug)]
pub(super) enum Programs {
    Built(BTreeMap<String, PathBuf>),
    /// Where this very program is.
    Beside(PathBuf),
    /// There are none, and why.
    None(String),
}

impl Programs {
    /// Builds them, as they would be installed.
    pub(super) fn build() -> Self {
        eprintln!("building chinwagd and the servers that it is compared with");
        match build() {
            Ok(programs) => Self::Built(programs),
            Err(why) => Self::None(format!("it could not be built: {why}")),
        }
    }

    /// Takes those that are beside this program, whoever built them and how.
    pub(super) fn beside() -> Self {
        let directory = env::current_exe().map(|this| this.parent().map(ToOwned::to_owned));
        match directory {
            Ok(Some(directory)) => Self::Beside(directory),
            Ok(None) => Self::None("this program is in no directory".to_owned()),
            Err(error) => Self::None(error.to_string()),
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<PathBuf, String> {
        match self {
            Self::Built(programs) => (programs.get(name).cloned())
                .ok_or_else(|| format!("the build made no program `{name}`")),
            Self::Beside(directory) => {
                let path = directory.join(name);
                if path.is_file() {
                    return Ok(path);
                }
                Err(format!("there is no program `{name}` beside this one"))
            }
            Self::None(why) => Err(why.clone()),
        }
    }
}

/// What cargo has built is where cargo says: target directories can be anywhere.
fn build() -> Result<BTreeMap<String, PathBuf>, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--locked", "--bins"])
        .args(["-p", "chinwagd", "-p", "chinwag-bench"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(format!("cargo build: {}", output.status));
    }

    let mut programs = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).map_err(failed)?;
        let name = message["target"]["name"].as_str();
        if let (Some(name), Some(path)) = (name, message["executable"].as_str()) {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(programs)
}

fn failed(error: impl fmt::Display) -> String {
    format!("cargo build: {error}")
}
