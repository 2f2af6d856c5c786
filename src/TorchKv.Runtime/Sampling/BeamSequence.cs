namespace TorchKv.Runtime.Sampling;

/// <summary>A running or finished sequence of a beam search, prompt included.</summary>
internal sealed class BeamSequence
{
    public required int[] Tokens { get; init; }

    public float Score { get; set; }

    /// <summary>Generated tokens of a finished sequence.</summary>
    public int Length { get; set; }

    public bool IsFinished { get; set; }

    /// <summary>Becomes a copy of another's first tokens with one more.</summary>
    public void Extend(BeamSequence other, int length, int token)
    {
        other.Tokens.AsSpan(0, length).CopyTo(Tokens);
        Tokens[length] = token;
    }

    /// <summary>Becomes a copy of a finished sequence.</summary>
    public void CopyFrom(BeamSequence other)
    {
        other.Tokens.CopyTo(Tokens, 0);
        (Score, Length, IsFinished) = (other.Score, other.Length, other.IsFinished);
    }
}
