//! `[scheduler]`: how often it looks at what. Every key is described in `cli/config.default.toml`.

use forebay_shared::config::Span;
use serde::Deserialize;

/// `[scheduler]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchedulerConfig {
    /// How often jobs that have become due are handed over.
    pub fill: Span,
    /// How often schedules are looked at whose ticks come.
    pub fire: Span,
    /// How often dead workers and lost messages are looked for.
    pub repair: Span,
    /// How often jobs are looked for that wait past a deadline.
    pub expire: Span,
    /// How often messages to webhooks are made of what happened.
    pub tell: Span,
    /// How often bulks are read and ended.
    pub bulk: Span,
    /// How often models are looked for that are to be pulled.
    pub pull: Span,
    /// How often jobs past their retention are removed, with their objects.
    pub retain: Span,
    /// How long it is remembered what became of a schedule's ticks.
    pub firings: Span,
    /// How often objects are looked for that no row names.
    pub sweep: Span,
    /// How old such an object must be: longer than any upload lasts.
    pub sweep_age: Span,
    /// How often queues are measured.
    pub measure: Span,
    /// How long a leader leads without renewing.
    pub lead: Span,
}

impl SchedulerConfig {
    /// Complaints about keys that contradict each other.
    pub fn check(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let ticks = [
            ("fill", self.fill),
            ("fire", self.fire),
            ("repair", self.repair),
            ("expire", self.expire),
            ("tell", self.tell),
            ("bulk", self.bulk),
            ("pull", self.pull),
            ("retain", self.retain),
            ("sweep", self.sweep),
            ("measure", self.measure),
        ];
        for (key, span) in ticks {
            if span.get().as_secs() == 0 || span.get().subsec_nanos() != 0 {
                complaints.push(format!("scheduler.{key} ({span}) must be whole seconds, one at least"));
            }
        }
        if self.lead.get() <= self.repair.get() * 2 {
            complaints.push(format!(
                "scheduler.lead ({}) must be longer than twice scheduler.repair ({}), which renews it",
                self.lead, self.repair
            ));
        }
        complaints
    }
}
