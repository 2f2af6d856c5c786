using Npgsql;
using NpgsqlTypes;
using TorchKv.Batch.Lines;
using static TorchKv.Batch.Store.Sql;

namespace TorchKv.Batch.Store;

/// <summary>
/// What moves batches on: jobs out of an input, output files out of results, and the end of what is cancelled or too
/// late. Each is one transaction under the batch's advisory lock, so any number of servers may try at once.
/// </summary>
internal sealed class UpkeepStore(BatchDatabase database)
{
    /// <summary>Makes the jobs of a batch and lets workers claim them.</summary>
    /// <param name="batch">A batch that is validated.</param>
    /// <param name="lines">Its lines, numbered.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>False where another server does it, or the batch was cancelled.</returns>
    public async Task<bool> ImportAsync(
        StoredBatch batch, IAsyncEnumerable<(int Number, BatchLine Line)> lines, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        if (!await LockAsync(connection, batch, "validating", cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        long total = 0;
        var copy = await connection.BeginBinaryImportAsync(
            "copy torchkv_batch.jobs (batch_no, line, custom_id, body) from stdin (format binary)",
            cancellationToken).ConfigureAwait(false);
        await using (copy.ConfigureAwait(false))
        {
            copy.Timeout = TimeSpan.FromMinutes(10);
            await foreach (var (number, line) in lines.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                await copy.StartRowAsync(cancellationToken).ConfigureAwait(false);
                await copy.WriteAsync(batch.No, NpgsqlDbType.Bigint, cancellationToken).ConfigureAwait(false);
                await copy.WriteAsync(number, NpgsqlDbType.Integer, cancellationToken).ConfigureAwait(false);
                await copy.WriteAsync(line.CustomId, NpgsqlDbType.Text, cancellationToken).ConfigureAwait(false);
                await copy.WriteAsync(line.Body.ToArray(), NpgsqlDbType.Bytea, cancellationToken)
                    .ConfigureAwait(false);
                total++;
            }

            await copy.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }

        // The clock's time, since now() is when the transaction began.
        await using var command = connection.Command(
            """
            update torchkv_batch.batches set status = 'in_progress', in_progress_at = clock_timestamp(), total = $2
            where no = $1 and status = 'validating'
            """,
            Of(batch.No),
            Of(total));
        if (await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false) == 0)
        {
            return false;
        }

        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Ends a batch whose input cannot be used.</summary>
    /// <param name="batch">A batch that is validated.</param>
    /// <param name="errors">What is wrong, as JSON.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task FailAsync(StoredBatch batch, string errors, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.batches set status = 'failed', failed_at = now(), errors = $2, has_results = false
            where no = $1 and status = 'validating'
            """,
            Of(batch.No),
            Of(errors));
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends a batch: what is left of it is dropped or becomes errors, and its results become files.
    /// </summary>
    /// <param name="batch">A batch that is over, is too late, or is to be cancelled.</param>
    /// <param name="end">completed, expired or cancelled.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>False where another server does it, or the batch changed meanwhile.</returns>
    public async Task<bool> EndAsync(StoredBatch batch, string end, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        if (!await LockAsync(connection, batch, batch.Status, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        // Jobs before the batch, in the order in which workers that finish some lock them.
        await DropJobsAsync(connection, batch, end == "expired", cancellationToken).ConfigureAwait(false);
        await using (var check = connection.Command(
            "select status = $2 from torchkv_batch.batches where no = $1 for update", Of(batch.No), Of(batch.Status)))
        {
            if (await check.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is not true)
            {
                return false;
            }
        }

        var output = await MakeFileAsync(connection, batch, isAnswer: true, cancellationToken).ConfigureAwait(false);
        var errors = await MakeFileAsync(connection, batch, isAnswer: false, cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.batches b set status = $2, output_file_id = $3, error_file_id = $4,
                failed = (select count(*) from torchkv_batch.results where batch_no = $1 and not is_answer),
                finalizing_at = case when $2 = 'cancelled' then finalizing_at
                    else coalesce(finalizing_at, now()) end,
                completed_at = case when $2 = 'completed' then clock_timestamp() end,
                expired_at = case when $2 = 'expired' then clock_timestamp() end,
                cancelled_at = case when $2 = 'cancelled' then clock_timestamp() end
            where no = $1
            """,
            Of(batch.No),
            Of(end),
            Of(output),
            Of(errors));
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    /// <summary>Deletes what nobody can ask for any more.</summary>
    /// <param name="keepResults">How long results stay after their files were made.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task TidyAsync(TimeSpan keepResults, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            with old as (
                update torchkv_batch.batches set has_results = false
                where has_results and status in ('completed', 'expired', 'cancelled')
                    and coalesce(completed_at, expired_at, cancelled_at) < now() - $1
                returning no),
            results as (
                delete from torchkv_batch.results where batch_no in (select no from old))
            delete from torchkv_batch.files
            where expires_at <= now() or (bytes is null and created_at < now() - interval '1 day')
            """,
            Of(keepResults));
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes the batch for this transaction. A server that stops in its middle loses it after a while: the database
    /// ends transactions that wait for their client.
    /// </summary>
    private static async Task<bool> LockAsync(
        NpgsqlConnection connection, StoredBatch batch, string status, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            """
            select set_config('idle_in_transaction_session_timeout', '15s', true) is not null
                and pg_try_advisory_xact_lock(hashtextextended($1, 1953461859))
                and exists (select from torchkv_batch.batches where no = $2 and status = $3)
            """,
            Of(batch.Id),
            Of(batch.No),
            Of(status));
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }

    private static async Task DropJobsAsync(
        NpgsqlConnection connection, StoredBatch batch, bool becomeErrors, CancellationToken cancellationToken)
    {
        // The same name that LineName.OfText gives.
        await using var command = connection.Command(
            """
            with dropped as (
                delete from torchkv_batch.jobs where batch_no = $1 returning line, custom_id)
            insert into torchkv_batch.results (batch_no, line, is_answer, record)
            select $1, line, false, convert_to(
                '{"id":"batch_req_'
                || substr(encode(sha256(convert_to($2 || ':' || line, 'UTF8')), 'hex'), 1, 32)
                || '","custom_id":' || to_json(custom_id)::text
                || ',"response":null,"error":{"code":"batch_expired","message":"This request could not be executed '
                || 'before the completion window expired."}}', 'UTF8')
            from dropped where $3 on conflict do nothing
            """,
            Of(batch.No),
            Of(batch.Id),
            Of(becomeErrors));
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes a file of results, in the database itself.</summary>
    /// <returns>Its id; null where there would be nothing in it.</returns>
    private static async Task<string?> MakeFileAsync(
        NpgsqlConnection connection, StoredBatch batch, bool isAnswer, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            """
            with size as (
                select sum(octet_length(record) + 1)::bigint as bytes
                from torchkv_batch.results where batch_no = $1 and is_answer = $2),
            file as (
                insert into torchkv_batch.files (id, tenant, purpose, name, bytes, expires_at)
                select $3, b.tenant, 'batch_output', $4, size.bytes, now() + b.output_seconds * interval '1 second'
                from size, torchkv_batch.batches b where b.no = $1 and size.bytes > 0 returning no, id),
            piece as (
                insert into torchkv_batch.file_pieces (file_no, piece, data)
                select (select no from file), piece, string_agg(record || '\x0a'::bytea, ''::bytea order by line)
                from (
                    select line, record, (sum(octet_length(record) + 1) over (order by line) - 1)::bigint / $5 as piece
                    from torchkv_batch.results where batch_no = $1 and is_answer = $2) r
                group by piece)
            select id from file
            """,
            Of(batch.No),
            Of(isAnswer),
            Of(FileStore.NewId()),
            Of(batch.Id + (isAnswer ? "_output.jsonl" : "_error.jsonl")),
            Of((long)FileStore.PieceBytes));
        command.CommandTimeout = 600;
        return (string?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }
}
