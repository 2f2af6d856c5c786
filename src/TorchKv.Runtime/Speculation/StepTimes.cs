namespace TorchKv.Runtime.Speculation;

/// <summary>
/// A table of measured times: how long a step takes by its number of tokens. The curve is flat for a model that is read
/// from memory, steep for one in the processor's cache, and jumps where a kernel begins its next tile of rows. Times
/// decide how many drafts are verified, never which token is chosen.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class StepTimes
{
    /// <summary>Numbers of tokens that have an entry of their own. Steps with drafts are far shorter.</summary>
    private const int Longest = 512;

    /// <summary>
    /// Measured times that are kept for each number of tokens. Their median is what counts, so a delayed step changes
    /// nothing.
    /// </summary>
    private const int Kept = 5;

    /// <summary>
    /// The share of a step that one token more is taken to cost where no longer step was measured: little, so that one
    /// is tried and measured.
    /// </summary>
    private const double Unseen = 0.03;

    /// <summary>
    /// The first time of a length counts as at most this many times what other lengths let expect: one delayed step
    /// must not rule a length out.
    /// </summary>
    private const double MostSurprise = 1.5;

    /// <summary>
    /// After this many steps all times are forgotten, so that lengths that have become faster since are tried again.
    /// A trial costs a step at most, so this costs a few thousandths.
    /// </summary>
    private const int Memory = 1024;

    /// <summary>
    /// Steps until times are forgotten first: code is still being compiled then. The next time is twice as late.
    /// </summary>
    private const int FirstMemory = 256;

    private readonly double[] _times = new double[(Longest + 1) * Kept];
    private readonly int[] _samples = new int[Longest + 1];
    private readonly double[] _estimates = new double[Longest + 1];
    private long _steps;
    private long _forgetAt = FirstMemory;
    private bool _isStale = true;

    /// <summary>Whether any step has been measured.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>Counts a step of the engine.</summary>
    public void Tick()
    {
        if (++_steps == _forgetAt)
        {
            _forgetAt += Math.Min(_steps, Memory);
            Array.Clear(_samples);
            IsKnown = false;
            _isStale = true;
        }
    }

    /// <summary>Records the time of a step in which every token's logits were wanted.</summary>
    /// <param name="tokens">Its tokens.</param>
    /// <param name="seconds">Its time; one that is not positive is ignored.</param>
    public void Record(int tokens, double seconds)
    {
        if (tokens > Longest || seconds <= 0)
        {
            return;
        }

        if (_samples[tokens] == 0 && IsKnown)
        {
            seconds = Math.Min(seconds, MostSurprise * Of(tokens));
        }

        _times[(tokens * Kept) + (_samples[tokens] % Kept)] = seconds;
        _samples[tokens]++;
        _isStale = true;
        IsKnown = true;
    }

    /// <summary>
    /// Seconds that a step of this many tokens is expected to take; before the first measurement, the unit is a step of
    /// one token.
    /// </summary>
    public double Of(int tokens)
    {
        if (_isStale)
        {
            Estimate();
        }

        return tokens <= Longest ? _estimates[tokens] : _estimates[Longest] * tokens / Longest;
    }

    /// <summary>The median of the latest times; of two in the middle the longer one.</summary>
    private double Median(int tokens)
    {
        Span<double> sorted = stackalloc double[Kept];
        sorted = sorted[..Math.Min(Kept, _samples[tokens])];
        _times.AsSpan(tokens * Kept, sorted.Length).CopyTo(sorted);
        sorted.Sort();
        return sorted[sorted.Length / 2];
    }

    private void Estimate()
    {
        _isStale = false;

        // A step takes no longer than a longer one did.
        var least = double.MaxValue;
        for (var n = Longest; n > 0; n--)
        {
            if (_samples[n] > 0)
            {
                _estimates[n] = least = Math.Min(least, Median(n));
            }
        }

        // Between two measured lengths the time grows evenly, below the shortest one it is the same.
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
