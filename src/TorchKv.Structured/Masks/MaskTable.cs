using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Masks;

/// <summary>The masks of a constraint: of each group of tokens its part.</summary>
internal sealed class MaskTable
{
    private readonly MaskPart[] _parts;
    private readonly MaskSteps _steps;

    public MaskTable(FlatGrammar grammar, Recognizer recognizer, VocabularyTries tries, WorkLimits limits)
    {
        _steps = new MaskSteps(limits.MaskSteps);
        _parts = Array.ConvertAll(
            tries.Groups, group => new MaskPart(grammar, recognizer, group, tries.Words, _steps));
    }

    /// <summary>Bytes that the masks take.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            foreach (var part in _parts)
            {
                bytes += part.Bytes;
            }

            return bytes;
        }
    }

    /// <summary>Forgets all masks.</summary>
    public void Clear()
    {
        foreach (var part in _parts)
        {
            part.Clear();
        }
    }

    /// <summary>Writes the tokens that may come next.</summary>
    /// <param name="threads">The text's state.</param>
    /// <param name="mask">The mask; every word is written.</param>
    public void Write(ReadOnlySpan<ParserThread> threads, Span<ulong> mask)
    {
        _steps.Restart();
        mask.Clear();
        foreach (var thread in threads)
        {
            foreach (var part in _parts)
            {
                part.AddTo(mask, thread);
            }
        }
    }

    /// <summary>Whether a token begins with given bytes, goes on behind them, and can come next.</summary>
    /// <param name="prefix">The bytes.</param>
    /// <param name="after">The text's state after the bytes.</param>
    public bool CanGoOn(ReadOnlySpan<byte> prefix, ReadOnlySpan<ParserThread> after)
    {
        _steps.Restart();
        foreach (var part in _parts)
        {
            if (part.CanGoOn(prefix, after))
            {
                return true;
            }
        }

        return false;
    }
}
