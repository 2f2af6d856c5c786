using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime;

namespace TorchKv.Cli.Simulation;

/// <summary>One request of a trace.</summary>
/// <param name="Arrival">Seconds from the beginning.</param>
/// <param name="PromptTokens">Tokens of its prompt, the shared prefix included.</param>
/// <param name="NewTokens">Tokens that it generates.</param>
/// <param name="Prefix">Requests with the same one begin alike; empty: with nobody.</param>
/// <param name="PrefixTokens">How many tokens of the prompt that is.</param>
internal readonly record struct SimulatedRequest(double Arrival, int PromptTokens, int NewTokens, string Prefix, int PrefixTokens);

/// <summary>Requests to simulate, from a file or made up.</summary>
internal static class Workload
{
    public const int MaxRequests = 1_000_000;
    public const int MaxTokens = 1 << 19;

    /// <summary>A line is <c>{"arrival": 0.5, "prompt_tokens": 100, "new_tokens": 50}</c>, optionally with <c>"prefix": "name", "prefix_tokens": 64</c>.</summary>
    public static IReadOnlyList<SimulatedRequest> Read(string path)
    {
        var requests = new List<SimulatedRequest>();
        var number = 0;
        foreach (var line in CliConsole.ReadFile(path).AsSpan().EnumerateLines())
        {
            number++;
            if (!line.IsWhiteSpace())
            {
                requests.Add(requests.Count < MaxRequests ? Parse(line.ToString(), $"{path}, line {number}") : throw new TorchKvException($"{path} has more than {MaxRequests} requests."));
            }
        }

        return requests.Count > 0 ? [.. requests.OrderBy(request => request.Arrival)] : throw new TorchKvException($"{path} has no request.");
    }

    /// <summary>Arrivals at random with a mean rate (a Poisson process), lengths evenly between two bounds.</summary>
    public static IReadOnlyList<SimulatedRequest> Make(int count, double rate, (int Least, int Most) prompt, (int Least, int Most) fresh, int sharedPrefix, int seed)
    {
        var random = new Random(seed);
        var requests = new SimulatedRequest[count];
        var arrival = 0.0;
        for (var i = 0; i < count; i++)
        {
            arrival += -Math.Log(1 - random.NextDouble()) / rate;
            var own = random.Next(prompt.Least, prompt.Most + 1);
            requests[i] = new SimulatedRequest(arrival, sharedPrefix + own, random.Next(fresh.Least, fresh.Most + 1), sharedPrefix > 0 ? "shared" : "", sharedPrefix);
        }

        return requests;
    }

    /// <summary>A request's ids: its prefix's, then its own.</summary>
    public static int[] Ids(SimulatedRequest request, int index)
    {
        var ids = new int[request.PromptTokens];
        var shared = new Random(StableHash(request.Prefix));
        var own = new Random(index);
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = (i < request.PrefixTokens ? shared : own).Next(SimulatedRunner.Vocabulary);
        }

        return ids;
    }

    private static int StableHash(string text)
    {
        var hash = 17;
        foreach (var character in text)
        {
            hash = unchecked((hash * 31) + character);
        }

        return hash;
    }

    private static SimulatedRequest Parse(string line, string where)
    {
        try
        {
            using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4 });
            var root = json.RootElement;
            var prefix = root.TryGetProperty("prefix", out var name) ? name.GetString() ?? "" : "";
            var request = new SimulatedRequest(
                root.GetProperty("arrival").GetDouble(),
                root.GetProperty("prompt_tokens").GetInt32(),
                root.GetProperty("new_tokens").GetInt32(),
                prefix,
                root.TryGetProperty("prefix_tokens", out var tokens) ? tokens.GetInt32() : 0);
            return request is { Arrival: >= 0 and < 1e9, PromptTokens: >= 1 and <= MaxTokens, NewTokens: >= 1 and <= MaxTokens, PrefixTokens: >= 0 } && request.PrefixTokens <= request.PromptTokens
                ? request
                : throw new TorchKvException($"{where}: arrival is a number of seconds from 0, prompt_tokens and new_tokens are from 1 to {MaxTokens}, prefix_tokens at most prompt_tokens.");
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TorchKvException($"{where} is no request ({Values.Shorten(error.Message)}); a line is {{\"arrival\": 0.5, \"prompt_tokens\": 100, \"new_tokens\": 50}}.", error);
        }
    }
}
