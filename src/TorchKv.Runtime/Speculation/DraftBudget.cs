using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// Chooses how many drafts of each sequence the next step verifies: as many as give the most expected tokens by the
/// expected time of the step and of the drafting.
/// </summary>
/// <remarks>
/// The i-th draft of a sequence gives a token with probability aⁱ, where a is the sequence's acceptance rate: it and
/// all before it must be accepted. Drafts are added in the order of that probability, and the best number of all is
/// taken. A step's time may jump after some tokens and be flat up to the next jump, so the search does not end at the
/// first draft that is not worth its time.
/// </remarks>
/// <param name="times">Times of the model's steps.</param>
internal sealed class DraftBudget(StepTimes times)
{
    /// <summary>
    /// How much better a step with drafts must be than the same without: of many rough estimates the best one is mostly
    /// too good (winner's curse).
    /// </summary>
    private const double Margin = 1.03;

    private readonly PriorityQueue<int, double> _next = new();
    private readonly int[] _drafting = new int[SpeculationOptions.MostDraftTokens];
    private readonly List<int> _order = [];

    /// <summary>Sets <see cref="DraftedSequence.Granted"/> of every sequence.</summary>
    /// <param name="decodes">Sequences that decode, those without drafts included.</param>
    /// <param name="sequences">Sequences to which a source offered drafts.</param>
    public void Grant(int decodes, IReadOnlyList<DraftedSequence> sequences)
    {
        _next.Clear();
        _order.Clear();
        Array.Clear(_drafting);
        for (var i = 0; i < sequences.Count; i++)
        {
            sequences[i].Granted = 0;
            _next.Enqueue(i, -sequences[i].Acceptance);
        }

        var (tokens, draftSeconds) = ((double)decodes, 0.0);
        var (best, bestRate) = (0, Margin * decodes / times.Of(decodes));
        while (_next.TryDequeue(out var i, out var minusGain))
        {
            var sequence = sequences[i];
            _order.Add(i);
            draftSeconds += DraftSeconds(sequence.Source!, sequence.Granted++);
            tokens -= minusGain;
            var rate = tokens / (times.Of(decodes + _order.Count) + draftSeconds);
            if (rate > bestRate)
            {
                (best, bestRate) = (_order.Count, rate);
            }

            if (sequence.Granted < sequence.Offered)
            {
                _next.Enqueue(i, minusGain * sequence.Acceptance);
            }
        }

        foreach (var i in _order[best..])
        {
            sequences[i].Granted--;
        }
    }

    /// <summary>
    /// Seconds to draft one more token: a source drafts the first token of all sequences in one step of its own, then
    /// the second of those that go on. Until its steps are measured they take no time, so that it is tried.
    /// </summary>
    private double DraftSeconds(IDraftSource source, int draft)
    {
        if (source.Times is not { IsKnown: true } steps || !times.IsKnown)
        {
            return 0;
        }

        var others = _drafting[draft]++;
        return steps.Of(others + 1) - (others == 0 ? 0 : steps.Of(others));
    }
}
