using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>
/// A grammar as tables. A symbol is a terminal's number, or the complement (~) of a nonterminal's. A production is a
/// run of positions that ends with <see cref="End"/>. A nonterminal that is a loop has one position, whose symbol it
/// repeats.
/// </summary>
internal sealed class FlatGrammar
{
    /// <summary>The symbol at the end of a production.</summary>
    public const int End = int.MinValue;

    /// <summary>The factory of the terminals.</summary>
    public required RegexFactory Regexes { get; init; }

    /// <summary>The terminals.</summary>
    public required RegexNode[] Terminals { get; init; }

    /// <summary>For each terminal whether anything can come after it in some text.</summary>
    public required bool[] TerminalHasFollower { get; init; }

    /// <summary>The bytes that the terminals tell apart.</summary>
    public required ByteClasses Classes { get; init; }

    /// <summary>For each nonterminal the first positions of its productions; a loop's one position.</summary>
    public required int[][] Productions { get; init; }

    /// <summary>For each nonterminal whether it matches the empty text.</summary>
    public required bool[] IsNullable { get; init; }

    /// <summary>For each position its symbol.</summary>
    public required int[] Symbols { get; init; }

    /// <summary>For each position its nonterminal.</summary>
    public required int[] Owners { get; init; }

    /// <summary>For each position of a loop the least number of repetitions; else 0.</summary>
    public required int[] LoopMin { get; init; }

    /// <summary>
    /// For each position of a loop the largest number of repetitions (<see cref="int.MaxValue"/>: no bound); else 0.
    /// </summary>
    public required int[] LoopMax { get; init; }

    /// <summary>
    /// The nonterminals whose members come in any order. Their productions are the members where they come first.
    /// </summary>
    public required IReadOnlyDictionary<int, AnyOrder> AnyOrders { get; init; }

    /// <summary>For each position in front of a member of <see cref="AnyOrders"/> the member's number.</summary>
    public required IReadOnlyDictionary<int, int> MemberOf { get; init; }

    /// <summary>The nonterminal that a whole text matches.</summary>
    public required int Start { get; init; }

    /// <summary>Whether the symbol matches the empty text.</summary>
    public bool SymbolIsNullable(int symbol) => symbol >= 0 ? Terminals[symbol].IsNullable : IsNullable[~symbol];
}
