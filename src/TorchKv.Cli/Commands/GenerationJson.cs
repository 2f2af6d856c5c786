using System.Text.Json;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>Writes the answers of <c>generate --json</c>.</summary>
internal static class GenerationJson
{
    /// <summary>Writes the answer to one prompt as a line of JSON.</summary>
    public static void Write(
        CliConsole console,
        int[] prompt,
        Answer[] answers,
        GenerationFormat format,
        GenerationTimings timings,
        CacheReport cache)
    {
        var best = answers[0];
        var isBeams = format.Options.Beams is not null;
        console.WriteJson(writer =>
        {
            WriteIds(writer, "prompt_ids", prompt);
            WriteIds(writer, "ids", best.Ids);
            writer.WriteString("text", best.Text);
            writer.WriteString("finish_reason", Reason(best));
            StopReasonJson.Write(writer, best.StopReason);
            writer.WriteStartObject("usage");
            writer.WriteNumber("prompt_tokens", prompt.Length);
            writer.WriteNumber("completion_tokens", isBeams ? best.Ids.Count : answers.Sum(answer => answer.Ids.Count));
            writer.WriteEndObject();
            WriteTimings(writer, timings);
            WriteCache(writer, cache);
            if (format.Options.PromptLogProbs)
            {
                // The first token has no token before it, so it has no probability
                WriteLogProbs(writer, "prompt_logprobs", [null, .. best.PromptLogProbs]);
            }

            if (format.Options.LogProbs is not null)
            {
                WriteLogProbs(writer, "logprobs", best.LogProbs);
            }

            if (isBeams || answers.Length > 1)
            {
                WriteSequences(writer, answers, format);
            }
        });
    }

    /// <summary>Writes a cache's kind and size.</summary>
    public static void WriteCache(Utf8JsonWriter writer, CacheReport cache)
    {
        writer.WriteStartObject("cache");
        writer.WriteString("kind", cache.Kind);
        writer.WriteNumber("tokens", cache.Tokens);
        writer.WriteNumber("capacity", cache.Capacity);
        writer.WriteNumber("bytes", cache.Bytes);
        writer.WriteEndObject();
    }

    /// <summary>Writes a list of token ids.</summary>
    public static void WriteIds(Utf8JsonWriter writer, string name, IReadOnlyList<int> ids)
    {
        writer.WriteStartArray(name);
        foreach (var id in ids)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
    }

    private static string Reason(Answer answer) => answer.FinishReason is FinishReason.Stop ? "stop" : "length";

    private static void WriteTimings(Utf8JsonWriter writer, GenerationTimings timings)
    {
        writer.WriteStartObject("timings");
        writer.WriteNumber("load_ms", Math.Round(timings.Load.TotalMilliseconds, 3));
        writer.WriteNumber("prefill_ms", Math.Round(timings.Prefill.TotalMilliseconds, 3));
        writer.WriteNumber("decode_ms", Math.Round(timings.Decode.TotalMilliseconds, 3));
        writer.WriteNumber("decode_tokens_per_second", Math.Round(timings.DecodeTokensPerSecond, 2));
        writer.WriteEndObject();
    }

    private static void WriteSequences(Utf8JsonWriter writer, Answer[] answers, GenerationFormat format)
    {
        writer.WriteStartArray("sequences");
        foreach (var answer in answers)
        {
            writer.WriteStartObject();
            WriteIds(writer, "ids", answer.Ids);
            writer.WriteString("text", answer.Text);
            if (answer.Score is { } score)
            {
                writer.WriteNumber("score", (double)score);
            }
            else
            {
                writer.WriteString("finish_reason", Reason(answer));
                StopReasonJson.Write(writer, answer.StopReason);
                if (format.Options.LogProbs is not null)
                {
                    WriteLogProbs(writer, "logprobs", answer.LogProbs);
                }
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteLogProbs(Utf8JsonWriter writer, string name, IEnumerable<ScoredToken?> tokens)
    {
        writer.WriteStartArray(name);
        foreach (var token in tokens)
        {
            if (token is null)
            {
                writer.WriteNullValue();
                continue;
            }

            writer.WriteStartObject();
            writer.WriteNumber("id", token.TokenId);
            writer.WriteNumber("logprob", token.LogProbability);
            writer.WriteStartArray("top");
            foreach (var best in token.Best)
            {
                writer.WriteStartObject();
                writer.WriteNumber("id", best.Id);
                writer.WriteNumber("logprob", best.LogProbability);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
