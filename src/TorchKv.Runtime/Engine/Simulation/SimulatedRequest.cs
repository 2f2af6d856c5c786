using System.Text;
using System.Text.Json;

namespace TorchKv.Runtime;

/// <summary>A request of a simulated workload.</summary>
/// <param name="Arrival">Seconds after the start.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="OutputTokens">Tokens that it will generate.</param>
/// <param name="PrefixGroup">Requests of one group begin with the same tokens; −1: none.</param>
/// <param name="PrefixTokens">How many tokens the group shares.</param>
/// <param name="Priority">Lower runs first.</param>
internal sealed record SimulatedRequest(double Arrival, int PromptTokens, int OutputTokens, int PrefixGroup = -1, int PrefixTokens = 0, int Priority = 0)
{
    /// <summary>The most tokens that a simulated prompt or output may have.</summary>
    public const int MaxTokens = 1 << 20;

    /// <summary>A workload by chance: Poisson arrivals, lengths uniform between bounds, some prompts with a shared beginning.</summary>
    /// <param name="count">Requests.</param>
    /// <param name="requestsPerSecond">Mean rate of arrival.</param>
    /// <param name="seed">The same seed gives the same workload.</param>
    /// <param name="prompt">Shortest and longest prompt.</param>
    /// <param name="output">Shortest and longest output.</param>
    /// <param name="sharedShare">Share of requests that begin with one of <paramref name="prefixGroups"/> common prefixes.</param>
    /// <param name="sharedTokens">Tokens of a common prefix, in front of the prompt's own.</param>
    /// <param name="prefixGroups">How many common prefixes there are.</param>
    public static IReadOnlyList<SimulatedRequest> Synthetic(
        int count, double requestsPerSecond, int seed = 1, (int Min, int Max)? prompt = null, (int Min, int Max)? output = null, double sharedShare = 0.5, int sharedTokens = 128, int prefixGroups = 8)
    {
        var (promptMin, promptMax) = prompt ?? (16, 200);
        var (outputMin, outputMax) = output ?? (16, 100);
        Check("requests", count, count is >= 1 and <= 10_000_000, "1 to 10000000");
        Check("rate", requestsPerSecond, requestsPerSecond > 0 && double.IsFinite(requestsPerSecond), "above 0 and finite");
        Check("prompt_tokens", promptMin, promptMin >= 1 && promptMax >= promptMin && promptMax <= MaxTokens, "at least 1, the longest not below the shortest");
        Check("output_tokens", outputMin, outputMin >= 1 && outputMax >= outputMin && outputMax <= MaxTokens, "at least 1, the longest not below the shortest");
        Check("shared_share", sharedShare, sharedShare is >= 0 and <= 1, "0 to 1");
        Check("shared_tokens", sharedTokens, sharedTokens is >= 0 and <= MaxTokens, $"0 to {MaxTokens}");
        Check("prefix_groups", prefixGroups, prefixGroups >= 1, "at least 1");
        var random = new Random(seed);
        var requests = new SimulatedRequest[count];
        var time = 0.0;
        for (var i = 0; i < count; i++)
        {
            time -= Math.Log(1 - random.NextDouble()) / requestsPerSecond;
            var own = random.Next(promptMin, promptMax + 1);
            var shares = random.NextDouble() < sharedShare;
            var group = random.Next(prefixGroups);
            requests[i] = new SimulatedRequest(
                time, own + (shares ? sharedTokens : 0), random.Next(outputMin, outputMax + 1), shares ? group : -1, shares ? sharedTokens : 0);
        }

        return requests;

        static void Check(string name, double value, bool holds, string limits)
        {
            if (!holds)
            {
                throw new OptionException(name, value.ToString(System.Globalization.CultureInfo.InvariantCulture), limits);
            }
        }
    }

    /// <summary>
    /// Reads a trace: a JSON object a line, with <c>arrival</c> (seconds), <c>prompt_tokens</c>, <c>output_tokens</c> and, where
    /// they apply, <c>prefix_group</c>, <c>prefix_tokens</c>, <c>priority</c>.
    /// </summary>
    /// <exception cref="RequestException">A line cannot be used; the message names file, line and reason.</exception>
    public static IReadOnlyList<SimulatedRequest> ReadTrace(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var requests = new List<SimulatedRequest>();
        var number = 0;
        try
        {
            foreach (var line in File.ReadLines(path, Encoding.UTF8))
            {
                number++;
                if (!string.IsNullOrWhiteSpace(line))
                {
                    requests.Add(Parse(line));
                }
            }
        }
        catch (Exception e) when (e is JsonException or FormatException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new RequestException($"{path}, line {number}: {e.Message}");
        }

        return requests.Count > 0 ? [.. requests.OrderBy(r => r.Arrival)] : throw new RequestException($"{path}: no requests in it.");
    }

    private static SimulatedRequest Parse(string line)
    {
        using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4 });
        if (json.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("not a JSON object.");
        }

        var arrival = json.RootElement.TryGetProperty("arrival", out var value) ? value.GetDouble() : 0;
        if (!(arrival >= 0) || !double.IsFinite(arrival))
        {
            throw new FormatException($"arrival is {arrival}, but must be a number of seconds from 0.");
        }

        var prompt = Integer("prompt_tokens", 1, MaxTokens, null);
        var prefix = Integer("prefix_tokens", 0, prompt, 0);
        return new SimulatedRequest(
            arrival, prompt, Integer("output_tokens", 1, MaxTokens, null), Integer("prefix_group", -1, int.MaxValue, -1), prefix, Integer("priority", int.MinValue, int.MaxValue, 0));

        int Integer(string name, int min, int max, int? otherwise)
        {
            if (!json.RootElement.TryGetProperty(name, out var property))
            {
                return otherwise ?? throw new FormatException($"{name} is missing.");
            }

            return property.TryGetInt32(out var number) && number >= min && number <= max
                ? number
                : throw new FormatException($"{name} is {property.GetRawText()}, but must be an integer from {min} to {max}.");
        }
    }
}
