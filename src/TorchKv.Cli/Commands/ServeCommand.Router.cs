using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Router.Configuration;
using TorchKv.Router.Hosting;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Configuration;

namespace TorchKv.Cli.Commands;

/// <content>The command as a router: the same interface, answered by replicas.</content>
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
        "the database where routers keep the token ids of streams whose clients may come back (in memory)");

    private bool IsRouter(ParseResult parsed)
    {
        var isRouter = parsed.GetValue(_role) == RouterRole;
        var hasReplicas = parsed.GetValue(_replicas) is { Length: > 0 };
        return isRouter == hasReplicas ? isRouter
            : isRouter ? throw new UsageException("--role router needs --replicas.")
            : throw new UsageException("--replicas goes with --role router.");
    }

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
            Postgres = parsed.GetValue(_postgres),
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
                (served, addresses) => Announce(
                    options, served, addresses, $"router of {string.Join(", ", router.Replicas)}"),
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (ListeningProblem(e, options) is { } problem)
        {
            throw problem;
        }
    }
}
