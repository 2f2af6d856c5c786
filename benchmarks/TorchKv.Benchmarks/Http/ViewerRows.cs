using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Http;

/// <summary>What the live page costs the streams that run meanwhile.</summary>
internal static class ViewerRows
{
    private const int Viewers = 8;

    // The watch of the engine ends five seconds after the last viewer has left.
    private static readonly TimeSpan s_afterViewers = TimeSpan.FromSeconds(6);

    /// <summary>Whether streams are slower while eight viewers read the feed.</summary>
    /// <param name="model">The model.</param>
    /// <param name="streams">Streams at once.</param>
    /// <param name="tokens">Tokens of each.</param>
    /// <param name="rounds">How often with and without, in turn.</param>
    /// <param name="threads">The runner's threads.</param>
    public static async Task<Figure[]> Watched(string model, int streams, int tokens, int rounds, int threads)
    {
        using var server = ServerProcess.Start(model, "--threads", $"{threads}");
        await ReadAsync(server, streams, tokens, 0);
        var (alone, watched) = (new List<Reading>(), new List<Reading>());
        var events = 0;
        var hadViewers = false;
        for (var round = 0; round < rounds; round++)
        {
            // In turns, and each first once, so that a machine that slows down does not favour one.
            foreach (var hasViewers in (bool[])[round % 2 != 0, round % 2 == 0])
            {
                var seed = 1 + (2 * round) + (hasViewers ? 1 : 0);
                if (hasViewers)
                {
                    await using var viewers = await FeedViewers.OpenAsync(server.Address, Viewers);
                    watched.Add(await ReadAsync(server, streams, tokens, seed));
                    events += viewers.Events;
                }
                else
                {
                    await Task.Delay(hadViewers ? s_afterViewers : TimeSpan.Zero);
                    alone.Add(await ReadAsync(server, streams, tokens, seed));
                }

                hadViewers = hasViewers;
            }
        }

        return
        [
            Ratio($"tokens/s with {Viewers} viewers of the live page ÷ without, {streams} streams", alone, watched),
            new(
                $"the server's processor time with {Viewers} viewers ÷ without",
                Statistics.Median([.. watched.Zip(alone, (w, a) => w.CpuMicroseconds / a.CpuMicroseconds)]),
                "",
                $"{events / watched.Sum(reading => reading.Seconds) / Viewers:0.0} events a second and viewer"),
        ];
    }

    /// <summary>Whether a server that has the page, and no viewer, is slower than one without it.</summary>
    /// <inheritdoc cref="Watched"/>
    public static async Task<Figure[]> Unwatched(string model, int streams, int tokens, int rounds, int threads)
    {
        using var without = ServerProcess.Start(model, "--threads", $"{threads}", "--no-page");
        using var with = ServerProcess.Start(model, "--threads", $"{threads}");
        await ReadAsync(without, streams, tokens, 0);
        await ReadAsync(with, streams, tokens, 0);
        var (alone, paged) = (new List<Reading>(), new List<Reading>());
        for (var round = 0; round < rounds; round++)
        {
            foreach (var hasPage in (bool[])[round % 2 != 0, round % 2 == 0])
            {
                var seed = 1 + (2 * round) + (hasPage ? 1 : 0);
                (hasPage ? paged : alone).Add(await ReadAsync(hasPage ? with : without, streams, tokens, seed));
            }
        }

        return
        [
            Ratio($"tokens/s with the live page and no viewer ÷ without the page, {streams} streams", alone, paged),
        ];
    }

    private static Figure Ratio(string what, List<Reading> plain, List<Reading> other)
    {
        var ratios = plain.Zip(other, (p, o) => p.Seconds / o.Seconds).ToArray();
        return new(
            what,
            Statistics.Median(ratios),
            "≥ 0.99",
            $"the median of {ratios.Length} rounds; ratios {ratios.Min():0.000} to {ratios.Max():0.000}");
    }

    private static async Task<Reading> ReadAsync(ServerProcess server, int streams, int tokens, int seed)
    {
        var before = server.Use().CpuMicroseconds;
        var (read, seconds) = await server.Client.ReadAllAsync(
            Enumerable.Range(0, streams).Select(
                i => StreamRequest.Body(seed, i, tokens, ",\"return_token_ids\":true")));
        return read.All(stream => StreamRows.IsWhole(stream, tokens))
            ? new Reading(seconds, server.Use().CpuMicroseconds - before)
            : throw new InvalidDataException("A stream was torn.");
    }

    private sealed record Reading(double Seconds, double CpuMicroseconds);
}
