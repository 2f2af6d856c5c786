using System.ComponentModel;
using TorchKv.Runtime.Contracts.Live;

namespace TorchKv.Server.Contracts;

/// <summary>How much of a prompt is cached, and why no more.</summary>
internal sealed record PrefixAnswer
{
    [Description("What the cache has, and the reason.")]
    public required PrefixReport Report { get; init; }

    [Description("The reason as a sentence.")]
    public required string Sentence { get; init; }

    [Description("The texts of the prompt's tokens in the first block that is not cached.")]
    public required IReadOnlyList<string> Texts { get; init; }

    [Description("The texts of the nearest cached block's tokens; left out unless the server shows texts.")]
    public IReadOnlyList<string>? NearestTexts { get; init; }
}
