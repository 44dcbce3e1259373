//! How much stands on each route, as gauges.

use crate::Chores;

impl Chores {
    pub(crate) async fn measure_queues(&self) {
        let depths = match self.parts.store.depths().await {
            Ok(depths) => depths,
            Err(error) => {
                tracing::warn!(%error, "queues cannot be measured at the moment");
                return;
            }
        };
        let now = self.parts.store.now();
        for depth in depths {
            let labels = [("model", depth.route.model), ("class", depth.route.class.as_str().to_owned())];
            metrics::gauge!("forebay_jobs_queued", &labels).set(depth.queued as f64);
            metrics::gauge!("forebay_jobs_running", &labels).set(depth.running as f64);
            let age = depth.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            metrics::gauge!("forebay_oldest_job_age_seconds", &labels).set(age);
        }
    }
}
