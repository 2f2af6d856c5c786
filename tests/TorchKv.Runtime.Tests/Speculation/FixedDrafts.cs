using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Tests.Speculation;

/// <summary>A source of made-up drafts that are accepted with a given probability.</summary>
internal sealed class FixedDrafts(double acceptance, StepTimes? times = null) : IDraftSource
{
    public double UsualAcceptance => acceptance;

    public StepTimes? Times => times;

    /// <summary>A sequence that was offered some drafts.</summary>
    public DraftedSequence Sequence(int offered, int position = 10)
    {
        var drafts = new DraftedSequence(Rules(new GenerationOptions()), null, 0);
        Begin(drafts, offered, position);
        return drafts;
    }

    /// <summary>Offers drafts of token 7 at a position.</summary>
    public void Begin(DraftedSequence drafts, int offered, int position)
    {
        drafts.Begin(Tokens(new int[position]));
        drafts.TryUse(this, offered);
    }

    public int Offer(DraftedSequence sequence, int most)
    {
        for (var i = 0; i < most && times is null; i++)
        {
            sequence.Add(7);
        }

        return most;
    }

    public void Draft(IReadOnlyList<DraftedSequence> sequences, CancellationToken cancellationToken)
    {
    }

    /// <summary>A sequence of these tokens.</summary>
    public static Sequence Tokens(int[] tokens) =>
        new(new Request(tokens, null!), 0, tokens, new SequenceBlocks(new BlockTable(new BlockPool(1), 16), null!));

    public static TokenRules Rules(GenerationOptions options) => new(options, 50_257, []);
}
