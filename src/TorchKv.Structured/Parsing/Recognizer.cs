using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Parsing;

/// <summary>
/// Reads texts byte by byte. A text's state is a list of threads, one for each point at which the current terminal may
/// have begun. Most grammars of use have one thread, or two behind what may go on, such as a number.
/// </summary>
/// <remarks>One thread of execution at a time. The tables grow as new texts are read and serve all texts.</remarks>
internal sealed class Recognizer
{
    private const int MostThreads = 512;

    public Recognizer(FlatGrammar grammar, WorkLimits limits)
    {
        Lexer = new Lexer(grammar.Regexes, grammar.Terminals, grammar.Classes, limits.LexerStates);
        Rows = new ParserRows(grammar, Lexer, limits);
    }

    public Lexer Lexer { get; }

    public ParserRows Rows { get; }

    /// <summary>The state of a text without bytes.</summary>
    public ParserThread Start => new(Rows.First, Rows.LexerStart(Rows.First));

    /// <summary>Whether the empty text is complete.</summary>
    public bool StartMayEnd => Rows.MayEnd(Rows.First);

    /// <summary>Throws where a text can be read in more ways than the limit allows.</summary>
    /// <param name="threads">Number of threads.</param>
    /// <exception cref="ConstraintException">There are too many.</exception>
    public static void CheckThreads(int threads)
    {
        if (threads >= MostThreads)
        {
            throw new ConstraintException(
                $"The grammar is too ambiguous: a text can be read in {MostThreads} ways or more.", keyword: "parser threads");
        }
    }

    /// <summary>Reads one byte.</summary>
    /// <param name="before">The state.</param>
    /// <param name="value">The byte.</param>
    /// <param name="after">Receives the new state; it has room for one thread more than <paramref
    /// name="before"/>.</param>
    /// <param name="mayEnd">Whether the text may end after the byte.</param>
    /// <returns>Number of threads; 0: the byte cannot come here.</returns>
    public int Step(ReadOnlySpan<ParserThread> before, byte value, Span<ParserThread> after, out bool mayEnd)
    {
        var (count, row) = (0, -1);
        foreach (var thread in before)
        {
            var state = Lexer.Next(thread.LexerState, value);
            if (state == Lexer.Dead)
            {
                continue;
            }

            var accept = Lexer.AcceptOf[state];
            if (accept != 0)
            {
                var next = Rows.After(thread.Row, accept);
                row = row < 0 ? next : Rows.Union(row, next);
                if (!Lexer.Continues(state))
                {
                    continue;
                }
            }

            Add(after, ref count, new ParserThread(thread.Row, state));
        }

        mayEnd = false;
        if (row >= 0)
        {
            // A row in which nothing may follow is kept until the next byte: the text may end in it.
            Add(after, ref count, new ParserThread(row, Rows.LexerStart(row)));
            mayEnd = Rows.MayEnd(row);
        }

        return count;
    }

    private static void Add(Span<ParserThread> threads, ref int count, ParserThread added)
    {
        if (!threads[..count].Contains(added))
        {
            threads[count++] = added;
        }
    }
}
