using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// One sequence's drafts of its next tokens, and how often such drafts were accepted. Drafts that the model does not
/// verify are compared with the text too once it is there, so that it costs nothing to learn when drafting is
/// worthwhile.
/// </summary>
internal sealed class SequenceDrafts
{
    /// <summary>
    /// Steps until a draft model that is not worth its time runs again; it has to compute all of them then.
    /// </summary>
    private const int FirstPatience = 128;

    // Below 1: the model may cut the forced text into other tokens than the tokenizer does.
    private const double Forced = 0.9;

    // By how many tokens before the draft read the same: 1, 2, 3, 4–5, 6–8, 9–15, 16 and more. Lower than stories show:
    // to find a rate too low costs nothing, to find it too high costs rejected drafts.
    // The last is that of tokens that a constraint leaves no choice about.
    private static readonly double[] PriorsByMatch = [0.08, 0.18, 0.3, 0.45, 0.6, 0.8, 0.95, Forced];

    // By the draft model's own probability: below 0.2, 0.4, 0.6, 0.8, 0.95, and above.
    private static readonly double[] PriorsByConfidence = [0.25, 0.4, 0.55, 0.75, 0.88, 0.97, Forced];

    private readonly int[] _tokens = new int[SpeculationOptions.MostDraftTokens];
    private readonly int[] _kinds = new int[SpeculationOptions.MostDraftTokens];
    private readonly double[] _chain = new double[SpeculationOptions.MostDraftTokens];
    private readonly AcceptanceRates _rates;
    private readonly AcceptanceRates _first = new([0.7]);
    private int _count;
    private int _position;
    private int _idle;
    private int _patience = FirstPatience;

    public SequenceDrafts(DraftSource source)
    {
        var priors = source == DraftSource.PromptLookup ? PriorsByMatch : PriorsByConfidence;
        _rates = new AcceptanceRates(priors);
        ForcedKind = priors.Length - 1;
    }

    /// <summary>The kind of a draft that a constraint leaves no choice about.</summary>
    public int ForcedKind { get; }

    /// <summary>The drafts so far.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>For each draft the probability that it and all before it are accepted.</summary>
    public ReadOnlySpan<double> Chain => _chain.AsSpan(0, _count);

    /// <summary>The probability that all drafts so far are accepted.</summary>
    public double AllAccepted => _count == 0 ? 1 : _chain[_count - 1];

    /// <summary>How often the first draft of a step is accepted.</summary>
    public double FirstAccepted => _first.Of(0);

    /// <summary>The kind of a draft that prompt lookup found after this many equal tokens.</summary>
    public static int KindOfMatch(int length) => length switch
    {
        <= 3 => length - 1,
        <= 5 => 3,
        <= 8 => 4,
        <= 15 => 5,
        _ => 6,
    };

    /// <summary>The kind of a draft that the draft model gives this probability.</summary>
    public static int KindOfConfidence(double probability) => probability switch
    {
        < 0.2 => 0,
        < 0.4 => 1,
        < 0.6 => 2,
        < 0.8 => 3,
        < 0.95 => 4,
        _ => 5,
    };

    /// <summary>Drops earlier drafts.</summary>
    /// <param name="position">Where the next draft stands in the text.</param>
    public void Begin(int position)
    {
        _count = 0;
        _position = position;
    }

    /// <summary>Adds a draft after those before it.</summary>
    public void Add(int token, int kind)
    {
        _tokens[_count] = token;
        _kinds[_count] = kind;
        _chain[_count] = AllAccepted * _rates.Of(kind);
        _count++;
    }

    /// <summary>
    /// Whether to run the draft model. While that does not seem worthwhile, it runs ever more rarely.
    /// </summary>
    public bool IsDraftDue(bool isWorthwhile)
    {
        if (isWorthwhile)
        {
            (_idle, _patience) = (0, FirstPatience);
            return true;
        }

        if (++_idle < _patience)
        {
            return false;
        }

        (_idle, _patience) = (0, _patience * 2);
        return true;
    }

    /// <summary>Compares the drafts with the tokens that were chosen.</summary>
    /// <param name="position">Where the first chosen token stands.</param>
    /// <param name="accepted">Drafts that are part of the text now.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    public void Settle(int position, int accepted, int? next)
    {
        if (position != _position)
        {
            return;
        }

        for (var i = 0; i < Math.Min(accepted, _count); i++)
        {
            Record(i, accepted: true);
        }

        if (accepted < _count && next is { } token)
        {
            Record(accepted, token == _tokens[accepted]);
        }

        _count = 0;
    }

    private void Record(int draft, bool accepted)
    {
        _rates.Record(_kinds[draft], accepted);
        if (draft == 0 && _kinds[0] != ForcedKind)
        {
            _first.Record(0, accepted);
        }
    }
}
