using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Matching;

/// <summary>The states of a text after each of its tokens, so that tokens can be taken back.</summary>
internal sealed class TextState
{
    private readonly List<(int End, bool MayEnd)> _steps = [];
    private ParserThread[] _threads = new ParserThread[16];
    private ParserThread[] _before = new ParserThread[8];
    private ParserThread[] _after = new ParserThread[8];

    private TextState()
    {
    }

    /// <param name="recognizer">Reads the text.</param>
    public TextState(Recognizer recognizer)
    {
        _threads[0] = recognizer.Start;
        _steps.Add((1, recognizer.StartMayEnd));
    }

    /// <summary>The state after the last token.</summary>
    public ReadOnlySpan<ParserThread> Threads
    {
        get
        {
            var first = _steps.Count > 1 ? _steps[^2].End : 0;
            return _threads.AsSpan(first, _steps[^1].End - first);
        }
    }

    /// <summary>Whether the text may end after the last token.</summary>
    public bool MayEnd => _steps[^1].MayEnd;

    /// <summary>Reads a token.</summary>
    /// <param name="recognizer">Reads the text.</param>
    /// <param name="bytes">The token's bytes.</param>
    /// <returns>False where it cannot come here; nothing has changed then.</returns>
    public bool TryAppend(Recognizer recognizer, ReadOnlySpan<byte> bytes)
    {
        var threads = Threads;
        Reserve(ref _before, threads.Length);
        threads.CopyTo(_before);
        var (count, mayEnd) = (threads.Length, MayEnd);
        foreach (var value in bytes)
        {
            Recognizer.CheckThreads(count);
            Reserve(ref _after, count + 1);
            count = recognizer.Step(_before.AsSpan(0, count), value, _after, out mayEnd);
            if (count == 0)
            {
                return false;
            }

            (_before, _after) = (_after, _before);
        }

        var end = _steps[^1].End;
        Reserve(ref _threads, end + count);
        _before.AsSpan(0, count).CopyTo(_threads.AsSpan(end));
        _steps.Add((end + count, mayEnd));
        return true;
    }

    /// <summary>Takes back the last tokens.</summary>
    public void RemoveLast(int tokens) => _steps.RemoveRange(_steps.Count - tokens, tokens);

    /// <summary>A copy.</summary>
    public TextState Copy()
    {
        var copy = new TextState { _threads = _threads.AsSpan(0, Math.Max(_steps[^1].End, 16)).ToArray() };
        copy._steps.AddRange(_steps);
        return copy;
    }

    private static void Reserve(ref ParserThread[] threads, int length)
    {
        if (length > threads.Length)
        {
            Array.Resize(ref threads, Math.Max(length, threads.Length * 2));
        }
    }
}
