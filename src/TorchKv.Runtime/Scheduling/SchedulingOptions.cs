using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Scheduling;

/// <summary>How steps are filled. Immutable.</summary>
public sealed record SchedulingOptions
{
    /// <summary>The most tokens in one step, over all its rows; the runner's own limit holds besides.</summary>
    public int MaxTokensPerStep { get; init; } = 512;

    /// <summary>
    /// The most prompt tokens in a step that also decodes: what a running request waits for a prompt that arrives. Alone, a
    /// prompt may fill the step.
    /// </summary>
    public int PrefillTokensBesideDecodes { get; init; } = 128;

    /// <summary>The most sequences at once; a request for n samples counts n, a beam search its beams.</summary>
    public int MaxRunningSequences { get; init; } = 256;

    /// <summary>The most positions that a step gives logits for: what the logits buffer holds.</summary>
    public int MaxLogitsPerStep { get; init; } = 256;

    /// <summary>The most requests that wait; one more is refused with <see cref="QueueFullException"/>.</summary>
    public int MaxQueuedRequests { get; init; } = 1024;

    /// <summary>The order among waiting requests of one priority.</summary>
    public QueueOrder QueueOrder { get; init; } = QueueOrder.FirstComeFirstServed;

    /// <summary>
    /// Steps after whose number a waiting request counts as one level of priority better, so that better ones that keep
    /// coming cannot keep it waiting forever. Null: priorities do not age, and a request waits as long as better ones come.
    /// </summary>
    /// <remarks>
    /// A request's rank is its priority plus the number of these periods before it came, so that two requests keep their
    /// order for good. Only a request of a better priority as given takes blocks from one that runs, aged or not.
    /// </remarks>
    public int? PriorityAgingSteps { get; init; }

    /// <summary>Whether full blocks are found again by later requests.</summary>
    public bool PrefixCaching { get; init; } = true;

    /// <summary>Throws where an option cannot be.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public void Validate()
    {
        AtLeastOne("max_tokens_per_step", MaxTokensPerStep);
        AtLeastOne("prefill_tokens_beside_decodes", PrefillTokensBesideDecodes);
        AtLeastOne("max_running_sequences", MaxRunningSequences);
        AtLeastOne("max_logits_per_step", MaxLogitsPerStep);
        AtLeastOne("max_queued_requests", MaxQueuedRequests);
        AtLeastOne("priority_aging_steps", PriorityAgingSteps ?? 1);

        static void AtLeastOne(string name, int value)
        {
            if (value < 1)
            {
                throw new OptionException(name, value.ToString(System.Globalization.CultureInfo.InvariantCulture), "at least 1");
            }
        }
    }

    /// <summary>No more running sequences than a step has places for: each has one in every step.</summary>
    internal SchedulingOptions WithAPlaceForEverySequence() =>
        this with { MaxRunningSequences = Math.Min(MaxRunningSequences, Math.Min(MaxTokensPerStep, MaxLogitsPerStep)) };
}
