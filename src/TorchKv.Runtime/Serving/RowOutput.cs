using System.Threading.Channels;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Speculation;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>One row of a request's stream.</summary>
internal sealed class RowOutput
{
    public RowOutput(int index, ulong seed, Gpt2Tokenizer? tokenizer, GenerationOptions options)
    {
        Index = index;
        Seed = seed;
        Pace = options.Speculation is { } speculation ? new DraftPace(speculation.Source) : null;
        Detokenizer = tokenizer is null ? null : new IncrementalDetokenizer(tokenizer, options.Stop);
    }

    public int Index { get; }

    public ulong Seed { get; }

    public IncrementalDetokenizer? Detokenizer { get; }

    /// <summary>Its guesses and how they fared; null where none are asked for.</summary>
    public DraftPace? Pace { get; }

    /// <summary>Tokens generated.</summary>
    public int Count { get; set; }

    /// <summary>When the last token came; 0 before the first.</summary>
    public long LastTokenAt { get; set; }
}
