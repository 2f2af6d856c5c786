using System.Globalization;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Phases;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Threads;
using TorchKv.Runtime.Cpu.Weights;
using TorchKv.Runtime.Model;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// Runs a GPT-2 checkpoint on the CPU in managed code. A sequence's logits are the same bits whatever it is batched
/// with, however its prompt is cut, with any number of threads and any vector width: every output has one order of
/// summation.
/// </summary>
/// <remarks>
/// A step allocates nothing on the managed heap. One step runs at a time; <see cref="Dispose"/> ends a step that runs.
/// </remarks>
public sealed unsafe class CpuRunner : IModelRunner, IKvReader
{
    private const int MostBlocks = 1 << 24;
    private const int MostThreads = 1024;
    private const int MostTokensPerStep = 65_536;

    private readonly Gpt2Weights _weights;
    private readonly Activations _activations;
    private readonly KvPool _pool;
    private readonly ThreadTeam _team;

    // One for each helper to be late with, and one more.
    private readonly PhasedStep[] _steps;
    private readonly object _gate = new();

    private readonly StepRules _rules;
    private volatile bool _disposed;

    private CpuRunner(Gpt2Weights weights, CpuRunnerOptions options, int threads)
    {
        _weights = weights;
        Options = options with { Threads = threads, KvDType = options.KeptKvDType };
        var config = weights.Config;
        _pool = new KvPool(config, ElementBytes(options), BlocksOf(options, config));
        _activations = new Activations(config, options.MaxTokensPerStep);
        var kernels = KernelSet.For(options.VectorWidth ?? KernelSet.Widest);
        var phases = new Gpt2Forward(weights, _activations, _pool, kernels, threads).Phases;
        _team = new ThreadTeam(threads, phases.MostTasks(options.MaxTokensPerStep), () => new Workspace(config));
        _steps = new PhasedStep[threads];
        for (var i = 0; i < threads; i++)
        {
            _steps[i] = new PhasedStep(phases, new StepShape(config, options.MaxTokensPerStep));
        }

        LastStep = _steps[0];
        Model = config.Shape;
        _rules = new StepRules(this);
    }

    /// <summary>The model's configuration.</summary>
    public Gpt2Config Config => _weights.Config;

    /// <inheritdoc/>
    public ModelShape Model { get; }

    /// <summary>
    /// The options in use, with the number of threads and the dtype of keys and values that were chosen.
    /// </summary>
    public CpuRunnerOptions Options { get; }

    /// <inheritdoc/>
    public int BlockSize => KvLayout.BlockSize;

    /// <inheritdoc/>
    public int BlockCount => _pool.BlockCount;

    /// <inheritdoc/>
    public int BytesPerBlock => _pool.BytesPerBlock;

    /// <inheritdoc/>
    public int MaxTokensPerStep => Options.MaxTokensPerStep;

    /// <summary>Bytes of weights that a decode step reads: every matrix once.</summary>
    public long WeightBytesPerStep => _weights.BytesPerPass;

    /// <summary>
    /// Bytes of memory that are kept for the weights; bfloat16 ones in 12 bits leave a quarter of it untouched.
    /// </summary>
    public long WeightBytes => _weights.Memory.Bytes;

    /// <summary>How keys and values come about, for <c>ModelIdentity.OfFolder</c>.</summary>
    public string Kept => $"cpu {Options.DType} {Options.KvDType}";

    /// <summary>The threads.</summary>
    internal ThreadTeam Team => _team;

    /// <summary>The phases and tasks of the last step.</summary>
    internal IPhasedWork LastStep { get; private set; }

    /// <summary>Reads and packs a checkpoint in HuggingFace's layout.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="options">null: float32 on all processors.</param>
    /// <param name="cancellationToken">Ends the loading within a part of a matrix.</param>
    /// <exception cref="TorchKvException">The checkpoint or its configuration cannot be used.</exception>
    /// <exception cref="OptionException">An option is out of its range.</exception>
    public static CpuRunner Load(
        string directory, CpuRunnerOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(options ??= new CpuRunnerOptions());
        cancellationToken.ThrowIfCancellationRequested();
        using var checkpoint = Checkpoint.Open(directory);
        return Load(checkpoint, options, cancellationToken);
    }

    /// <summary>Reads and packs an open checkpoint, which may be closed afterwards.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="options">null: float32 on all processors.</param>
    /// <param name="cancellationToken">Ends the loading within a part of a matrix.</param>
    /// <exception cref="CheckpointException">A tensor cannot be read.</exception>
    /// <exception cref="OptionException">An option is out of its range.</exception>
    public static CpuRunner Load(
        Checkpoint checkpoint, CpuRunnerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        Check(options ??= new CpuRunnerOptions());
        CheckSteps(options, checkpoint.Config);
        BlocksOf(options, checkpoint.Config);
        var threads = options.Threads == 0 ? Math.Min(MostThreads, Environment.ProcessorCount) : options.Threads;
        var weights = WeightLoader.Load(checkpoint, options.DType.WeightFormat(), threads, cancellationToken);
        return new CpuRunner(weights, options, threads);
    }

    /// <inheritdoc/>
    /// <exception cref="ContextLengthException">A row would end past the context.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The runner was disposed, before or during the step.</exception>
    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            cancellationToken.ThrowIfCancellationRequested();
            if (_rules.Check(rows, logits.Length).Tokens == 0)
            {
                return;
            }

            var step = FreeStep();
            try
            {
                fixed (float* destination = logits)
                {
                    step.Shape.Lay(rows, destination);
                    _team.Run(step, cancellationToken);
                }

                LastStep = step;
            }
            catch (OperationCanceledException) when (_disposed)
            {
                throw new ObjectDisposedException(nameof(CpuRunner));
            }
        }
    }

    /// <inheritdoc/>
    public void CopyBlock(int source, int destination)
    {
        _rules.CheckBlock(source, nameof(source));
        _rules.CheckBlock(destination, nameof(destination));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _pool.Copy(source, destination);
        }
    }

    /// <inheritdoc/>
    public void ReadBlock(int block, Span<byte> destination)
    {
        _rules.CheckBlock(block, nameof(block));
        _rules.CheckBlockBytes(destination.Length, nameof(destination));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _pool.Read(block, destination);
        }
    }

    /// <inheritdoc/>
    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        _rules.CheckBlock(block, nameof(block));
        _rules.CheckBlockBytes(source.Length, nameof(source));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _pool.Write(block, source);
        }
    }

    /// <inheritdoc/>
    public void ReadKeysAndValues(
        int layer, ReadOnlySpan<int> blockTable, int tokens, Span<float> keys, Span<float> values)
    {
        _rules.CheckRead(layer, blockTable, tokens, keys.Length, values.Length);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _pool.Export(layer, blockTable, tokens, keys, values);
        }
    }

    /// <summary>Ends a step in progress, stops the threads and frees all memory.</summary>
    public void Dispose()
    {
        _disposed = true;
        _team.Abandon();
        lock (_gate)
        {
            _team.Dispose();
            _activations.Dispose();
            foreach (var step in _steps)
            {
                step.Shape.Dispose();
            }

            _pool.Dispose();
            _weights.Dispose();
        }
    }

    private static void Check(CpuRunnerOptions options)
    {
        if (!Enum.IsDefined(options.DType))
        {
            throw new OptionException(
                nameof(options.DType), options.DType.ToString(), "Float32, BFloat16, Int8 or Int4");
        }

        if (options.KvDType is not (null or CpuDType.Float32 or CpuDType.BFloat16))
        {
            throw new OptionException(nameof(options.KvDType), $"{options.KvDType}", "Float32 or BFloat16");
        }

        if (options.PoolBytes is { } bytes && (bytes < 1 || options.BlockCount != 0))
        {
            throw new OptionException(
                nameof(options.PoolBytes),
                $"{bytes}",
                "at least the bytes of one block, with BlockCount left at 0");
        }

        CheckRange(nameof(options.Threads), options.Threads, 0, MostThreads);
        CheckRange(nameof(options.BlockCount), options.BlockCount, 0, MostBlocks);
        CheckRange(nameof(options.MaxTokensPerStep), options.MaxTokensPerStep, 1, MostTokensPerStep);
    }

    /// <summary>A step's attention tasks and block tables have to be countable.</summary>
    private static void CheckSteps(CpuRunnerOptions options, Gpt2Config config)
    {
        var perSequence = BlockMath.BlocksFor(config.ContextLength, KvLayout.BlockSize);
        var most = Math.Min(ThreadTeam.MostTasks / config.HeadCount, (Array.MaxLength / perSequence) - 1);
        if (options.MaxTokensPerStep > most)
        {
            throw new OptionException(
                nameof(options.MaxTokensPerStep),
                options.MaxTokensPerStep.ToString(CultureInfo.InvariantCulture),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"1 to {most} for a model of {config.HeadCount} heads and a context of {config.ContextLength}"));
        }
    }

    private static int BlocksOf(CpuRunnerOptions options, Gpt2Config config)
    {
        if (options.PoolBytes is not { } bytes)
        {
            return options.BlockCount > 0
                ? options.BlockCount
                : 8 * BlockMath.BlocksFor(config.ContextLength, KvLayout.BlockSize);
        }

        var layout = new KvLayout(config.HeadCount, config.HeadDim, ElementBytes(options));
        var blockBytes = (long)config.LayerCount * layout.Bytes;
        return bytes >= blockBytes
            ? (int)Math.Min(bytes / blockBytes, MostBlocks)
            : throw new OptionException(
                nameof(options.PoolBytes), $"{bytes}", $"at least {blockBytes}, the bytes of one block");
    }

    private static void CheckRange(string option, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            throw new OptionException(
                option,
                value.ToString(CultureInfo.InvariantCulture),
                string.Create(CultureInfo.InvariantCulture, $"{least} to {most}"));
        }
    }

    /// <summary>Bytes of an element of keys and values.</summary>
    private static int ElementBytes(CpuRunnerOptions options) =>
        options.KeptKvDType == CpuDType.Float32 ? sizeof(float) : sizeof(ushort);

    /// <summary>A step that no late thread works on any more.</summary>
    private PhasedStep FreeStep()
    {
        var free = 0;
        while (_team.IsInUse(_steps[free]))
        {
            free++;
        }

        return _steps[free];
    }
}
