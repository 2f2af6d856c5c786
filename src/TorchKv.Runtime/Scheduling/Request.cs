using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>
/// A request as the scheduler knows it: its sequences, its rank, and the logits that it wants. Tokens are integers,
/// nothing more.
/// </summary>
internal sealed class Request
{
    /// <summary>A request that was not added to a scheduler yet; any thread may make one.</summary>
    /// <param name="prompt">The prompt's tokens; never written, so that several requests may share the array.</param>
    /// <param name="output">Receives its logits.</param>
    /// <param name="salt">Keeps its blocks apart from those of other salts.</param>
    public Request(int[] prompt, IRequestOutput output, string? salt = null)
    {
        Prompt = prompt;
        Output = output;
        Root = PrefixRoot.Of(salt);
    }

    public int[] Prompt { get; }

    public int PromptLength => Prompt.Length;

    /// <summary>Receives the request's logits.</summary>
    public IRequestOutput Output { get; }

    /// <summary>Where the prefix chains of its sequences begin.</summary>
    public PrefixRoot Root { get; }

    /// <summary>Lower runs first.</summary>
    public int Priority { get; init; }

    /// <summary>Sequences that there will be once the prompt is computed: samples, or beams.</summary>
    public int SequencesWanted { get; init; } = 1;

    /// <summary>Whether all sequences decode in the same step or none: beams compete with each other.</summary>
    public bool Lockstep { get; init; }

    /// <summary>Whether logits of every prompt position are wanted.</summary>
    public bool ScoresPrompt { get; init; }

    /// <summary>Prompt positions whose logits have been given.</summary>
    public int ScoredCount { get; set; }

    /// <summary>Its sequences, by index; empty until the scheduler has the request.</summary>
    public List<Sequence> Sequences { get; } = [];

    /// <summary>Set by the scheduler: the order in which requests came.</summary>
    public long Arrival { get; set; }

    /// <summary>
    /// Set by the scheduler: the priority, with what age adds to it where priorities age. Lower runs first.
    /// </summary>
    public long Level { get; set; }

    /// <summary>Prompt tokens that the prefix index had when the request was first admitted; −1 before that.</summary>
    public int CachedTokens { get; set; } = -1;

    /// <summary>Set by the engine: when the request was first admitted, as a timestamp; null before that.</summary>
    public long? AdmittedAt { get; set; }

    /// <summary>The digest of the block that the request is about to fill while it computes its prompt.</summary>
    public BlockDigest? InFlight { get; set; }

    public RequestState State { get; set; }

    /// <summary>How often it was taken out of the running requests.</summary>
    public int Preemptions { get; set; }

    /// <summary>The first sequence that has not ended; null where there is none.</summary>
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
