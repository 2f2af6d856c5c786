using System.Text.Json;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// llama.cpp's grammar sampler, called in its own library; node-llama-cpp writes the schema as a grammar.
/// </summary>
internal sealed class LlamaPeer(PeerProcess converter, PeerProcess sampler) : IMaskPeer
{
    private static readonly JsonSerializerOptions s_web = new(JsonSerializerDefaults.Web);

    /// <inheritdoc/>
    public string Name => $"llama.cpp of {converter.Ready.GetProperty("name").GetString()} "
        + converter.Ready.GetProperty("version").GetString();

    /// <inheritdoc/>
    public PeerAnswer Ask(string schema, PeerTest[] tests)
    {
        var converted = converter.Ask(new { schema });
        if (converted.TryGetProperty("error", out var error))
        {
            return PeerAnswer.Refused($"{error}");
        }

        var answer = sampler.Ask(new { grammar = converted.GetProperty("grammar").GetString(), tests });
        return answer.TryGetProperty("error", out error)
            ? PeerAnswer.Refused($"{error}")
            : answer.Deserialize<PeerAnswer>(s_web)!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        converter.Dispose();
        sampler.Dispose();
    }
}
