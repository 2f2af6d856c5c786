using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>The pieces of a request with one prompt.</summary>
/// <remarks>
/// Written by hand: an async iterator would resume once more for each token, and here nothing has to wait.
/// </remarks>
internal sealed class OnePrompt(IAsyncEnumerable<GeneratedPiece> pieces) : IAsyncEnumerable<PromptPiece>
{
    public IAsyncEnumerator<PromptPiece> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        => new Enumerator(pieces.GetAsyncEnumerator(cancellationToken));

    private sealed class Enumerator(IAsyncEnumerator<GeneratedPiece> pieces) : IAsyncEnumerator<PromptPiece>
    {
        public PromptPiece Current => new(0, pieces.Current);

        public ValueTask<bool> MoveNextAsync() => pieces.MoveNextAsync();

        public ValueTask DisposeAsync() => pieces.DisposeAsync();
    }
}
