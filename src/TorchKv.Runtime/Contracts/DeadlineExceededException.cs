namespace TorchKv.Runtime.Contracts;

/// <summary>Thrown to the reader of a request that was not done at its deadline.</summary>
public sealed class DeadlineExceededException : TorchKvException
{
    /// <summary>An error that names the deadline and how far the request got.</summary>
    /// <param name="deadline">Time that the request had from its submission.</param>
    /// <param name="generatedTokens">Tokens that were generated until then.</param>
    public DeadlineExceededException(TimeSpan deadline, int generatedTokens)
        : base(
            $"The request was not done after {deadline.TotalSeconds:0.###} s; "
            + $"it had generated {generatedTokens} tokens.")
    {
        Deadline = deadline;
        GeneratedTokens = generatedTokens;
    }

    /// <summary>Time that the request had from its submission.</summary>
    public TimeSpan Deadline { get; }

    /// <summary>Tokens that were generated until then.</summary>
    public int GeneratedTokens { get; }
}
