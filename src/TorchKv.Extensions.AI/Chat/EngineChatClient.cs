using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Options;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Extensions.AI.Chat;

/// <summary>A generator as a chat client: messages become a prompt by a template, and pieces become updates.</summary>
/// <remarks>
/// Thread-safe. It keeps no conversation: each call sends all messages, and the prefix cache makes that cheap. Options
/// that a call leaves out are OpenAI's: temperature 1, and as many tokens as the context has room for. Tools are not
/// called; with <see cref="ChatToolMode.Auto"/> the model answers with text.
/// </remarks>
public sealed class EngineChatClient : IChatClient
{
    private readonly IGenerator _generator;
    private readonly Gpt2Tokenizer _tokenizer;
    private readonly IChatTemplate _template;
    private readonly ChatClientMetadata _metadata;

    /// <summary>A client over a generator, which stays its owner's.</summary>
    /// <param name="generator">Generates the answers.</param>
    /// <param name="tokenizer">The generator's tokenizer.</param>
    /// <param name="template">Turns messages into a prompt; null: <see cref="ChatTemplates.Transcript"/>.</param>
    /// <param name="modelId">The model's name; null: answers name none, and requests may name any.</param>
    public EngineChatClient(
        IGenerator generator,
        Gpt2Tokenizer tokenizer,
        IChatTemplate? template = null,
        string? modelId = null)
    {
        ArgumentNullException.ThrowIfNull(generator);
        ArgumentNullException.ThrowIfNull(tokenizer);
        _generator = generator;
        _tokenizer = tokenizer;
        _template = template ?? ChatTemplates.Transcript;
        _metadata = new ChatClientMetadata("torchkv", providerUri: null, modelId);
    }

    /// <inheritdoc/>
    /// <exception cref="OptionException">An option has a value that it cannot have.</exception>
    /// <exception cref="ContextLengthException">
    /// The messages and the tokens asked for do not fit the context.
    /// </exception>
    /// <exception cref="NotSupportedException">
    /// A message holds something else than text, or an option asks for what the client cannot do.
    /// </exception>
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default)
        => GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <inheritdoc/>
    /// <remarks>
    /// Errors are <see cref="GetResponseAsync"/>'s; what can be checked is checked before the first update is asked
    /// for.
    /// </remarks>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages,
        ChatOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var prompt = _template.Render(ChatTurns.Of(messages, options?.Instructions));
        var ids = prompt.Encode(_tokenizer);
        var requested = ChatOptionsMapping.Map(options, this, _metadata.DefaultModelId);
        requested = requested with { Stop = [.. prompt.Stop, .. requested.Stop ?? []] };
        var pieces = _generator.GenerateAsync(
            ids,
            requested.ToGenerationOptions(_generator.Model, ids.Count),
            cancellationToken);
        return ReadAsync(pieces, new AnswerStart(prompt.TrimsAnswerStart), cancellationToken);
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_generator) ? _generator
            : serviceType.IsInstanceOfType(_tokenizer) ? _tokenizer
            : serviceType.IsInstanceOfType(_template) ? _template
            : null;
    }

    /// <summary>Does nothing: the generator is its owner's.</summary>
    public void Dispose()
    {
    }

    private async IAsyncEnumerable<ChatResponseUpdate> ReadAsync(
        IAsyncEnumerable<GeneratedPiece> pieces,
        AnswerStart start,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var id = "chatcmpl-" + Guid.NewGuid().ToString("N");
        var createdAt = DateTimeOffset.UtcNow;
        await foreach (var piece in pieces.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            // One answer: of several samples, which raw options can ask for, the first.
            if (piece.Row != 0)
            {
                continue;
            }

            var text = start.Take(piece.Text);
            if (text.Length == 0 && piece.FinishReason is null)
            {
                continue;
            }

            var update = new ChatResponseUpdate(ChatRole.Assistant, text.Length > 0 ? [new TextContent(text)] : [])
            {
                ResponseId = id,
                MessageId = id,
                CreatedAt = createdAt,
                ModelId = _metadata.DefaultModelId,
                RawRepresentation = piece,
            };
            if (piece.FinishReason is { } reason)
            {
                update.FinishReason = reason == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;
                update.Contents.Add(new UsageContent(UsageOf(piece.Usage ?? default)));
            }

            yield return update;
        }
    }

    private static UsageDetails UsageOf(Usage usage) => new()
    {
        InputTokenCount = usage.PromptTokens,
        OutputTokenCount = usage.CompletionTokens + usage.EndTokens,
        TotalTokenCount = usage.PromptTokens + usage.CompletionTokens + usage.EndTokens,
        CachedInputTokenCount = usage.CachedTokens,
    };
}
