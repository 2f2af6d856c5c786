using System.Text.Json;
using Microsoft.Extensions.Logging;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Contracts;
using TorchKv.Batch.Store;
using TorchKv.Server.Configuration;

namespace TorchKv.Batch.Work;

/// <summary>Moves batches on that no worker moves: new ones, those that are over, too late or cancelled.</summary>
internal sealed partial class BatchUpkeep(
    BatchOptions options,
    TorchKvServerOptions server,
    BatchStore batches,
    FileStore files,
    UpkeepStore store,
    ILogger<BatchUpkeep> logger)
{
    private static readonly TimeSpan BetweenTidying = TimeSpan.FromMinutes(1);
    private readonly Persistence _database = new(logger);

    /// <summary>Works until it is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var tidied = DateTime.MinValue;
        while (true)
        {
            var open = await _database.RunAsync(batches.ToBeKeptUpAsync, stop).ConfigureAwait(false);
            foreach (var batch in open)
            {
                try
                {
                    await KeepUpAsync(batch, stop).ConfigureAwait(false);
                }
                catch (Exception e) when (!stop.IsCancellationRequested)
                {
                    // One that cannot be moved on does not hold up the others.
                    LogFailed(logger, batch.Id, e);
                }
            }

            if (DateTime.UtcNow - tidied > BetweenTidying)
            {
                tidied = DateTime.UtcNow;
                await _database.RunAsync(
                    async token =>
                    {
                        await store.TidyAsync(options.KeepResults, token).ConfigureAwait(false);
                        return true;
                    },
                    stop).ConfigureAwait(false);
            }

            await Task.Delay(options.Poll, stop).ConfigureAwait(false);
        }
    }

    private async Task<bool> KeepUpAsync(StoredBatch batch, CancellationToken cancellationToken)
    {
        var end = batch.Status switch
        {
            "cancelling" => "cancelled",
            "finalizing" => "completed",
            "in_progress" => "expired",
            _ when batch.ExpiresAt <= DateTime.UtcNow => "expired",
            _ => null,
        };
        if (end is null)
        {
            return await ImportAsync(batch, cancellationToken).ConfigureAwait(false);
        }

        var isDone = await store.EndAsync(batch, end, cancellationToken).ConfigureAwait(false);
        if (isDone)
        {
            LogEnded(logger, batch.Id, end);
        }

        return isDone;
    }

    private async Task<bool> ImportAsync(StoredBatch batch, CancellationToken cancellationToken)
    {
        var longest = (int)Math.Min(server.MaxBodyBytes + (64 << 10), int.MaxValue / 2);
        var import = new BatchImport(files, batch, longest, options.MaxRequests);
        try
        {
            return await store.ImportAsync(batch, import.LinesAsync(cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (FaultyInputException)
        {
            var errors = new BatchErrors
            {
                Data =
                [
                    .. import.Faults.Select(fault => new BatchError
                    {
                        Code = fault.Code,
                        Message = fault.Message,
                        Param = fault.Param,
                        Line = fault.Line > 0 ? fault.Line : null,
                    }),
                ],
            };
            await store.FailAsync(
                batch,
                JsonSerializer.Serialize(errors, BatchJson.Answers.BatchErrors),
                cancellationToken).ConfigureAwait(false);
            LogEnded(logger, batch.Id, "failed");
            return true;
        }
    }

    [LoggerMessage(LogLevel.Error, "The batch {Batch} could not be moved on; it is tried again.")]
    private static partial void LogFailed(ILogger logger, string batch, Exception error);

    [LoggerMessage(LogLevel.Information, "The batch {Batch} is {Status}.")]
    private static partial void LogEnded(ILogger logger, string batch, string status);
}
