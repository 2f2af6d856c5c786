namespace TorchKv.Benchmarks.Peers;

/// <summary>The least that a runner must do to be measured: ours and llama.cpp behind one face.</summary>
internal interface IPeer : IDisposable
{
    /// <summary>
    /// Bytes of weights, keys and values that a decode step at a position reads; NaN where it is not known.
    /// </summary>
    double BytesPerStep(int position);

    /// <summary>Forgets all sequences.</summary>
    void Reset();

    /// <summary>
    /// Runs tokens of sequence 0 from <paramref name="position"/> on; logits of the last are there afterwards.
    /// </summary>
    void Step(ReadOnlySpan<int> tokens, int position);

    /// <summary>
    /// Runs one token each of as many sequences, all at <paramref name="position"/>; logits of each are there
    /// afterwards.
    /// </summary>
    void StepTogether(ReadOnlySpan<int> tokens, int position);

    /// <summary>Runs a whole text as sequence 0 from position 0; logits of every token are there afterwards.</summary>
    void StepAll(ReadOnlySpan<int> tokens);

    /// <summary>
    /// Logits (vocabulary) of the last step: of token or sequence <paramref name="index"/> where there are several; −1:
    /// the last.
    /// </summary>
    ReadOnlySpan<float> Logits(int index);
}
