using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// A process with one model loaded that measures what a line of its standard input asks for and answers with a line of
/// JSON.
/// </summary>
/// <remarks>
/// All sides stay loaded and are asked in turn, so that a drift of the machine meets all alike. What is a ratio of two
/// figures of our own is measured step by step in turn.
/// </remarks>
internal sealed class Worker : IDisposable
{
    // A pass of the read probe takes about as long as a step of float32 weights.
    private const int StepsPerPass = 4;

    private readonly IPeer _peer;
    private readonly int _vocabulary;
    private readonly MachinePeaks _peaks;

    private Worker(IPeer peer, int vocabulary, int threads)
    {
        _peer = peer;
        _vocabulary = vocabulary;
        _peaks = new MachinePeaks(threads);
    }

    /// <summary>Serves requests until standard input ends.</summary>
    public static int Serve(IPeer peer, int vocabulary, int threads)
    {
        using var worker = new Worker(peer, vocabulary, threads);
        Console.WriteLine("\"ready\"");
        while (Console.ReadLine() is { } line)
        {
            Console.WriteLine(JsonSerializer.Serialize(worker.Answer(line.Split(' '))));
        }

        return 0;
    }

    public void Dispose()
    {
        _peaks.Dispose();
        _peer.Dispose();
    }

    private object Answer(string[] words)
    {
        int Number(int index) => int.Parse(words[index], CultureInfo.InvariantCulture);
        return words[0] switch
        {
            "decode" => Decode(Number(1), Number(2), out _),
            "ids" => Ids(Number(1), Number(2)),
            "prefill" => Prefill(Number(1)),
            "together" => Together(Number(1), Number(2)),
            "decode-limit" => DecodeLimit(Number(1), Number(2)),
            "prefill-limit" => PrefillLimit(Number(1), Number(2), words[3] == "integer"),
            "one-and-together" => OneAndTogether(Number(1), Number(2)),
            "early-and-late" => EarlyAndLate(Number(1), Number(2), Number(3)),
            "nll" => Nll(words[1], Number(2)),
            "allocated" => Allocated(Number(1)),
            "bytes" => _peer.BytesPerStep(Number(1)),
            _ => throw new ArgumentException($"A worker knows no request '{words[0]}'."),
        };
    }

    /// <summary>Milliseconds of each of <paramref name="count"/> greedy tokens after a prompt.</summary>
    private double[] Decode(int prompt, int count, out int[] ids)
    {
        _peer.Reset();
        _peer.Step(Prompt(prompt), 0);
        var times = new double[count];
        var chosen = new int[count];
        for (var i = 0; i < count; i++)
        {
            chosen[i] = Best(_peer.Logits(-1));
            times[i] = Time(() => _peer.Step(chosen.AsSpan(i, 1), prompt + i));
        }

        ids = chosen;
        return times;
    }

    /// <summary>The greedy ids themselves, to see whether all sides compute the same model.</summary>
    private int[] Ids(int prompt, int count)
    {
        Decode(prompt, count, out var ids);
        return ids;
    }

    private double Prefill(int count)
    {
        _peer.Reset();
        var prompt = Prompt(count);
        return Time(() => _peer.Step(prompt, 0));
    }

    private double[] Together(int sequences, int count)
    {
        _peer.Reset();
        var tokens = Prompt(sequences);
        _peer.StepTogether(tokens, 0);
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            for (var s = 0; s < sequences; s++)
            {
                tokens[s] = Best(_peer.Logits(s));
            }

            times[i] = Time(() => _peer.StepTogether(tokens, i + 1));
        }

        return times;
    }

    /// <summary>Decode steps, and between them passes of the read probe (GB/s).</summary>
    private Alternating DecodeLimit(int prompt, int count)
    {
        _peer.Reset();
        _peer.Step(Prompt(prompt), 0);
        var reads = new ReadSamples(_peaks);
        var times = new List<double>();
        var token = new int[1];
        for (var i = 0; i < count; i++)
        {
            token[0] = Best(_peer.Logits(-1));
            var time = Time(() => _peer.Step(token, prompt + i));

            // The step after a pass finds its keys, values and activations out of the caches, as no step of a plain run
            // does.
            if (i % StepsPerPass != 0)
            {
                times.Add(time);
            }

            if (i % StepsPerPass == StepsPerPass - 1)
            {
                reads.Take();
            }
        }

        return new Alternating([.. times], [reads.Limit / 1e9]);
    }

    /// <summary>
    /// Prefills, and before each the peak of the arithmetic units (GFLOP/s, or GOP/s of integer dot products).
    /// </summary>
    private Alternating PrefillLimit(int count, int rounds, bool integer)
    {
        double[] times = new double[rounds], limits = new double[rounds];
        for (var i = 0; i < rounds; i++)
        {
            limits[i] = (integer ? _peaks.DotOperations() : _peaks.Flops()) / 1e9;
            times[i] = Prefill(count);
        }

        // JSON has no NaN: no instruction, no limits.
        return new Alternating(times, [.. limits.Where(double.IsFinite)]);
    }

    /// <summary>
    /// A step of one sequence and a step of several, in turn, at the same positions. For peers that may step back.
    /// </summary>
    private Alternating OneAndTogether(int sequences, int count)
    {
        double[] one = new double[count], together = new double[count];
        var tokens = Prompt(sequences);
        _peer.StepTogether(tokens, 0);
        for (var i = 0; i < count; i++)
        {
            one[i] = Time(() => _peer.StepTogether(tokens.AsSpan(0, 1), i + 1));
            together[i] = Time(() => _peer.StepTogether(tokens, i + 1));
            for (var s = 0; s < sequences; s++)
            {
                tokens[s] = Best(_peer.Logits(s));
            }
        }

        return new Alternating(one, together);
    }

    /// <summary>
    /// A step at an early and a step at a late position of one sequence, in turn. For peers that may step back.
    /// </summary>
    private Alternating EarlyAndLate(int early, int late, int count)
    {
        _peer.Step(Prompt(late), 0);
        double[] first = new double[count], second = new double[count];
        var token = new int[1];
        for (var i = 0; i < count; i++)
        {
            token[0] = Best(_peer.Logits(-1));
            first[i] = Time(() => _peer.Step(token, early + i));
            second[i] = Time(() => _peer.Step(token, late + i));
        }

        return new Alternating(first, second);
    }

    /// <summary>
    /// Mean negative log-likelihood (natural log) of a JSON list of ids in windows of <paramref name="window"/>, each
    /// apart.
    /// </summary>
    private double Nll(string file, int window)
    {
        var ids = JsonSerializer.Deserialize<int[]>(File.ReadAllText(file))!;
        double sum = 0;
        long scored = 0;
        for (var start = 0; start + 1 < ids.Length; start += window)
        {
            var piece = ids.AsSpan(start, Math.Min(window, ids.Length - start));
            _peer.Reset();
            _peer.StepAll(piece);
            for (var i = 0; i + 1 < piece.Length; i++)
            {
                var logits = _peer.Logits(i);
                double best = float.NegativeInfinity, total = 0;
                foreach (var logit in logits)
                {
                    best = Math.Max(best, logit);
                }

                foreach (var logit in logits)
                {
                    total += Math.Exp(logit - best);
                }

                sum += best + Math.Log(total) - logits[piece[i + 1]];
                scored++;
            }
        }

        return sum / scored;
    }

    /// <summary>
    /// Bytes that all threads together allocated on the managed heap during <paramref name="count"/> decode steps.
    /// </summary>
    private long Allocated(int count)
    {
        Decode(4, count, out _);
        Span<int> token = stackalloc int[1];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < count; i++)
        {
            token[0] = Best(_peer.Logits(-1));
            _peer.Step(token, 4 + i);
        }

        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    /// <summary>The first row of benchmarks/compare/gpt2_pytorch.py's prompt.</summary>
    private int[] Prompt(int count) => [
        .. Enumerable.Range(0, count).Select(i => (int)((7919L + (104729L * i)) % _vocabulary))
    ];

    private static double Time(Action step)
    {
        var began = Stopwatch.GetTimestamp();
        step();
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static int Best(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        return best;
    }
}
