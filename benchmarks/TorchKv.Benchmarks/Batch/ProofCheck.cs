using System.Globalization;
using System.Text.Json;
using Npgsql;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Store;
using TorchKv.Batch.Work;

namespace TorchKv.Benchmarks.Batch;

/// <summary>
/// Reads the table of results and the output files of a batch that is over, and counts what is lost, double or wrong.
/// </summary>
internal sealed class ProofCheck(string connection, StoredBatch batch, int jobs)
{
    private readonly bool[] _seen = new bool[jobs];
    private long _twice;
    private long _wrong;

    public async Task<ProofReport> RunAsync(double uploadSeconds, DateTime end, double awaySeconds)
    {
        await using var database = new BatchDatabase(connection);
        var output = await ReadAsync(database, batch.OutputFileId, isAnswer: true);
        var errors = await ReadAsync(database, batch.ErrorFileId, isAnswer: false);
        var began = batch.InProgressAt ?? end;
        var written = batch.FinalizingAt ?? end;
        return new ProofReport
        {
            Status = batch.Status,
            Jobs = jobs,
            Results = await CountAsync("select count(*) from torchkv_batch.results where batch_no = $1"),
            Open = await CountAsync("select count(*) from torchkv_batch.jobs where batch_no = $1"),
            OutputLines = output,
            ErrorLines = errors,
            Lost = _seen.LongCount(seen => !seen),
            Twice = _twice,
            Wrong = _wrong,
            CountsAreRight = (batch.Total, batch.Completed, batch.Failed) == (jobs, output, errors),
            UploadSeconds = uploadSeconds,
            ImportSeconds = (began - batch.CreatedAt).TotalSeconds,
            RunSeconds = (written - began).TotalSeconds,
            FileSeconds = (end - written).TotalSeconds,
            AwaySeconds = awaySeconds,
        };
    }

    private async Task<long> ReadAsync(BatchDatabase database, string? id, bool isAnswer)
    {
        if (id is null)
        {
            return 0;
        }

        var files = new FileStore(database);
        var file = (await files.FindAsync(batch.Tenant, id, CancellationToken.None))!;
        using var stream = new PieceStream(files.PiecesAsync(file.No, CancellationToken.None));
        var reader = new BatchLineReader(stream, 1 << 20);
        var last = -1;
        while (await reader.ReadAsync(CancellationToken.None))
        {
            using var record = JsonDocument.Parse(reader.Line);
            var customId = record.RootElement.GetProperty("custom_id").GetString()!;
            var job = int.Parse(customId["job-".Length..], CultureInfo.InvariantCulture);
            _twice += _seen[job] ? 1 : 0;
            _seen[job] = true;
            var isRight = job > last && (!isAnswer || record.RootElement.GetProperty("response").GetProperty("body")
                .GetRawText() == EmptyJobRunner.Answer(job));
            _wrong += isRight ? 0 : 1;
            last = job;
        }

        return reader.Number;
    }

    private async Task<long> CountAsync(string sql)
    {
        await using var open = new NpgsqlConnection(connection);
        await open.OpenAsync();
        await using var command = new NpgsqlCommand(sql, open) { Parameters = { new() { Value = batch.No } } };
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
