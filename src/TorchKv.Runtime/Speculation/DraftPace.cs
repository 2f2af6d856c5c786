using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// A row's guesses at its next tokens, and how far such guesses have held. Guesses that are not put to the model are held
/// against the text too once it is there, so that nothing is paid to learn when guessing is worth it.
/// </summary>
internal sealed class DraftPace
{
    /// <summary>Steps until a draft model that is not worth its time is asked again; it has to read all of them.</summary>
    private const int FirstPatience = 128;

    // By how many tokens before the guess read the same: 1, 2, 3, 4–5, 6–8, 9–15, 16 and more. On the low side of what stories
    // show: to learn that a text is better than that costs nothing, to learn that it is worse does.
    private static readonly double[] UsualByMatch = [0.08, 0.18, 0.3, 0.45, 0.6, 0.8, 0.95];

    // By the draft model's own probability: below 0.2, 0.4, 0.6, 0.8, 0.95, and above.
    private static readonly double[] UsualByConfidence = [0.25, 0.4, 0.55, 0.75, 0.88, 0.97];

    private readonly int[] _tokens = new int[SpeculationOptions.MostDraftTokens];
    private readonly int[] _kinds = new int[SpeculationOptions.MostDraftTokens];
    private readonly double[] _chain = new double[SpeculationOptions.MostDraftTokens];
    private readonly HoldRates _rates;
    private readonly HoldRates _first = new([0.7]);
    private int _count;
    private int _position;
    private int _idle;
    private int _patience = FirstPatience;

    public DraftPace(DraftSource source) => _rates = new HoldRates(source == DraftSource.PromptLookup ? UsualByMatch : UsualByConfidence);

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>For each guess the probability that it and all before it hold.</summary>
    public ReadOnlySpan<double> Chain => _chain.AsSpan(0, _count);

    /// <summary>The probability that all guesses so far hold.</summary>
    public double AllHold => _count == 0 ? 1 : _chain[_count - 1];

    /// <summary>How often the draft model's first guess held.</summary>
    public double FirstHolds => _first.Of(0);

    public static int KindOfMatch(int length) => length switch
    {
        <= 3 => length - 1,
        <= 5 => 3,
        <= 8 => 4,
        <= 15 => 5,
        _ => 6,
    };

    public static int KindOfConfidence(double probability) => probability switch
    {
        < 0.2 => 0,
        < 0.4 => 1,
        < 0.6 => 2,
        < 0.8 => 3,
        < 0.95 => 4,
        _ => 5,
    };

    /// <summary>Forgets earlier guesses.</summary>
    /// <param name="position">Where the next guess stands in the text.</param>
    public void Begin(int position)
    {
        _count = 0;
        _position = position;
    }

    /// <summary>Adds a guess after those before it.</summary>
    public void Add(int token, int kind)
    {
        _tokens[_count] = token;
        _kinds[_count] = kind;
        _chain[_count] = AllHold * _rates.Of(kind);
        _count++;
    }

    /// <summary>Whether to ask the draft model. While that is not worth its time as far as is known, it is asked ever more rarely.</summary>
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

    /// <summary>Holds the guesses against what came.</summary>
    /// <param name="position">Where the first token that came stands.</param>
    /// <param name="accepted">Guesses that are the text now.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    public void Settle(int position, int accepted, int? next)
    {
        if (position != _position)
        {
            return;
        }

        for (var i = 0; i < Math.Min(accepted, _count); i++)
        {
            Note(i, held: true);
        }

        if (accepted < _count && next is { } token)
        {
            Note(accepted, token == _tokens[accepted]);
        }

        _count = 0;
    }

    private void Note(int guess, bool held)
    {
        _rates.Note(_kinds[guess], held);
        if (guess == 0)
        {
            _first.Note(0, held);
        }
    }
}
