namespace TorchKv.Runtime.Speculation;

/// <summary>
/// How long a step takes by its number of tokens, learned from the steps that ran: flat on a model that is read from
/// memory, steep on one in the processor's cache, with a jump wherever a kernel begins its next tile of rows. Times
/// decide how many drafts are verified, never which token is chosen.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed class StepTimes
{
    private const int Longest = 512;

    /// <summary>
    /// The share of a step that one token more is taken to cost where no longer step was measured: little, so that one
    /// is tried and measured.
    /// </summary>
    private const double Unseen = 0.03;

    // The weight of a new time, by whether it is below or above the expected one.
    private const double Faster = 0.3;
    private const double Slower = 0.15;

    private readonly double[] _seconds = new double[Longest + 1];
    private readonly long[] _samples = new long[Longest + 1];
    private readonly double[] _estimates = new double[Longest + 1];
    private long _steps;
    private bool _isStale = true;

    /// <summary>Whether any step has been measured.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>
    /// Counts a step of the engine. Now and then, and sooner at first while code is still being compiled, the times are
    /// forgotten, so that lengths that have become faster since are tried again.
    /// </summary>
    /// <param name="again">Whether to forget every 1,024 steps too, not only at first.</param>
    public void Tick(bool again)
    {
        if (++_steps is 64 or 512 || (again && _steps % 1024 == 0))
        {
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

        // The first time of a length only corrects the estimate from other lengths: one delayed step must not rule a
        // length out.
        var known = _samples[tokens] > 0 ? _seconds[tokens] : IsKnown ? Of(tokens) : seconds;
        _seconds[tokens] = known + ((seconds < known ? Faster : Slower) * (Math.Min(seconds, 3 * known) - known));
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

    private void Estimate()
    {
        _isStale = false;

        // A step takes no longer than a longer one did.
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
