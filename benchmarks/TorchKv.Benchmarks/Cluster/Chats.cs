using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Conversations of several turns over a few openings, each turn with all turns before it.</summary>
/// <param name="Openings">Different beginnings; conversations share them in turn.</param>
/// <param name="Turns">Turns of a conversation.</param>
/// <param name="AnswerTokens">Tokens of an answer.</param>
internal sealed record Chats(int Openings, int Turns, int AnswerTokens)
{
    private const int OpeningSentences = 12;

    private static readonly string[] s_who = ["cat", "dog", "bird", "fox", "bear", "boy", "girl", "fish"];
    private static readonly string[] s_where = ["wood", "garden", "house", "town", "river", "park", "farm", "hill"];

    /// <summary>Holds a conversation, turn after turn.</summary>
    /// <param name="client">Where.</param>
    /// <param name="number">Its number; no two of a run have the same.</param>
    /// <param name="answers">Gets every answer with its turn.</param>
    public async Task HoldAsync(
        ClusterClient client, int number, ConcurrentBag<(int Turn, ClusterAnswer Answer)> answers)
    {
        var text = Opening(number % Openings) + string.Create(
            CultureInfo.InvariantCulture, $" This is story {number} of the {s_who[number / Openings % s_who.Length]}.");
        for (var turn = 0; turn < Turns; turn++)
        {
            var body = string.Create(
                CultureInfo.InvariantCulture,
                $$"""
                {"model":"storyteller","prompt":{{JsonSerializer.Serialize(text)}},"max_tokens":{{AnswerTokens}},
                "temperature":0.8,"seed":{{number + 1}},"ignore_eos":true,"stream":true}
                """);
            var answer = await client.ReadAsync(new ClusterRequest("/v1/completions", body, $"chat-{number}"));
            answers.Add((turn, answer));
            if (!answer.IsWhole)
            {
                return;
            }

            text += answer.Text + $" Then came day {turn + 2}.";
        }
    }

    /// <summary>Holds conversations, some at once.</summary>
    /// <returns>Every answer with its turn.</returns>
    public async Task<ConcurrentBag<(int Turn, ClusterAnswer Answer)>> HoldAllAsync(
        Uri address, int first, int count, int atOnce)
    {
        using var client = new ClusterClient(address);
        var answers = new ConcurrentBag<(int, ClusterAnswer)>();
        var next = first - 1;
        await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var number && number < first + count)
            {
                await HoldAsync(client, number, answers);
            }
        })));
        return answers;
    }

    private static string Opening(int number)
    {
        var random = new Random(number);
        return string.Join(' ', Enumerable.Range(0, OpeningSentences).Select(i =>
            $"The {s_who[random.Next(s_who.Length)]} went to the {s_where[random.Next(s_where.Length)]}."));
    }
}
