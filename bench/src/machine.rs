//! The conditions: what stands beside every figure that is told.

use std::fs;
use std::process::Command;

use serde::Serialize;
use serde_json::Value;

use crate::MODEL;
use crate::arguments::Kind;
use crate::bare::Lengths;
use crate::client::Client;
use crate::column::Plan;
use crate::drive::{CLIENTS, CONNECTIONS};
use crate::processes::cores;
use crate::round::{ITEMS, Sizes};
use crate::services::Services;

/// On what was measured.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    /// The servers with their versions.
    pub servers: Vec<String>,
    pub commit: String,
    pub column: Kind,
    /// What differs from the defaults.
    pub settings: String,
}

impl Machine {
    /// Looks at it and asks the servers for their versions.
    pub async fn look(plan: &Plan, settings: String) -> Self {
        let memory: Option<f64> = field("/proc/meminfo", "MemTotal")
            .and_then(|total| total.split_whitespace().next()?.parse::<f64>().ok());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: cores(),
            memory_gib: memory.unwrap_or_default() / 1_048_576.0,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            servers: if plan.kind == Kind::Fleet { servers(plan).await } else { vec!["none".to_owned()] },
            commit: said("git", &["describe", "--always", "--dirty", "--exclude", "*"])
                .unwrap_or_else(unknown),
            column: plan.kind,
            settings,
        }
    }

    /// Lines of a name and what it says.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("machine", format!("{}, {} cores, {:.0} GiB", self.processor, self.cores, self.memory_gib)),
            ("system", format!("Linux {}", self.kernel)),
            ("services", self.servers.join(", ")),
            (
                "forebay",
                format!("{}, {:?} column, {}", self.commit, self.column, self.settings).to_lowercase(),
            ),
        ]
    }
}

/// What was measured, and on what.
#[derive(Debug, Serialize)]
pub struct Conditions {
    #[serde(flatten)]
    pub machine: Machine,
    pub onnxruntime: String,
    pub model: &'static str,
    pub threads: usize,
    pub texts: usize,
    pub lengths: Lengths,
    pub rounds: usize,
    pub sequential: usize,
    /// How the bare loop's session was opened.
    pub bare: &'static str,
}

impl Conditions {
    /// Lines of a name and what it says.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let lengths = self.lengths;
        let mut lines = self.machine.lines();
        lines.extend([
            ("library", format!("{}, {} threads; bare loop: {}", self.onnxruntime, self.threads, self.bare)),
            (
                "texts",
                format!(
                    "{} for {}; tokens: mean {:.1}, median {}, 95 % up to {}, longest {}",
                    self.texts, self.model, lengths.mean, lengths.median, lengths.p95, lengths.longest
                ),
            ),
            (
                "load",
                format!(
                    "{} rounds; (b) {CONNECTIONS} connections submit, {CONNECTIONS} wait and fetch results of {ITEMS} \
                     texts; (c), (d) {CLIENTS} clients; (e) 1 client, {} jobs each",
                    self.rounds, self.sequential
                ),
            ),
        ]);
        lines
    }
}

/// What is known before anything is measured.
#[derive(Debug)]
pub struct Setting<'a> {
    pub plan: &'a Plan,
    pub settings: String,
    pub texts: usize,
    pub lengths: Lengths,
    pub sizes: &'a Sizes,
    pub bare_as_worker: bool,
}

/// Looks at the machine and at the library.
pub async fn conditions(setting: Setting<'_>) -> Conditions {
    let library = fs::canonicalize(setting.plan.data.join("lib/libonnxruntime.so")).ok();
    let library = library.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    Conditions {
        machine: Machine::look(setting.plan, setting.settings).await,
        onnxruntime: library.unwrap_or_else(unknown),
        model: MODEL,
        threads: setting.plan.threads,
        texts: setting.texts,
        lengths: setting.lengths,
        rounds: setting.sizes.rounds,
        sequential: setting.sizes.sequential,
        bare: if setting.bare_as_worker { "settings of the worker" } else { "default settings" },
    }
}

async fn servers(plan: &Plan) -> Vec<String> {
    let postgres = plan.services.ask_postgres("show server_version").unwrap_or_else(|_| unknown());
    let tools = fs::read_to_string(plan.data.join("tools/.crates.toml")).unwrap_or_default();
    let s3 = tools.split('"').find(|word| word.starts_with("s3s-fs ")).unwrap_or("s3s-fs");
    let s3 = s3.split(" (").next().unwrap_or_default().to_owned();
    vec![
        format!("Postgres {postgres}"),
        format!("RabbitMQ {}", rabbitmq(&plan.services).await.unwrap_or_else(unknown)),
        s3,
        "all on this machine".to_owned(),
    ]
}

/// The broker's management tells its version.
async fn rabbitmq(services: &Services) -> Option<String> {
    let overview = Client::new("").ok()?.text(&format!("{}/api/overview", services.management)).await.ok()?;
    let overview: Value = serde_json::from_str(&overview).ok()?;
    Some(overview["rabbitmq_version"].as_str()?.to_owned())
}

/// The first value of a field in a file of `name: value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What a program prints.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !said.trim().is_empty()).then(|| said.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
