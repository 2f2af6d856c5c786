namespace TorchKv.Runtime.Speculation;

/// <summary>Where drafts come from.</summary>
internal interface IDraftSource
{
    /// <summary>The share of its drafts that is accepted in most texts.</summary>
    double UsualAcceptance { get; }

    /// <summary>The measured times of its own steps; null: its drafts take no time worth mentioning.</summary>
    StepTimes? Times { get; }

    /// <summary>
    /// Says how many drafts of a sequence's next tokens it has. A source whose drafts take no time adds them to the
    /// sequence now.
    /// </summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="most">At most so many.</param>
    int Offer(DraftedSequence sequence, int most);

    /// <summary>Adds drafts to the sequences that were granted some.</summary>
    /// <param name="sequences">Sequences to which it offered drafts in this step.</param>
    /// <param name="cancellationToken">Ends it.</param>
    void Draft(IReadOnlyList<DraftedSequence> sequences, CancellationToken cancellationToken);
}
