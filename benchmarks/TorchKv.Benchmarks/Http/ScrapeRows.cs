using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Http;

/// <summary>What reading <c>/metrics</c> costs the server, and the streams that run meanwhile.</summary>
internal static class ScrapeRows
{
    /// <summary>What a scrape costs.</summary>
    public static async Task<Figure[]> Cost(string model, int scrapes)
    {
        using var server = ServerProcess.Start(model);
        for (var i = 0; i < Math.Max(50, scrapes / 4); i++)
        {
            await server.Client.Http.GetByteArrayAsync("/metrics");
        }

        var before = server.Use();
        var size = 0;
        for (var i = 0; i < scrapes; i++)
        {
            size = (await server.Client.Http.GetByteArrayAsync("/metrics")).Length;
        }

        var each = (server.Use().CpuMicroseconds - before.CpuMicroseconds) / scrapes;
        return
        [
            new("a scrape of /metrics, µs", each, "≤ 1000", $"the server's processor time, {size / 1024.0:0.0} KiB"),
            new("a scrape each 50 ms, % of one core", each / 50_000 * 100, "≤ 1", $"{scrapes} scrapes"),
        ];
    }

    /// <summary>Whether streams are slower while the metrics are scraped each 50 ms.</summary>
    /// <param name="model">The model.</param>
    /// <param name="streams">Streams at once.</param>
    /// <param name="tokens">Tokens of each.</param>
    /// <param name="rounds">How often with and without, in turn.</param>
    /// <param name="threads">The runner's threads.</param>
    public static async Task<Figure[]> Throughput(string model, int streams, int tokens, int rounds, int threads)
    {
        using var server = ServerProcess.Start(model, "--threads", $"{threads}");
        await Read(0);
        var ratios = new List<double>();
        var (quiet, scraped, scrapes) = (0.0, 0.0, 0);
        for (var round = 0; round < rounds; round++)
        {
            // In turns, and each first once, so that a machine that slows down does not favour one.
            if (round % 2 == 0)
            {
                quiet = await Read(1 + (2 * round));
                scraped = await ReadScraped(2 + (2 * round));
            }
            else
            {
                scraped = await ReadScraped(1 + (2 * round));
                quiet = await Read(2 + (2 * round));
            }

            ratios.Add(quiet / scraped);
        }

        return
        [
            new(
                $"tokens/s with a scrape each 50 ms ÷ without, {streams} streams",
                Statistics.Median(ratios),
                "≥ 0.99",
                $"{streams * tokens / scraped:0} ÷ {streams * tokens / quiet:0} tokens/s in the last of "
                    + $"{rounds} rounds, ratios {ratios.Min():0.000} to {ratios.Max():0.000}; {scrapes} scrapes"),
        ];

        async Task<double> ReadScraped(int seed)
        {
            using var stop = new CancellationTokenSource();
            var scraping = ScrapeAsync(stop.Token);
            var seconds = await Read(seed);
            await stop.CancelAsync();
            await scraping;
            return seconds;
        }

        async Task ScrapeAsync(CancellationToken stop)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            try
            {
                while (await timer.WaitForNextTickAsync(stop))
                {
                    await server.Client.Http.GetByteArrayAsync("/metrics", CancellationToken.None);
                    scrapes++;
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // The round is over.
            }
        }

        async Task<double> Read(int seed)
        {
            var (read, seconds) = await server.Client.ReadAllAsync(
                Enumerable.Range(0, streams).Select(
                    i => StreamRequest.Body(seed, i, tokens, ",\"return_token_ids\":true")));
            return read.All(stream => StreamRows.IsWhole(stream, tokens))
                ? seconds
                : throw new InvalidDataException("A stream was torn.");
        }
    }
}
