using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Masks;

namespace TorchKv.Structured.Matching;

/// <summary>A grammar prepared for a vocabulary. Any number of matchers may use it at once.</summary>
internal sealed class CompiledGrammar
{
    private readonly FlatGrammar _grammar;
    private readonly WorkLimits _limits;

    /// <param name="grammar">The grammar; it belongs to this object from here on.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="budget">Time and limits.</param>
    /// <exception cref="ConstraintException">A limit is exceeded, or no text matches.</exception>
    public CompiledGrammar(Grammar grammar, ITokenVocabulary vocabulary, WorkBudget budget)
    {
        _limits = budget.Limits;
        _grammar = GrammarFlattener.Flatten(grammar, budget);
        Vocabulary = vocabulary;
        Tries = VocabularyTries.Of(vocabulary);
        Encode = vocabulary is Gpt2Tokenizer tokenizer ? text => tokenizer.Encode(text, recognizeSpecialTokens: false) : null;
        Tables = new GrammarTables(_grammar, Tries, _limits);
        grammar.Regexes.EndCompilation();
    }

    public ITokenVocabulary Vocabulary { get; }

    public VocabularyTries Tries { get; }

    /// <summary>Gives a text's ids as the tokenizer does; null: the tokenizer is not known.</summary>
    public Func<string, IReadOnlyList<int>>? Encode { get; }

    /// <summary>Guards the tables: a matcher holds it while it works.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The tables. Matchers that were made with other ones begin anew with these.</summary>
    public GrammarTables Tables { get; private set; }

    /// <summary>Bytes that the grammar and its tables take, about.</summary>
    public long Bytes => Tables.Bytes + (24L * _grammar.Symbols.Length);

    /// <summary>A matcher that has seen no token yet.</summary>
    public GrammarMatcher NewMatcher() => new(this);

    /// <summary>Keeps the tables within their limit: forgets masks, or begins with new tables.</summary>
    public void Trim()
    {
        if (Tables.AreFull)
        {
            Replace();
        }

        Tables.Trim();
    }

    /// <summary>Begins with new tables: after an error, the old ones may be half changed.</summary>
    public void Replace()
    {
        _grammar.Regexes.ForgetDerivatives();
        Tables = new GrammarTables(_grammar, Tries, _limits);
    }
}
