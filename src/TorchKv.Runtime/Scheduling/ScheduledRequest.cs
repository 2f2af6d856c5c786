using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>What the scheduler knows of a request: its sequences, its rank, and what it wants logits for. Tokens are integers, nothing more.</summary>
internal class ScheduledRequest
{
    public ScheduledRequest(BlockPool pool, int blockSize, ReadOnlySpan<int> prompt, string? salt = null)
    {
        Pool = pool;
        Root = PrefixLink.Root(salt);
        RootDigest = BlockDigest.Root(salt);
        PromptLength = prompt.Length;
        Sequences.Add(new Sequence(this, 0, prompt, new BlockTable(pool, blockSize)));
    }

    public BlockPool Pool { get; }

    public PrefixLink Root { get; }

    public BlockDigest RootDigest { get; }

    public int PromptLength { get; }

    /// <summary>Lower runs first.</summary>
    public int Priority { get; init; }

    /// <summary>Set by the scheduler: requests of one priority rank by it.</summary>
    public long Arrival { get; set; }

    /// <summary>Sequences that there will be once the prompt is computed: samples, or beams.</summary>
    public int BranchCount { get; init; } = 1;

    /// <summary>Whether all sequences decode in the same step (beams compete with each other) or none.</summary>
    public bool Lockstep { get; init; }

    /// <summary>Whether logits of every prompt position are wanted.</summary>
    public bool ScoresPrompt { get; init; }

    /// <summary>Prompt positions whose logits have been given.</summary>
    public int ScoredCount { get; set; }

    public List<Sequence> Sequences { get; } = [];

    /// <summary>Prompt tokens that the prefix index had when the request was first admitted; −1 before that.</summary>
    public int CachedTokens { get; set; } = -1;

    /// <summary>The digest of the block that this request is about to fill while it computes its prompt.</summary>
    public BlockDigest? InFlight { get; set; }

    public RequestState State { get; set; }

    public Sequence? Leader
    {
        get
        {
            foreach (var sequence in Sequences)
            {
                if (!sequence.IsFinished)
                {
                    return sequence;
                }
            }

            return null;
        }
    }
}
