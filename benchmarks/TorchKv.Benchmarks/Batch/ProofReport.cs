namespace TorchKv.Benchmarks.Batch;

/// <summary>What a checker found in the table of results and in the output files.</summary>
internal sealed record ProofReport
{
    /// <summary>The batch's status at the end.</summary>
    public required string Status { get; init; }

    public required int Jobs { get; init; }

    /// <summary>Rows of the table of results.</summary>
    public required long Results { get; init; }

    /// <summary>Lines of the output file.</summary>
    public required long OutputLines { get; init; }

    /// <summary>Lines of the file of errors.</summary>
    public required long ErrorLines { get; init; }

    /// <summary>Jobs that are in neither file.</summary>
    public required long Lost { get; init; }

    /// <summary>Lines of the files whose job has one already.</summary>
    public required long Twice { get; init; }

    /// <summary>Lines of the output with another answer than their job's, or out of order.</summary>
    public required long Wrong { get; init; }

    /// <summary>Jobs that are still open.</summary>
    public required long Open { get; init; }

    /// <summary>Whether the batch's own counts are those of the files.</summary>
    public required bool CountsAreRight { get; init; }

    public required double UploadSeconds { get; init; }

    /// <summary>From the batch's making until its jobs can be claimed.</summary>
    public required double ImportSeconds { get; init; }

    /// <summary>From then until the last result is written.</summary>
    public required double RunSeconds { get; init; }

    /// <summary>From then until the output files are there.</summary>
    public required double FileSeconds { get; init; }

    /// <summary>The longest that PostgreSQL was away.</summary>
    public required double AwaySeconds { get; init; }

    public double JobsPerSecond => Jobs / RunSeconds;
}
