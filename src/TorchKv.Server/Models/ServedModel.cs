using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Server.Models;

/// <summary>A model as the server presents it.</summary>
/// <param name="Id">Its id in requests and answers.</param>
/// <param name="Generator">Generates the answers.</param>
/// <param name="Tokenizer">The generator's tokenizer.</param>
/// <param name="Template">Turns chats into prompts.</param>
public sealed record ServedModel(string Id, IGenerator Generator, Gpt2Tokenizer Tokenizer, IChatTemplate Template)
{
    /// <summary>When it was loaded.</summary>
    public DateTimeOffset CreatedAt { get; init; } = DateTimeOffset.UtcNow;

    /// <summary>
    /// SHA-256 of the model's files, the runner and its dtypes, in hexadecimal: servers of one identity give the same
    /// tokens, so one goes on with another's streams. Null: not known, and no other server goes on with them.
    /// </summary>
    public string? Identity { get; init; }

    /// <summary>The runner and its dtypes, in words; null: not known.</summary>
    public string? Runner { get; init; }

    /// <summary>How tokens of every request are drafted ahead; null: they are not.</summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>
    /// Whether work can be taken at this moment; null: always. A router that knows of no replica takes none, and is not
    /// warmed up.
    /// </summary>
    internal Func<bool>? CanWork { get; init; }

    /// <summary>
    /// Bytes of the vocabulary's longest token: no text of more bytes than this times the context fits.
    /// </summary>
    internal int LongestToken { get; } = Enumerable.Range(
        0,
        Tokenizer.VocabSize).Max(id => Tokenizer.TokenBytes(id).Length);
}
