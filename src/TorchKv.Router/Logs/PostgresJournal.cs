using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TorchKv.Router.Metrics;
using TorchKv.Server.Reconnecting;
using TorchKv.Server.Resuming;

namespace TorchKv.Router.Logs;

/// <summary>
/// A journal in PostgreSQL, which all routers share. Streams are written together, ten times a second; what is not
/// written yet when the router dies is generated again.
/// </summary>
internal sealed partial class PostgresJournal(
    NpgsqlDataSource database, RouterMetrics metrics, TimeProvider time, ILogger<PostgresJournal> logger)
    : BackgroundService, IStreamJournal
{
    private const string Create = """
        create table if not exists torchkv_streams (
            key bytea primary key,
            fingerprint bytea not null,
            created bigint not null,
            choice_lengths int[] not null,
            token_ids int[] not null,
            updated_at timestamptz not null default now());
        create index if not exists torchkv_streams_updated_at on torchkv_streams (updated_at);
        """;

    // Two routers may have the same stream for a moment: the one that has come further is kept.
    private const string Save = """
        insert into torchkv_streams (key, fingerprint, created, choice_lengths, token_ids)
        values ($1, $2, $3, $4, $5)
        on conflict (key) do update
        set choice_lengths = excluded.choice_lengths, token_ids = excluded.token_ids, updated_at = now()
        where cardinality(excluded.token_ids) >= cardinality(torchkv_streams.token_ids)
        """;

    private const string Find =
        "select fingerprint, created, choice_lengths, token_ids from torchkv_streams where key = $1";

    private const string Forget = "delete from torchkv_streams where updated_at < now() - interval '1 day'";

    // A new stream must not wait for a database that is away.
    private static readonly TimeSpan s_findLimit = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_forgetInterval = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<Recorder, bool> _changed = new();
    private readonly MemoryJournal _memory = new();
    private bool _hasTable;

    public async ValueTask<StreamRecord?> FindAsync(byte[] key, CancellationToken cancellationToken)
    {
        // A stream of this router may have come further here than in the database.
        if (await _memory.FindAsync(key, cancellationToken).ConfigureAwait(false) is { } own)
        {
            return own;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_findLimit);
        try
        {
            await using var command = database.CreateCommand(Find);
            command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = key });
            await using var reader = await command.ExecuteReaderAsync(limit.Token).ConfigureAwait(false);
            return await reader.ReadAsync(limit.Token).ConfigureAwait(false)
                ? new StreamRecord(
                    reader.GetFieldValue<byte[]>(0),
                    reader.GetInt64(1),
                    Split(reader.GetFieldValue<int[]>(2), reader.GetFieldValue<int[]>(3)))
                : null;
        }
        catch (Exception e) when (
            e is NpgsqlException or InvalidOperationException or TimeoutException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            metrics.JournalFailed();
            LogFailed(logger, e.Message);
            return null;
        }
    }

    public IStreamRecorder Begin(byte[] key, StreamRecord record)
    {
        var recorder = new Recorder(this, key, record, _memory.Begin(key, record));
        _changed[recorder] = true;
        return recorder;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_interval, time);
        var forgotAt = time.GetTimestamp() - (long)(s_forgetInterval.TotalSeconds * time.TimestampFrequency);
        try
        {
            do
            {
                if (time.GetElapsedTime(forgotAt) >= s_forgetInterval && await TryAsync(Forget).ConfigureAwait(false))
                {
                    forgotAt = time.GetTimestamp();
                }

                await SaveAsync().ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await SaveAsync().ConfigureAwait(false);
        }
    }

    private static int[][] Split(int[] lengths, int[] ids)
    {
        var choices = new int[lengths.Length][];
        var start = 0;
        for (var i = 0; i < lengths.Length; i++)
        {
            choices[i] = ids[start..(start + lengths[i])];
            start += lengths[i];
        }

        return choices;
    }

    private async Task<bool> TryAsync(string sql)
    {
        try
        {
            if (!_hasTable)
            {
                await using var create = database.CreateCommand(Create);
                await create.ExecuteNonQueryAsync().ConfigureAwait(false);
                _hasTable = true;
            }

            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or TimeoutException)
        {
            metrics.JournalFailed();
            LogFailed(logger, e.Message);
            return false;
        }
    }

    /// <summary>Writes the streams that have changed, in one round trip.</summary>
    private async Task SaveAsync()
    {
        var changed = _changed.Keys.ToArray();
        if (changed.Length == 0 || (!_hasTable && !await TryAsync(Forget).ConfigureAwait(false)))
        {
            return;
        }

        await using var batch = database.CreateBatch();
        foreach (var recorder in changed)
        {
            // What comes from here on marks it anew.
            _changed.TryRemove(recorder, out _);
            batch.BatchCommands.Add(recorder.Command());
        }

        try
        {
            await batch.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or TimeoutException)
        {
            foreach (var recorder in changed)
            {
                if (!recorder.IsFinished)
                {
                    _changed[recorder] = true;
                }
            }

            metrics.JournalFailed();
            LogFailed(logger, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The journal's database failed; streams go on without it: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    private sealed class Recorder(
        PostgresJournal journal, byte[] key, StreamRecord record, IStreamRecorder memory) : IStreamRecorder
    {
        private readonly List<int>[] _ids = [.. record.Ids.Select(ids => ids.ToList())];

        public bool IsFinished { get; private set; }

        public void Take(int choice, IReadOnlyList<int> ids)
        {
            memory.Take(choice, ids);
            lock (_ids)
            {
                _ids[choice].AddRange(ids);
            }

            journal._changed[this] = true;
        }

        public void Finish()
        {
            memory.Finish();
            IsFinished = true;
        }

        public NpgsqlBatchCommand Command()
        {
            int[] lengths;
            int[] all;
            lock (_ids)
            {
                lengths = [.. _ids.Select(ids => ids.Count)];
                all = new int[lengths.Sum()];
                var start = 0;
                foreach (var ids in _ids)
                {
                    CollectionsMarshal.AsSpan(ids).CopyTo(all.AsSpan(start));
                    start += ids.Count;
                }
            }

            return new NpgsqlBatchCommand(Save)
            {
                Parameters =
                {
                    new NpgsqlParameter<byte[]> { TypedValue = key },
                    new NpgsqlParameter<byte[]> { TypedValue = record.Fingerprint },
                    new NpgsqlParameter<long> { TypedValue = record.Created },
                    new NpgsqlParameter<int[]> { TypedValue = lengths },
                    new NpgsqlParameter<int[]> { TypedValue = all },
                },
            };
        }
    }
}
