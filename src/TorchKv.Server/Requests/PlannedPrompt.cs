using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Requests;

/// <summary>One prompt of a request, ready for the generator.</summary>
/// <param name="Ids">Its token ids.</param>
/// <param name="Options">What to generate.</param>
internal sealed record PlannedPrompt(IReadOnlyList<int> Ids, GenerationOptions Options);
