namespace TorchKv.Runtime.Speculation;

/// <summary>
/// How long a step takes by its number of tokens, learned from the steps that ran: flat on a model that is read from memory,
/// steep on one in the cache, with a jump wherever a kernel takes its next tile of rows. Times decide how many guesses are
/// tried, never which token is chosen.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class StepTimes
{
    private const int Longest = 512;

    /// <summary>What a token more costs where nothing is known: little, so that it is tried and then known.</summary>
    private const double Unseen = 0.03;

    // How much a new time counts, by whether it is below or above what was expected.
    private const double Faster = 0.3;
    private const double Slower = 0.15;

    private readonly double[] _seconds = new double[Longest + 1];
    private readonly long[] _samples = new long[Longest + 1];
    private readonly double[] _estimates = new double[Longest + 1];
    private long _steps;
    private bool _isStale = true;

    /// <summary>Whether any step has been measured.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>Counts a step of the engine's. Now and then what was learned is forgotten, soon at first, while code is still being compiled: whatever has become faster is then tried again.</summary>
    /// <param name="again">Whether to forget again and again, not only at first.</param>
    public void Tick(bool again)
    {
        if (++_steps is 64 or 512 || (again && _steps % 1024 == 0))
        {
            Array.Clear(_samples);
            IsKnown = false;
            _isStale = true;
        }
    }

    /// <summary>Takes note of a step in which every token's logits were wanted.</summary>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="seconds">What it took; a clock that does not move teaches nothing.</param>
    public void Note(int tokens, double seconds)
    {
        if (tokens > Longest || seconds <= 0)
        {
            return;
        }

        // The first of a size only corrects what the others made expect: a step that something delayed must not end the trying.
        var known = _samples[tokens] > 0 ? _seconds[tokens] : IsKnown ? Of(tokens) : seconds;
        _seconds[tokens] = known + ((seconds < known ? Faster : Slower) * (Math.Min(seconds, 3 * known) - known));
        _samples[tokens]++;
        _isStale = true;
        IsKnown = true;
    }

    /// <summary>Seconds that a step of so many tokens is expected to take; where no step was measured, in steps of one token.</summary>
    public double Of(int tokens)
    {
        if (_isStale)
        {
            Estimate();
        }

        return tokens <= Longest ? _estimates[tokens] : _estimates[Longest] * tokens / Longest;
    }

    private void Estimate()
    {
        _isStale = false;

        // A step costs no more than a longer one did.
        var least = double.MaxValue;
        for (var n = Longest; n > 0; n--)
        {
            if (_samples[n] > 0)
            {
                _estimates[n] = least = Math.Min(least, _seconds[n]);
            }
        }

        var at = 0;
        for (var n = 1; n <= Longest; n++)
        {
            if (_samples[n] == 0)
            {
                continue;
            }

            var (from, to) = (at == 0 ? _estimates[n] : _estimates[at], _estimates[n]);
            for (var k = at + 1; k < n; k++)
            {
                _estimates[k] = from + ((to - from) * (k - at) / (n - at));
            }

            at = n;
        }

        for (var k = at + 1; k <= Longest; k++)
        {
            _estimates[k] = at == 0 ? 1 + (Unseen * (k - 1)) : _estimates[at] * (1 + (Unseen * (k - at)));
        }
    }
}
