using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Masks;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Matching;

/// <summary>
/// All that is found out about a grammar while texts are read. It serves every text until it is replaced.
/// </summary>
internal sealed class GrammarTables
{
    // Rough figures: an expression with its key and branches; a list of forced tokens.
    private const long BytesOfNode = 260;
    private const long BytesOfForced = 120;

    private readonly FlatGrammar _grammar;
    private readonly WorkLimits _limits;

    public GrammarTables(FlatGrammar grammar, VocabularyTries tries, WorkLimits limits)
    {
        (_grammar, _limits) = (grammar, limits);
        Recognizer = new Recognizer(grammar, limits);
        Masks = new MaskTable(grammar, Recognizer, tries, limits);
    }

    public Recognizer Recognizer { get; }

    public MaskTable Masks { get; }

    /// <summary>The tokens that are forced in states of one thread.</summary>
    public Dictionary<ParserThread, int[]> Forced { get; } = [];

    /// <summary>Bytes that the tables take.</summary>
    public long Bytes => TableBytes + Masks.Bytes + (BytesOfForced * Forced.Count);

    /// <summary>Whether the tables are so large that new ones should take their place.</summary>
    public bool AreFull
        => TableBytes > _limits.KeptBytes / 2
            || Recognizer.Lexer.Count > _limits.LexerStates / 2
            || Recognizer.Rows.Count > _limits.ParserRows / 2
            || _grammar.Regexes.Count > _limits.RegexNodes - (_limits.RegexNodes / 4);

    private long TableBytes
        => Recognizer.Lexer.Bytes + Recognizer.Rows.Bytes + (BytesOfNode * _grammar.Regexes.Count);

    /// <summary>Forgets the masks where all tables together are over the limit.</summary>
    public void Trim()
    {
        if (Bytes > _limits.KeptBytes)
        {
            Masks.Clear();
            Forced.Clear();
        }
    }
}
