using System.Diagnostics;
using System.Globalization;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// Asks other engines what TorchKv is asked, schema by schema in turn, and prints both beside each other.
/// </summary>
internal sealed class PeerRun
{
    // Masks that are timed in a text, from its first token on: llama.cpp takes milliseconds for each.
    private const int MasksPerText = 24;

    private readonly List<SuiteEntry> _entries = [];
    private readonly List<PeerAnswer> _ours = [];

    /// <summary>Runs and prints.</summary>
    /// <param name="entries">The suite, read with the properties in the schema's order.</param>
    /// <param name="count">How many of its schemas, drawn evenly.</param>
    /// <param name="peers">The other engines.</param>
    /// <param name="tokenizer">The vocabulary; nothing is compiled for it yet.</param>
    /// <param name="output">Receives the tables.</param>
    /// <param name="cancellation">Ends the run.</param>
    public static async Task RunAsync(
        IEnumerable<SuiteEntry> entries,
        int count,
        IReadOnlyList<IMaskPeer> peers,
        Gpt2Tokenizer tokenizer,
        TextWriter output,
        CancellationToken cancellation)
    {
        var all = entries.Where(entry => entry.Schema is not null).ToList();
        var run = new PeerRun();
        var answers = peers.Select(_ => new List<PeerAnswer>()).ToArray();
        for (var i = 0; i < Math.Min(count, all.Count); i++)
        {
            var entry = all[(int)((long)i * all.Count / Math.Min(count, all.Count))];

            // All of these engines keep the schema's order, so an instance is read in it.
            PeerTest[] tests =
            [
                .. entry.Texts.Select(text => new PeerTest(
                    [.. tokenizer.Encode(text.Ordered, recognizeSpecialTokens: false)], MasksPerText)),
            ];
            run._entries.Add(entry);
            run._ours.Add(await AskOursAsync(entry, tests, tokenizer, cancellation));
            for (var p = 0; p < peers.Count; p++)
            {
                answers[p].Add(peers[p].Ask(entry.Schema!, tests));
            }
        }

        output.WriteLine(
            $"Beside other engines: {run._entries.Count} schemas, masks of the first {MasksPerText} tokens of a text");
        for (var p = 0; p < peers.Count; p++)
        {
            run.Print(output, peers[p].Name, answers[p]);
        }

        output.WriteLine();
    }

    private static async Task<PeerAnswer> AskOursAsync(
        SuiteEntry entry, PeerTest[] tests, Gpt2Tokenizer tokenizer, CancellationToken cancellation)
    {
        var mask = new ulong[(tokenizer.VocabSize + 63) / 64];
        try
        {
            var began = Stopwatch.GetTimestamp();
            var start = await entry.Constraint.CompileAsync(tokenizer, cancellation);
            start.WriteMask(mask);
            var compile = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
            var (masks, accepted) = (new List<double>(), new List<bool>());
            foreach (var test in tests)
            {
                var matcher = start.Fork();
                var read = 0;
                foreach (var id in test.Ids)
                {
                    if (read < test.Masks)
                    {
                        began = Stopwatch.GetTimestamp();
                        matcher.WriteMask(mask);
                        masks.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
                    }

                    if (!matcher.TryAppend(id))
                    {
                        break;
                    }

                    read++;
                }

                accepted.Add(read == test.Ids.Length && matcher.CanEnd);
            }

            return new PeerAnswer(compile, [.. masks], [.. accepted]);
        }
        catch (ConstraintException refusal)
        {
            return PeerAnswer.Refused(refusal.Message);
        }
    }

    private void Print(TextWriter output, string name, List<PeerAnswer> theirs)
    {
        // Times and judgements are of the schemas that both take.
        var both = Enumerable.Range(0, _entries.Count)
            .Where(i => _ours[i].Error is null && theirs[i].Error is null)
            .ToArray();
        var (us, them) = (both.Select(i => _ours[i]).ToArray(), both.Select(i => theirs[i]).ToArray());
        output.WriteLine($"{name,-46}{"TorchKv",14}{"the other",14}{"other ÷ ours",14}");
        Row("schemas compiled", _ours.Count(a => a.Error is null), theirs.Count(a => a.Error is null), false);
        Row($"of {both.Length} that both compile:", double.NaN, double.NaN, false);
        if (both.Length == 0)
        {
            return;
        }

        Row($"  invalid texts accepted, of {Texts(false)}", Wrong(us, false), Wrong(them, false), false);
        Row($"  valid texts refused, of {Texts(true)}", Wrong(us, true), Wrong(them, true), false);
        Row("  mask, average, µs", Masks(us).Average(), Masks(them).Average(), true);
        Row("  mask, p50, µs", MaskFigures.Quantile(Masks(us), 0.5), MaskFigures.Quantile(Masks(them), 0.5), true);
        Row("  mask, p99, µs", MaskFigures.Quantile(Masks(us), 0.99), MaskFigures.Quantile(Masks(them), 0.99), true);
        Row("  compile and first mask, p50, ms", Compile(us, 0.5), Compile(them, 0.5), true);
        Row("  compile and first mask, p99, ms", Compile(us, 0.99), Compile(them, 0.99), true);

        int Texts(bool isValid) => both.Sum(i => _entries[i].Texts.Count(text => text.IsValid == isValid));

        int Wrong(PeerAnswer[] answers, bool isValid) => both.Select((entry, i) => _entries[entry].Texts
            .Where((text, t) => text.IsValid == isValid && answers[i].Accepted[t] != isValid).Count()).Sum();

        static List<double> Masks(PeerAnswer[] answers) => [.. answers.SelectMany(answer => answer.Masks)];

        static double Compile(PeerAnswer[] answers, double share) =>
            MaskFigures.Quantile([.. answers.Select(answer => answer.Compile)], share) / 1000;

        void Row(string what, double ours, double others, bool isRatio) => output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what,-46}{Number(ours),14}{Number(others),14}{(isRatio ? Number(others / ours) : ""),14}"));

        static string Number(double value) =>
            double.IsNaN(value) ? "" : value.ToString("0.##", CultureInfo.InvariantCulture);
    }
}
