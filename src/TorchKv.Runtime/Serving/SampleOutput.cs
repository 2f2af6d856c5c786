using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>One of a request's samples on its way to the reader.</summary>
internal sealed class SampleOutput
{
    public SampleOutput(int index, ulong seed, IncrementalDetokenizer? detokenizer)
    {
        Index = index;
        Seed = seed;
        Detokenizer = detokenizer;
    }

    /// <summary>Which of the request's samples it is.</summary>
    public int Index { get; }

    /// <summary>The seed of its draws.</summary>
    public ulong Seed { get; }

    /// <summary>Turns its tokens into text; null where the engine has no vocabulary.</summary>
    public IncrementalDetokenizer? Detokenizer { get; }

    /// <summary>Tokens generated, those generated before included, an end-of-text id not counted.</summary>
    public int TokenCount { get; set; }

    /// <summary>Characters of text that the reader was given.</summary>
    public int VisibleCharacters { get; set; }

    /// <summary>The time of the last token, as a timestamp; 0 before the first.</summary>
    public long LastTokenAt { get; set; }

    /// <summary>Takes tokens that the reader has, with their text as far as it was not held back.</summary>
    public void Take(ReadOnlySpan<int> before)
    {
        TokenCount += before.Length;
        if (Detokenizer is not null)
        {
            foreach (var token in before)
            {
                VisibleCharacters += Detokenizer.Append(token).Length;
            }
        }
    }
}
