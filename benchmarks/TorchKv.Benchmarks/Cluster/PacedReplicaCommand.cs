using System.CommandLine;
using Microsoft.Extensions.Logging;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Text;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;

namespace TorchKv.Benchmarks.Cluster;

/// <summary><c>cluster-replica</c>: a replica with a <see cref="PacedGenerator"/> in the engine's place.</summary>
internal sealed class PacedReplicaCommand : Command
{
    public const string CommandName = "cluster-replica";

    private readonly Option<int> _port = BenchOption.Number("--port", 1, 65535, 8000, "the port for clients");
    private readonly Option<int> _internalPort = BenchOption.Number("--internal-port", 1, 65535, 8001, "for routers");

    public PacedReplicaCommand()
        : base(CommandName, "A replica that computes nothing.")
    {
        Hidden = true;
        Options.Add(_port);
        Options.Add(_internalPort);
        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task RunAsync(ParseResult parsed)
    {
        var folder = ReplicaSet.Storyteller;
        var generator = new PacedGenerator(Gpt2Config.Load(Path.Combine(folder, "config.json")).Shape);
        await TorchKvServer.RunAsync(
            new TorchKvServerOptions
            {
                Port = parsed.GetValue(_port),
                InternalPort = parsed.GetValue(_internalPort),
                ModelName = "m",
            },
            _ => Task.FromResult(new ServedModel("m", generator, Gpt2Tokenizer.Load(folder), ChatTemplates.Transcript)
            {
                Identity = "paced",
                Runner = "paced",
            }),
            configure: builder => builder.Logging.ClearProviders());
    }
}
