using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Http;

/// <summary>What HTTP and server-sent events cost, and what their clients see.</summary>
internal static class StreamRows
{
    /// <summary>Tokens of one request that fit every model's context; rows with more ask again.</summary>
    private const int MostTokens = 400;

    private const int LeastReads = 3;
    private const int MostReads = 10;

    /// <summary>So few methods that are compiled meanwhile do not show in a time.</summary>
    private const int FewMethods = 20;

    /// <summary>The server's own cost of a token, with an engine that computes nothing.</summary>
    /// <param name="model">A model whose shape and vocabulary the stub shows.</param>
    /// <param name="streams">Streams at once.</param>
    /// <param name="tokens">Tokens of all streams together.</param>
    /// <param name="stepMilliseconds">Time between two tokens of a stream.</param>
    /// <param name="wanted">What is wanted of the time.</param>
    public static async Task<Figure[]> Overhead(
        string model, int streams, int tokens, int stepMilliseconds, string wanted)
    {
        using var server = ServerProcess.Start(model, "--stub", $"{stepMilliseconds}");
        var each = Math.Clamp(tokens / streams, 2, MostTokens);
        var times = Math.Max(1, tokens / streams / each);
        ServerUse before;
        ServerUse http;
        double seconds;
        var reads = 0;

        // The runtime compiles a method again after many calls. A server that runs for long has that behind it.
        do
        {
            before = server.Use();
            seconds = await Read(reads);
            http = server.Use();
        }
        while (++reads < LeastReads
            || (http.CompiledMethods - before.CompiledMethods > FewMethods && reads < MostReads));
        for (var i = 0; i < times; i++)
        {
            server.Generate(streams, each, seed: 3);
        }

        var alone = server.Use();
        var total = streams * each * times;
        double PerToken(double sum) => sum / total;
        var stub = PerToken(alone.CpuMicroseconds - http.CpuMicroseconds);
        var behind = PerToken(http.CpuMicroseconds - before.CpuMicroseconds);
        var kernel = PerToken(http.KernelMicroseconds - before.KernelMicroseconds);
        var name = streams == 1 ? "1 stream" : $"{streams} streams";
        return
        [
            new(
                $"HTTP and events per token, engine stubbed, {name}, µs",
                behind - stub,
                wanted,
                $"the server's processor time: {behind:0.0} µs ({kernel:0.0} in the kernel), {stub:0.0} µs where the "
                    + $"stub is read in process; {http.CompiledMethods - before.CompiledMethods} methods compiled meanwhile; "
                    + $"{total / seconds:0} tokens/s"),
            new(
                $"allocated per token, engine stubbed, {name}, bytes",
                PerToken(http.Allocated - before.Allocated),
                "≤ 1024",
                $"{total} tokens"),
        ];

        async Task<double> Read(int seed)
        {
            var sum = 0.0;
            for (var i = 0; i < times; i++)
            {
                var (read, time) = await server.Client.ReadAllAsync(
                    Enumerable.Range(0, streams).Select(stream => StreamRequest.Body(seed, stream, each)));
                ThrowIfTorn(read, each);
                sum += time;
            }

            return sum;
        }
    }

    /// <summary>The engine behind HTTP against the engine in process.</summary>
    public static async Task<Figure[]> BehindHttp(string model, int streams, int tokens, int rounds, int threads)
    {
        using var server = ServerProcess.Start(model, "--threads", $"{threads}");
        server.Generate(streams, 4, seed: 1);
        await Read(4, seed: 2);
        var ratios = new List<double>();
        var (inside, behind) = (0.0, 0.0);
        for (var round = 0; round < rounds; round++)
        {
            // In turns, and each first once, so that a machine that slows down does not favour one.
            if (round % 2 == 0)
            {
                inside = server.Generate(streams, tokens, seed: 10 + (2 * round));
                behind = await Read(tokens, seed: 11 + (2 * round));
            }
            else
            {
                behind = await Read(tokens, seed: 11 + (2 * round));
                inside = server.Generate(streams, tokens, seed: 10 + (2 * round));
            }

            ratios.Add(inside / behind);
        }

        return
        [
            new(
                $"engine behind HTTP ÷ in process, {streams} streams",
                Statistics.Median(ratios),
                "≥ 0.95",
                $"{streams * tokens / behind:0.0} ÷ {streams * tokens / inside:0.0} tokens/s in the last of {rounds} "
                    + $"round(s); {Path.GetFileName(Path.TrimEndingDirectorySeparator(model))}, client on the same cores"),
        ];

        async Task<double> Read(int count, int seed)
        {
            var (read, time) = await server.Client.ReadAllAsync(
                Enumerable.Range(0, streams).Select(
                    i => StreamRequest.Body(seed, i, count, ",\"return_token_ids\":true")));
            ThrowIfTorn(read, count);
            return time;
        }
    }

    /// <summary>Whether many streams of a real engine come whole and evenly.</summary>
    public static async Task<Figure[]> Evenness(string model, int streams, int tokens, int threads)
    {
        using var server = ServerProcess.Start(model, "--threads", $"{threads}");
        await server.Client.ReadAllAsync(Bodies(1, 8));
        var (read, seconds) = await server.Client.ReadAllAsync(Bodies(2, tokens));
        var gaps = read.SelectMany(stream => stream.Gaps).Order().ToArray();
        double At(double share) => gaps[(int)(share * (gaps.Length - 1))];
        return
        [
            new(
                $"torn streams of {streams}",
                read.Count(stream => !IsWhole(stream, tokens)),
                "≤ 0",
                $"{streams * tokens / seconds:0} tokens/s"),
            new(
                $"between tokens, p99 ÷ p50, {streams} streams",
                At(0.99) / At(0.5),
                "≤ 3",
                $"{At(0.99):0.0} ms ÷ {At(0.5):0.0} ms; p99.9 {At(0.999):0.0} ms"),
        ];

        IEnumerable<string> Bodies(int seed, int count) => Enumerable.Range(0, streams).Select(
            i => StreamRequest.Body(seed, i, count, ",\"return_token_ids\":true"));
    }

    /// <summary>Tokens a second of another server with OpenAI's interface.</summary>
    public static async Task<Figure[]> Peer(Uri address, int streams, int tokens)
    {
        using var client = new StreamClient(address);
        await client.ReadAllAsync(Enumerable.Range(0, streams).Select(i => StreamRequest.Body(1, i, 4)));
        var (read, seconds) = await client.ReadAllAsync(
            Enumerable.Range(0, streams).Select(i => StreamRequest.Body(2, i, tokens)));
        return
        [
            new(
                $"the peer's events a second, {streams} streams",
                read.Sum(stream => stream.Events) / seconds,
                "",
                $"{address}, {streams} streams of {tokens} tokens"),
        ];
    }

    internal static bool IsWhole(StreamReading stream, int tokens) =>
        stream.IsDone && stream.Events >= tokens && stream.Events <= tokens + 1;

    private static void ThrowIfTorn(StreamReading[] read, int tokens)
    {
        if (read.FirstOrDefault(stream => !IsWhole(stream, tokens)) is { } torn)
        {
            throw new InvalidDataException(
                $"A stream had {torn.Events} of {tokens} tokens{(torn.IsDone ? "" : " and no end")}.");
        }
    }
}
