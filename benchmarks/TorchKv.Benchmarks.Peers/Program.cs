using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Peers;

return await BenchProgram.RunAsync(
    args,
    "The CPU runner beside other programs; './run.sh bench peers' runs it.",
    new PeersCommand(),
    new GgufCommand(),
    new FormulaCommand(),
    new WorkerCommand(),
    new GrammarWorkerCommand(),
    new SpinCommand());
