using System.CommandLine;
using System.Globalization;
using System.Runtime;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;

namespace TorchKv.Benchmarks.Http;

/// <summary>
/// <c>server-worker</c>: a server in a process of its own, so that its cost is told from its clients'. It is asked over
/// its standard input, and ends when that is closed.
/// </summary>
internal sealed class ServerWorkerCommand : Command
{
    public const string CommandName = "server-worker";

    private readonly Option<string> _model = BenchOption.Required("--model", "DIR", "the checkpoint");
    private readonly Option<int> _stub = BenchOption.Number(
        "--stub", 0, 10_000, 0, "milliseconds between tokens of a stub in the model's place; 0: the model itself");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "the runner's threads");
    private readonly Option<int> _maxWork = BenchOption.Number("--max-work", 1, int.MaxValue, 4_000_000, "MaxWork");
    private readonly Option<int> _blocks = BenchOption.Number("--blocks", 64, 1 << 20, 4096, "blocks in the pool");
    private readonly Option<bool> _noPage = new("--no-page") { Description = "no live page" };
    private readonly CancellationTokenSource _closed = new();

    public ServerWorkerCommand()
        : base(CommandName, "The server's side of the comparison.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_model, _stub, _threads, _maxWork, _blocks, _noPage])
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task RunAsync(ParseResult parsed)
    {
        var folder = parsed.GetValue(_model)!;
        var cpu = new CpuRunnerOptions
        {
            Threads = parsed.GetValue(_threads),
            BlockCount = parsed.GetValue(_blocks),
            MaxTokensPerStep = 512,
        };
        await using var engine = await Engine.LoadAsync(folder, cpu: cpu);
        var step = parsed.GetValue(_stub);
        IGenerator generator = step > 0 ? new StubGenerator(engine.Model, TimeSpan.FromMilliseconds(step)) : engine;

        // A model by a formula has no vocabulary of its own; its prompts are ids, and the text is thrown away.
        var tokenizer = engine.Tokenizer ?? Gpt2Tokenizer.Load(RepositoryFolder.At("weights", "storyteller"));
        var options = new TorchKvServerOptions
        {
            Port = 0,
            ModelName = "m",
            MaxWork = parsed.GetValue(_maxWork),
            Page = !parsed.GetValue(_noPage),
        };
        await TorchKvServer.RunAsync(
            options,
            _ => Task.FromResult(new ServedModel("m", generator, tokenizer, ChatTemplates.Transcript)),
            configure: builder => builder.Logging.ClearProviders(),
            onReady: (_, addresses) =>
            {
                Write(new JsonObject { ["address"] = addresses[0], ["process"] = Environment.ProcessId });
                new Thread(() => Answer(generator)) { IsBackground = true }.Start();
            },
            cancellationToken: _closed.Token);
    }

    private void Answer(IGenerator generator)
    {
        while (Console.In.ReadLine() is { } line)
        {
            var words = line.Split(' ');
            Write(words[0] switch
            {
                "generate" => GenerateAsync(generator, Number(words[1]), Number(words[2]), Number(words[3]))
                    .GetAwaiter()
                    .GetResult(),
                "collect" => State(collects: true),
                _ => State(collects: false),
            });
        }

        _closed.Cancel();
    }

    /// <summary>Runs streams in this process, without HTTP.</summary>
    private static async Task<JsonObject> GenerateAsync(IGenerator generator, int streams, int tokens, int seed)
    {
        var began = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, streams).Select(i => Task.Run(async () =>
        {
            var prompt = StreamRequest.Prompt(seed, i);
            var options = new GenerationOptions { MaxNewTokens = tokens, EosTokenIds = [], Temperature = 1, Seed = 1 };
            await foreach (var _ in generator.GenerateAsync(prompt, options))
            {
            }
        })));
        return new JsonObject { ["seconds"] = TimeProvider.System.GetElapsedTime(began).TotalSeconds };
    }

    private static JsonObject State(bool collects)
    {
        if (collects)
        {
            for (var i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        return new JsonObject
        {
            ["cpu_microseconds"] = Environment.CpuUsage.TotalTime.TotalMicroseconds,
            ["kernel_microseconds"] = Environment.CpuUsage.PrivilegedTime.TotalMicroseconds,
            ["compiled_methods"] = JitInfo.GetCompiledMethodCount(),
            ["allocated"] = GC.GetTotalAllocatedBytes(precise: true),
            ["managed"] = GC.GetTotalMemory(forceFullCollection: false),
            ["resident"] = collects ? ProcessMemory.Resident() : 0,
            ["handles"] = Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0,
            ["threads"] = Directory.Exists("/proc/self/task") ? Directory.GetDirectories("/proc/self/task").Length : 0,
        };
    }

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    private static void Write(JsonObject answer)
    {
        Console.Out.WriteLine(answer.ToJsonString());
        Console.Out.Flush();
    }
}
