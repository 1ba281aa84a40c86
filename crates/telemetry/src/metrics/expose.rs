//! Writes the figures as OpenMetrics text, family by family in the order of the catalogue.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use contract::Code;
use contract::ports::Stage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::catalogue::{FAMILIES, Family, Kind, Name};
use super::figures::{DeploymentFigures, Histogram, TOKEN_KINDS};
use super::{Figures, process};

/// The figures as a collector.
pub(super) struct Exposed(pub(super) Arc<Figures>);

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposed")
    }
}

impl Collector for Exposed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in FAMILIES {
            let unit = family.unit.map(|unit| match unit {
                "seconds" => Unit::Seconds,
                "bytes" => Unit::Bytes,
                other => Unit::Other(other.to_owned()),
            });
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
                Kind::Info => MetricType::Info,
            };
            let encoder = encoder.encode_descriptor(family.stem, family.help, unit.as_ref(), kind)?;
            self.0.write(&mut Samples { family, encoder })?;
        }
        Ok(())
    }
}

/// Where the samples of one family are written.
struct Samples<'a> {
    family: &'static Family,
    encoder: MetricEncoder<'a>,
}

impl Samples<'_> {
    /// The labels of the family with these values. They must be as many as the catalogue names.
    fn labels<'v>(&self, values: &[&'v str]) -> Vec<(&'static str, &'v str)> {
        debug_assert_eq!(self.family.labels.len(), values.len(), "{}", self.family.stem);
        self.family.labels.iter().copied().zip(values.iter().copied()).collect()
    }

    /// Writes one sample under these labels.
    fn sample(
        &mut self,
        values: &[&str],
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if values.is_empty() {
            return write(&mut self.encoder);
        }
        let labels = self.labels(values);
        write(&mut self.encoder.encode_family(&labels)?)
    }

    fn counter(&mut self, values: &[&str], value: &impl EncodeCounterValue) -> fmt::Result {
        self.sample(values, |encoder| encoder.encode_counter::<NoLabelSet, _, f64>(value, None))
    }

    fn gauge(&mut self, values: &[&str], value: i64) -> fmt::Result {
        self.sample(values, |encoder| encoder.encode_gauge(&value))
    }

    fn float(&mut self, value: f64) -> fmt::Result {
        self.encoder.encode_gauge(&value)
    }

    fn histogram(&mut self, values: &[&str], histogram: &Histogram) -> fmt::Result {
        let shown = histogram.show();
        self.sample(values, |encoder| {
            encoder.encode_histogram::<NoLabelSet>(shown.sum, shown.count, &shown.buckets, None)
        })
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Figures {
    fn write(&self, to: &mut Samples<'_>) -> fmt::Result {
        match to.family.name {
            Name::Requests | Name::Attempts | Name::Tokens => {
                self.deployments.show(|figures| write_labelled(figures, to))
            }
            Name::FirstByte | Name::Cost | Name::CostUnknown => {
                self.deployments.show(|figures| write_deployment(figures, to))
            }
            Name::RequestDuration => to.histogram(&[], &self.duration),
            Name::FirstContent => to.histogram(&[], &self.first_content),
            Name::StageDuration => Stage::ALL
                .iter()
                .try_for_each(|stage| to.histogram(&[stage.as_str()], &self.stages[*stage as usize])),
            Name::InFlight => to.gauge(&[], self.in_flight.load(Relaxed)),
            Name::Connections => to.gauge(&[], self.connections.load(Relaxed)),
            Name::EdgeRefused => {
                let refused = Code::ALL.iter().zip(&self.refused).filter(|(_, count)| count.get() > 0);
                refused.into_iter().try_for_each(|(code, count)| to.counter(&[code.as_str()], &count.get()))
            }
            Name::UpstreamConnections | Name::UpstreamConnectionsOpened => self.write_pools(to),
            Name::ConfigReloads => {
                to.counter(&["applied"], &self.reloads_applied.get())?;
                to.counter(&["refused"], &self.reloads_refused.get())
            }
            Name::ConfigSnapshot => to.gauge(&[], signed(self.snapshot.load(Relaxed))),
            Name::RecordsFailed => to.counter(&[], &self.records_failed.get()),
            Name::LogLinesLost => to.counter(&[], &self.sources.losses.lost_log_lines()),
            Name::TracesLost => to.counter(&[], &self.sources.losses.lost_traces()),
            Name::SpoolWaitingRecords
            | Name::SpoolWaitingBytes
            | Name::SpoolRecorded
            | Name::SpoolDrained
            | Name::SpoolFailures => self.write_spool(to),
            Name::Build | Name::ResidentMemory | Name::Cpu | Name::Started | Name::OpenFiles => {
                self.write_process(to)
            }
        }
    }

    fn write_pools(&self, to: &mut Samples<'_>) -> fmt::Result {
        for pool in (self.sources.pools)() {
            if to.family.name == Name::UpstreamConnectionsOpened {
                to.counter(&[&pool.provider], &pool.opened)?;
            } else {
                to.gauge(&[&pool.provider, "busy"], signed(pool.open.saturating_sub(pool.idle)))?;
                to.gauge(&[&pool.provider, "idle"], signed(pool.idle))?;
            }
        }
        Ok(())
    }

    fn write_spool(&self, to: &mut Samples<'_>) -> fmt::Result {
        let spool = (self.sources.spool)();
        match to.family.name {
            Name::SpoolWaitingRecords => to.gauge(&[], signed(spool.waiting_records)),
            Name::SpoolWaitingBytes => to.gauge(&[], signed(spool.waiting_bytes)),
            Name::SpoolRecorded => to.counter(&[], &spool.recorded),
            Name::SpoolDrained => to.counter(&[], &spool.drained),
            _ => to.counter(&[], &spool.failures),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a metric is read to a few digits")]
    fn write_process(&self, to: &mut Samples<'_>) -> fmt::Result {
        match to.family.name {
            Name::Build => {
                let labels = to.labels(&[self.version]);
                to.encoder.encode_info(&labels)
            }
            Name::ResidentMemory => {
                process::resident_memory().map_or(Ok(()), |bytes| to.gauge(&[], signed(bytes)))
            }
            Name::Cpu => process::cpu_seconds().map_or(Ok(()), |seconds| to.counter(&[], &seconds)),
            Name::OpenFiles => process::open_files().map_or(Ok(()), |count| to.gauge(&[], signed(count))),
            _ => to.float(self.started.0 as f64 / 1e6),
        }
    }
}

fn write_labelled(figures: &DeploymentFigures, to: &mut Samples<'_>) -> fmt::Result {
    match to.family.name {
        Name::Requests => {
            for ((dialect, status, outcome), count) in figures.requests.show() {
                let status = status.to_string();
                to.counter(&[dialect.as_str(), &figures.name, &status, outcome.as_str()], &count)?;
            }
        }
        Name::Attempts => {
            for ((provider, outcome, code), count) in figures.attempts.show() {
                let code = code.as_deref().unwrap_or_default();
                to.counter(&[&provider, &figures.name, outcome.as_str(), code], &count)?;
            }
        }
        _ => {
            for (kind, count) in TOKEN_KINDS.iter().zip(&figures.tokens) {
                if count.get() > 0 {
                    to.counter(&[&figures.name, kind], &count.get())?;
                }
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "the ledger is exact, the metric is read to a few digits")]
fn write_deployment(figures: &DeploymentFigures, to: &mut Samples<'_>) -> fmt::Result {
    let name = [&*figures.name];
    match to.family.name {
        Name::FirstByte if figures.first_byte.show().count > 0 => to.histogram(&name, &figures.first_byte),
        Name::Cost if figures.cost_nano.get() > 0 => {
            to.counter(&name, &(figures.cost_nano.get() as f64 / 1e9))
        }
        Name::CostUnknown if figures.cost_unknown.get() > 0 => to.counter(&name, &figures.cost_unknown.get()),
        _ => Ok(()),
    }
}
