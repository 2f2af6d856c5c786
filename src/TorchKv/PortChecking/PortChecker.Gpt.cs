using System.Text.Json;
using TorchKv.Models;
using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.PortChecking;

public static partial class PortChecker
{
    /// <summary>Runs this library's GPT-2 on what the original was fed and compares: ids, and attention mask and positions where the trace has them.</summary>
    /// <param name="original">The trace of the original.</param>
    /// <param name="model">The model, with the original's weights; its cache is emptied first.</param>
    /// <param name="options">Bounds and names; null: the defaults.</param>
    /// <exception cref="TraceException">The trace does not say which ids were fed.</exception>
    /// <exception cref="TorchKvException">The model cannot take them: past its context, or of another vocabulary.</exception>
    public static PortCheckReport Compare(RecordedTrace original, GPTModel model, PortCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (original.Steps.Count == 0)
        {
            throw new TraceException($"{original.Name} does not say which ids were fed; trace the call of the model itself, whose input they are.");
        }

        var useCache = !RepeatsItsPast(original.Steps);
        using var inputs = StepInputs.Read(original);
        model.reset_kv_cache();
        return Compare(
            original,
            model,
            step =>
            {
                CheckIds(original, step, model.cfg.vocab_size);
                var ids = step.ToTensor(model.tok_emb.weight!.device);
                var (mask, positions) = (inputs.Find(step.Index, "attention_mask", ids), inputs.Find(step.Index, "position_ids", ids));
                return mask is null && positions is null ? model.call(ids, useCache) : model.forward(ids, useCache, mask, positions);
            },
            options);
    }

    // Without a cache, each step is fed everything once more.
    private static bool RepeatsItsPast(IReadOnlyList<long[][]?> steps)
    {
        for (var i = 1; i < steps.Count; i++)
        {
            var (before, now) = (steps[i - 1], steps[i]);
            if (before is null || now is null || before.Length != now.Length
                || !before.Zip(now).All(rows => rows.Second.Length > rows.First.Length && rows.Second.AsSpan(0, rows.First.Length).SequenceEqual(rows.First)))
            {
                return false;
            }
        }

        return steps.Count > 1;
    }

    private static void CheckIds(RecordedTrace original, TraceStep step, int vocabulary)
    {
        foreach (var id in step.Ids.SelectMany(row => row))
        {
            if (id < 0 || id >= vocabulary)
            {
                throw new TraceException($"{original.Name} was fed the id {id} in step {step.Index}; the model's vocabulary has {vocabulary}.");
            }
        }
    }

    /// <summary>What else was fed: integer arguments by name, from the trace's <c>inputs</c>.</summary>
    private sealed class StepInputs(JsonDocument? document) : IDisposable
    {
        public static StepInputs Read(RecordedTrace trace)
        {
            try
            {
                return new(trace.Metadata.TryGetValue("inputs", out var text) ? JsonDocument.Parse(text) : null);
            }
            catch (JsonException error)
            {
                throw new TraceException($"{trace.Name}: \"inputs\" in its metadata is not JSON: {error.Message}", error);
            }
        }

        /// <summary>(rows, tokens), int64, on the ids' device; null where it was not fed, or says nothing (a mask of ones).</summary>
        public Tensor? Find(int step, string name, Tensor ids)
        {
            if (document?.RootElement is not { ValueKind: JsonValueKind.Array } steps || step >= steps.GetArrayLength()
                || steps[step] is not { ValueKind: JsonValueKind.Object } arguments || !arguments.TryGetProperty(name, out var rows)
                || rows.ValueKind != JsonValueKind.Array || rows.GetArrayLength() != ids.size(0) || rows[0].ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            var columns = rows[0].GetArrayLength();
            var values = rows.EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(Number).ToArray();
            return values.Length != columns * rows.GetArrayLength() || (name == "attention_mask" && Array.TrueForAll(values, value => value != 0))
                ? null
                : tensor(values, [rows.GetArrayLength(), columns], dtype: ScalarType.Int64, device: ids.device);
        }

        public void Dispose() => document?.Dispose();

        private static long Number(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.True => 1,
            JsonValueKind.Number when value.TryGetInt64(out var number) => number,
            _ => 0,
        };
    }
}
