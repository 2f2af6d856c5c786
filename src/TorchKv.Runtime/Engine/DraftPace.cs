namespace TorchKv.Runtime;

/// <summary>How far ahead a row guesses: further while guesses hold, less while they fail, and for a while not at all.</summary>
internal sealed class DraftPace
{
    private int _length = 4;
    private int _misses;
    private int _pause;

    /// <summary>Tokens to guess in this step.</summary>
    public int Next(int most)
    {
        if (_pause > 0)
        {
            _pause--;
            return 0;
        }

        return Math.Min(_length, most);
    }

    /// <summary>Takes note of how guesses fared.</summary>
    public void Note(int drafted, int accepted)
    {
        if (drafted == 0)
        {
            return;
        }

        _length = accepted == drafted ? Math.Min(64, Math.Max(_length, drafted * 2)) : Math.Max(1, accepted + 1);
        _misses = accepted == 0 ? _misses + 1 : 0;

        // Text that does not repeat itself should cost next to nothing: 1, 2, 4, … 64 steps without a guess.
        _pause = _misses < 2 ? 0 : 1 << Math.Min(6, _misses - 2);
    }
}
