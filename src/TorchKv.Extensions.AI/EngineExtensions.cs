using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Chat;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Extensions.AI;

/// <summary>An engine as a chat client.</summary>
public static class EngineExtensions
{
    /// <summary>A chat client over an engine. Disposing the client leaves the engine as it is.</summary>
    /// <param name="engine">The engine; it must have a tokenizer.</param>
    /// <param name="template">Turns messages into a prompt; null: <see cref="ChatTemplates.Transcript"/>.</param>
    /// <param name="modelId">The model's name; null: answers name none, and requests may name any.</param>
    /// <exception cref="RequestException">The engine has no tokenizer.</exception>
    public static IChatClient AsIChatClient(this Engine engine, IChatTemplate? template = null, string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        var tokenizer = engine.Tokenizer
            ?? throw new RequestException(engine.TokenizerProblem is { } problem
                ? $"The model's tokenizer cannot be used, so messages cannot be read: {problem}"
                : "The engine has no vocabulary, so it cannot read messages; load one with vocab.json.");
        return new EngineChatClient(engine, tokenizer, template, modelId);
    }
}
