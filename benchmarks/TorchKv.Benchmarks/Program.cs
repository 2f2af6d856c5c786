using System.Globalization;
using System.Text.Json;
using BenchmarkDotNet.Running;
using TorchKv.Benchmarks.Kernels;
using TorchKv.Benchmarks.Peers;
using TorchKv.Benchmarks.Port;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;

int Number(int index) => int.Parse(args[index], CultureInfo.InvariantCulture);

switch (args)
{
    case ["peers", .. var options]:
        return PeersCommand.Run(options, MachineLimits.Measure);
    case ["engine", .. var options]:
        return await EngineBenchmark.RunAsync(options);
    case ["port", .. var options]:
        return PortComparison.Run(options);
    case ["port-worker", var checkpoint, _]:
        return PortWorker.Run(checkpoint, Number(2));
    case ["operators", .. var options]:
        return BenchmarkSwitcher.FromTypes([typeof(PortOperators)]).Run(["--filter", "*", .. options]).Any() ? 0 : 1;
    case ["kernels", .. var options]:
        return KernelBenchmarks.Run(options);
    case ["first-token", .. var options]:
        return RunnerBench.FirstToken(options);
    case ["spin"]:
        return RunnerBench.Spin();
    case ["runner", .. var options]:
        return RunnerBench.Run(options);
    case ["worker", "llama", var folder, var file, _, _, _, _]:
        LlamaCpp.LoadLibrary(folder);
        return Worker.Serve(LlamaCpp.Load(file, Number(4), Number(5), Number(6), Number(7)), Number(7));
    case ["worker", "cpu", var checkpoint, var dtype, _]:
        var runner = CpuRunner.Load(checkpoint, new CpuRunnerOptions { DType = Enum.Parse<CpuDType>(dtype, ignoreCase: true), Threads = Number(4), MaxTokensPerStep = 1024, BlockCount = 16 * 64 });
        return Worker.Serve(new RunnerPeer(runner, 16, runner.WeightBytesPerStep), runner.Config.VocabSize);
    case ["gguf", var folder, var checkpoint, var target, var type]:
        LlamaCpp.LoadLibrary(folder);
        Console.WriteLine(new PeerFiles(checkpoint, target).Gguf(type));
        return 0;
    case ["formula", var folder]:
        FormulaCheckpoint.Write(folder, new Gpt2Config());
        return 0;
    case ["ids", var model, var text, var target]:
        File.WriteAllText(target, JsonSerializer.Serialize(Gpt2Tokenizer.Load(model).Encode(File.ReadAllText(text))));
        return 0;
    default:
        Console.Error.WriteLine("TorchKv.Benchmarks: port|peers|engine|kernels …; ./run.sh bench says more.");
        return 2;
}
