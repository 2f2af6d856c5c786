using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.TestSupport;

namespace TorchKv.Server.Tests.Support;

/// <summary>A server over an engine of its own, whose steps a test may hold back.</summary>
internal sealed class TinyEngine : IAsyncDisposable
{
    private TinyEngine(GatedRunner runner, Engine engine, RunningServer server)
    {
        Runner = runner;
        Engine = engine;
        Server = server;
    }

    public GatedRunner Runner { get; }

    public Engine Engine { get; }

    public RunningServer Server { get; }

    /// <summary>Starts engine and server.</summary>
    /// <param name="configure">Changes the server's options.</param>
    /// <param name="steps">Steps that may run at once; the first one is the server's own.</param>
    /// <param name="blocks">Blocks in the pool.</param>
    public static async Task<TinyEngine> StartAsync(
        Action<TorchKvServerOptions>? configure = null, int steps = 1_000_000, int blocks = 64)
    {
        var runner = new GatedRunner(CpuRunner.Load(
            RepositoryFiles.Weights("storyteller"), new CpuRunnerOptions { BlockCount = blocks, Threads = 1 }));
        runner.Release(steps);
        var engine = new Engine(
            runner,
            Storyteller.Tokenizer,
            new EngineOptions { Scheduling = new SchedulingOptions { MaxTokensPerStep = 256 } });
        var server = await RunningServer.StartAsync(
            new ServedModel("tiny", engine, Storyteller.Tokenizer, ChatTemplates.Plain), configure);
        return new TinyEngine(runner, engine, server);
    }

    public async ValueTask DisposeAsync()
    {
        Runner.Release(1_000_000);
        await Server.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
