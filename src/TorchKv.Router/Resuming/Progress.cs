using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Router.Resuming;

/// <summary>What a generation has given so far: enough for another replica to go on with it.</summary>
/// <remarks>Belongs to one generation; not thread-safe.</remarks>
internal sealed class Progress(int[] prompt, GenerationOptions options)
{
    private readonly List<int>[] _ids = NewLists(options.Samples);
    private readonly bool[] _ended = new bool[options.Samples];

    /// <summary>Whether any piece was given.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Whether the prompt's log-probabilities were given.</summary>
    public bool HasPromptScores { get; private set; }

    /// <summary>The identity of the replicas that gave the pieces.</summary>
    public string? Identity { get; private set; }

    /// <summary>Whether every row has ended.</summary>
    public bool HasEnded => Array.TrueForAll(_ended, ended => ended);

    /// <summary>Takes a piece that is given to the reader.</summary>
    public void Take(GeneratedPiece piece, string? identity)
    {
        HasBegun = true;
        Identity ??= identity;
        HasPromptScores |= piece.PromptLogProbs is not null;
        _ids[piece.Row].AddRange(piece.TokenIds);
        _ended[piece.Row] |= piece.FinishReason is not null;
    }

    /// <summary>Whether a row has ended.</summary>
    public bool HasEndedRow(int row) => _ended[row];

    /// <summary>The ids that a row has.</summary>
    public IReadOnlyList<int> IdsOf(int row) => _ids[row];

    /// <summary>Adds to a chain of the prompt what the first row generated.</summary>
    public void AppendTo(DigestChain chain)
        => chain.Append(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids[0]));

    /// <summary>Prompt and options with which the one row goes on.</summary>
    public (int[] Prompt, GenerationOptions Options) Continue() => _ids[0].Count == 0
        ? (prompt, options)
        : ([.. prompt, .. _ids[0]], options with { GeneratedBefore = options.GeneratedBefore + _ids[0].Count });

    private static List<int>[] NewLists(int count)
    {
        var lists = new List<int>[count];
        for (var i = 0; i < count; i++)
        {
            lists[i] = [];
        }

        return lists;
    }
}
