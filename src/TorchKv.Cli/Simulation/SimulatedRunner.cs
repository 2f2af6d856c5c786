using TorchKv.Runtime;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Cli.Simulation;

/// <summary>What a step costs: seconds = fixed + per token · tokens + per token of context · context read.</summary>
/// <param name="Step">Seconds of a step whatever it does: the weights are read once.</param>
/// <param name="Token">Seconds for each token computed.</param>
/// <param name="ContextToken">Seconds for each earlier token whose keys and values a row reads.</param>
internal readonly record struct CostModel(double Step, double Token, double ContextToken)
{
    public double Of(ReadOnlySpan<RunnerRow> rows)
    {
        var (tokens, context) = (0L, 0L);
        foreach (var row in rows)
        {
            tokens += row.Tokens.Length;
            context += row.Position;
        }

        return Step + (Token * tokens) + (ContextToken * context);
    }
}

/// <summary>Time that passes only where a step takes it.</summary>
internal sealed class VirtualTime : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public double Seconds => (double)Volatile.Read(ref _ticks) / TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public void Advance(double seconds) => Interlocked.Add(ref _ticks, (long)Math.Ceiling(seconds * TimeSpan.TicksPerSecond));
}

/// <summary>Runs nothing: a step takes virtual time by the cost model, and every row's next token is token 1.</summary>
/// <param name="blockCount">Blocks in the pool.</param>
/// <param name="maxTokensPerStep">The most tokens of a step.</param>
/// <param name="cost">What a step costs.</param>
/// <param name="time">What it is taken from.</param>
/// <param name="afterStep">Called on the engine's thread when a step's time has passed.</param>
internal sealed class SimulatedRunner(int blockCount, int maxTokensPerStep, CostModel cost, VirtualTime time, Action afterStep) : IModelRunner
{
    /// <summary>Enough ids that two prompts differ in their first block, few enough that logits cost nothing.</summary>
    public const int Vocabulary = 64;

    public Gpt2Config Config { get; } = new()
    {
        VocabSize = Vocabulary,
        ContextLength = 1 << 20,
        EmbeddingSize = 1,
        HeadCount = 1,
        LayerCount = 1,
        InnerSize = 1,
        EosTokenIds = [],
    };

    public int BlockSize => 16;

    public int BlockCount => blockCount;

    public int BytesPerBlock => 16;

    public int MaxTokensPerStep => maxTokensPerStep;

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        time.Advance(cost.Of(rows));
        logits.Clear();
        for (var i = 1; i < logits.Length; i += Vocabulary)
        {
            logits[i] = 1;
        }

        afterStep();
    }

    public void CopyBlock(int source, int destination)
    {
        // There is nothing in a block.
    }

    public void ReadBlock(int block, Span<byte> destination) => destination.Clear();

    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        // There is nothing in a block.
    }

    public void Dispose()
    {
        // There is nothing to free.
    }
}
