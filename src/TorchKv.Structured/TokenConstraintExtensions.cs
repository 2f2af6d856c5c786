using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured;

/// <summary>The ready-made constraints: <c>TokenConstraint.Regex(…)</c> and its like.</summary>
public static class TokenConstraintExtensions
{
    extension(TokenConstraint)
    {
        /// <summary>The text matches a regular expression as a whole.</summary>
        /// <param name="pattern">
        /// The expression, in the syntax of ECMA-262 with its Unicode flag. Lookaround, backreferences and word
        /// boundaries are refused. <c>.</c> is any character but the ends of lines.
        /// </param>
        /// <returns>The constraint. Errors in the expression come when a request is submitted.</returns>
        public static TokenConstraint Regex(string pattern)
        {
            ArgumentNullException.ThrowIfNull(pattern);
            return new GrammarConstraint("regex", pattern, budget =>
            {
                var regexes = new RegexFactory(budget);
                return Whole(regexes, new Pattern(regexes).Compile(pattern, PatternMatch.Whole));
            });
        }

        /// <summary>The text is one of several.</summary>
        /// <param name="choices">The texts; at least one.</param>
        /// <exception cref="ConstraintException">There is no text, or one is null.</exception>
        public static TokenConstraint Choice(params IEnumerable<string> choices)
        {
            ArgumentNullException.ThrowIfNull(choices);
            string[] texts = [.. choices];
            if (texts.Length == 0 || texts.Contains(null))
            {
                throw new ConstraintException("A choice needs at least one text, and none of them may be null.", keyword: "choice");
            }

            return new GrammarConstraint("choice", string.Concat(texts.Select(text => $"{text.Length}:{text}")), budget =>
            {
                var regexes = new RegexFactory(budget);
                return Whole(regexes, regexes.Or([.. texts.Select(regexes.Literal)]));
            });
        }

        /// <summary>The text matches the rule <c>root</c> of a grammar.</summary>
        /// <param name="grammar">
        /// Rules <c>name ::= …</c> of literals ("…"), classes ([…]), names, groups, <c>|</c>, <c>*</c>, <c>+</c>,
        /// <c>?</c>, <c>{m,n}</c> and comments (# …), much as in llama.cpp. Rules may be recursive in any way.
        /// </param>
        /// <returns>
        /// The constraint. Errors in the grammar come when a request is submitted; they name line and column.
        /// </returns>
        public static TokenConstraint Grammar(string grammar)
        {
            ArgumentNullException.ThrowIfNull(grammar);
            return new GrammarConstraint("grammar", grammar, budget => new GrammarParser(grammar, budget).Parse());
        }
    }

    private static Grammar Whole(RegexFactory regexes, RegexNode regex)
        => new(regexes, new GrammarBuilder(regexes).Terminal(regex));
}
