namespace TorchKv.Batch.Local;

/// <summary>How far a run is, in lines that are not blank.</summary>
internal sealed record FileBatchReport
{
    /// <summary>Lines of the input.</summary>
    public required long Lines { get; init; }

    /// <summary>Lines that runs before this one had answered, or refused.</summary>
    public required long Before { get; init; }

    /// <summary>Lines whose answer is in the output.</summary>
    public required long Answered { get; init; }

    /// <summary>Lines that are in the file of errors.</summary>
    public required long Failed { get; init; }

    public long Done => Answered + Failed;
}
