using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// Decode and prefill at one precision: ours, llama.cpp and, in float32, PyTorch in turns, and the machine's limits in
/// turn with ours.
/// </summary>
internal sealed class PrecisionRows(PeerSet set, Action<PeerRow> tell)
{
    /// <summary>A precision and what is wanted of it.</summary>
    /// <param name="Name">Ours.</param>
    /// <param name="Llama">llama.cpp's type of about as many bits.</param>
    /// <param name="Decode">Wanted of decode ÷ llama.cpp's.</param>
    /// <param name="Prefill">Wanted of prefill ÷ llama.cpp's.</param>
    /// <param name="DecodeShare">Wanted of the share of bandwidth.</param>
    /// <param name="PrefillShare">Wanted of the share of the arithmetic peak.</param>
    internal sealed record Precision(
        string Name, string Llama, double Decode, double? Prefill, double? DecodeShare, double? PrefillShare)
    {
        public bool Integer => Name is "int8" or "int4";

        public string LlamaName => $"llama.cpp {Llama.ToUpperInvariant()}";
    }

    public static readonly Precision[] Precisions =
    [
        new("float32", "f32", 1.05, 2, 0.92, 0.55),
        new("bfloat16", "f16", 1.4, 2, null, null),
        new("int8", "q8_0", 1.2, 1.8, null, 0.45),
        new("int4", "q4_0", 1.2, null, null, null),
    ];

    // Without a cache, by concatenation, and the optimised one: the article's three scripts.
    private static readonly string[] Caches = ["none", "concat", "static"];

    private readonly Rounds _rounds = new();

    public void Run(Precision precision)
    {
        var isFloat32 = precision.Name == "float32";
        using var we = set.Ours(precision.Name);
        using var float32 = precision.Name == "bfloat16" ? set.Ours("float32") : null;
        using var llama = set.Llama(precision.Llama);
        using var torch = isFloat32 ? set.PyTorch() : null;
        if (torch is not null)
        {
            Console.WriteLine(torch.Name);
        }

        var context = set.Files.Config.ContextLength;
        const int Prompt = 4;
        var tokens = Math.Min(set.Options.Quick ? 40 : 200, context - Prompt - 2);
        var prefill = Math.Min(512, context);
        if (isFloat32)
        {
            Agreement(we, llama, torch, Math.Min(16, tokens));
        }

        we.Numbers($"decode {Prompt} 8");
        llama?.Numbers($"decode {Prompt} 8");
        for (var round = 0; round < (set.Options.Quick ? 3 : 5); round++)
        {
            DecodeRound(we, llama, torch, precision, Prompt, tokens);
            PrefillRound(we, float32, llama, torch, precision, prefill);
        }

        DecodeRows(precision, tokens);
        PrefillRows(precision, prefill, torch is not null);
        if (isFloat32)
        {
            new ShapeRows(set, tell).Run(we, llama);
        }
    }

    private static double PerSecond(double[] milliseconds) => 1000 / Statistics.Median(milliseconds);

    private void DecodeRound(
        WorkerProcess we, WorkerProcess? llama, PyTorchPeer? torch, Precision precision, int prompt, int tokens)
    {
        _rounds.Add("decode", PerSecond(we.Numbers($"decode {prompt} {tokens}")));
        if (llama is not null)
        {
            _rounds.Add("decode llama", PerSecond(llama.Numbers($"decode {prompt} {tokens}")));
        }

        var steps = we.Alternating($"decode-limit {prompt} {tokens}");
        var bytes = we.Number($"bytes {prompt + (tokens / 2)}");
        var rate = bytes / Statistics.Median(steps.First) / 1e6;
        _rounds.Add("read", rate);
        if (bytes > 2 * MachineMemory.LargestCacheBytes())
        {
            // Of weights that the cache keeps, memory's bandwidth is no limit.
            _rounds.Add("read limit", steps.Second[0]);
        }

        foreach (var cache in torch is null ? [] : Caches)
        {
            _rounds.Add("decode " + cache, PerSecond(torch!.Decode(cache, prompt, tokens)));
        }
    }

    private void PrefillRound(
        WorkerProcess we,
        WorkerProcess? float32,
        WorkerProcess? llama,
        PyTorchPeer? torch,
        Precision precision,
        int count)
    {
        // Several a round: one takes a fifth of a second, in which anything may happen.
        var times = set.Options.Quick ? 2 : 3;
        double Speed(Func<double> once) =>
            1000 * count / Statistics.Median(Enumerable.Range(0, times).Select(_ => once()).ToArray());
        _rounds.Add("prefill", Speed(() => we.Number($"prefill {count}")));
        if (float32 is not null)
        {
            _rounds.Add("prefill float32", Speed(() => float32.Number($"prefill {count}")));
        }

        if (llama is not null)
        {
            _rounds.Add("prefill llama", Speed(() => llama.Number($"prefill {count}")));
        }

        if (torch is not null)
        {
            _rounds.Add("prefill torch", Speed(() => torch.Prefill(count)));
        }

        var steps = we.Alternating($"prefill-limit {count} {times} {(precision.Integer ? "integer" : "float")}");
        _rounds.Add(
            "compute", ModelWork.PrefillOperations(set.Files.Config, count) / Statistics.Median(steps.First) / 1e6);
        _rounds.Add("compute limit", Statistics.Median(steps.Second));
    }

    private void DecodeRows(Precision precision, int tokens)
    {
        var share = _rounds.Ratio("read", "read limit");
        var ratio = _rounds.Ratio("decode", "decode llama");
        var row = new PeerRow($"decode {tokens}, {precision.Name}", "tokens/s", _rounds.Median("decode"));
        tell(row with
        {
            Other = _rounds.Median("decode llama"),
            OtherName = precision.LlamaName,
            BesidePeer = true,
            Ratio = ratio,
            Rate = _rounds.Median("read"),
            RateUnit = "GB/s",
            Limit = _rounds.Median("read limit"),
            LimitShare = share,
            Aims =
            [
                Aim.Ratio(ratio, precision.Decode),
                .. precision.DecodeShare is { } wanted ? [Aim.Share(share, wanted)] : Array.Empty<Aim>(),
            ],
        });
        foreach (var cache in Caches.Where(cache => double.IsFinite(_rounds.Median("decode " + cache))))
        {
            tell(row with
            {
                Other = _rounds.Median("decode " + cache),
                OtherName = cache == "none" ? "PyTorch, no cache" : $"PyTorch, {cache} cache",
                BesidePeer = true,
                Ratio = _rounds.Ratio("decode", "decode " + cache),
                Aims = [Aim.Ratio(_rounds.Ratio("decode", "decode " + cache), 1)],
            });
        }
    }

    private void PrefillRows(Precision precision, int count, bool torch)
    {
        var share = _rounds.Ratio("compute", "compute limit");
        var ratio = _rounds.Ratio("prefill", "prefill llama");
        var row = new PeerRow($"prefill {count}, {precision.Name}", "tokens/s", _rounds.Median("prefill"));
        tell(row with
        {
            Other = _rounds.Median("prefill llama"),
            OtherName = precision.LlamaName,
            BesidePeer = true,
            Ratio = ratio,
            Rate = _rounds.Median("compute"),
            RateUnit = precision.Integer ? "GOP/s" : "GFLOP/s",
            Limit = _rounds.Median("compute limit"),
            LimitShare = share,
            Aims = [
                .. precision.Prefill is { } wanted ? [Aim.Ratio(ratio, wanted)] : Array.Empty<Aim>(),
                .. precision.PrefillShare is { } wantedShare ? [Aim.Share(share, wantedShare)] : Array.Empty<Aim>()],
        });
        if (torch)
        {
            var beside = _rounds.Ratio("prefill", "prefill torch");
            tell(
                row with
                {
                    Other = _rounds.Median("prefill torch"),
                    OtherName = "PyTorch",
                    BesidePeer = true,
                    Ratio = beside,
                    Aims = [Aim.Ratio(beside, 1)],
                });
        }

        if (precision.Name == "bfloat16")
        {
            var same = _rounds.Ratio("prefill", "prefill float32");
            tell(
                row with
                {
                    Other = _rounds.Median("prefill float32"),
                    OtherName = "our float32",
                    Ratio = same,
                    Aims = [Aim.Ratio(same, 0.95)],
                });
        }
    }

    /// <summary>Says whether all sides run the same model: the greedy ids of a made-up prompt.</summary>
    private static void Agreement(WorkerProcess we, WorkerProcess? llama, PyTorchPeer? torch, int count)
    {
        var ours = we.Ids($"ids 4 {count}");
        void Compare(string name, int[]? theirs)
        {
            if (theirs is not null)
            {
                Console.WriteLine(
                    $"{name}: {ours.Zip(theirs).TakeWhile(pair => pair.First == pair.Second).Count()} of the first "
                        + $"{count} greedy ids are ours, up to the first that differs");
            }
        }

        Compare("llama.cpp F32", llama?.Ids($"ids 4 {count}"));
        Compare("PyTorch", torch?.Ids(4, count));
    }
}
