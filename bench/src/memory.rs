//! How much memory a process has held: what Linux remembers of it.

use std::fs;

use anyhow::Context;

/// The most bytes that a running process has held at once since it began.
pub fn peak(pid: u32) -> anyhow::Result<u64> {
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("{file} has no VmHWM"))? * 1024)
}
