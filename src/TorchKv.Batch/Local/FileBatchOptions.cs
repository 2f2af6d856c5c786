namespace TorchKv.Batch.Local;

/// <summary>A file of requests to run in this process.</summary>
internal sealed record FileBatchOptions
{
    /// <summary>The requests, one a line.</summary>
    public required string Input { get; init; }

    /// <summary>The answers; where it is there already, the run goes on behind its last whole line.</summary>
    public required string Output { get; init; }

    /// <summary>What failed.</summary>
    public required string Errors { get; init; }

    /// <summary>
    /// All that decides an answer but the line: the model's content, its form, the chat template. A run does not go on
    /// with other settings.
    /// </summary>
    public required byte[] Settings { get; init; }

    /// <summary>Requests that run at once.</summary>
    public int Concurrency { get; init; } = 64;

    /// <summary>The longest line, in bytes.</summary>
    public int LongestLine { get; init; } = (4 << 20) + (64 << 10);

    /// <summary>
    /// Answers that may wait for one before them, so that the output has the input's order in bounded memory.
    /// </summary>
    public int Window => Math.Max(256, 8 * Concurrency);
}
