using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Live;

namespace TorchKv.Runtime;

/// <content>What lets others see the blocks while they are used.</content>
public sealed partial class Engine : ILiveEngine
{
    /// <inheritdoc/>
    public async Task<ILiveWatch> WatchAsync(bool withTokens = false) =>
        await _loop.InvokeAsync(() => EngineWatch.Begin(_loop, withTokens)).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task<PrefixReport> ExplainPrefixAsync(IReadOnlyList<int> promptIds, string? cacheSalt = null)
    {
        var prompt = Copy(promptIds);
        if (prompt.Length == 0)
        {
            throw new RequestException("The prompt is empty.");
        }

        if (prompt.Length > Model.ContextLength)
        {
            throw new ContextLengthException(0, prompt.Length, Model.ContextLength);
        }

        _rules.CheckIds(prompt);
        var parts = _loop.Parts;
        return _loop.InvokeAsync(() => PrefixExplanation.Of(parts.Blocks, prompt, cacheSalt, parts.Time));
    }
}
