using System.Security.Cryptography;
using Npgsql;
using NpgsqlTypes;
using TorchKv.Batch.Errors;
using static TorchKv.Batch.Store.Sql;

namespace TorchKv.Batch.Store;

/// <summary>
/// Files, in pieces: no file is in memory as a whole, and no transaction is open while a client is slow.
/// </summary>
internal sealed class FileStore(BatchDatabase database)
{
    /// <summary>The length of a piece, in bytes; a piece may be longer by one line.</summary>
    public const int PieceBytes = 1 << 20;

    private const string Columns = "no, id, purpose, name, bytes, created_at, expires_at";

    /// <summary>A new id.</summary>
    public static string NewId() => "file-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <summary>
    /// Stores a file. It is there once its last piece is; what fails before that leaves nothing to be seen.
    /// </summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="content">Its content.</param>
    /// <param name="finish">
    /// Called after the content: says purpose and time to live, or throws where the file is not to be.
    /// </param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<StoredFile> AddAsync(
        string tenant,
        string name,
        Stream content,
        Func<long, Task<(string Purpose, long? Seconds)>> finish,
        CancellationToken cancellationToken)
    {
        var no = await BeginAsync(tenant, name, cancellationToken).ConfigureAwait(false);
        try
        {
            var bytes = await AddPiecesAsync(no, content, cancellationToken).ConfigureAwait(false);
            var (purpose, seconds) = await finish(bytes).ConfigureAwait(false);
            await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
            await using var command = connection.Command(
                $"""
                update torchkv_batch.files set bytes = $2, purpose = $3,
                    created_at = now(), expires_at = now() + $4 * interval '1 second'
                where no = $1 returning {Columns}
                """,
                Of(no),
                Of(bytes),
                Of(purpose),
                Of(seconds));
            return await OneAsync(command, cancellationToken).ConfigureAwait(false)
                ?? throw new BatchException("The file was deleted while it was uploaded.");
        }
        catch
        {
            await ForgetAsync(no).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A file; null where there is none of that id, or another's.</summary>
    public async Task<StoredFile?> FindAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"select {Columns} from torchkv_batch.files where id = $1 and tenant = $2 and bytes is not null "
            + "and (expires_at is null or expires_at > now())",
            Of(id),
            Of(tenant));
        return await OneAsync(command, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Files, in the order that they were made in.</summary>
    /// <param name="tenant">Whose files.</param>
    /// <param name="purpose">Only files of this purpose; null: all.</param>
    /// <param name="after">The number of the file that they come after in that order; null: from the start.</param>
    /// <param name="isDescending">Whether the newest come first.</param>
    /// <param name="limit">The most files.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<List<StoredFile>> ListAsync(
        string tenant, string? purpose, long? after, bool isDescending, int limit, CancellationToken cancellationToken)
    {
        var (comparison, order) = isDescending ? ("<", "desc") : (">", "asc");
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            $"""
            select {Columns} from torchkv_batch.files
            where tenant = $1 and ($2 is null or purpose = $2) and ($3 is null or no {comparison} $3)
                and bytes is not null and (expires_at is null or expires_at > now())
            order by no {order} limit $4
            """,
            Of(tenant),
            Of(purpose),
            Of(after),
            Of(limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var files = new List<StoredFile>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            files.Add(Read(reader));
        }

        return files;
    }

    /// <summary>A file's content, piece by piece. No connection is kept between pieces.</summary>
    public async IAsyncEnumerable<byte[]> PiecesAsync(
        long no, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (long last = -1; ;)
        {
            byte[]? data = null;
            await using (var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false))
            {
                await using var command = connection.Command(
                    "select piece, data from torchkv_batch.file_pieces where file_no = $1 and piece > $2 "
                    + "order by piece limit 1",
                    Of(no),
                    Of(last));
                await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    last = reader.GetInt64(0);
                    data = reader.GetFieldValue<byte[]>(1);
                }
            }

            if (data is null)
            {
                yield break;
            }

            yield return data;
        }
    }

    /// <summary>Deletes a file; null where there is none, false where a batch still has to read it.</summary>
    public async Task<bool?> DeleteAsync(string tenant, string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            """
            with found as (
                select no, exists (
                    select from torchkv_batch.batches where input_file_id = $1 and status = 'validating') as is_read
                from torchkv_batch.files where id = $1 and tenant = $2 and bytes is not null),
            gone as (
                delete from torchkv_batch.files where no in (select no from found where not is_read) returning no)
            select not is_read from found
            """,
            Of(id),
            Of(tenant));
        return (bool?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<long> BeginAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var command = connection.Command(
            "insert into torchkv_batch.files (id, tenant, purpose, name) values ($1, $2, '', $3) returning no",
            Of(NewId()),
            Of(tenant),
            Of(name));
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private async Task<long> AddPiecesAsync(long no, Stream content, CancellationToken cancellationToken)
    {
        var buffer = new byte[PieceBytes];
        long bytes = 0;
        for (long piece = 0; ; piece++)
        {
            var read = await content.ReadAtLeastAsync(
                buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return bytes;
            }

            bytes += read;
            await using var connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
            await using var command = connection.Command(
                "insert into torchkv_batch.file_pieces (file_no, piece, data) values ($1, $2, $3)",
                Of(no),
                Of(piece),
                new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Bytea, Value = buffer, Size = read });
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ForgetAsync(long no)
    {
        try
        {
            await using var connection = await database.OpenAsync(CancellationToken.None).ConfigureAwait(false);
            await using var command = connection.Command("delete from torchkv_batch.files where no = $1", Of(no));
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (BatchDatabase.IsPassing(e))
        {
            // The upkeep deletes files that were not finished within a day.
        }
    }

    private static async Task<StoredFile?> OneAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        return await reader.ReadAsync(cancellationToken).ConfigureAwait(false) ? Read(reader) : null;
    }

    private static StoredFile Read(NpgsqlDataReader reader) => new(
        reader.GetInt64(0),
        reader.GetString(1),
        reader.GetString(2),
        reader.GetString(3),
        reader.GetInt64(4),
        reader.GetDateTime(5),
        reader.TimeOrNull(6));
}
