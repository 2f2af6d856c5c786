using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Scheduling;

/// <summary>Limits of a step, and the order in which requests run. Immutable.</summary>
public sealed record SchedulingOptions
{
    /// <summary>The most tokens in one step, over all its rows; never more than the runner takes.</summary>
    public int MaxTokensPerStep { get; init; } = 512;

    /// <summary>
    /// The most prompt tokens in a step that also decodes: they delay the sequences that decode. In a step without
    /// decodes a prompt may use every token.
    /// </summary>
    public int PrefillTokensBesideDecodes { get; init; } = 128;

    /// <summary>
    /// The most sequences that run at once; a request for n samples counts n, a beam search counts its beams.
    /// </summary>
    public int MaxRunningSequences { get; init; } = 256;

    /// <summary>The most positions that a step gives logits for: the size of the logits buffer, in rows.</summary>
    public int MaxLogitsPerStep { get; init; } = 256;

    /// <summary>The most requests that wait; one more is refused with <see cref="QueueFullException"/>.</summary>
    public int MaxQueuedRequests { get; init; } = 1024;

    /// <summary>The order among waiting requests of one priority.</summary>
    public QueueOrder QueueOrder { get; init; } = QueueOrder.FirstComeFirstServed;

    /// <summary>
    /// The number of steps of waiting that count as one level of priority, so that a request of low priority does not
    /// starve while better ones keep coming. Null: priorities do not age, and such a request waits as long as better
    /// ones come.
    /// </summary>
    /// <remarks>
    /// A request's rank is its priority plus the number of these periods that had passed when it came, so that the
    /// order of two requests never changes. A running request is preempted only for one with a better priority and a
    /// better rank.
    /// </remarks>
    public int? PriorityAgingSteps { get; init; }

    /// <summary>Whether full blocks are found again by later requests.</summary>
    public bool PrefixCaching { get; init; } = true;

    /// <summary>Checks every option.</summary>
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
                throw new OptionException(name, value.ToString(CultureInfo.InvariantCulture), "at least 1");
            }
        }
    }

    /// <summary>Limits the running sequences so that each can decode in every step.</summary>
    internal SchedulingOptions WithAPlaceForEverySequence() =>
        this with { MaxRunningSequences = Math.Min(MaxRunningSequences, Math.Min(MaxTokensPerStep, MaxLogitsPerStep)) };
}
