using Npgsql;
using static TorchKv.Batch.Store.Sql;

namespace TorchKv.Batch.Store;

/// <summary>
/// Jobs as workers take and finish them. Every method is one statement, so it happens wholly or not at all.
/// </summary>
internal sealed class JobStore(BatchDatabase database)
{
    /// <summary>
    /// Claims free jobs of one batch, which is drawn among those that run, so that each gets its share.
    /// </summary>
    /// <param name="owner">The worker.</param>
    /// <param name="limit">The most jobs.</param>
    /// <param name="lease">How long they are the worker's.</param>
    /// <param name="withSuspects">Whether jobs are claimed too that another worker had when it ended.</param>
    /// <param name="without">Batches not to ask.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Claim> ClaimAsync(
        Guid owner,
        int limit,
        TimeSpan lease,
        bool withSuspects,
        long[] without,
        CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            with batch as materialized (
                select no, id, tenant, endpoint, extract(epoch from created_at)::bigint as created
                from torchkv_batch.batches
                where status = 'in_progress' and expires_at > now() and no <> all ($4) order by random() limit 1),
            free as materialized (
                select batch_no, line from torchkv_batch.jobs
                where batch_no = (select no from batch) and free_at <= now() and ($5 or tries = 0)
                order by line limit $2 for update skip locked),
            claimed as (
                update torchkv_batch.jobs j set owner = $1, free_at = now() + $3, tries = j.tries + 1
                from free where j.batch_no = free.batch_no and j.line = free.line
                returning j.line, j.custom_id, j.body, j.tries)
            select b.no, b.id, b.tenant, b.endpoint, b.created, c.line, c.custom_id, c.body, c.tries
            from batch b left join claimed c on true order by c.line
            """,
            Of(owner),
            Of(limit),
            Of(lease),
            Of(without),
            Of(withSuspects));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        JobBatch? batch = null;
        var jobs = new List<Job>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            batch ??= new JobBatch(
                reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4));
            if (!reader.IsDBNull(5))
            {
                jobs.Add(new Job(
                    batch,
                    reader.GetInt32(5),
                    reader.GetString(6),
                    reader.GetFieldValue<byte[]>(7),
                    reader.GetInt32(8)));
            }
        }

        return new Claim(batch, jobs);
    }

    /// <summary>Lengthens leases.</summary>
    /// <returns>The lines that are still the worker's.</returns>
    public async Task<HashSet<int>> RenewAsync(
        Guid owner, long batch, int[] lines, TimeSpan lease, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.jobs set free_at = now() + $4
            where batch_no = $2 and owner = $1 and line = any ($3) returning line
            """,
            Of(owner),
            Of(batch),
            Of(lines),
            Of(lease));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var kept = new HashSet<int>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            kept.Add(reader.GetInt32(0));
        }

        return kept;
    }

    /// <summary>Gives jobs back that were not run, or whose fault was of the moment.</summary>
    /// <param name="owner">The worker.</param>
    /// <param name="batch">The batch's number.</param>
    /// <param name="lines">The jobs.</param>
    /// <param name="delay">How long nobody claims them.</param>
    /// <param name="isTry">Whether the claim counts as a try.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task ReleaseAsync(
        Guid owner, long batch, int[] lines, TimeSpan delay, bool isTry, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.jobs set free_at = now() + $4, owner = null,
                tries = case when $5 then tries else tries - 1 end
            where batch_no = $2 and owner = $1 and line = any ($3)
            """,
            Of(owner),
            Of(batch),
            Of(lines),
            Of(delay),
            Of(isTry));
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Counts a run of a job alone, before it runs.</summary>
    /// <returns>Its runs alone, this one included; null where the job is no longer the worker's.</returns>
    public async Task<int?> CountAloneAsync(Guid owner, long batch, int line, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.jobs set alone = alone + 1
            where batch_no = $2 and owner = $1 and line = $3 returning alone
            """,
            Of(owner),
            Of(batch),
            Of(line));
        return (int?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes results and closes their jobs. A job that is closed already, by another worker or by the batch's end,
    /// gets no second result.
    /// </summary>
    /// <returns>How many results were written.</returns>
    public async Task<long> FinishAsync(
        long batch, IReadOnlyList<JobResult> results, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            with result as (
                select * from unnest($2::integer[], $3::boolean[], $4::bytea[]) as r (line, is_answer, record)),
            closed as (
                delete from torchkv_batch.jobs where batch_no = $1 and line = any ($2) returning line),
            written as (
                insert into torchkv_batch.results (batch_no, line, is_answer, record)
                select $1, r.line, r.is_answer, r.record from result r join closed using (line)
                on conflict do nothing returning is_answer),
            counted as (
                select count(*) as all_of_them, count(*) filter (where is_answer) as answers from written),
            summed as (
                update torchkv_batch.batches b set
                    completed = completed + answers,
                    failed = failed + all_of_them - answers,
                    status = case when status = 'in_progress' and completed + failed + all_of_them >= total
                        then 'finalizing' else status end,
                    finalizing_at = case when status = 'in_progress' and completed + failed + all_of_them >= total
                        then now() else finalizing_at end
                from counted where b.no = $1 and all_of_them > 0)
            select all_of_them from counted
            """,
            Of(batch),
            Of([.. results.Select(result => result.Line)]),
            Of([.. results.Select(result => result.IsAnswer)]),
            Of([.. results.Select(result => result.Record)]));
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }
}
