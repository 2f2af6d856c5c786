using TorchKv.Benchmarks.Batch;
using TorchKv.Benchmarks.Cluster;
using TorchKv.Benchmarks.Http;
using TorchKv.Benchmarks.Kernels;
using TorchKv.Benchmarks.Masks;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Port;
using TorchKv.Benchmarks.Serving;

return await BenchProgram.RunAsync(
    args,
    "Benchmarks of the engine, of the server, of the CPU runner's kernels and of the port; './run.sh bench' runs them.",
    new EngineCommand(),
    new ServerCommand(),
    new ServerWorkerCommand(),
    new ClusterCommand(),
    new PacedReplicaCommand(),
    new YarpCommand(),
    new RunnerCommand(),
    new KernelsCommand(),
    new CoresCommand(),
    new ProbeCommand(),
    new FirstTokenCommand(),
    new StructuredCommand(),
    new PortCommand(),
    new OperatorsCommand(),
    new PortWorkerCommand(),
    new FormulaCommand(),
    new SpinCommand(),
    new BatchCommand(),
    new BatchWorkerCommand());
