using System.Globalization;
using Npgsql;
using TorchKv.Batch.Errors;

namespace TorchKv.Batch.Store;

/// <summary>The database: connections, and tables of the version that this program knows.</summary>
internal sealed class BatchDatabase : IAsyncDisposable
{
    // Any number that no other program's advisory lock has: the first bytes of the schema's name.
    private const long MigrationLock = 0x746f7263686b7662;

    private readonly NpgsqlDataSource _source;
    private readonly SemaphoreSlim _migrating = new(1);
    private volatile bool _isMigrated;

    /// <exception cref="BatchException">The connection text cannot be read.</exception>
    public BatchDatabase(string connection)
    {
        try
        {
            var text = new NpgsqlConnectionStringBuilder(connection);
            text.ApplicationName ??= "torchkv";
            text.Timeout = text.ShouldSerialize("Timeout") ? text.Timeout : 5;
            text.KeepAlive = text.ShouldSerialize("Keepalive") ? text.KeepAlive : 10;
            text.MaxPoolSize = text.ShouldSerialize("Maximum Pool Size") ? text.MaxPoolSize : 20;

            // A plan that was made while the tables were empty would be a bad one for a million rows.
            text.MaxAutoPrepare = 0;
            var builder = new NpgsqlSlimDataSourceBuilder(text.ConnectionString);
            builder.EnableArrays();
            builder.EnableTransportSecurity();
            _source = builder.Build();
        }
        catch (Exception e) when (e is ArgumentException or KeyNotFoundException or FormatException)
        {
            throw new BatchException($"The connection to PostgreSQL cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether an error is the database's being away, or another that passes.</summary>
    public static bool IsPassing(Exception e) => e switch
    {
        PostgresException known => known.IsTransient || known.SqlState.StartsWith("57P", StringComparison.Ordinal),
        NpgsqlException or TimeoutException or System.Net.Sockets.SocketException or IOException => true,
        _ => false,
    };

    /// <summary>A connection to a database whose tables are there.</summary>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    /// <exception cref="BatchException">Its tables are of a newer version.</exception>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (!_isMigrated)
        {
            await MigrateAsync(cancellationToken).ConfigureAwait(false);
        }

        return await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    /// <summary>Makes the tables, or changes them to the newest version. Several servers may start at once.</summary>
    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await _migrating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isMigrated)
            {
                return;
            }

            await using var connection = await _source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken)
                .ConfigureAwait(false);
            await RunAsync(
                connection,
                string.Create(CultureInfo.InvariantCulture, $"select pg_advisory_xact_lock({MigrationLock})"),
                cancellationToken).ConfigureAwait(false);
            await RunAsync(
                connection,
                "create schema if not exists torchkv_batch; create table if not exists torchkv_batch.version "
                + "(number integer primary key, applied_at timestamptz not null default now())",
                cancellationToken).ConfigureAwait(false);
            var version = await VersionAsync(connection, cancellationToken).ConfigureAwait(false);
            if (version > Migrations.All.Count)
            {
                throw new BatchException(
                    $"The tables of batches are of version {version}, and this server knows {Migrations.All.Count}: "
                    + "take a newer server.");
            }

            for (var next = version + 1; next <= Migrations.All.Count; next++)
            {
                await RunAsync(connection, Migrations.All[next - 1], cancellationToken).ConfigureAwait(false);
                await RunAsync(
                    connection,
                    string.Create(
                        CultureInfo.InvariantCulture, $"insert into torchkv_batch.version (number) values ({next})"),
                    cancellationToken).ConfigureAwait(false);
            }

            await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
            _isMigrated = true;
        }
        finally
        {
            _migrating.Release();
        }
    }

    private static async Task<int> VersionAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select coalesce(max(number), 0) from torchkv_batch.version", connection);
        return (int)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
