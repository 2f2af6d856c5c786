using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace TorchKv.Benchmarks.Peers;

/// <summary>A process with one model loaded that measures what a line of its standard input asks for and answers with a line of JSON.</summary>
/// <remarks>Both sides stay loaded and are asked in turn, so that a drift of the machine meets both alike.</remarks>
internal static class Worker
{
    /// <summary>Serves requests until standard input ends.</summary>
    public static int Serve(IPeer peer, int vocabulary)
    {
        using (peer)
        {
            Console.WriteLine("\"ready\"");
            while (Console.ReadLine() is { } line)
            {
                Console.WriteLine(JsonSerializer.Serialize(Answer(peer, vocabulary, line.Split(' '))));
            }
        }

        return 0;
    }

    private static object Answer(IPeer peer, int vocabulary, string[] words)
    {
        int Number(int index) => int.Parse(words[index], CultureInfo.InvariantCulture);
        return words[0] switch
        {
            "decode" => Decode(peer, vocabulary, Number(1), Number(2)),
            "prefill" => Prefill(peer, vocabulary, Number(1)),
            "together" => Together(peer, vocabulary, Number(1), Number(2)),
            "nll" => Nll(peer, words[1], Number(2)),
            "allocated" => Allocated(peer, vocabulary, Number(1)),
            "weights" => peer.WeightBytesPerStep,
            "rss" => PeakBytes(),
            _ => throw new ArgumentException($"A worker knows no request '{words[0]}'."),
        };
    }

    /// <summary>Milliseconds of each of <paramref name="count"/> greedy tokens after a prompt.</summary>
    private static double[] Decode(IPeer peer, int vocabulary, int prompt, int count)
    {
        peer.Reset();
        peer.Step(Prompt(prompt, vocabulary), 0);
        var times = new double[count];
        Span<int> token = stackalloc int[1];
        for (var i = 0; i < count; i++)
        {
            token[0] = Best(peer.Logits(-1));
            var began = Stopwatch.GetTimestamp();
            peer.Step(token, prompt + i);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }

        return times;
    }

    private static double Prefill(IPeer peer, int vocabulary, int count)
    {
        peer.Reset();
        var prompt = Prompt(count, vocabulary);
        var began = Stopwatch.GetTimestamp();
        peer.Step(prompt, 0);
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    private static double[] Together(IPeer peer, int vocabulary, int sequences, int count)
    {
        peer.Reset();
        var tokens = Prompt(sequences, vocabulary);
        peer.StepTogether(tokens, 0);
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            for (var s = 0; s < sequences; s++)
            {
                tokens[s] = Best(peer.Logits(s));
            }

            var began = Stopwatch.GetTimestamp();
            peer.StepTogether(tokens, i + 1);
            times[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        }

        return times;
    }

    /// <summary>Mean negative log-likelihood (natural log) of a JSON list of ids in windows of <paramref name="window"/>, each apart.</summary>
    private static double Nll(IPeer peer, string file, int window)
    {
        var ids = JsonSerializer.Deserialize<int[]>(File.ReadAllText(file))!;
        double sum = 0;
        long scored = 0;
        for (var start = 0; start + 1 < ids.Length; start += window)
        {
            var piece = ids.AsSpan(start, Math.Min(window, ids.Length - start));
            peer.Reset();
            peer.StepAll(piece);
            for (var i = 0; i + 1 < piece.Length; i++)
            {
                var logits = peer.Logits(i);
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

    /// <summary>Bytes that all threads together allocated on the managed heap during <paramref name="count"/> decode steps.</summary>
    private static long Allocated(IPeer peer, int vocabulary, int count)
    {
        Decode(peer, vocabulary, 4, count);
        Span<int> token = stackalloc int[1];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < count; i++)
        {
            token[0] = Best(peer.Logits(-1));
            peer.Step(token, 4 + i);
        }

        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static long PeakBytes() => Linux.PeakResidentBytes(Environment.ProcessId);

    private static int[] Prompt(int count, int vocabulary) => [.. Enumerable.Range(0, count).Select(i => (int)((i * 7919L) + 13) % vocabulary)];

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
