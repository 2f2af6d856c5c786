using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Live;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Speculation;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// The parts of one engine that run on its thread. A request refers to them from the moment it is made, but uses them
/// on that thread alone; only <see cref="Model"/> and <see cref="Tokenizer"/> are for every thread.
/// </summary>
internal sealed class EngineParts : IDisposable
{
    private readonly IModelRunner _runner;

    /// <param name="runner">Runs the model; owned and disposed.</param>
    /// <param name="tokenizer">Turns tokens into text; null where the engine has no vocabulary.</param>
    /// <param name="draft">Runs the draft model; owned and disposed. Null: there is none.</param>
    /// <param name="options">How the engine runs.</param>
    /// <param name="mailbox">Gets the first statistics, and has them for the instruments.</param>
    public EngineParts(
        IModelRunner runner,
        Gpt2Tokenizer? tokenizer,
        IModelRunner? draft,
        EngineOptions options,
        Mailbox mailbox)
    {
        _runner = runner;
        Time = options.TimeProvider;
        Model = runner.Model;
        Tokenizer = tokenizer;
        options.Scheduling.Validate();
        var maxTokensPerStep = Math.Min(options.Scheduling.MaxTokensPerStep, runner.MaxTokensPerStep);
        var scheduling = (options.Scheduling with { MaxTokensPerStep = maxTokensPerStep }).WithAPlaceForEverySequence();
        var index = scheduling.PrefixCaching
            ? new PrefixIndex(runner.BlockCount, runner.BlockSize, runner.Model.VocabSize)
            : null;
        Blocks = new KvBlocks(new BlockPool(runner.BlockCount, index), runner.BlockSize);
        Sessions = new SessionStore(Blocks, runner);
        Scheduler = new Scheduler(scheduling, Blocks, Sessions);
        Drafter = new Drafter(draft, scheduling.MaxRunningSequences, Time);
        Sampler = new Sampler(runner.Model.VocabSize);

        // Instruments may be read from the moment they exist.
        mailbox.Publish(Stats());
        Metrics = new EngineMetrics(() => mailbox.Stats, Time);
        Lifetimes = new RequestLifetimes(Scheduler, Sessions, Drafter, Counters, Metrics, Time);
        Steps = new StepRunner(runner, Scheduler, Drafter, Counters, Cancellation, Time);
    }

    public ModelShape Model { get; }

    public Gpt2Tokenizer? Tokenizer { get; }

    public TimeProvider Time { get; }

    public KvBlocks Blocks { get; }

    public SessionStore Sessions { get; }

    public Scheduler Scheduler { get; }

    public Drafter Drafter { get; }

    public Sampler Sampler { get; }

    public EngineCounters Counters { get; } = new();

    public EngineMetrics Metrics { get; }

    public StepCancellation Cancellation { get; } = new();

    public RequestLifetimes Lifetimes { get; }

    public StepRunner Steps { get; }

    /// <summary>Notes what the engine does; null while nobody watches.</summary>
    public EngineRecorder? Recorder { get; set; }

    /// <summary>Bytes of a block's keys and values.</summary>
    public int BytesPerBlock => _runner.BytesPerBlock;

    /// <summary>The counters, and where scheduler and pool stand.</summary>
    public EngineStats Stats() => Counters.Snapshot(Scheduler, Blocks.Pool, _runner);

    public void Dispose()
    {
        Metrics.Dispose();
        _runner.Dispose();
        Drafter.Dispose();
    }
}
