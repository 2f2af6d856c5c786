using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Text;

/// <summary>
/// Looks for stop texts in a text that arrives in pieces, and holds back an end that could be the beginning of one. The
/// result does not depend on how the text is cut into pieces. The stop text that is complete first ends the text; of
/// several that end on the same character, the longest counts.
/// </summary>
internal sealed class StopTextScanner
{
    private readonly string[] _stops;

    // Knuth, Morris and Pratt's table for each stop text: failure[i] is the length of the longest proper prefix that is
    // also a suffix of its first i characters.
    private readonly int[][] _failures;
    private readonly int[] _matched;
    private readonly StringBuilder _held = new();
    private readonly bool _includesStop;

    /// <param name="stops">The stop texts, each at least one character.</param>
    /// <param name="includesStop">Whether the stop text that ends the text is shown.</param>
    public StopTextScanner(IReadOnlyList<string> stops, bool includesStop = false)
    {
        _includesStop = includesStop;
        foreach (var stop in stops)
        {
            if (string.IsNullOrEmpty(stop))
            {
                throw new OptionException("stop", stop is null ? "null" : "\"\"", "a text of at least one character");
            }
        }

        _stops = [.. stops];
        _failures = [.. _stops.Select(Failures)];
        _matched = new int[_stops.Length];
    }

    /// <summary>The stop text that ended the text; null while none has.</summary>
    public string? Found { get; private set; }

    /// <summary>Whether a stop text that is complete now ends the text; where not, it counts for nothing.</summary>
    public bool IsArmed { get; set; } = true;

    /// <summary>
    /// Takes the next piece, and returns the text that can be shown now; empty after a stop text was found.
    /// </summary>
    public string Append(string piece)
    {
        if (_stops.Length == 0 || Found is not null)
        {
            return Found is null ? piece : "";
        }

        foreach (var character in piece)
        {
            _held.Append(character);
            if (Advance(character) is { } stop)
            {
                Found = stop;
                var shown = _held.ToString(0, _held.Length - (_includesStop ? 0 : stop.Length));
                _held.Clear();
                return shown;
            }
        }

        return Release(_matched.Max());
    }

    /// <summary>Returns the text that was held back; call it after the last piece.</summary>
    public string Finish()
    {
        Array.Clear(_matched);
        return Release(0);
    }

    private string Release(int keep)
    {
        var shown = _held.ToString(0, _held.Length - keep);
        _held.Remove(0, shown.Length);
        return shown;
    }

    private string? Advance(char character)
    {
        string? found = null;
        for (var i = 0; i < _stops.Length; i++)
        {
            var stop = _stops[i];
            var matched = _matched[i];
            while (matched > 0 && stop[matched] != character)
            {
                matched = _failures[i][matched];
            }

            _matched[i] = matched += stop[matched] == character ? 1 : 0;
            if (matched < stop.Length)
            {
                continue;
            }

            if (!IsArmed)
            {
                _matched[i] = _failures[i][matched];
            }
            else if (stop.Length > (found?.Length ?? 0))
            {
                found = stop;
            }
        }

        return found;
    }

    private static int[] Failures(string stop)
    {
        var failures = new int[stop.Length + 1];
        for (int i = 1, matched = 0; i < stop.Length; i++)
        {
            while (matched > 0 && stop[matched] != stop[i])
            {
                matched = failures[matched];
            }

            matched += stop[matched] == stop[i] ? 1 : 0;
            failures[i + 1] = matched;
        }

        return failures;
    }
}
