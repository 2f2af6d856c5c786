using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Resuming;

/// <summary>Where the stream of a request goes on that was cut elsewhere.</summary>
/// <param name="Position">How far its events have come.</param>
/// <param name="Ids">
/// For each choice the token ids from which its generation goes on. There may be fewer than the reader has: what is
/// missing is generated again, and its events are left out.
/// </param>
internal sealed record ResumePoint(StreamPosition Position, IReadOnlyList<IReadOnlyList<int>> Ids)
{
    /// <summary>The point that a reader's last event and the ids that are known make.</summary>
    /// <param name="lastEventId">The id of the last event; null: none came.</param>
    /// <param name="known">The ids of each choice that are known; null: none are.</param>
    /// <param name="choices">Choices of the request.</param>
    /// <exception cref="ApiException">The event's id or the lists of ids are not this request's.</exception>
    public static ResumePoint Of(string? lastEventId, IReadOnlyList<IReadOnlyList<int>>? known, int choices)
    {
        if (known is not null && (known.Count != choices || known.Any(ids => ids is null)))
        {
            throw ApiException.Invalid(
                "resume.token_ids", $"resume.token_ids must have a list for each of the {choices} choices.");
        }

        var position = StreamPosition.Parse(lastEventId, choices);
        return new ResumePoint(
            position,
            [.. Enumerable.Range(0, choices).Select(i => Usable(position[i], known?[i] ?? []))]);
    }

    /// <summary>The same point with nothing known, so that everything is generated again.</summary>
    public ResumePoint WithoutIds() => this with { Ids = [.. Ids.Select(_ => Array.Empty<int>())] };

    /// <summary>One choice's prompt and options, which go on from its ids.</summary>
    /// <param name="prompt">The request's prompt.</param>
    /// <param name="options">The request's options, for all choices of the prompt.</param>
    /// <param name="sample">Which of the prompt's choices.</param>
    /// <param name="ids">The ids that were generated before.</param>
    public static (IReadOnlyList<int> Prompt, GenerationOptions Options) Continue(
        IReadOnlyList<int> prompt, GenerationOptions options, int sample, IReadOnlyList<int> ids) => (
        ids.Count == 0 ? prompt : [.. prompt, .. ids],
        options with
        {
            Samples = 1,
            Seed = options.Seed is { } seed ? Sampler.SeedOf(seed, sample) : null,
            GeneratedBefore = ids.Count,
        });

    /// <summary>
    /// The ids up to the last event, without the last one where the text has ended: so the last piece comes as a whole,
    /// as it did before.
    /// </summary>
    private static IReadOnlyList<int> Usable(ChoicePosition position, IReadOnlyList<int> known)
    {
        var most = Math.Min(known.Count, position.Tokens);
        if (position.Phase >= ChoicePhase.LastText && most > 0)
        {
            most--;
        }

        return most == known.Count ? known : [.. known.Take(most)];
    }
}
