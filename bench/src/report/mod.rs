//! `chinwag-bench report`: from results to the tables and plots of `docs/performance.md`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

pub(crate) use self::plot::{Curve, over_time};

use self::results::Results;

mod goals;
mod machine;
mod markers;
mod number;
mod parts;
mod plot;
mod results;
mod table;

/// Which results to report, and where.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Report {
    /// What `run` wrote; what a later file measures again replaces what an earlier one has of it
    #[arg(
        value_name = "RESULTS.jsonl",
        default_value = "target/bench/results.jsonl"
    )]
    results: Vec<PathBuf>,
    /// The directory of `performance.md`; the plots go to `performance/` in it
    #[arg(long, value_name = "DIRECTORY", default_value = "docs")]
    docs: PathBuf,
}

const HELP: &str = "\
Only what is between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` in performance.md is written anew.";

impl Report {
    /// Reads all and makes all before the first file is written, so that an error leaves everything as it was.
    pub(crate) fn run(self) -> Result<(), String> {
        let read = |path: &PathBuf| {
            let text = fs::read_to_string(path).map_err(cannot("read", path))?;
            Ok((path.display().to_string(), text))
        };
        let texts = self
            .results
            .iter()
            .map(read)
            .collect::<Result<Vec<_>, String>>()?;
        let results = Results::parse(&texts)?;

        let page = self.docs.join("performance.md");
        let before = fs::read_to_string(&page).map_err(cannot("read", &page))?;
        let after = parts::all(&results)
            .into_iter()
            .try_fold(before, |text, (name, part)| {
                markers::replace(&text, name, &part)
            })
            .map_err(|error| format!("{}: {error}", page.display()))?;
        let plots = plot::all(&results)?;

        let directory = self.docs.join("performance");
        fs::create_dir_all(&directory).map_err(cannot("create", &directory))?;
        for (name, svg) in plots {
            let path = directory.join(name);
            fs::write(&path, svg).map_err(cannot("write", &path))?;
        }
        fs::write(&page, after).map_err(cannot("write", &page))
    }
}

fn cannot(what: &str, path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("cannot {what} {}: {error}", path.display())
}
