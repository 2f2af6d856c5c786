using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Text;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// Guessing ahead beside plain decoding on a trained model's text and on given ones: the same tokens, checked, in how
/// much less time.
/// </summary>
/// <remarks>
/// A text repeats itself where at least half of its tokens are what followed the last place where three tokens read the
/// same; it does not where that is so for less than a quarter. What lies between is in neither row.
/// </remarks>
/// <param name="Text">Folder of the model whose text it is.</param>
/// <param name="Draft">Folder of a smaller model of its vocabulary; null: none.</param>
/// <param name="Texts">Prompts and given texts.</param>
/// <param name="Cpu">Threads and dtype.</param>
/// <param name="Sources">Where drafts come from.</param>
/// <param name="Quick">Fewer texts and rounds.</param>
internal sealed record SpeculationRows(
    string Text,
    string? Draft,
    SpeculationTexts Texts,
    CpuRunnerOptions Cpu,
    IReadOnlyList<DraftSource> Sources,
    bool Quick)
{
    private int LongText => Quick ? 160 : 240;

    private int ShortText => Quick ? 80 : 110;

    private static readonly GenerationOptions Greedy = new() { EosTokenIds = [] };

    private enum Kind
    {
        Repeats,
        Between,
        DoesNot,
    }

    /// <summary>A text as it was generated plainly.</summary>
    private sealed record Sample(int[] Prompt, int[] Ids, GenerationOptions Options, Kind Kind, int[]? Given);

    /// <summary>Generates the texts, then times them on the model itself and at the cost of others.</summary>
    /// <param name="costs">Larger models to take the cost of; null: the model's own.</param>
    /// <param name="tell">Gets each figure as it is known.</param>
    public async Task RunAsync(IEnumerable<StepCost?> costs, Action<Figure> tell)
    {
        List<Sample> greedy, sampled, given;
        await using (var engine = Load(null, out var text))
        {
            var tokenizer = engine.Tokenizer!;
            var prompts = Texts.Prompts.Select(p => tokenizer.Encode(p).ToArray()).ToArray();
            greedy = await Generate(engine, prompts, [Greedy]);
            sampled = await Generate(
                engine,
                prompts,
                [
                    Greedy with { Temperature = 0.8f, TopP = 0.95f, Seed = 11 },
                    Greedy with { Temperature = 0.4f, TopP = 0.95f, Seed = 11 }
                ]);
            given = [];
            foreach (var (prompt, rest) in Texts.Given)
            {
                int[] ids = [.. tokenizer.Encode(prompt)];
                int[] all = [.. ids, .. tokenizer.Encode(rest)];
                text.Texts = [all];
                given.Add(
                    await Generate(
                        engine,
                        ids,
                        Greedy with { MaxNewTokens = Math.Min(all.Length, engine.Model.ContextLength) - ids.Length },
                        all));
            }
        }

        foreach (var cost in costs)
        {
            var place = Name(Text) + (cost is null ? "" : $" at {cost}'s cost");
            // On a small model a text takes a tenth of a second, which anything disturbs.
            var rounds = cost is null ? (Quick ? 7 : 15) : 5;
            await using var engine = Load(cost, out var text);
            foreach (var source in Sources.Where(source => source != DraftSource.DraftModel || Draft is not null))
            {
                var name = source == DraftSource.PromptLookup ? "prompt lookup" : "draft model";
                await Compare(engine, text, [.. greedy.Take(1)], source, 1, together: false);
                foreach (var kind in new[] { Kind.Repeats, Kind.DoesNot })
                {
                    var wanted = kind == Kind.DoesNot ? "≥ 0.97" : source == DraftSource.PromptLookup ? "≥ 1.8" : "";
                    foreach (var (how, all) in
                        new[] { ("greedy", greedy), ("sampled", sampled), ("given text", given) })
                    {
                        if (source == DraftSource.DraftModel && how == "given text")
                        {
                            continue;
                        }

                        var texts = kind == Kind.Repeats ? "text that repeats itself" : "text that does not";
                        var what = $"{name} ÷ plain, {texts}, {how}, {place}";
                        Sample[] samples = [.. all.Where(s => s.Kind == kind).Take(Quick ? 2 : 8)];
                        if (samples.Length == 0)
                        {
                            await Console.Error.WriteLineAsync($"  {what}: none of the texts is of this kind");
                            continue;
                        }

                        tell(
                            (await Compare(engine, text, samples, source, rounds, together: false))
                                .Figure(what, wanted));
                    }
                }

                Sample[] other = [.. sampled.Where(s => s.Kind == Kind.DoesNot)];
                if (other.Length > 0)
                {
                    Sample[] sixteen = [.. Enumerable.Range(0, 16).Select(i => other[i % other.Length])];
                    tell((await Compare(engine, text, sixteen, source, rounds, together: true))
                        .Figure($"{name} ÷ plain, text that does not, 16 at once, {place}", "≥ 0.97"));
                }
            }
        }
    }

    private sealed record Comparison(
        double Ratio, double Worst, int Texts, double PlainRate, double GuessedRate, long Drafted, long Accepted)
    {
        public Figure Figure(string what, string wanted) => new(
            what,
            Ratio,
            wanted,
            $"{GuessedRate:0} ÷ {PlainRate:0} tokens/s, {Texts} texts, the worst {Worst:0.00}; "
                + $"{Accepted} of {Drafted} drafts accepted");
    }

    private static string Name(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));

    private Engine Load(StepCost? cost, out GivenTextRunner text)
    {
        IModelRunner runner = CpuRunner.Load(Text, Cpu);
        text = new GivenTextRunner(cost is null ? runner : new RunnerAtCost(runner, cost.Load(Cpu)));
        var options = new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } };
        return new Engine(text, Gpt2Tokenizer.Load(Text), options, Draft is null ? null : CpuRunner.Load(Draft, Cpu));
    }

    private async Task<List<Sample>> Generate(Engine engine, int[][] prompts, GenerationOptions[] options)
    {
        var samples = new List<Sample>();
        foreach (var prompt in prompts)
        {
            foreach (var how in options)
            {
                // A small model's text comes to repeat itself as it grows: what does not is found among the short ones.
                var room = engine.Model.ContextLength - prompt.Length;
                var whole = await Generate(engine, prompt, how with { MaxNewTokens = Math.Min(LongText, room) }, null);
                var part = await Generate(engine, prompt, how with { MaxNewTokens = Math.Min(ShortText, room) }, null);
                samples.AddRange(
                    new[] { whole, part }.Where(s => s.Kind == (s == whole ? Kind.Repeats : Kind.DoesNot)));
            }
        }

        return samples;
    }

    private static async Task<Sample> Generate(Engine engine, int[] prompt, GenerationOptions options, int[]? given)
    {
        var (ids, _) = await Time(engine, prompt, options);
        int[] all = [.. prompt, .. ids];
        var foreseen = Enumerable.Range(prompt.Length, ids.Length).Count(i => Foresees(all.AsSpan(0, i)) == all[i]);
        return new Sample(
            prompt,
            ids,
            options,
            foreseen * 2 >= ids.Length ? Kind.Repeats : foreseen * 4 < ids.Length ? Kind.DoesNot : Kind.Between,
            given);
    }

    /// <summary>
    /// The token after the last place where the text read as its last three tokens do; −1 where there is none.
    /// </summary>
    private static int Foresees(ReadOnlySpan<int> text)
    {
        var at = text.Length < 4 ? -1 : text[..^1].LastIndexOf(text[^3..]);
        return at < 0 ? -1 : text[at + 3];
    }

    /// <summary>Times each text, or all at once, plain and guessed in turn.</summary>
    private static async Task<Comparison> Compare(
        Engine engine, GivenTextRunner text, Sample[] samples, DraftSource source, int rounds, bool together)
    {
        var (plainTotal, guessedTotal, worst) = (0.0, 0.0, double.MaxValue);
        var before = engine.Stats;
        foreach (var group in together ? [samples] : samples.Select(s => new[] { s }))
        {
            var (plain, guessed) = (new List<double>(), new List<double>());
            for (var round = 0; round < rounds; round++)
            {
                text.Texts = [.. group.Where(s => s.Given is not null).Select(s => s.Given!)];
                for (var turn = 0; turn < 2; turn++)
                {
                    if ((turn + round) % 2 == 0)
                    {
                        plain.Add(await Time(engine, group, null));
                    }
                    else
                    {
                        guessed.Add(await Time(engine, group, new SpeculationOptions { Source = source }));
                    }
                }
            }

            // Two runs of a round follow each other, so they meet the same memory; its speed may double from one round
            // to the next.
            var ratio = Statistics.Median([.. plain.Zip(guessed, (first, second) => first / second)]);
            var time = Statistics.Median(plain);
            plainTotal += time;
            guessedTotal += time / ratio;
            worst = Math.Min(worst, ratio);
        }

        var after = engine.Stats;
        var tokens = samples.Sum(s => s.Ids.Length);
        return new Comparison(
            plainTotal / guessedTotal, worst, samples.Length, tokens / plainTotal, tokens / guessedTotal,
            after.DraftedTokens - before.DraftedTokens, after.AcceptedDraftTokens - before.AcceptedDraftTokens);
    }

    private static async Task<double> Time(Engine engine, Sample[] group, SpeculationOptions? speculation)
    {
        var results = await Task.WhenAll(
            group.Select(s => Time(engine, s.Prompt, s.Options with { Speculation = speculation })));
        for (var i = 0; i < group.Length; i++)
        {
            if (!results[i].Ids.AsSpan().SequenceEqual(group[i].Ids))
            {
                throw new InvalidOperationException("Guessing ahead has changed the text.");
            }
        }

        return results.Max(r => r.Seconds);
    }

    /// <summary>
    /// The tokens, and the seconds from the submission to the last: a reader who begins late must not make the time
    /// look short.
    /// </summary>
    private static async Task<(int[] Ids, double Seconds)> Time(Engine engine, int[] prompt, GenerationOptions options)
    {
        var ids = new List<int>();
        var started = Stopwatch.GetTimestamp();
        await foreach (var piece in engine.GenerateAsync(prompt, options))
        {
            ids.AddRange(piece.TokenIds);
        }

        return ([.. ids], Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
