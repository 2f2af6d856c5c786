using System.Security.Cryptography;
using Npgsql;
using static TorchKv.Batch.Store.Sql;

namespace TorchKv.Batch.Store;

/// <summary>Batches as their callers see them.</summary>
internal sealed class BatchStore(BatchDatabase database)
{
    private const string Columns =
        "no, id, tenant, status, endpoint, input_file_id, completion_window, metadata, created_at, expires_at, "
        + "in_progress_at, finalizing_at, completed_at, failed_at, expired_at, cancelling_at, cancelled_at, "
        + "output_file_id, error_file_id, errors, total, completed, failed";

    /// <summary>Makes a batch.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="mostOpen">The most unfinished batches of its tenant.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The batch; null where the tenant has too many already.</returns>
    public async Task<StoredBatch?> AddAsync(NewBatch batch, int mostOpen, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"""
            insert into torchkv_batch.batches
                (id, tenant, endpoint, input_file_id, completion_window, expires_at, metadata, output_seconds)
            select $1, $2, $3, $4, $5, now() + $6, $7, $8
            where (select count(*) from torchkv_batch.batches
                where tenant = $2 and status in ('validating', 'in_progress', 'finalizing', 'cancelling')) < $9
            returning {Columns}
            """,
            Of("batch_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))),
            Of(batch.Tenant),
            Of(batch.Endpoint),
            Of(batch.InputFileId),
            Of(batch.CompletionWindow),
            Of(batch.Time),
            Of(batch.Metadata),
            Of(batch.OutputSeconds),
            Of(mostOpen));
        return await OneAsync(command, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A batch; null where there is none of that id, or another's.</summary>
    public async Task<StoredBatch?> FindAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"select {Columns} from torchkv_batch.batches where id = $1 and tenant = $2", Of(id), Of(tenant));
        return await OneAsync(command, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Batches, the newest first.</summary>
    public async Task<List<StoredBatch>> ListAsync(
        string tenant, long? after, int limit, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"""
            select {Columns} from torchkv_batch.batches
            where tenant = $1 and ($2 is null or no < $2) order by no desc limit $3
            """,
            Of(tenant),
            Of(after),
            Of(limit));
        return await AllAsync(command, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Asks for a batch's end. Its requests that run may finish or not; what is finished stays. A batch that is over
    /// stays as it is.
    /// </summary>
    public async Task<StoredBatch?> CancelAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            update torchkv_batch.batches set status = 'cancelling', cancelling_at = now()
            where id = $1 and tenant = $2 and status in ('validating', 'in_progress')
            """,
            Of(id),
            Of(tenant));
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        return await FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Batches that the upkeep has something to do with.</summary>
    public async Task<List<StoredBatch>> ToBeKeptUpAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"""
            select {Columns} from torchkv_batch.batches
            where status in ('validating', 'in_progress', 'finalizing', 'cancelling')
                and (status <> 'in_progress' or expires_at <= now()) order by no limit 100
            """);
        return await AllAsync(command, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<StoredBatch?> OneAsync(NpgsqlCommand command, CancellationToken cancellationToken) =>
        (await AllAsync(command, cancellationToken).ConfigureAwait(false)).FirstOrDefault();

    private static async Task<List<StoredBatch>> AllAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var batches = new List<StoredBatch>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            batches.Add(Read(reader));
        }

        return batches;
    }

    private static StoredBatch Read(NpgsqlDataReader reader) => new()
    {
        No = reader.GetInt64(0),
        Id = reader.GetString(1),
        Tenant = reader.GetString(2),
        Status = reader.GetString(3),
        Endpoint = reader.GetString(4),
        InputFileId = reader.GetString(5),
        CompletionWindow = reader.GetString(6),
        Metadata = reader.TextOrNull(7),
        CreatedAt = reader.GetDateTime(8),
        ExpiresAt = reader.GetDateTime(9),
        InProgressAt = reader.TimeOrNull(10),
        FinalizingAt = reader.TimeOrNull(11),
        CompletedAt = reader.TimeOrNull(12),
        FailedAt = reader.TimeOrNull(13),
        ExpiredAt = reader.TimeOrNull(14),
        CancellingAt = reader.TimeOrNull(15),
        CancelledAt = reader.TimeOrNull(16),
        OutputFileId = reader.TextOrNull(17),
        ErrorFileId = reader.TextOrNull(18),
        Errors = reader.TextOrNull(19),
        Total = reader.GetInt64(20),
        Completed = reader.GetInt64(21),
        Failed = reader.GetInt64(22),
    };
}
