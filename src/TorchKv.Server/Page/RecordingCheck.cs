using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Page;

/// <summary>Checks that a file is a recording of the live page, before a browser is given it.</summary>
internal static class RecordingCheck
{
    // The page keeps a place for each block.
    private const int MaxBlocks = 1 << 20;

    private static readonly string[] s_lists = ["blocks", "requests", "steps"];

    /// <summary>Checks every line.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <param name="recording">The file's name.</param>
    /// <exception cref="RequestException">It is no recording, or is cut off.</exception>
    public static void Of(ReadOnlySpan<byte> bytes, string recording)
    {
        var number = 0;
        foreach (var range in bytes.Split((byte)'\n'))
        {
            var line = bytes[range];
            if (line.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            number++;
            if (Problem(line, number == 1) is { } problem)
            {
                throw new RequestException($"{recording}, line {number}: {problem}");
            }
        }

        if (number == 0)
        {
            throw new RequestException($"{recording} is empty.");
        }
    }

    /// <summary>What is wrong with a line; null: nothing.</summary>
    private static string? Problem(ReadOnlySpan<byte> line, bool isFirst)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var parsed = JsonDocument.ParseValue(ref reader);
            reader.Read(); // throws where anything follows the value
            return Problem(parsed.RootElement, isFirst);
        }
        catch (JsonException)
        {
            return "it is no JSON. Was the file cut off?";
        }
    }

    private static string? Problem(JsonElement frame, bool isFirst)
    {
        var type = Member(frame, "type") is { ValueKind: JsonValueKind.String } name ? name.GetString() : null;
        var part = type switch
        {
            "snapshot" => Member(frame, "state"),
            "step" => Member(frame, "changes"),
            _ => null,
        };
        return part is not { ValueKind: JsonValueKind.Object } found
            ? "it is no event of the live page: a snapshot with a state, or a step with changes."
            : isFirst && type != "snapshot" ? "a recording begins with a snapshot."
            : type == "snapshot" && !HasBlocks(found) ? $"its snapshot must have total_blocks from 1 to {MaxBlocks}."
            : s_lists.FirstOrDefault(list => Member(found, list) is { ValueKind: not JsonValueKind.Array }) is { } wrong
                ? $"its {wrong} are no list."
                : null;
    }

    private static bool HasBlocks(JsonElement state) =>
        Member(state, "total_blocks") is { ValueKind: JsonValueKind.Number } count
        && count.TryGetInt32(out var blocks)
        && blocks is >= 1 and <= MaxBlocks;

    private static JsonElement? Member(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var member) ? member : null;
}
