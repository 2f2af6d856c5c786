namespace TorchKv.Batch.Lines;

/// <summary>What a record of the output answers: a line by its custom_id, or a bad line by its number.</summary>
/// <param name="Name">The part of its id after the prefix.</param>
/// <param name="CustomId">The custom_id of a line whose form was right; else null.</param>
/// <param name="Line">The number of a line whose form was wrong; else null.</param>
internal sealed record RecordKey(string Name, string? CustomId, long? Line);
