//! Who used the processor: what Linux counts for every process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

/// What the kernel counts in: a hundredth of a second, on every Linux that anybody runs.
const TICKS: f64 = 100.0;

/// The processes that are watched, by the names under which their time is told.
#[derive(Debug)]
pub struct Watched {
    /// Processes that we know by number.
    pub known: Vec<(String, u32)>,
    /// The folder in whose folders the services run: a process that works in `postgres/` is Postgres'.
    pub services: Option<PathBuf>,
}

/// Seconds that everybody has used so far.
#[derive(Debug)]
pub struct Look {
    at: Instant,
    seconds: BTreeMap<String, f64>,
    busy: f64,
    stolen: f64,
}

/// Seconds that everybody used between two looks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    pub elapsed: f64,
    /// By name.
    pub seconds: BTreeMap<String, f64>,
    /// Programs that have nothing to do with this, and the kernel.
    pub others: f64,
    /// Used by nobody.
    pub idle: f64,
    /// Taken by other guests of the machine below.
    pub stolen: f64,
}

impl Watched {
    /// Looks now.
    pub fn look(&self) -> anyhow::Result<Look> {
        let mut seconds = BTreeMap::from([("this client".to_owned(), own()?)]);
        for (name, pid) in &self.known {
            let used = used(*pid).with_context(|| format!("{name} is not running any more"))?;
            *seconds.entry(name.clone()).or_default() += used.0;
        }
        for entry in fs::read_dir("/proc")?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let (Some(pid), Some(folder)) = (pid, &self.services) else { continue };
            if let Some(name) = service(&entry.path(), folder)
                && let Some((own, children)) = used(pid)
            {
                // Children that have ended are counted by who started them, which works in the same folder.
                *seconds.entry(name).or_default() += own + children;
            }
        }
        let (busy, stolen) = machine()?;
        Ok(Look { at: Instant::now(), seconds, busy, stolen })
    }
}

impl Look {
    /// What was used since an earlier look.
    pub fn since(&self, earlier: &Self) -> Usage {
        let elapsed = self.at.duration_since(earlier.at).as_secs_f64();
        let seconds: BTreeMap<String, f64> = self
            .seconds
            .iter()
            .map(|(name, now)| (name.clone(), now - earlier.seconds.get(name).unwrap_or(&0.0)))
            .collect();
        let (busy, stolen) = (self.busy - earlier.busy, self.stolen - earlier.stolen);
        let others = (busy - seconds.values().sum::<f64>()).max(0.0);
        Usage { elapsed, seconds, others, idle: (elapsed * cores() as f64 - busy - stolen).max(0.0), stolen }
    }
}

/// The number of cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Seconds that this process has used, without its children.
pub fn own() -> anyhow::Result<f64> {
    Ok(used(std::process::id()).context("reading /proc/self")?.0)
}

/// Seconds that a process has used itself, and those of its children that have ended.
fn used(pid: u32) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; after it come the numbers.
    let numbers: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| numbers.get(place)?.parse::<f64>().ok();
    Some(((ticks(11)? + ticks(12)?) / TICKS, (ticks(13)? + ticks(14)?) / TICKS))
}

/// The folder directly below `folder` that the process works in.
fn service(process: &Path, folder: &Path) -> Option<String> {
    let works_in = fs::read_link(process.join("cwd")).ok()?;
    let below = works_in.strip_prefix(folder).ok()?.components().next()?;
    Some(below.as_os_str().to_string_lossy().into_owned())
}

/// Seconds that the whole machine was busy, and those that were stolen from it.
fn machine() -> anyhow::Result<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let ticks: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).flat_map(str::parse).collect();
    // user nice system idle iowait irq softirq steal
    let at = |place: usize| ticks.get(place).copied().unwrap_or_default() / TICKS;
    Ok((at(0) + at(1) + at(2) + at(5) + at(6), at(7)))
}
