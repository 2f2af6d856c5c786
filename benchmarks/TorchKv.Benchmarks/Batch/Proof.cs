using System.Diagnostics;
using System.Globalization;
using TorchKv.Batch.Store;

namespace TorchKv.Benchmarks.Batch;

/// <summary>
/// Runs a batch through processes of workers over a private PostgreSQL, kills and stops them at random moments, and
/// checks what comes out.
/// </summary>
internal sealed class Proof : IAsyncDisposable
{
    private const string Tenant = "proof";
    private readonly ProofOptions _options;
    private readonly PostgresServer _postgres;
    private readonly string _connection;
    private readonly BatchDatabase _database;
    private readonly List<WorkerProcess> _workers = [];
    private readonly Random _random;
    private double _awaySeconds;

    private Proof(ProofOptions options, PostgresServer postgres, string connection)
    {
        (_options, _postgres, _connection) = (options, postgres, connection);
        _database = new BatchDatabase(connection);
        _random = new Random(options.Seed);
    }

    /// <summary>Runs a batch.</summary>
    /// <param name="options">What is done.</param>
    /// <param name="postgres">A server that no other uses where it is killed.</param>
    public static async Task<ProofReport> RunAsync(ProofOptions options, PostgresServer postgres)
    {
        await using var proof = new Proof(options, postgres, await postgres.NewDatabaseAsync());
        return await proof.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _workers.ForEach(worker => worker.Dispose());
        await _database.DisposeAsync();
    }

    private async Task<ProofReport> RunAsync()
    {
        using var limit = new CancellationTokenSource(_options.Limit);
        var watch = Stopwatch.StartNew();
        var file = await new FileStore(_database).AddAsync(
            Tenant,
            "in.jsonl",
            new LinesStream(Lines()),
            _ => Task.FromResult(("batch", (long?)null)),
            limit.Token);
        var upload = watch.Elapsed.TotalSeconds;
        for (var i = 0; i < _options.Workers; i++)
        {
            _workers.Add(WorkerProcess.Start(_options, _connection));
        }

        var batch = (await new BatchStore(_database).AddAsync(
            new NewBatch(Tenant, "/v1/completions", file.Id, "1h", TimeSpan.FromHours(1), null, null),
            mostOpen: 100,
            limit.Token))!;
        batch = await DisturbAsync(batch, limit.Token);
        var end = batch.CompletedAt ?? batch.ExpiredAt ?? DateTime.UtcNow;
        _workers.ForEach(worker => worker.Dispose());
        _workers.Clear();
        return await new ProofCheck(_connection, batch, _options.Jobs).RunAsync(upload, end, _awaySeconds);
    }

    private IEnumerable<string> Lines()
    {
        // Poison lies between other jobs, so that neighbours are claimed with it.
        var every = _options.Poison > 0 ? _options.Jobs / (_options.Poison + 1) : int.MaxValue;
        for (var i = 0; i < _options.Jobs; i++)
        {
            var isPoison = i > 0 && i % every == 0 && i / every <= _options.Poison;
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"custom_id\":\"job-{i}\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{EmptyJobRunner.Body(i, isPoison)}}}\n");
        }
    }

    /// <summary>
    /// Does to the processes what is to be done, each at a random share of the jobs, until the batch is over.
    /// </summary>
    private async Task<StoredBatch> DisturbAsync(StoredBatch batch, CancellationToken limit)
    {
        var stopped = new List<Task>();
        var acts = new PriorityQueue<Func<Task>, double>();
        Add(_options.DatabaseKills, KillDatabaseAsync);
        Add(_options.WorkerKills, KillWorkerAsync);
        Add(_options.WorkerStops, StopWorkerAsync);
        while (true)
        {
            limit.ThrowIfCancellationRequested();
            batch = await FindAsync(batch);
            if (batch.Status is "completed" or "failed" or "expired" or "cancelled")
            {
                await Task.WhenAll(stopped);
                return batch;
            }

            var share = batch.Total > 0 ? (batch.Completed + batch.Failed) / (double)batch.Total : 0;
            while (acts.TryPeek(out var act, out var at) && at <= share)
            {
                acts.Dequeue();
                await act();
            }

            if (_options.Poison > 0)
            {
                ReplaceEnded();
            }

            await Task.Delay(20, limit);
        }

        void Add(int count, Func<Task> act)
        {
            for (var i = 0; i < count; i++)
            {
                acts.Enqueue(act, 0.02 + (_random.NextDouble() * 0.8));
            }
        }

        async Task KillDatabaseAsync()
        {
            var watch = Stopwatch.StartNew();
            _postgres.Kill();
            await _postgres.RestartAsync();
            _awaySeconds = Math.Max(_awaySeconds, watch.Elapsed.TotalSeconds);
        }

        Task KillWorkerAsync()
        {
            var at = _random.Next(_workers.Count);
            _workers[at].Send(Signals.Kill);
            _workers[at].Dispose();
            _workers[at] = WorkerProcess.Start(_options, _connection);
            return Task.CompletedTask;
        }

        Task StopWorkerAsync()
        {
            var worker = _workers[_random.Next(_workers.Count)];
            worker.Send(Signals.Stop);
            stopped.Add(Task.Delay(_options.Lease * 1.5).ContinueWith(
                _ => worker.Send(Signals.Continue), TaskScheduler.Default));
            return Task.CompletedTask;
        }
    }

    private void ReplaceEnded()
    {
        for (var i = 0; i < _workers.Count; i++)
        {
            if (_workers[i].HasEnded)
            {
                _workers[i].Dispose();
                _workers[i] = WorkerProcess.Start(_options, _connection);
            }
        }
    }

    private async Task<StoredBatch> FindAsync(StoredBatch batch)
    {
        try
        {
            return (await new BatchStore(_database).FindAsync(Tenant, batch.Id, CancellationToken.None))!;
        }
        catch (Exception e) when (BatchDatabase.IsPassing(e))
        {
            return batch;
        }
    }
}
