using System.Runtime.CompilerServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Cli.Models;

/// <summary>Chooses the runner and loads the model on it.</summary>
internal static class RunnerLoader
{
    /// <summary>Loads a model on the runner that was asked for, or on the one that suits device and dtype.</summary>
    /// <param name="request">The model as the command line asks for it.</param>
    /// <param name="checkpoint">Its checkpoint, open.</param>
    /// <param name="cancellationToken">Ends the loading.</param>
    public static LoadedRunner Load(ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        try
        {
            if (Choose(request) is RunnerKind.Cpu)
            {
                return LoadCpu(request, checkpoint, cancellationToken);
            }

            Libtorch.ThrowIfMissing();
            return LoadTorch(request, checkpoint, cancellationToken);
        }
        catch (OptionException refused) when (refused.Option is "PoolBytes" or "pool_bytes")
        {
            throw new OptionException("--memory", refused.Value, refused.Limits);
        }
    }

    /// <summary>Loads a model on the CPU runner: no native library is touched.</summary>
    private static LoadedRunner LoadCpu(
        ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        var runner = CpuRunner.Load(
            checkpoint,
            new CpuRunnerOptions
            {
                DType = CpuDtype(request.Dtype),
                Threads = request.Threads ?? 0,
                BlockCount = request.Pool.Blocks,
                PoolBytes = request.Pool.Bytes,
            },
            cancellationToken);
        return new LoadedRunner(
            runner,
            runner.Config,
            $"{request.Directory} · CPU runner, {Words.Threads(runner.Options.Threads)} · {request.Dtype}",
            ModelIdentity.OfFolder(request.Directory, runner.Kept));
    }

    // Automatic means CUDA where there is one; the question loads libtorch only where an NVIDIA driver is
    private static RunnerKind Choose(ModelRequest request) => request switch
    {
        { Runner: { } asked } => asked,
        { Dtype: "float16" } => RunnerKind.Torch,
        { Device: "cpu" } => RunnerKind.Cpu,
        _ => TorchFacts.CudaDevices() > 0 ? RunnerKind.Torch : RunnerKind.Cpu,
    };

    // Not inlined: a method that names TorchSharp's types loads them when it is compiled, and the CPU runner has to
    // work without
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static LoadedRunner LoadTorch(
        ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken) =>
        PortModel.LoadRunner(request, checkpoint, cancellationToken);

    private static CpuDType CpuDtype(string name) => name switch
    {
        "float32" => CpuDType.Float32,
        "bfloat16" => CpuDType.BFloat16,
        "int8" => CpuDType.Int8,
        "int4" => CpuDType.Int4,
        _ => throw new TorchKvException(
            $"the CPU runner holds weights as float32, bfloat16, int8 or int4, not {name}; --runner "
            + $"torch serves {name}."),
    };
}
