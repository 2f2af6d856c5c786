namespace TorchKv.Runtime.Contracts.Live;

/// <summary>One step of the engine.</summary>
/// <param name="Number">Counted from the beginning of the watch.</param>
/// <param name="Time">When it began, in milliseconds since the watch began.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="PrefillTokens">Tokens of prompts that it computed.</param>
/// <param name="DecodeTokens">Generated tokens that it computed.</param>
/// <param name="DraftTokens">Drafts that it verified.</param>
/// <param name="Sequences">Sequences that took part.</param>
/// <param name="Preemptions">Requests that were preempted to make room for it.</param>
public readonly record struct LiveStep(
    long Number,
    double Time,
    double Milliseconds,
    int PrefillTokens,
    int DecodeTokens,
    int DraftTokens,
    int Sequences,
    int Preemptions);
