//! The exposition: every metric, with its name, help and labels. Names are those of OpenTelemetry's semantic conventions
//! as they are spelt for Prometheus, and of Prometheus' own libraries (`process_…`); what neither has a name for begins
//! with `kennel_`. So do the connections to the database: promtool takes no gauge with the conventions' name,
//! `db_client_connection_count`. `docs/operating.md` says of each what to watch for, and a test compares.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use actix_web::web::Data;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet},
    metrics::MetricType,
};

use super::{
    Metrics,
    process::{ProcessStatus, as_float},
};
use crate::{
    histogram::{DURATIONS, Histogram, SIZES},
    log,
};

/// The metrics at the moment of a scrape.
pub struct Scrape {
    /// The places where they are counted.
    pub metrics: Data<Metrics>,
    /// The mails that wait; `None` if the database did not tell in time.
    pub mails_waiting: Option<i64>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut exposition = Exposition(encoder);
        self.write_requests(&mut exposition)?;
        self.write_connections(&mut exposition)?;
        self.write_database(&mut exposition)?;
        self.write_passwords(&mut exposition)?;
        self.write_background(&mut exposition)?;
        self.write_backups(&mut exposition)?;
        write_process(&mut exposition)
    }
}

impl Scrape {
    fn write_requests(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let requests = &self.metrics.requests;
        let series = requests.series().map(|one| {
            let labels = [
                ("http_request_method", one.method.to_owned()),
                ("http_route", one.route.to_owned()),
                ("http_response_status_code", one.status),
            ];
            (labels, one.durations)
        });
        let help = "Time from the head of a request to the head of its response";
        exposition.histogram("http_server_request_duration_seconds", help, (&DURATIONS, NANOSECONDS), series)?;
        let active = requests.active().map(|(method, active)| ([("http_request_method", method)], active));
        exposition.gauge("http_server_active_requests", "Requests that are being served", active)?;
        let problems = requests.problems().map(|(kind, count)| ([("type", kind.slug())], count));
        exposition.counter("kennel_problems", "Problems that were sent, by the last part of their type", problems)
    }

    fn write_connections(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let now = self.metrics.admission.status();
        exposition.gauge("kennel_http_connections", "HTTP connections that are open", one(size(now.open)))?;
        exposition.gauge("kennel_http_connections_max", "Most HTTP connections at a time", one(size(now.most)))?;
        let help = "HTTP connections that were closed because there were too many: an older one for a new one \
            (evicted), or the new one (refused)";
        let closed = [([("reason", "evicted")], now.evicted), ([("reason", "refused")], now.refused)];
        exposition.counter("kennel_http_connections_closed", help, closed)?;
        let help = "Bytes of responses that clients have not read yet";
        exposition.gauge("kennel_http_unread_bytes", help, one(size(now.unread)))
    }

    fn write_database(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let is_up = u64::from(self.mails_waiting.is_some());
        exposition.gauge(
            "kennel_database_up",
            "Whether the database answered this scrape within a second",
            one(is_up),
        )?;
        let pools = self.metrics.db.pools();
        let open = pools.iter().flat_map(|pool| {
            [("idle", pool.idle), ("used", pool.open - pool.idle)]
                .map(|(state, count)| ([("pool", pool.name), ("state", state)], size(count)))
        });
        exposition.gauge("kennel_database_connections", "Connections to the database that are open", open)?;
        let most = pools.iter().map(|pool| ([("pool", pool.name)], size(pool.most)));
        exposition.gauge("kennel_database_connections_max", "Connections to the database that are wanted", most)?;
        let waiting = pools.iter().flat_map(|pool| {
            [("read", pool.reads), ("write", pool.writes)]
                .map(|(kind, count)| ([("pool", pool.name), ("kind", kind)], size(count)))
        });
        exposition.gauge("kennel_database_jobs_waiting", "Jobs that wait for a connection to the database", waiting)?;
        let sizes = self.metrics.db.group_sizes().map(|sizes| (NO_LABELS, sizes));
        exposition.histogram("kennel_database_group_size", "Writes that shared a commit (SQLite)", (&SIZES, 1.0), sizes)
    }

    fn write_passwords(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let hasher = &self.metrics.hasher;
        let (hashes, judgements) = hasher.waiting();
        let waiting = [([("work", "hash")], size(hashes)), ([("work", "judge")], size(judgements))];
        exposition.gauge("kennel_password_jobs_waiting", "Passwords that wait to be hashed or judged", waiting)?;
        let durations = [(NO_LABELS, hasher.durations())];
        let help = "Time that a password's hash took, without the wait for it";
        exposition.histogram("kennel_password_hash_duration_seconds", help, (&DURATIONS, NANOSECONDS), durations)
    }

    fn write_background(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let help = "Mails in the queue, of all instances together, that are not sent yet";
        exposition.gauge("kennel_mails_waiting", help, self.mails_waiting.map(|count| (NO_LABELS, count)))?;
        let sweeps = &self.metrics.sweeps;
        let read = |count: &AtomicU64| one(count.load(Ordering::Relaxed));
        exposition.counter("kennel_sweeps", "Rounds of deleting what is over", read(&sweeps.rounds))?;
        let help = "Sweeps within those rounds that failed, and are tried again in the next";
        exposition.counter("kennel_sweep_failures", help, read(&sweeps.failures))?;
        let help = "Unix time at which the last round of sweeps was over";
        let last = read(&sweeps.last).into_iter().filter(|(_, last)| *last > 0);
        exposition.gauge("kennel_sweep_last_timestamp_seconds", help, last)?;
        let help = "Lines of the log that were lost, as they could not be written in time";
        exposition.counter("kennel_log_lines_lost", help, one(log::lost_lines()))?;
        let build = [([("version", env!("CARGO_PKG_VERSION"))], 1_u64)];
        exposition.gauge("kennel_build_info", "The version that runs", build)
    }

    fn write_backups(&self, exposition: &mut Exposition<'_>) -> fmt::Result {
        let backups = self.metrics.backups.as_deref();
        let read = |count: Option<&AtomicU64>| count.map(|count| (NO_LABELS, count.load(Ordering::Relaxed)));
        let help = "Time from one backup of BACKUP_DIR to the next";
        let every = backups.map(|backups| (NO_LABELS, backups.every.as_secs()));
        exposition.gauge("kennel_backup_interval_seconds", help, every)?;
        let help = "Unix time of the newest backup in BACKUP_DIR; 0, if there is none";
        let last = read(backups.map(|backups| &backups.last));
        exposition.gauge("kennel_backup_last_success_timestamp_seconds", help, last)?;
        let help = "Tries to make a backup in BACKUP_DIR, and to verify it, that failed";
        exposition.counter("kennel_backup_failures", help, read(backups.map(|backups| &backups.failures)))
    }
}

fn write_process(exposition: &mut Exposition<'_>) -> fmt::Result {
    let now = ProcessStatus::read();
    let whole = |value: Option<u64>| value.map(|value| (NO_LABELS, value));
    let float = |value: Option<f64>| value.map(|value| (NO_LABELS, value));
    let help = "Total user and system CPU time spent in seconds";
    exposition.counter("process_cpu_seconds", help, float(now.cpu_seconds))?;
    exposition.gauge("process_resident_memory_bytes", "Resident memory size in bytes", whole(now.resident_bytes))?;
    exposition.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", whole(now.virtual_bytes))?;
    exposition.gauge("process_open_fds", "Number of open file descriptors", whole(now.open_files))?;
    exposition.gauge("process_max_fds", "Maximum number of open file descriptors", whole(now.most_files))?;
    let help = "Start time of the process since unix epoch in seconds";
    exposition.gauge("process_start_time_seconds", help, float(now.began))
}

/// The labels of a metric without any.
const NO_LABELS: [(&str, &str); 0] = [];
/// The nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// The only value of a metric without labels.
fn one(value: u64) -> [([(&'static str, &'static str); 0], u64); 1] {
    [(NO_LABELS, value)]
}

fn size(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The text of an exposition, as it is written. A metric is named and described though there is no value of it.
struct Exposition<'a>(DescriptorEncoder<'a>);

impl Exposition<'_> {
    /// Writes a gauge, with a value for each set of labels.
    fn gauge<L, V, I>(&mut self, name: &str, help: &str, values: I) -> fmt::Result
    where
        L: EncodeLabelSet,
        V: EncodeGaugeValue,
        I: IntoIterator<Item = (L, V)>,
    {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
    }

    /// Writes a counter, to whose `name` the encoder adds `_total`.
    fn counter<L, V, I>(&mut self, name: &str, help: &str, values: I) -> fmt::Result
    where
        L: EncodeLabelSet,
        V: EncodeCounterValue,
        I: IntoIterator<Item = (L, V)>,
    {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Writes a histogram, of whose values and bounds so many make the `unit` of its name.
    fn histogram<'h, const N: usize, L, I>(
        &mut self,
        name: &str,
        help: &str,
        (bounds, unit): (&[u64; N], f64),
        values: I,
    ) -> fmt::Result
    where
        L: EncodeLabelSet,
        I: IntoIterator<Item = (L, &'h Histogram<N>)>,
    {
        let bound = |bound: &u64| if *bound == u64::MAX { f64::INFINITY } else { as_float(*bound) / unit };
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        values.into_iter().try_for_each(|(labels, histogram)| {
            let counts = histogram.buckets();
            let buckets: Vec<_> = bounds.iter().map(bound).zip(counts).collect();
            let (sum, count) = (as_float(histogram.sum()) / unit, counts.iter().sum());
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }
}
