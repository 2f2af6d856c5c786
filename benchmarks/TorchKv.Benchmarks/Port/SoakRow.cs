using System.Text.Json;

namespace TorchKv.Benchmarks.Port;

/// <summary>A long run: resident memory after each tenth of it.</summary>
internal sealed record SoakRow(
    string Cache, int Tokens, double Seconds, long[] Resident, double ManagedBytesPerToken, int Gen0)
{
    public string Line() =>
        $"{Tokens:N0} tokens, {Cache}, a small model, {Seconds:F0} s: resident "
            + $"{string.Join(" ", Resident.Select(bytes => $"{bytes / 1e6:F1}"))} MB; "
            + $"{ManagedBytesPerToken:F0} managed bytes a token, {Gen0} gen-0 collections.";

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("cache", Cache);
        json.WriteNumber("tokens", Tokens);
        json.WriteNumber("seconds", Seconds);
        json.WriteStartArray("resident");
        foreach (var bytes in Resident)
        {
            json.WriteNumberValue(bytes);
        }

        json.WriteEndArray();
        json.WriteNumber("managed_bytes_per_token", ManagedBytesPerToken);
        json.WriteNumber("gen0_collections", Gen0);
        json.WriteEndObject();
    }
}
