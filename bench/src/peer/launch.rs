//! The last step before a server: what it is to inherit is set in its own process, which then becomes the server.
//!
//! So this process keeps its own affinity, the pid stays the server's, and a server never outlives whoever
//! measures it, however that ends.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{self, Command};

use clap::Args;
use rustix::process::{Resource, Rlimit, Signal};
use rustix::thread::CpuSet;

/// Become another program, on one core, that ends with the program that asked for it.
#[derive(Debug, Args)]
pub(crate) struct Launch {
    /// The core to stay on.
    #[arg(long)]
    core: Option<usize>,
    /// The process that is waited for by nobody else.
    #[arg(long)]
    parent: i32,
    /// What to become.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

impl Launch {
    /// Returns only if it failed, with what to say.
    pub(crate) fn run(self) -> String {
        let Some((program, arguments)) = self.program.split_first() else {
            return "there is no program to launch".to_owned();
        };
        if let Err(error) = self.prepare() {
            return format!("cannot launch {}: {error}", program.display());
        }
        let error = Command::new(program).args(arguments).exec();
        format!("cannot launch {}: {error}", program.display())
    }

    fn prepare(&self) -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have been gone before it could be asked for its death.
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        if parent != Some(self.parent) {
            return Err(io::Error::other("whoever asked for it is gone"));
        }
        if let Some(core) = self.core {
            let mut cores = CpuSet::new();
            if core >= CpuSet::MAX_CPU {
                return Err(io::Error::other("there is no such core"));
            }
            cores.set(core);
            rustix::thread::sched_setaffinity(None, &cores)?;
        }
        raise_descriptors();
        Ok(())
    }
}

/// Lets this process, and those that it starts, have as many descriptors as the system allows.
///
/// With the rights for it the hard limit is raised too. What cannot be raised stays, and is noticed by whoever
/// then lacks a descriptor.
pub(crate) fn raise_descriptors() {
    const WANTED: u64 = 1 << 20;

    let now = rustix::process::getrlimit(Resource::Nofile);
    let hard = now.maximum.map_or(WANTED, |hard| hard.max(WANTED));
    let raised = Rlimit {
        current: Some(hard),
        maximum: Some(hard),
    };
    if rustix::process::setrlimit(Resource::Nofile, raised).is_err() {
        let _ = rustix::process::setrlimit(
            Resource::Nofile,
            Rlimit {
                current: now.maximum,
                maximum: now.maximum,
            },
        );
    }
}

/// A command that goes through [`Launch`].
pub(super) fn command(core: Option<usize>) -> Command {
    // This very program, even if a build has put another one in its place since.
    let mut command = Command::new("/proc/self/exe");
    command.arg("launch");
    if let Some(core) = core {
        command.args(["--core", &core.to_string()]);
    }
    command.args(["--parent", &process::id().to_string(), "--"]);
    command
}
