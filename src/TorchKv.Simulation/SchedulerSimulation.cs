using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Simulation;

/// <summary>
/// Runs the engine's scheduler in virtual time with a cost model instead of a model, so that policies can be compared
/// at rates that no machine at hand could serve. The scheduler, the pool and the index are the real ones; arrivals take
/// effect between steps, as they do in the engine. One thread and no clock: the same workload and options give the same
/// report.
/// </summary>
internal sealed class SchedulerSimulation
{
    private const int MostMoments = 1000;

    private sealed class Simulated : IRequestOutput
    {
        private readonly SchedulerSimulation _simulation;

        public Simulated(SchedulerSimulation simulation, SimulatedRequest what, int index)
        {
            _simulation = simulation;
            What = what;
            Index = index;
            Request = new Request(what.Prompt(index), this) { Priority = what.Priority };
        }

        public Request Request { get; }

        public SimulatedRequest What { get; }

        public int Index { get; }

        public int Generated { get; set; }

        public double LastToken { get; set; }

        public void Use(in PlannedRow row, Span<float> logits, long now) => _simulation.AppendToken(this, row.Sequence);

        public void Fail(Exception cause) => throw new InvalidOperationException("A simulated request failed.", cause);
    }

    private readonly IReadOnlyList<SimulatedRequest> _requests;
    private readonly SimulationOptions _options;
    private readonly SchedulingOptions _scheduling;
    private readonly BlockPool _pool;
    private readonly KvBlocks _blocks;
    private readonly Scheduler _scheduler;
    private readonly SimulatedRunner _runner;
    private readonly LatencyDistribution _firstToken = new();
    private readonly LatencyDistribution _between = new();
    private readonly LatencyDistribution _whole = new();
    private readonly Dictionary<Request, Simulated> _live = [];
    private readonly List<Simulated> _ended = [];
    private StepPlan? _plan;
    private List<SimulationMoment> _moments = [];
    private int _momentEvery = 1;
    private int _next;
    private long _generated;
    private double _unused;
    private double _contiguous;
    private TimeSpan _scheduled;

    /// <summary>A simulation that has not begun.</summary>
    /// <param name="requests">The workload, in order of arrival.</param>
    /// <param name="options">Policy, pool and costs.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">
    /// A request is out of its limits, or comes before the one in front of it.
    /// </exception>
    public SchedulerSimulation(IReadOnlyList<SimulatedRequest> requests, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(options);
        if (options.BlockCount < 1 || options.BlockSize < 1)
        {
            throw new OptionException(
                "blocks", $"{options.BlockCount} of {options.BlockSize} tokens", "at least 1 of at least 1");
        }

        options.Scheduling.Validate();
        Check(requests);
        (_requests, _options) = (requests, options);
        _scheduling = options.Scheduling.WithAPlaceForEverySequence();
        _pool = new BlockPool(
            options.BlockCount,
            _scheduling.PrefixCaching
                ? new PrefixIndex(options.BlockCount, options.BlockSize, SimulatedRequest.Vocabulary)
                : null);
        _blocks = new KvBlocks(_pool, options.BlockSize);
        _scheduler = new Scheduler(_scheduling, _blocks);
        _runner = new SimulatedRunner(_scheduling, options.BlockSize, options.Cost);
    }

    /// <summary>Virtual seconds so far.</summary>
    public double Time => _runner.Time;

    /// <summary>Steps so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Requests that have ended.</summary>
    public int Completed => (int)_whole.Count;

    /// <summary>Requests that were refused.</summary>
    public int Refused { get; private set; }

    /// <summary>Simulates a workload from its first arrival to its last token.</summary>
    /// <inheritdoc cref="SchedulerSimulation(IReadOnlyList{SimulatedRequest}, SimulationOptions)"/>
    /// <param name="requests">The workload, in order of arrival.</param>
    /// <param name="options">Policy, pool and costs.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static SimulationReport Run(
        IReadOnlyList<SimulatedRequest> requests,
        SimulationOptions options,
        CancellationToken cancellationToken = default)
    {
        var simulation = new SchedulerSimulation(requests, options);
        while (simulation.Step())
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return simulation.Report();
    }

    /// <summary>Plans and runs the next step; false where everything has ended.</summary>
    public bool Step()
    {
        if (!TryPlan())
        {
            return false;
        }

        RunPlan();
        return true;
    }

    /// <summary>
    /// Plans the next step: who is let in, who is preempted, which blocks are taken. <see cref="Snapshot"/> then shows
    /// them with the step's tokens still to come; <see cref="RunPlan"/> must follow. False where everything has ended.
    /// </summary>
    public bool TryPlan()
    {
        if (_plan is not null)
        {
            throw new InvalidOperationException("A step is planned already and has not run.");
        }

        var started = Stopwatch.GetTimestamp();
        Arrive();
        var plan = _scheduler.Plan();
        while (plan.IsEmpty)
        {
            if (_scheduler.Running.Count + _scheduler.WaitingCount > 0)
            {
                throw new InvalidOperationException(
                    $"Nothing was planned for {_scheduler.Running.Count} running and {_scheduler.WaitingCount} "
                        + "waiting requests.");
            }

            if (_next == _requests.Count)
            {
                return false;
            }

            // Nothing runs: time jumps to the next arrival.
            _runner.WaitUntil(_requests[_next].Arrival);
            Arrive();
            plan = _scheduler.Plan();
        }

        _plan = plan;
        _scheduled += Stopwatch.GetElapsedTime(started);
        return true;
    }

    /// <summary>Runs the step that was planned; requests that end with it give their blocks back.</summary>
    public void RunPlan()
    {
        var plan = _plan ?? throw new InvalidOperationException("No step is planned.");
        _plan = null;
        _runner.Step(plan);
        Steps++;
        var started = Stopwatch.GetTimestamp();
        foreach (var row in plan.Rows)
        {
            Take(row);
        }

        _scheduled += Stopwatch.GetElapsedTime(started);
        Measure();
        started = Stopwatch.GetTimestamp();
        foreach (var simulated in _ended)
        {
            _live.Remove(simulated.Request);
            _scheduler.EndRequest(simulated.Request);
        }

        _ended.Clear();
        _scheduled += Stopwatch.GetElapsedTime(started);
    }

    /// <summary>The pool and the block tables as they are.</summary>
    public EngineSnapshot Snapshot() => EngineSnapshot.Of(_scheduler, _blocks);

    /// <summary>What has come of it so far.</summary>
    public SimulationReport Report() => new()
    {
        Completed = Completed,
        Refused = Refused,
        Duration = Time,
        GeneratedTokens = _generated,
        TimeToFirstToken = _firstToken,
        InterTokenLatency = _between,
        EndToEnd = _whole,
        Steps = Steps,
        Preemptions = _scheduler.PreemptionCount,
        PrefixHitShare = _scheduler.PromptTokens == 0
            ? 0
            : (double)_scheduler.PrefixHitTokens / _scheduler.PromptTokens,
        UnusedShare = Steps == 0 ? 0 : _unused / Steps,
        ContiguousUnusedShare = Steps == 0 ? 0 : _contiguous / Steps,
        SchedulerMicroseconds = Steps == 0 ? 0 : _scheduled.TotalMicroseconds / Steps,
        Moments = _moments,
    };

    private static void Check(IReadOnlyList<SimulatedRequest> requests)
    {
        var time = 0.0;
        for (var i = 0; i < requests.Count; i++)
        {
            var request = requests[i];
            if (!(request.Arrival >= time) || !double.IsFinite(request.Arrival))
            {
                throw new RequestException(
                    $"Request {i} arrives after {request.Arrival} s, but must not before the one in front of it "
                        + $"({time} s).");
            }

            if (request.PromptTokens is < 1 or > SimulatedRequest.MaxTokens
                || request.NewTokens is < 1 or > SimulatedRequest.MaxTokens
                || request.PrefixTokens < 0
                || request.PrefixTokens > request.PromptTokens)
            {
                throw new RequestException(
                    $"Request {i} has {request.PromptTokens} prompt tokens, {request.PrefixTokens} of them shared, "
                        + $"and generates {request.NewTokens}; prompt and new tokens are from 1 to "
                        + $"{SimulatedRequest.MaxTokens}, shared ones at most the prompt's.");
            }

            time = request.Arrival;
        }
    }

    private void Arrive()
    {
        for (; _next < _requests.Count && _requests[_next].Arrival <= Time; _next++)
        {
            var request = _requests[_next];
            var needed = Scheduler.WorstCaseBlocks(
                request.PromptTokens, request.PromptTokens + request.NewTokens - 1, 1, _options.BlockSize);
            if (needed > _pool.Count || _scheduler.WaitingCount >= _scheduling.MaxQueuedRequests)
            {
                Refused++;
                continue;
            }

            var simulated = new Simulated(this, request, _next);
            _live.Add(simulated.Request, simulated);
            _scheduler.Add(simulated.Request);
        }
    }

    private void Take(in PlannedRow row)
    {
        _scheduler.Complete(row);
        if (row.Logits != LogitsWanted.None)
        {
            row.Sequence.Request.Output.Use(row, [], now: 0);
        }
    }

    private void AppendToken(Simulated request, Sequence sequence)
    {
        sequence.Append(request.What.Token(request.Index, sequence.Count));
        if (request.Generated++ == 0)
        {
            _firstToken.Add(Time - request.What.Arrival);
        }
        else
        {
            _between.Add(Time - request.LastToken);
        }

        request.LastToken = Time;
        _generated++;
        if (request.Generated == request.What.NewTokens)
        {
            _whole.Add(Time - request.What.Arrival);
            _ended.Add(request);
        }
    }

    private void Measure()
    {
        var (held, stored, reserved) = (0L, 0L, 0L);
        foreach (var running in _scheduler.Running)
        {
            var request = _live[running];
            var table = running.Leader!.Table;
            held += (long)table.BlockCount * _options.BlockSize;
            stored += table.TokenCount;
            reserved += request.What.PromptTokens + request.What.NewTokens;
        }

        _unused += held == 0 ? 0 : (double)(held - stored) / held;
        _contiguous += reserved == 0 ? 0 : (double)(reserved - stored) / reserved;
        if (Steps % _momentEvery == 0)
        {
            _moments.Add(
                new SimulationMoment(Time, _scheduler.WaitingCount, _scheduler.RunningSequences, _pool.HeldCount));
            if (_moments.Count > MostMoments)
            {
                // Half as dense from here on, so that memory does not grow with the run.
                _moments = [.. _moments.Where((_, i) => i % 2 == 1)];
                _momentEvery *= 2;
            }
        }
    }
}
