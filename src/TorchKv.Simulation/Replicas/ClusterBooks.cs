namespace TorchKv.Simulation.Replicas;

/// <summary>Counts what happens in a simulated cluster.</summary>
internal sealed class ClusterBooks(int replicas, int blockSize, double stretch)
{
    private sealed class Stretch
    {
        public LatencyDistribution FirstToken { get; } = new();

        public long Prompt { get; set; }

        public long Cached { get; set; }

        public void Add(Stretch other)
        {
            FirstToken.Add(other.FirstToken);
            Prompt += other.Prompt;
            Cached += other.Cached;
        }
    }

    private const int MostStretches = 120;

    private readonly LatencyDistribution _firstToken = new();
    private readonly LatencyDistribution _whole = new();
    private readonly LatencyDistribution _gaps = new();
    private readonly List<Stretch> _stretches = [];
    private readonly HashSet<int> _openings = [];
    private readonly long[] _tokens = new long[replicas];
    private long _prompt;
    private long _cached;
    private long _possible;
    private long _generated;
    private double _stretch = stretch;
    private double _end;

    /// <summary>Requests that ended.</summary>
    public int Completed => (int)_whole.Count;

    /// <summary>Requests whose replica died.</summary>
    public int Resumed { get; set; }

    /// <summary>Requests sent to a dead replica first.</summary>
    public int Misdirected { get; set; }

    /// <summary>The most requests that a replica had at once.</summary>
    public int MostRequests { get; set; }

    /// <summary>First turns that each replica was given.</summary>
    public int[] FirstTurns { get; } = new int[replicas];

    /// <summary>Notes what an infinite cache would have of a request that comes.</summary>
    public void Came(ClusterRequest request, int knownTokens)
    {
        var conversation = request.Conversation;
        var isKnownOpening = !_openings.Add(conversation.Opening);
        var known = Math.Max(knownTokens, isKnownOpening ? conversation.OpeningTokens : 0);
        var usable = (request.PromptTokens - 1) / blockSize;
        _possible += Math.Min(known / blockSize, usable) * blockSize;
    }

    /// <summary>Notes a first token on some replica; the request's last token is the one before it.</summary>
    public void FirstToken(ClusterRequest request, double time)
    {
        if (request.WasResumed && request.LastToken > 0)
        {
            _gaps.Add(time - request.LastToken);
            return;
        }

        _firstToken.Add(time - request.Arrival);
        _prompt += request.PromptTokens;
        _cached += request.CachedTokens;
        _tokens[request.Replica] += request.PromptTokens - request.CachedTokens;
        var now = StretchOf(time);
        now.FirstToken.Add(time - request.Arrival);
        now.Prompt += request.PromptTokens;
        now.Cached += request.CachedTokens;
    }

    /// <summary>Notes a request's end.</summary>
    public void Ended(ClusterRequest request, double time)
    {
        _whole.Add(time - request.Arrival);
        _generated += request.NewTokens;
        _tokens[request.Replica] += request.NewTokens;
        _end = time;
    }

    /// <summary>All of it.</summary>
    public ClusterReport Report() => new()
    {
        Completed = Completed,
        Duration = _end,
        GeneratedTokens = _generated,
        HitShare = Share(_cached, _prompt),
        PossibleHitShare = Share(_possible, _prompt),
        TimeToFirstToken = _firstToken,
        EndToEnd = _whole,
        Gaps = _gaps,
        Resumed = Resumed,
        Misdirected = Misdirected,
        Imbalance = _tokens.Sum() == 0 ? 1 : _tokens.Max() / _tokens.Average(),
        MostRequests = MostRequests,
        Moments =
        [
            .. _stretches.Select((each, number) => new ClusterMoment(
                (number + 1) * _stretch,
                each.FirstToken.Count == 0 ? double.NaN : each.FirstToken.Percentile(0.99),
                Share(each.Cached, each.Prompt))),
        ],
    };

    /// <summary>The stretch of a moment; where there would be too many, all become twice as long.</summary>
    private Stretch StretchOf(double time)
    {
        while (time / _stretch >= MostStretches)
        {
            for (var i = 0; i < _stretches.Count; i++)
            {
                if (i % 2 == 1)
                {
                    _stretches[i / 2].Add(_stretches[i]);
                }
                else
                {
                    _stretches[i / 2] = _stretches[i];
                }
            }

            var kept = (_stretches.Count + 1) / 2;
            _stretches.RemoveRange(kept, _stretches.Count - kept);
            _stretch *= 2;
        }

        var number = (int)(time / _stretch);
        while (_stretches.Count <= number)
        {
            _stretches.Add(new Stretch());
        }

        return _stretches[number];
    }

    private static double Share(long part, long whole) => whole == 0 ? 0 : (double)part / whole;
}
