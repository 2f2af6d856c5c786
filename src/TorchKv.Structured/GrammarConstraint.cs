using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured;

/// <summary>A constraint that is compiled to a grammar.</summary>
/// <param name="kind">The kind of the text, such as "regex": the same text of another kind is another
/// constraint.</param>
/// <param name="text">The constraint's text with all options that change its meaning.</param>
/// <param name="build">Makes the grammar. It may run several times, and on any thread.</param>
internal sealed class GrammarConstraint(string kind, string text, Func<WorkBudget, Grammar> build) : TokenConstraint
{
    /// <summary>Tells constraints apart: SHA-256 of kind and text.</summary>
    public (UInt128 Low, UInt128 High) Key { get; } = Digest(kind, text);

    /// <inheritdoc/>
    public override async ValueTask<ITokenMatcher> CompileAsync(
        ITokenVocabulary vocabulary, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        var compiled = await CompileCache.Of(vocabulary).GetAsync(Key, Compile, cancellationToken).ConfigureAwait(false);
        return compiled.NewMatcher();

        CompiledGrammar Compile()
        {
            var budget = new WorkBudget(WorkLimits.Default);
            return new CompiledGrammar(build(budget), vocabulary, budget);
        }
    }

    private static (UInt128 Low, UInt128 High) Digest(string kind, string text)
    {
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{kind.Length}:{kind}{text}"));
        return (BinaryPrimitives.ReadUInt128LittleEndian(digest), BinaryPrimitives.ReadUInt128LittleEndian(digest.AsSpan(16)));
    }
}
