using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using TorchKv.Runtime.Contracts.Live;

namespace TorchKv.Server.Contracts;

/// <summary>How the live page's feed is written. A field that is 0, false or null is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    Converters =
    [
        typeof(SnakeCaseEnumConverter<LiveBlockState>),
        typeof(SnakeCaseEnumConverter<LivePhase>),
        typeof(SnakeCaseEnumConverter<PrefixReason>),
    ])]
[JsonSerializable(typeof(LiveFrame))]
[JsonSerializable(typeof(PrefixQuestion))]
[JsonSerializable(typeof(PrefixAnswer))]
internal sealed partial class LiveJson : JsonSerializerContext
{
    /// <summary>Text is written as it is, in UTF-8.</summary>
    public static LiveJson Answers => Relaxed.Context;

    private static class Relaxed
    {
        public static readonly LiveJson Context = new(new JsonSerializerOptions(Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
