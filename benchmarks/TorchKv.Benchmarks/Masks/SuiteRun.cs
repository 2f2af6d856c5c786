using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// Compiles the constraints of a suite, reads its texts token by token, and takes the time of each mask.
/// </summary>
internal static class SuiteRun
{
    // Microseconds from which a mask is named.
    private const double SlowMask = 1000;

    private const int EntriesPerCollection = 20;

    /// <summary>Runs a suite on the calling thread, as far as compiling does not have its own.</summary>
    /// <param name="entries">The constraints and texts.</param>
    /// <param name="tokenizer">The vocabulary; a new one has nothing compiled.</param>
    /// <param name="cancellation">Ends the run.</param>
    public static async Task<MaskFigures> RunAsync(
        IEnumerable<SuiteEntry> entries, Gpt2Tokenizer tokenizer, CancellationToken cancellation)
    {
        var figures = new MaskFigures();
        var count = 0;
        var mask = new ulong[(tokenizer.VocabSize + 63) / 64];

        // The tries are made once for a vocabulary, before any request.
        (await TokenConstraint.Choice("a").CompileAsync(tokenizer, cancellation)).WriteMask(mask);
        foreach (var entry in entries)
        {
            try
            {
                var began = Stopwatch.GetTimestamp();
                var matcher = await entry.Constraint.CompileAsync(tokenizer, cancellation);
                matcher.WriteMask(mask);
                figures.FirstMasks.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
                var masks = figures.Masks.Count;
                foreach (var text in entry.Texts)
                {
                    Judge(figures, matcher, text, entry);
                }

                figures.Slow.AddRange(figures.Masks[masks..].Where(time => time > SlowMask)
                    .Select(time => (time, entry.Name)));
            }
            catch (ConstraintException refusal)
            {
                var keyword = refusal.Keyword ?? "other";
                figures.Refusals[keyword] = figures.Refusals.GetValueOrDefault(keyword) + 1;
                figures.Details.Add($"refused {entry.Name}: {refusal.Message}");
            }

            if (++count % EntriesPerCollection == 0)
            {
                figures.MostHeapBytes = Math.Max(figures.MostHeapBytes, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        return figures;

        void Judge(MaskFigures figures, ITokenMatcher matcher, SuiteText text, SuiteEntry entry)
        {
            figures.HasSchemas |= entry.Schema is not null;
            figures.InSchemaOrder |= entry is { Schema: not null, Order: JsonPropertyOrder.Schema };
            var accepted = Read(figures, matcher.Fork(), Tokens(text.Text), mask);
            if (!text.IsValid)
            {
                figures.Invalid = (figures.Invalid.All + 1, figures.Invalid.Wrong + (accepted ? 1 : 0));
                if (accepted)
                {
                    figures.Details.Add($"invalid, accepted: {entry.Name}");
                }

                return;
            }

            figures.Valid = (figures.Valid.All + 1, figures.Valid.Wrong + (accepted ? 0 : 1));
            if (accepted)
            {
                return;
            }

            var isOrder = Accepts(matcher.Fork(), Tokens(text.Ordered));
            figures.ValidWrongInOrder += isOrder ? 0 : 1;
            figures.Details.Add($"valid, refused{(isOrder ? " for its order" : "")}: {entry.Name}");
        }

        int[] Tokens(string text) => [.. tokenizer.Encode(text, recognizeSpecialTokens: false)];
    }

    private static bool Accepts(ITokenMatcher matcher, int[] ids) =>
        Array.TrueForAll(ids, matcher.TryAppend) && matcher.CanEnd;

    // Whether the constraint accepts the text.
    private static bool Read(MaskFigures figures, ITokenMatcher matcher, int[] ids, ulong[] mask)
    {
        var forced = new int[32];
        var (read, left) = (0, 0);
        foreach (var id in ids)
        {
            var collections = GC.CollectionCount(0);
            var began = Stopwatch.GetTimestamp();
            matcher.WriteMask(mask);
            var time = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            figures.Masks.Add(time);
            figures.LongestAlone = collections == GC.CollectionCount(0)
                ? Math.Max(figures.LongestAlone, time)
                : figures.LongestAlone;
            left = left > 0 ? left - 1 : Math.Max(CountForced(figures, matcher, forced) - 1, 0);
            if (!matcher.TryAppend(id))
            {
                break;
            }

            read++;
        }

        var accepted = read == ids.Length && matcher.CanEnd;
        matcher.RemoveLast(read);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < read; i++)
        {
            matcher.WriteMask(mask);
            matcher.TryAppend(ids[i]);
        }

        figures.WarmBytes += GC.GetAllocatedBytesForCurrentThread() - before;
        figures.WarmTokens += read;
        return accepted;
    }

    private static int CountForced(MaskFigures figures, ITokenMatcher matcher, int[] forced)
    {
        var count = matcher.WriteForcedTokens(forced);
        figures.ForcedTokens += count;
        return count;
    }
}
