using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Simulation;

/// <summary>Requests to simulate, from a file or made up, in order of arrival.</summary>
internal static class SimulatedWorkload
{
    /// <summary>The most requests of a workload.</summary>
    public const int MaxRequests = 10_000_000;

    /// <summary>
    /// Makes requests up: arrivals at random with a mean rate (a Poisson process), lengths evenly between two bounds.
    /// </summary>
    /// <param name="count">Requests.</param>
    /// <param name="requestsPerSecond">Mean rate of arrival.</param>
    /// <param name="seed">The same seed gives the same workload.</param>
    /// <param name="prompt">Least and most tokens of a prompt's own.</param>
    /// <param name="fresh">Least and most tokens that a request generates.</param>
    /// <param name="sharedTokens">Tokens of a common prefix in front of every prompt's own.</param>
    /// <param name="prefixes">How many common prefixes there are; each request has one of them, by chance.</param>
    /// <exception cref="OptionException">A value is out of its limits.</exception>
    public static IReadOnlyList<SimulatedRequest> Make(
        int count,
        double requestsPerSecond,
        int seed,
        (int Least, int Most) prompt,
        (int Least, int Most) fresh,
        int sharedTokens = 0,
        int prefixes = 1)
    {
        Check("requests", count, count is >= 1 and <= MaxRequests, $"1 to {MaxRequests}");
        Check(
            "rate",
            requestsPerSecond,
            requestsPerSecond > 0 && double.IsFinite(requestsPerSecond),
            "above 0 and finite");
        CheckRange("prompt_tokens", prompt);
        CheckRange("new_tokens", fresh);
        Check(
            "shared_tokens",
            sharedTokens,
            sharedTokens >= 0 && (long)sharedTokens + prompt.Most <= SimulatedRequest.MaxTokens,
            $"from 0, at most {SimulatedRequest.MaxTokens} with the prompt's own");
        Check("prefixes", prefixes, prefixes >= 1, "at least 1");
        var random = new Random(seed);
        var names = new string[sharedTokens > 0 ? prefixes : 0];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = "prefix " + i.ToString(CultureInfo.InvariantCulture);
        }

        var requests = new SimulatedRequest[count];
        var time = 0.0;
        for (var i = 0; i < count; i++)
        {
            time -= Math.Log(1 - random.NextDouble()) / requestsPerSecond;
            requests[i] = new SimulatedRequest(
                time,
                sharedTokens + random.Next(prompt.Least, prompt.Most + 1),
                random.Next(fresh.Least, fresh.Most + 1),
                names.Length > 0 ? names[random.Next(names.Length)] : "",
                sharedTokens);
        }

        return requests;

        static void CheckRange(string name, (int Least, int Most) range)
        {
            Check(name, range.Least, range.Least >= 1, "at least 1");
            Check(
                name,
                range.Most,
                range.Most >= range.Least && range.Most <= SimulatedRequest.MaxTokens,
                $"{range.Least} to {SimulatedRequest.MaxTokens}");
        }

        static void Check(string name, double value, bool holds, string limits)
        {
            if (!holds)
            {
                throw new OptionException(name, value.ToString(CultureInfo.InvariantCulture), limits);
            }
        }
    }

    /// <summary>
    /// Reads a trace: a JSON object a line, <c>{"arrival": 0.5, "prompt_tokens": 100, "new_tokens": 50}</c>, optionally
    /// with <c>"prefix": "name", "prefix_tokens": 64</c> and <c>"priority": 1</c>. Other members are passed over.
    /// </summary>
    /// <exception cref="RequestException">
    /// The file cannot be read, or a line cannot be used; the message names file, line and reason.
    /// </exception>
    public static IReadOnlyList<SimulatedRequest> Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new RequestException("'' is no name of a file; give the path of a file to read.");
        }

        var requests = new List<SimulatedRequest>();
        var prefixes = new Dictionary<string, string>(StringComparer.Ordinal);
        var number = 0;
        try
        {
            // Not File.ReadLines, for which \r alone ends a line too
            var text = File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
            foreach (var line in text.Split('\n'))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                {
                    requests.Add(
                        requests.Count < MaxRequests
                            ? Parse(line, prefixes)
                            : throw new FormatException($"one request more than the most, {MaxRequests}."));
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RequestException(
                $"{path}, line {number} is no request ({e.Message}); a line is {{\"arrival\": 0.5, "
                    + "\"prompt_tokens\": 100, \"new_tokens\": 50}}.");
        }
        catch (FormatException e)
        {
            throw new RequestException($"{path}, line {number} is no request: {e.Message}");
        }
        catch (DecoderFallbackException)
        {
            throw new RequestException($"{path} is not UTF-8 text; convert it first.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"{path} cannot be read: {e.Message}");
        }

        return requests.Count > 0
            ? [.. requests.OrderBy(r => r.Arrival)]
            : throw new RequestException($"{path} has no request.");
    }

    private static SimulatedRequest Parse(string line, Dictionary<string, string> prefixes)
    {
        using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 8 });
        var root = json.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("it is not a JSON object.");
        }

        var arrival = Get("arrival") is not { } time ? throw new FormatException("arrival is missing.")
            : time.ValueKind == JsonValueKind.Number
                && time.TryGetDouble(out var seconds)
                && seconds is >= 0 and < 1e9 ? seconds
            : throw new FormatException($"arrival is {Shorten(time)}, but must be a number of seconds from 0 to 1e9.");
        var prompt = Integer("prompt_tokens", 1, SimulatedRequest.MaxTokens, null);
        var fresh = Integer("new_tokens", 1, SimulatedRequest.MaxTokens, null);
        var prefix = Get("prefix") is not { } name ? ""
            : name.ValueKind == JsonValueKind.String ? name.GetString()!
            : throw new FormatException($"prefix is {Shorten(name)}, but must be a string.");
        var shared = Integer("prefix_tokens", 0, prompt, 0);
        if (shared > 0 && prefix.Length == 0)
        {
            throw new FormatException("prefix_tokens is given without the name of the prefix.");
        }

        if (!prefixes.TryGetValue(prefix, out var known))
        {
            prefixes.Add(prefix, known = prefix);
        }

        return new SimulatedRequest(
            arrival, prompt, fresh, known, shared, Integer("priority", int.MinValue, int.MaxValue, 0));

        JsonElement? Get(string member) => root.TryGetProperty(member, out var value) ? value : null;

        int Integer(string member, int least, int most, int? otherwise)
        {
            if (Get(member) is not { } value)
            {
                return otherwise ?? throw new FormatException($"{member} is missing.");
            }

            return value.ValueKind == JsonValueKind.Number
                && value.TryGetInt32(out var integer)
                && integer >= least
                && integer <= most
                ? integer
                : throw new FormatException(
                    $"{member} is {Shorten(value)}, but must be a whole number from {least} to {most}.");
        }

        static string Shorten(JsonElement value) =>
            value.GetRawText() is { Length: > 40 } text ? text[..39] + "…" : value.GetRawText();
    }
}
