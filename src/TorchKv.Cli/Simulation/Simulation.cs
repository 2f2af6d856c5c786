using System.Diagnostics.Metrics;
using TorchKv.Runtime;

namespace TorchKv.Cli.Simulation;

/// <summary>A way of filling steps, with a name.</summary>
internal sealed record Policy(string Name, SchedulingOptions Scheduling);

/// <summary>What a policy did with a workload; times are virtual seconds.</summary>
internal sealed record SimulationResult(
    string Policy,
    double Seconds,
    IReadOnlyList<double> FirstToken,
    IReadOnlyList<double> InterToken,
    IReadOnlyList<(double Seconds, double Waiting)> Waiting,
    int Refused,
    EngineStats Stats)
{
    public double TokensPerSecond => Stats.GeneratedTokens / Seconds;

    public double PrefixHitShare => Stats.PromptTokens > 0 ? (double)Stats.PrefixHitTokens / Stats.PromptTokens : 0;

    /// <summary>The value that a share of the values does not exceed; 0 of none.</summary>
    public static double Percentile(IReadOnlyList<double> sorted, double share) =>
        sorted.Count == 0 ? 0 : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Count) - 1, 0, sorted.Count - 1)];
}

/// <summary>
/// A workload through the real engine and scheduler over a runner that computes nothing, in virtual time. Arrivals take effect
/// between steps, as they do in the engine.
/// </summary>
internal sealed class Simulation
{
    // As many points as a drawing shows.
    private const int MostSamples = 2000;

    // The engine whose step runs on this thread: its instruments report on the same thread, and other engines' are not ours.
    [ThreadStatic]
    private static Simulation? t_running;

    private readonly IReadOnlyList<SimulatedRequest> _requests;
    private readonly Policy _policy;
    private readonly VirtualTime _time = new();
    private readonly object _gate = new();
    private readonly SemaphoreSlim _idle = new(0);
    private readonly List<double> _firstToken = [];
    private readonly List<double> _interToken = [];
    private readonly List<(double, double)> _waiting = [];
    private readonly Engine _engine;
    private readonly CancellationToken _cancellationToken;
    private readonly double _sampleEvery;
    private double _nextSample;
    private int _next;
    private int _outstanding;
    private int _refused;

    private Simulation(IReadOnlyList<SimulatedRequest> requests, Policy policy, int blocks, CostModel cost, CancellationToken cancellationToken)
    {
        (_requests, _policy, _cancellationToken) = (requests, policy, cancellationToken);
        _sampleEvery = Math.Max(1e-3, requests[^1].Arrival / MostSamples);
        var runner = new SimulatedRunner(blocks, policy.Scheduling.MaxTokensPerStep, cost, _time, AfterStep);
        _engine = new Engine(runner, null, new EngineOptions { Scheduling = policy.Scheduling, TimeProvider = _time });
    }

    /// <summary>Runs a workload to its end.</summary>
    /// <exception cref="PoolCapacityException">A request could never fit the pool.</exception>
    public static async Task<SimulationResult> RunAsync(
        IReadOnlyList<SimulatedRequest> requests, Policy policy, int blocks, CostModel cost, CancellationToken cancellationToken)
    {
        var simulation = new Simulation(requests, policy, blocks, cost, cancellationToken);
        await using (simulation._engine.ConfigureAwait(false))
        {
            using var listener = simulation.Listen();
            return await simulation.DriveAsync().ConfigureAwait(false);
        }
    }

    private MeterListener Listen()
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "TorchKv.Runtime" && instrument.Name is "torchkv.time_to_first_token" or "torchkv.inter_token_latency")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (t_running == this)
            {
                (instrument.Name == "torchkv.time_to_first_token" ? _firstToken : _interToken).Add(value);
            }
        });
        listener.Start();
        return listener;
    }

    private async Task<SimulationResult> DriveAsync()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_outstanding == 0)
                {
                    if (_next == _requests.Count)
                    {
                        break;
                    }

                    // Nothing runs: time jumps to the next arrival.
                    _time.Advance(Math.Max(0, _requests[_next].Arrival - _time.Seconds));
                    SubmitDue();
                    continue;
                }
            }

            await _idle.WaitAsync(_cancellationToken).ConfigureAwait(false);
        }

        _firstToken.Sort();
        _interToken.Sort();
        return new SimulationResult(_policy.Name, _time.Seconds, _firstToken, _interToken, _waiting, _refused, _engine.Stats);
    }

    private void AfterStep()
    {
        t_running = this;
        lock (_gate)
        {
            SubmitDue();
        }

        if (_time.Seconds >= _nextSample)
        {
            _waiting.Add((_time.Seconds, _engine.Stats.QueuedRequests));
            _nextSample = _time.Seconds + _sampleEvery;
        }
    }

    private void SubmitDue()
    {
        for (; _next < _requests.Count && _requests[_next].Arrival <= _time.Seconds; _next++)
        {
            var request = _requests[_next];
            try
            {
                var generation = _engine.Submit(Workload.Ids(request, _next), new GenerationOptions { MaxNewTokens = request.NewTokens, EosTokenIds = [] });
                _outstanding++;
                generation.Completion.ContinueWith(_ => Done(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
            catch (QueueFullException)
            {
                _refused++;
            }
        }
    }

    private void Done()
    {
        lock (_gate)
        {
            _outstanding--;
        }

        _idle.Release();
    }
}
