using System.CommandLine;
using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Masks;

/// <summary><c>structured</c>: what constraints cost, over a suite of constraints and texts, on one thread.</summary>
internal sealed class StructuredCommand : Command
{
    private const int WarmUpEntries = 200;

    // Microseconds from which --details names a mask.
    private const double SlowMask = 1000;

    private const int EntriesPerCollection = 20;

    private readonly Option<string> _suite = BenchOption.Required("--suite", "PATH", "a file or a folder: *.json, *.jsonl, *.jsonl.gz");
    private readonly Option<string?> _tokenizer = BenchOption.Text("--tokenizer", "DIR", "a model's folder (GPT-2's vocabulary)");
    private readonly Option<int> _count = BenchOption.Number("--count", 1, int.MaxValue, int.MaxValue, "the most constraints");

    private readonly Option<bool> _compact = new("--compact")
    {
        Description = "schemas allow no whitespace; else any whitespace, as MaskBench asks",
    };

    private readonly Option<bool> _details = new("--details") { Description = "every refusal by name" };

    public StructuredCommand()
        : base("structured", "Masks of constraints: time to compile, time per token, texts accepted and refused.")
    {
        Options.Add(_suite);
        Options.Add(_tokenizer);
        Options.Add(_count);
        Options.Add(_compact);
        Options.Add(_details);
        SetAction(RunAsync);
    }

    private async Task RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var folder = parsed.GetValue(_tokenizer) ?? RepositoryFolder.At("weights", "gpt2-vocab");
        var suite = parsed.GetValue(_suite)!;

        var options = new JsonSchemaOptions
        {
            Whitespace = parsed.GetValue(_compact) ? JsonWhitespace.Compact : JsonWhitespace.Any,
        };

        // Code is compiled for speed once it has run; each run has a vocabulary of its own, and so nothing compiled.
        await RunAsync(suite, options, WarmUpEntries, Gpt2Tokenizer.Load(folder), cancellation);
        foreach (var order in (JsonPropertyOrder[])[JsonPropertyOrder.Schema, JsonPropertyOrder.Any])
        {
            var figures = await RunAsync(
                suite, options with { PropertyOrder = order }, parsed.GetValue(_count), Gpt2Tokenizer.Load(folder),
                cancellation);
            Console.Out.WriteLine($"Whitespace {options.Whitespace}, property order {order}");
            if (parsed.GetValue(_details))
            {
                figures.Details.ForEach(Console.Out.WriteLine);
                foreach (var slow in figures.Slow.GroupBy(slow => slow.Name).OrderByDescending(slow => slow.Count()))
                {
                    Console.Out.WriteLine(
                        $"masks above {SlowMask} µs: {slow.Count()} of {slow.Key}, the longest {slow.Max().Time:0} µs");
                }
            }

            figures.Print(Console.Out);
            Console.Out.WriteLine();
            if (!figures.HasSchemas)
            {
                break;
            }
        }
    }

    private static async Task<MaskFigures> RunAsync(
        string suite, JsonSchemaOptions options, int count, Gpt2Tokenizer tokenizer, CancellationToken cancellation)
    {
        var figures = new MaskFigures();
        var entries = 0;
        var mask = new ulong[(tokenizer.VocabSize + 63) / 64];

        // The tries are made once for a vocabulary, before any request.
        (await TokenConstraint.Choice("a").CompileAsync(tokenizer, cancellation)).WriteMask(mask);
        foreach (var entry in SuiteEntry.Read(suite, options).Take(count))
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
                    figures.HasSchemas |= entry.IsSchema;
                    if (!Read(figures, matcher.Fork(), Tokens(text.Text), mask, text.IsValid, entry.Name)
                        && text.IsValid && !Accepts(matcher.Fork(), Tokens(text.Ordered)))
                    {
                        figures.ValidWrongInOrder++;
                    }
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

            if (++entries % EntriesPerCollection == 0)
            {
                figures.MostHeapBytes = Math.Max(figures.MostHeapBytes, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        return figures;

        int[] Tokens(string text) => [.. tokenizer.Encode(text, recognizeSpecialTokens: false)];
    }

    private static bool Accepts(ITokenMatcher matcher, int[] ids) =>
        Array.TrueForAll(ids, matcher.TryAppend) && matcher.CanEnd;

    // Whether the constraint accepts the text.
    private static bool Read(
        MaskFigures figures, ITokenMatcher matcher, int[] ids, ulong[] mask, bool isValid, string name)
    {
        var forced = new int[32];
        var (read, left) = (0, 0);
        foreach (var id in ids)
        {
            var began = Stopwatch.GetTimestamp();
            matcher.WriteMask(mask);
            figures.Masks.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            left = left > 0 ? left - 1 : Math.Max(CountForced(figures, matcher, forced) - 1, 0);
            if (!matcher.TryAppend(id))
            {
                break;
            }

            read++;
        }

        var accepted = read == ids.Length && matcher.CanEnd;
        if (isValid)
        {
            figures.Valid = (figures.Valid.All + 1, figures.Valid.Wrong + (accepted ? 0 : 1));
        }
        else
        {
            figures.Invalid = (figures.Invalid.All + 1, figures.Invalid.Wrong + (accepted ? 1 : 0));
        }

        if (accepted != isValid)
        {
            figures.Details.Add($"{(isValid ? "valid, refused" : "invalid, accepted")}: {name}");
        }

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
