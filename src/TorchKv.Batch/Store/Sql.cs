using Npgsql;
using NpgsqlTypes;

namespace TorchKv.Batch.Store;

/// <summary>Short forms for statements and their parameters.</summary>
internal static class Sql
{
    /// <summary>A statement with parameters <c>$1</c>, <c>$2</c>, …</summary>
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params NpgsqlParameter[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(values);
        return command;
    }

    public static NpgsqlParameter Of(string? value) => new()
    {
        NpgsqlDbType = NpgsqlDbType.Text,
        Value = (object?)value ?? DBNull.Value,
    };

    public static NpgsqlParameter Of(long? value) => new()
    {
        NpgsqlDbType = NpgsqlDbType.Bigint,
        Value = value is { } number ? number : DBNull.Value,
    };

    public static NpgsqlParameter Of(int value) => new NpgsqlParameter<int> { TypedValue = value };

    public static NpgsqlParameter Of(bool value) => new NpgsqlParameter<bool> { TypedValue = value };

    public static NpgsqlParameter Of(Guid value) => new NpgsqlParameter<Guid> { TypedValue = value };

    public static NpgsqlParameter Of(TimeSpan value) => new NpgsqlParameter<TimeSpan>
    {
        NpgsqlDbType = NpgsqlDbType.Interval,
        TypedValue = value,
    };

    public static NpgsqlParameter Of(int[] values) => new NpgsqlParameter<int[]> { TypedValue = values };

    public static NpgsqlParameter Of(long[] values) => new NpgsqlParameter<long[]> { TypedValue = values };

    public static NpgsqlParameter Of(bool[] values) => new NpgsqlParameter<bool[]> { TypedValue = values };

    public static NpgsqlParameter Of(byte[][] values) => new NpgsqlParameter<byte[][]>
    {
        NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea,
        TypedValue = values,
    };

    public static string? TextOrNull(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetString(column);

    public static DateTime? TimeOrNull(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetDateTime(column);
}
