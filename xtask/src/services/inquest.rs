//! What is told of the servers after a failed run: a server that has died fails every test after it, and none says why.

use nix::sys::statvfs::statvfs;

use super::{Place, Service};
use crate::process;

/// Which servers no longer answer, with the ends of their logs, and how much room is left where they write.
pub fn report(place: &Place) -> String {
    let fallen = Service::ALL.into_iter().filter(|service| !service.is_ready(place));
    let mut told: Vec<String> = fallen
        .map(|service| {
            let log = process::last_lines(&place.log(service));
            format!("{} no longer answers; its log ends with:\n\n{log}\n", service.name())
        })
        .collect();
    if told.is_empty() {
        told.push("Postgres, RabbitMQ and S3 still answer".to_owned());
    }
    told.extend(room(place));
    told.join("\n")
}

fn room(place: &Place) -> Option<String> {
    let disk = statvfs(place.folder()).ok()?;
    let free = disk.blocks_available() * disk.fragment_size() / (1024 * 1024);
    Some(format!("{free} MiB are free in {}", place.folder().display()))
}
