using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Benchmarks.Serving;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Http;

/// <summary>Clients that leave, bodies that are nonsense, and a server that is told to stop.</summary>
internal static class FaultRows
{
    /// <summary>Whether clients that connect, ask and leave cost memory, handles or threads for good.</summary>
    public static async Task<Figure[]> Aborts(string model, int cycles)
    {
        // A pool so small that the first tenth of the cycles fills it: memory of blocks is resident once it was used.
        using var server = ServerProcess.Start(model, "--blocks", "128");
        var early = Math.Max(1, cycles / 10);
        await Leave(server.Address, early);
        var before = server.Use(collects: true);
        await Leave(server.Address, cycles - early);
        var after = server.Use(collects: true);
        var name = $"{cycles:N0} connect-and-abort cycles";
        return
        [
            Ratio("managed heap", before.Managed, after.Managed, "≤ 1.1", 1e6, " MB"),
            Ratio("resident memory", before.Resident, after.Resident, "≤ 1.1", 1e6, " MB"),
            new(
                $"{name}, handles and threads more",
                after.Handles - before.Handles + Math.Max(0, after.Threads - before.Threads),
                "≤ 8",
                $"{before.Handles} → {after.Handles} handles, {before.Threads} → {after.Threads} threads"),
        ];

        Figure Ratio(string what, long from, long to, string wanted, double unit, string suffix) => new(
            $"{name}, {what} at the end ÷ at a tenth",
            (double)to / from,
            wanted,
            $"{from / unit:0.0}{suffix} → {to / unit:0.0}{suffix}");
    }

    /// <summary>Whether any body gets an answer of the interface, and leaves a stream beside it as it was.</summary>
    public static async Task<Figure[]> Fuzz(string model, int bodies)
    {
        using var server = ServerProcess.Start(model, "--max-work", "2000");
        var fuzzer = new RequestFuzzer(await server.Client.Http.GetStringAsync("/openapi.json"));
        const string Steady =
            """{"model":"m","prompt":"Once upon a time","max_tokens":200,"temperature":0.8,"seed":5,"ignore_eos":true}""";
        var expected = await SteadyText();
        var (sent, good, wrong, changed, checkedTexts) = (0, 0, 0, 0, 0);
        var steady = Task.Run(async () =>
        {
            do
            {
                changed += await SteadyText() == expected ? 0 : 1;
                checkedTexts++;
            }
            while (Volatile.Read(ref sent) < bodies);
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref sent) is var number && number <= bodies)
            {
                var (path, body) = fuzzer.Next(new Random(number));
                using var content = new ByteArrayContent(body);
                content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
                using var response = await server.Client.Http.PostAsync(path, content);
                var answer = await response.Content.ReadAsByteArrayAsync();
                if (response.IsSuccessStatusCode)
                {
                    Interlocked.Increment(ref good);
                }
                else if ((int)response.StatusCode is < 400 or >= 500 || !IsError(answer))
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        })));
        await steady;
        return
        [
            new(
                $"{bodies:N0} fuzzed bodies, neither answered nor refused as they should be",
                wrong,
                "≤ 0",
                $"{good:N0} answered, {bodies - good - wrong:N0} refused"),
            new($"{bodies:N0} fuzzed bodies, texts beside them that changed", changed, "≤ 0", $"{checkedTexts} texts"),
        ];

        async Task<string?> SteadyText()
        {
            using var content = new StringContent(Steady, Encoding.UTF8, "application/json");
            using var response = await server.Client.Http.PostAsync("/v1/completions", content);
            return (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())?["choices"]?[0]?["text"];
        }
    }

    /// <summary>Whether SIGTERM cuts streams that run.</summary>
    public static async Task<Figure[]> Drain(string model, int streams, int tokens)
    {
        using var server = ServerProcess.Start(model);
        using var begun = new CountdownEvent(streams);
        var reading = Enumerable.Range(0, streams)
            .Select(i => Task.Run(() => server.Client.ReadAsync(
                StreamRequest.Body(1, i, tokens, ",\"return_token_ids\":true"),
                () => begun.Signal())))
            .ToArray();
        await Task.WhenAny(Task.Run(begun.Wait), Task.WhenAll(reading));
        var running = reading.Count(stream => !stream.IsCompleted);
        server.SendTerminate();
        var read = await Task.WhenAll(reading);
        var exitCode = server.WaitForExit();
        return
        [
            new(
                $"streams of {streams} that SIGTERM cut",
                read.Count(stream => !StreamRows.IsWhole(stream, tokens)),
                "≤ 0",
                $"{running} ran when it came"),
            new("exit code after SIGTERM", exitCode, "≤ 0", "the running requests finish first"),
        ];
    }

    private static async Task Leave(Uri address, int cycles)
    {
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var number && number <= cycles)
            {
                await LeaveAsync(address, number);
            }
        })));
    }

    /// <summary>
    /// Connects, asks, and leaves at one of three points: at once, at the first bytes, or later; by RST or FIN.
    /// </summary>
    private static async Task LeaveAsync(Uri address, int number)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        var body = StreamRequest.Body(number, 0, 50);
        var head = $"POST /v1/completions HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n";
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(head + body));
        var buffer = new byte[512];
        for (var i = 0; i < number % 3; i++)
        {
            _ = await client.GetStream().ReadAsync(buffer);
        }

        if (number % 2 == 0)
        {
            client.LingerState = new LingerOption(true, 0);
        }
    }

    private static bool IsError(byte[] body)
    {
        try
        {
            return JsonNode.Parse(body)?["error"]?["message"] is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
