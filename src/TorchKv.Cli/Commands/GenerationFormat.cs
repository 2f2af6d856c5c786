using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>How <c>generate</c> shows answers.</summary>
/// <param name="IsBatch">Whether the prompts came as a batch: each answer then has a heading.</param>
/// <param name="IsJson">A line of JSON for each prompt.</param>
/// <param name="IsHeldBack">Whether text waits for the end, because something else is drawn meanwhile.</param>
/// <param name="Echoes">Whether answers begin with the prompt's text.</param>
/// <param name="Options">What was asked for.</param>
internal sealed record GenerationFormat(
    bool IsBatch, bool IsJson, bool IsHeldBack, bool Echoes, GenerationOptions Options)
{
    /// <summary>Answers to each prompt: samples, or beams.</summary>
    public int AnswersPerPrompt => Options.Beams?.NumReturnSequences ?? Options.Samples;

    /// <summary>Whether text is shown as it is made.</summary>
    public bool IsStreamed => !IsJson && !IsBatch && !IsHeldBack && Options.Beams is null && Options.Samples == 1;
}
