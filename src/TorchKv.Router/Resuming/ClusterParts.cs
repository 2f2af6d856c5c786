using TorchKv.Router.Configuration;
using TorchKv.Router.Forwarding;
using TorchKv.Router.Metrics;
using TorchKv.Router.Replicas;

namespace TorchKv.Router.Resuming;

/// <summary>What all streams of a router share.</summary>
internal sealed record ClusterParts(
    RouterOptions Options,
    ReplicaPool Pool,
    ReplicaClient Client,
    StallWatch Watch,
    RouterMetrics Metrics,
    TimeProvider Time);
