using TorchKv.Runtime;

namespace TorchKv.Cli.Models;

internal sealed partial class RunnerLanguageModel
{
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellationToken) =>
        throw new TorchKvException("generate is not served by --runner cpu yet; take --runner torch.");

    public Task<IReadOnlyList<BeamResult>> BeamSearchAsync(int[] prompt, BeamRequest request, CancellationToken cancellationToken) =>
        throw new TorchKvException("beam search is not served by --runner cpu yet; take --runner torch.");
}
