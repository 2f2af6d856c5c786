using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>The port's own loop (<c>generate --cache</c>), which this program does not have.</summary>
internal static class PortGeneration
{
    /// <exception cref="TorchKvException">Always.</exception>
    public static void Check(GenerationOptions options) => throw Libtorch.Missing;

    /// <exception cref="TorchKvException">Always.</exception>
    public static CacheReport Run(
        PortModel port,
        CacheChoice cache,
        IReadOnlyList<int[]> prompts,
        GenerationOptions options,
        Gpt2Tokenizer? tokenizer,
        Action<PromptPiece> receive,
        CancellationToken cancellationToken) => throw Libtorch.Missing;
}
