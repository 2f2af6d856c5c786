using System.Text.Json;

namespace TorchKv.Benchmarks.Masks;

/// <summary>xgrammar, as npm's package for WebAssembly.</summary>
internal sealed class XgrammarPeer(PeerProcess process) : IMaskPeer
{
    private static readonly JsonSerializerOptions s_web = new(JsonSerializerDefaults.Web);

    /// <inheritdoc/>
    public string Name =>
        $"{process.Ready.GetProperty("name").GetString()} {process.Ready.GetProperty("version").GetString()}";

    /// <inheritdoc/>
    public PeerAnswer Ask(string schema, PeerTest[] tests)
    {
        var answer = process.Ask(new { schema, tests });
        return answer.TryGetProperty("error", out var error)
            ? PeerAnswer.Refused($"{error}")
            : answer.Deserialize<PeerAnswer>(s_web)!;
    }

    /// <inheritdoc/>
    public void Dispose() => process.Dispose();
}
