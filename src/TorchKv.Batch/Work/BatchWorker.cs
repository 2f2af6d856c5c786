using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>
/// Claims jobs, runs them and writes their results, until it is stopped. Any number of workers may do so at once; one
/// that ends, stops answering or loses its database costs time and never a result.
/// </summary>
internal sealed partial class BatchWorker(
    BatchOptions options, JobStore store, IJobRunner runner, ILogger<BatchWorker> logger)
{
    private const int LargestClaim = 512;
    private const long LargestWrite = 8 << 20;
    private static readonly TimeSpan WhenBusy = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    private readonly Guid _owner = Guid.NewGuid();
    private readonly Persistence _database = new(logger);
    private readonly ConcurrentDictionary<(long Batch, int Line), HeldJob> _held = new();

    // As many as run may wait: what waits here no other worker can run.
    private readonly Channel<HeldJob> _fresh = Channel.CreateBounded<HeldJob>(options.Concurrency);
    private readonly Channel<HeldJob> _suspects = Channel.CreateUnbounded<HeldJob>();
    private readonly Channel<HeldJob> _finished = Channel.CreateUnbounded<HeldJob>();

    /// <summary>Works until it is stopped; then gives back what it has not finished.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await runner.ReadyAsync(stop).ConfigureAwait(false);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] loops =
        [
            ClaimAsync(end.Token),
            .. Enumerable.Range(0, options.Concurrency).Select(i => RunFreshAsync(i, end.Token)),
            RunSuspectsAsync(end.Token),
            WriteAsync(end.Token),
            RenewAsync(end.Token),
        ];
        try
        {
            // The first that ends has failed, or all were stopped.
            await await Task.WhenAny(loops).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped.
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await GiveBackAsync().ConfigureAwait(false);
        }
    }

    private async Task ClaimAsync(CancellationToken stop)
    {
        var size = options.Concurrency;
        var without = new HashSet<long>();
        var watch = new Stopwatch();
        while (true)
        {
            var withSuspects = _suspects.Reader.Count < options.Concurrency;
            var claim = await _database.RunAsync(
                token => store.ClaimAsync(_owner, size, options.Lease, withSuspects, [.. without], token),
                stop).ConfigureAwait(false);
            if (claim.Batch is null)
            {
                without.Clear();
                await Task.Delay(options.Poll * (0.5 + (Random.Shared.NextDouble() / 2)), stop).ConfigureAwait(false);
                continue;
            }

            if (claim.Jobs.Count == 0)
            {
                without.Add(claim.Batch.No);
                continue;
            }

            watch.Restart();
            foreach (var job in claim.Jobs)
            {
                var held = new HeldJob(job, stop);
                _held[held.Key] = held;
                await (job.IsSuspect ? _suspects : _fresh).Writer.WriteAsync(held, stop).ConfigureAwait(false);
            }

            // Jobs that are over at once are claimed many at a time, others no more than can run.
            size = watch.Elapsed < TimeSpan.FromMilliseconds(100) && claim.Jobs.Count == size
                ? Math.Min(size * 2, Math.Max(LargestClaim, options.Concurrency))
                : watch.Elapsed > TimeSpan.FromSeconds(1) ? Math.Max(size / 2, options.Concurrency)
                : size;
        }
    }

    private async Task RunFreshAsync(int number, CancellationToken stop)
    {
        await Task.Yield();
        await foreach (var held in _fresh.Reader.ReadAllAsync(stop).ConfigureAwait(false))
        {
            while (number >= options.ConcurrencyWhenBusy && runner.IsBusy)
            {
                await Task.Delay(WhenBusy, stop).ConfigureAwait(false);
            }

            await RunAsync(held, stop).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Runs one at a time the jobs that a worker had when it ended. Each run is counted before it begins, so a job that
    /// ends its process every time is an error after a few, and its neighbours are not.
    /// </summary>
    private async Task RunSuspectsAsync(CancellationToken stop)
    {
        await foreach (var held in _suspects.Reader.ReadAllAsync(stop).ConfigureAwait(false))
        {
            var job = held.Job;
            var runs = await _database.RunAsync(
                token => store.CountAloneAsync(_owner, job.Batch.No, job.Line, token), stop).ConfigureAwait(false);
            if (runs is null)
            {
                Drop(held);
            }
            else if (runs > options.MaxTries)
            {
                var name = LineName.OfText(FormattableString.Invariant($"{job.Batch.Id}:{job.Line}")).ToString();
                Finish(held, new JobResult(
                    job.Line,
                    IsAnswer: false,
                    BatchRecord.OfError(
                        name,
                        job.CustomId,
                        "attempts_exhausted",
                        $"The request was given up: {options.MaxTries} runs of it alone ended the server.")));
            }
            else
            {
                await RunAsync(held, stop, runs.Value).ConfigureAwait(false);
            }
        }
    }

    private async Task RunAsync(HeldJob held, CancellationToken stop, int runsAlone = 0)
    {
        if (held.End.IsCancellationRequested)
        {
            stop.ThrowIfCancellationRequested();
            Drop(held);
            return;
        }

        JobOutcome outcome;
        try
        {
            outcome = await runner.RunAsync(held.Job, held.End).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (held.End.IsCancellationRequested)
        {
            stop.ThrowIfCancellationRequested();
            Drop(held);
            return;
        }
        catch (Exception e)
        {
            LogFailed(logger, held.Job.Batch.Id, held.Job.Line, e);
            outcome = default;
        }

        if (outcome.Result is { } result && !(outcome.IsServersFault && runsAlone < options.MaxTries))
        {
            Finish(held, result);
            return;
        }

        // Of the moment: again soon. The server's fault: again, alone, and not for ever.
        var delay = TimeSpan.FromSeconds(outcome.Result is null ? 1 : 1 << Math.Min(runsAlone, 5));
        Drop(held);
        await _database.RunAsync(
            async token =>
            {
                await store.ReleaseAsync(
                    _owner, held.Job.Batch.No, [held.Job.Line], delay, outcome.IsServersFault, token)
                    .ConfigureAwait(false);
                return true;
            },
            stop).ConfigureAwait(false);
    }

    private async Task WriteAsync(CancellationToken stop)
    {
        while (await _finished.Reader.WaitToReadAsync(stop).ConfigureAwait(false))
        {
            foreach (var batch in TakeFinished().GroupBy(held => held.Job.Batch.No))
            {
                HeldJob[] several = [.. batch.OrderBy(held => held.Job.Line)];
                await _database.RunAsync(
                    token => store.FinishAsync(batch.Key, [.. several.Select(held => held.Result!)], token),
                    stop).ConfigureAwait(false);
                Array.ForEach(several, Drop);
            }
        }
    }

    private async Task RenewAsync(CancellationToken stop)
    {
        var period = options.Lease / 3;
        while (true)
        {
            await Task.Delay(period, stop).ConfigureAwait(false);
            foreach (var batch in _held.Values.ToArray().GroupBy(held => held.Job.Batch.No))
            {
                var kept = await _database.RunAsync(
                    token => store.RenewAsync(
                        _owner, batch.Key, [.. batch.Select(held => held.Job.Line)], options.Lease, token),
                    stop).ConfigureAwait(false);
                foreach (var lost in batch.Where(held => held.Result is null && !kept.Contains(held.Job.Line)))
                {
                    // The batch was cancelled, or another worker has the job.
                    lost.Cancel();
                }
            }
        }
    }

    /// <summary>Writes what is finished and gives back the rest, where the database is there.</summary>
    private async Task GiveBackAsync()
    {
        using var limit = new CancellationTokenSource(LastWords);
        try
        {
            foreach (var batch in _held.Values.ToArray().GroupBy(held => held.Job.Batch.No))
            {
                JobResult[] results = [.. batch.Select(held => held.Result).OfType<JobResult>()];
                if (results.Length > 0)
                {
                    await store.FinishAsync(batch.Key, results, limit.Token).ConfigureAwait(false);
                }

                int[] rest = [.. batch.Where(held => held.Result is null).Select(held => held.Job.Line)];
                await store.ReleaseAsync(_owner, batch.Key, rest, TimeSpan.Zero, isTry: false, limit.Token)
                    .ConfigureAwait(false);
            }
        }
        catch (Exception e) when (BatchDatabase.IsPassing(e) || e is OperationCanceledException)
        {
            // Other workers take the jobs when their leases end.
        }
    }

    private List<HeldJob> TakeFinished()
    {
        var several = new List<HeldJob>();
        long bytes = 0;
        while (several.Count < LargestClaim && bytes < LargestWrite && _finished.Reader.TryRead(out var held))
        {
            several.Add(held);
            bytes += held.Result!.Record.Length;
        }

        return several;
    }

    private void Finish(HeldJob held, JobResult result)
    {
        held.Result = result;
        _finished.Writer.TryWrite(held);
    }

    private void Drop(HeldJob held)
    {
        _held.TryRemove(new(held.Key, held));
        held.Dispose();
    }

    [LoggerMessage(LogLevel.Error, "Line {Line} of {Batch} could not be run; it is tried again.")]
    private static partial void LogFailed(ILogger logger, string batch, int line, Exception error);
}
