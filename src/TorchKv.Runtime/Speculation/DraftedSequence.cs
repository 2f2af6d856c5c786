using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// One sequence's drafts of its next tokens, and how often such drafts were accepted. Drafts that the model does not
/// verify are compared with the text too once it is there, so that it costs nothing to learn when drafting is
/// worthwhile.
/// </summary>
/// <param name="rules">How its tokens are chosen.</param>
/// <param name="constraint">Which tokens it may have; null: all.</param>
/// <param name="seed">Its seed.</param>
internal sealed class DraftedSequence(TokenRules rules, SequenceConstraint? constraint, ulong seed)
{
    private readonly int[] _tokens = new int[SpeculationOptions.MostDraftTokens];
    private readonly Dictionary<IDraftSource, AcceptanceRate> _rates = [];
    private int _count;
    private int _position;

    /// <summary>How its tokens are chosen.</summary>
    public TokenRules Rules => rules;

    /// <summary>Which tokens it may have; null: all.</summary>
    public SequenceConstraint? Constraint => constraint;

    /// <summary>Its seed.</summary>
    public ulong Seed => seed;

    /// <summary>The sequence, since the last <see cref="Begin"/>.</summary>
    public Sequence Sequence { get; private set; } = null!;

    /// <summary>The source of the drafts; null: none.</summary>
    public IDraftSource? Source { get; private set; }

    /// <summary>How many drafts the source has.</summary>
    public int Offered { get; private set; }

    /// <summary>How many drafts the model is to verify.</summary>
    public int Granted { get; set; }

    /// <summary>The drafts so far.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>The probability that a draft is accepted if all before it are.</summary>
    public double Acceptance => RateOf(Source!).Value;

    /// <summary>Drops earlier drafts.</summary>
    public void Begin(Sequence sequence)
    {
        Sequence = sequence;
        _position = sequence.CommittedCount;
        _count = 0;
        Source = null;
        Offered = 0;
        Granted = 0;
    }

    /// <summary>Takes the drafts of a source. False where it has none.</summary>
    public bool TryUse(IDraftSource source, int most)
    {
        Offered = source.Offer(this, most);
        if (Offered == 0)
        {
            return false;
        }

        Source = source;
        return true;
    }

    /// <summary>Adds a draft after those before it.</summary>
    public void Add(int token) => _tokens[_count++] = token;

    /// <summary>Compares the drafts with the tokens that were chosen.</summary>
    /// <param name="position">Where the first chosen token stands.</param>
    /// <param name="accepted">Drafts that are part of the text now.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    public void Settle(int position, int accepted, int? next)
    {
        if (position != _position || Source is null)
        {
            return;
        }

        var rate = RateOf(Source);
        for (var i = 0; i < Math.Min(accepted, _count); i++)
        {
            rate.Record(accepted: true);
        }

        if (accepted < _count && next is { } token)
        {
            rate.Record(token == _tokens[accepted]);
        }
        else if (_count == 0)
        {
            rate.Fade();
        }

        _count = 0;
    }

    private AcceptanceRate RateOf(IDraftSource source)
    {
        if (!_rates.TryGetValue(source, out var rate))
        {
            _rates[source] = rate = new AcceptanceRate(source.UsualAcceptance);
        }

        return rate;
    }
}
