using System.Globalization;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Resuming;

/// <summary>How far the events of a stream have come: what the id of its last event says.</summary>
/// <remarks>
/// The id of an event of a single choice is <c>COUNT TOKEN…</c> with <c>last</c> or <c>end</c> after it where the text
/// ends: the tokens of the choice so far, and those that came since its event before. With several choices it is
/// <c>CHOICE/COUNT TOKEN… @P,P,…</c>: each P is a choice's own position, <c>-</c> where it has not begun, else its
/// count with <c>!</c> for last or <c>.</c> for end. Numbered events add <c>#NUMBER</c>. The event with the usage has
/// the id <c>usage</c>.
/// </remarks>
internal sealed class StreamPosition
{
    public const string UsageId = "usage";

    private readonly ChoicePosition[] _choices;

    private StreamPosition(ChoicePosition[] choices) => _choices = choices;

    public int Choices => _choices.Length;

    /// <summary>Whether the event with the usage was sent.</summary>
    public bool HasUsage { get; private init; }

    /// <summary>The number of the last numbered event; −1: there was none.</summary>
    public int Number { get; private init; } = -1;

    public ChoicePosition this[int choice] => _choices[choice];

    /// <summary>Reads the id of the last event that was received.</summary>
    /// <param name="id">The id; null or empty: nothing was received.</param>
    /// <param name="choices">Choices of the request.</param>
    /// <exception cref="ApiException">It is no id of an event of such a stream.</exception>
    public static StreamPosition Parse(string? id, int choices)
    {
        if (string.IsNullOrEmpty(id))
        {
            return new StreamPosition(new ChoicePosition[choices]);
        }

        if (id == UsageId)
        {
            var all = new ChoicePosition[choices];
            Array.Fill(all, new ChoicePosition(ChoicePhase.Ended, int.MaxValue));
            return new StreamPosition(all) { HasUsage = true, Number = int.MaxValue };
        }

        var words = id.Split(' ');
        var number = -1;
        if (words[^1].StartsWith('#'))
        {
            number = Number32(words[^1].AsSpan(1), id);
            words = words[..^1];
        }

        return choices == 1
            ? new StreamPosition([OneChoice(words, id)]) { Number = number }
            : new StreamPosition(SeveralChoices(words, choices, id)) { Number = number };
    }

    private static ChoicePosition OneChoice(string[] words, string id)
    {
        if (words.Length == 0)
        {
            throw Refusal(id);
        }

        var tokens = Number32(words[0], id);
        var phase = words[^1] switch
        {
            "end" => ChoicePhase.Ended,
            "last" => ChoicePhase.LastText,
            _ when tokens == 0 && words.Length == 1 => ChoicePhase.Begun,
            _ => ChoicePhase.Text,
        };
        return new ChoicePosition(phase, tokens);
    }

    private static ChoicePosition[] SeveralChoices(string[] words, int choices, string id)
    {
        var all = words[^1].StartsWith('@') ? words[^1][1..].Split(',') : [];
        return all.Length == choices ? [.. all.Select(position => OneOf(position, id))] : throw Refusal(id);
    }

    private static ChoicePosition OneOf(string position, string id)
    {
        if (position is "-")
        {
            return default;
        }

        var phase = position.Length == 0 ? throw Refusal(id) : position[^1] switch
        {
            '.' => ChoicePhase.Ended,
            '!' => ChoicePhase.LastText,
            _ => ChoicePhase.Text,
        };
        var tokens = Number32(phase == ChoicePhase.Text ? position : position.AsSpan(0, position.Length - 1), id);
        return new ChoicePosition(phase == ChoicePhase.Text && tokens == 0 ? ChoicePhase.Begun : phase, tokens);
    }

    private static int Number32(ReadOnlySpan<char> text, string id)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Refusal(id);

    private static ApiException Refusal(string id) => ApiException.Invalid(
        "last_event_id",
        $"'{(id.Length <= 64 ? id : id[..64] + "…")}' is no id of an event of this request's stream.");
}
