//! The metrics of streams and nodes, all read at one moment.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::ClusterState;
use crate::clock::Now;

/// See the [module](self).
pub(super) struct Totals(pub(super) Arc<ClusterState>);

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totals")
    }
}

impl Collector for Totals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (streams, nodes_live) = self.0.totals(Now::read());
        let states =
            [("created", streams.created), ("live", streams.live), ("interrupted", streams.interrupted)];
        let help = "Streams that are not over, by state.";
        let mut by_state = encoder.encode_descriptor("undead_streams", help, None, MetricType::Gauge)?;
        for (state, number) in states {
            by_state.encode_family(&[("state", state)])?.encode_gauge(&number)?;
        }
        for (name, help, number) in [
            ("undead_viewers", "Viewers of all streams, as nodes report them.", streams.viewers),
            ("undead_nodes_live", "Nodes whose lease runs.", nodes_live as u64),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(number).encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cluster::tests::Cluster;

    #[tokio::test]
    async fn streams_are_counted_by_state() {
        let cluster = Cluster::new().await;
        let server = cluster.member_with(|_| {}, |_| crate::feature::Feature::default()).await;
        server.node("a").await;
        server.create("first").await;
        let text = server.text("/metrics").await;
        for sample in [
            "undead_streams{state=\"created\"} 1",
            "undead_streams{state=\"live\"} 0",
            "undead_viewers 0",
            "undead_nodes_live 1",
        ] {
            assert!(text.lines().any(|line| line == sample), "{sample}: {text}");
        }
    }
}
