using TorchKv.Cluster.Routing;

namespace TorchKv.Simulation.Replicas;

/// <summary>Makes conversations and their turns up. The same seed and calls give the same ones.</summary>
internal sealed class ChatSource
{
    private readonly ChatOptions _options;
    private readonly int _blockSize;
    private readonly double[] _openings;
    private SplitMix64 _random;
    private int _conversations;

    /// <summary>A source at its beginning.</summary>
    public ChatSource(ChatOptions options, int blockSize, ulong seed)
    {
        (_options, _blockSize) = (options, blockSize);
        _random = new SplitMix64(SplitMix64.Mix(seed ^ 0xa0761d6478bd642f));
        _openings = new double[Math.Max(1, options.Openings)];
        var sum = 0.0;
        for (var i = 0; i < _openings.Length; i++)
        {
            _openings[i] = sum += 1.0 / (i + 1);
        }
    }

    /// <summary>Requests of a conversation, in the mean.</summary>
    public double MeanTurns => _options.Trace is { } trace
        ? 1 / (1 - trace.Continuing)
        : (_options.Turns.Least + _options.Turns.Most) / 2.0;

    /// <summary>When the next conversation begins.</summary>
    public double NextBegin(double now)
    {
        // Drawn at the highest rate there is; those too many are dropped by chance (thinning).
        var rate = _options.RequestsPerSecond / MeanTurns;
        var factor = _options.FlashCrowd is { } flash ? Math.Max(1, flash.Factor) : 1;
        do
        {
            now -= Math.Log(1 - _random.NextDouble()) / (rate * factor);
        }
        while (factor > 1 && !IsFlash(now) && _random.NextDouble() * factor >= 1);

        return now;
    }

    /// <summary>A conversation that begins now.</summary>
    public Conversation Begin(double now)
    {
        var crowd = IsFlash(now) && _random.NextDouble() * _options.FlashCrowd!.Value.Factor >= 1;
        var opening = crowd ? 0 : Opening();
        var turns = 1;
        if (_options.Trace is { } trace)
        {
            while (_random.NextDouble() < trace.Continuing)
            {
                turns++;
            }
        }
        else
        {
            turns = Between(_options.Turns);
        }

        return new Conversation(
            _conversations++, opening, _options.Trace is null ? _options.OpeningTokens : 0, turns, _blockSize);
    }

    /// <summary>The next turn of a conversation.</summary>
    public ClusterRequest Turn(Conversation conversation, double now)
    {
        var (message, fresh) = _options.Trace is { } trace
            ? (LogNormal(trace.MeanMessage), LogNormal(trace.MeanNew))
            : (Between(_options.MessageTokens), Between(_options.NewTokens));
        var isFirst = !conversation.HasBegun;
        conversation.HasBegun = true;
        conversation.TurnsLeft--;
        var request = new ClusterRequest(conversation, conversation.Length + message, fresh, now, isFirst);
        conversation.Length = request.PromptTokens + fresh;
        return request;
    }

    /// <summary>When the user answers.</summary>
    public double NextTurn(double now) => now - (Math.Log(1 - _random.NextDouble()) * _options.ThinkSeconds);

    /// <summary>A router for a turn.</summary>
    public int Router(int routers) => routers == 1 ? 0 : _random.Next(routers);

    private bool IsFlash(double now) =>
        _options.FlashCrowd is { } flash && now >= flash.Second && now < flash.Second + flash.Seconds;

    private int Between((int Least, int Most) range) => range.Least + _random.Next(range.Most - range.Least + 1);

    private int Opening()
    {
        var place = Array.BinarySearch(_openings, _random.NextDouble() * _openings[^1]);
        return place < 0 ? Math.Min(~place, _openings.Length - 1) : place;
    }

    private int LogNormal(double mean)
    {
        // Box–Muller; the mean of exp(m + s·z) is exp(m + s²/2).
        const double s = TraceStatistics.Spread;
        var radius = Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble()));
        var normal = radius * Math.Cos(2 * Math.PI * _random.NextDouble());
        var length = Math.Exp(Math.Log(mean) - (s * s / 2) + (s * normal));
        return (int)Math.Clamp(Math.Round(length), 1, SimulatedRequest.MaxTokens / 8);
    }
}
