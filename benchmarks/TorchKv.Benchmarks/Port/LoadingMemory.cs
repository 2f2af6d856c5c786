using System.Text.Json;

namespace TorchKv.Benchmarks.Port;

/// <summary>What loading 124M float32 parameters took of memory.</summary>
internal sealed record LoadingMemory(long File, long Before, long Peak)
{
    /// <summary>
    /// What loading added, against the file. A process with .NET and libtorch and without a model is there before it.
    /// </summary>
    public double Ratio => (double)(Peak - Before) / File;

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("loading");
        json.WriteNumber("file_bytes", File);
        json.WriteNumber("resident_before", Before);
        json.WriteNumber("peak_resident", Peak);
        json.WriteNumber("ratio", Ratio);
        json.WriteEndObject();
    }
}
