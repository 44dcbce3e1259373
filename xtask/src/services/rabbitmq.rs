//! RabbitMQ, as Debian packages it, with everything that it writes in one folder.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};

use super::census::Process;
use super::{Place, Service};
use crate::process;

/// The program itself: the one on the path insists on the accounts root or rabbitmq.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Two scheduler threads that do not spin: a broker for tests shares its cores with them.
const ERLANG: &str =
    "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none";

/// Starts a broker under its own node name, with its own port mapper.
pub fn launch(place: &Place) -> Result<Child> {
    anyhow::ensure!(is_installed(), "RabbitMQ is not installed: apt-get install rabbitmq-server");
    let (folder, ports) = (place.folder_of(Service::Rabbitmq), place.ports());
    let mut server = place.command(Service::Rabbitmq, Path::new(SERVER))?;
    fs::write(folder.join("enabled_plugins"), "[rabbitmq_management].\n")?;
    fs::write(folder.join("rabbitmq.conf"), settings(place)).context("writing rabbitmq.conf")?;
    for (name, path) in [
        ("HOME", ""), // of the cookie
        ("RABBITMQ_MNESIA_BASE", "mnesia"),
        ("RABBITMQ_LOG_BASE", ""),
        ("RABBITMQ_PID_FILE", "pid"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_CONF_ENV_FILE", "no-environment.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
    ] {
        server.env(name, folder.join(path));
    }
    server
        .env("LANG", "C.UTF-8")
        .env("RABBITMQ_NODENAME", format!("forebay-{}@localhost", ports.amqp))
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", ports.amqp.to_string())
        .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG)
        .env("ERL_EPMD_PORT", ports.epmd.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        // Without a shell between us and the virtual machine, signals arrive where they are meant to.
        .env("RUNNING_UNDER_SYSTEMD", "true");
    process::spawn(&mut server)
}

fn settings(place: &Place) -> String {
    let ports = place.ports();
    format!(
        "listeners.tcp.1 = 127.0.0.1:{}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {}\n\
         disk_free_limit.absolute = 50MB\n\
         log.console = true\n\
         log.console.level = warning\n",
        ports.amqp, ports.management
    )
}

/// Whether it answers to the protocol's greeting; the port alone is open a little earlier.
pub fn is_ready(place: &Place) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, place.ports().amqp)) else { return false };
    let patience = Some(Duration::from_secs(1));
    let _ = (stream.set_read_timeout(patience), stream.set_write_timeout(patience));
    stream.write_all(b"AMQP\0\0\x09\x01").is_ok() && stream.read_exact(&mut [0]).is_ok()
}

/// Whether the server is installed.
pub fn is_installed() -> bool {
    Path::new(SERVER).is_file()
}

/// The port mapper is a daemon that nobody but us ends.
pub fn outlives_the_broker(process: &Process) -> bool {
    process.name == "epmd"
}
