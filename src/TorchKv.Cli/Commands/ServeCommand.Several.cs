using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TorchKv.Batch;
using TorchKv.Cli.CommandLine;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Router.Configuration;
using TorchKv.Router.Hosting;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Configuration;

namespace TorchKv.Cli.Commands;

/// <content>
/// What takes more than one process: a router, which is the same interface answered by replicas, and batches, which
/// servers share through a database. The program that is compiled ahead of time has neither.
/// </content>
internal sealed partial class ServeCommand
{
    private const string RouterRole = "router";

    private readonly Option<string?> _role = Values.OneOf(
        "--role", ["replica", RouterRole], "a router loads no weights and asks replicas (replica)");
    private readonly Option<string[]> _replicas = Values.Texts(
        "--replicas",
        "ADDRESSES",
        "the replicas' internal ports: URLs with commas, dns:NAME:PORT or kubernetes:NAMESPACE/SERVICE[:PORT]");
    private readonly Option<string?> _postgres = Values.Text(
        "--postgres",
        "CONNECTION",
        "Host=…;Database=…;Username=…: where servers keep files and batches, and routers the token ids of streams "
        + "whose clients may come back (those: in memory)");
    private readonly BatchOptionSet _batch = new();

    private IReadOnlyList<(string Group, IReadOnlyList<Option> Options)> MoreOptions =>
    [
        ("Router", [_role, _replicas]),
        ("Database", [_postgres]),
        ("Batches", _batch.All),
    ];

    private static IReadOnlyList<(string Line, string Does)> MoreExamples =>
    [
        ("torchkv serve --port 8001 --internal-port 9001", "a replica, for a router in front of it"),
        ("torchkv serve --role router --replicas dns:replicas:9001", "a router"),
        ("torchkv serve --postgres \"Host=/run/postgresql;Database=torchkv\"", "with /v1/files and /v1/batches"),
    ];

    /// <summary>How to run as a router; null: the command is to be a server.</summary>
    private Route? ReadRoute(ParseResult parsed)
    {
        var isRouter = parsed.GetValue(_role) == RouterRole;
        var hasReplicas = parsed.GetValue(_replicas) is { Length: > 0 };
        if (isRouter != hasReplicas)
        {
            throw new UsageException(
                isRouter ? "--role router needs --replicas." : "--replicas goes with --role router.");
        }

        return isRouter
            ? (options, directory, template, cancellationToken) =>
                RouteAsync(parsed, options, directory, template, cancellationToken)
            : null;
    }

    /// <summary>What adds batches to a server; null: it has none.</summary>
    private Action<IServiceCollection>? ReadBatches(ParseResult parsed)
    {
        var isRouter = parsed.GetValue(_role) == RouterRole;
        var options = _batch.Read(parsed, Database(parsed), isRouter);
        return options is null ? null : services => services.AddTorchKvBatch(options);
    }

    private string? Database(ParseResult parsed) => parsed.GetValue(_postgres) switch
    {
        "" => throw new UsageException("--postgres: '' says nothing of where the database is."),
        var connection => connection,
    };

    private async Task RouteAsync(
        ParseResult parsed,
        TorchKvServerOptions options,
        string directory,
        IChatTemplate? template,
        CancellationToken cancellationToken)
    {
        var router = new RouterOptions
        {
            Replicas =
            [
                .. parsed.GetValue(_replicas)!.SelectMany(text => text.Split(
                    ',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)),
            ],
            InternalKey = options.InternalKey,
            Postgres = Database(parsed),
        };

        // There is no engine here that could be watched.
        options.Page = false;
        Console.StopLimit = Timeout.InfiniteTimeSpan;
        try
        {
            await RouterServer.RunAsync(
                options,
                router,
                Gpt2Config.Load(Path.Combine(directory, "config.json")).Shape,
                Gpt2Tokenizer.Load(directory),
                template ?? ChatTemplates.OfModel(directory),
                AddressArguments(parsed, options),
                builder => ConfigureHost(parsed, builder),
                (served, addresses) =>
                    Announce(options, served, addresses, $"router of {string.Join(", ", router.Replicas)}"),
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (ListeningProblem(e, options) is { } problem)
        {
            throw problem;
        }
    }
}
