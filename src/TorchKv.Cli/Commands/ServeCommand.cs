using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;

namespace TorchKv.Cli.Commands;

/// <summary>OpenAI's HTTP interface over a model, until the process is told to stop.</summary>
internal sealed partial class ServeCommand : CliCommand
{
    public const string CommandName = "serve";

    /// <summary>Runs a router in place of a server, until it is told to stop.</summary>
    private delegate Task Route(
        TorchKvServerOptions options, string directory, IChatTemplate? template, CancellationToken cancellationToken);

    private readonly ServerOptionSet _server = new();
    private readonly ModelOptions _model = new();
    private readonly PoolOptions _pool = new();
    private readonly Option<int?> _maxQueued = Values.Integer(
        "--max-queued", "N", 1, 1 << 24, "requests that may wait; one more gets status 503 (1024)");
    private readonly Option<int?> _maxRunning = Values.Integer(
        "--max-running", "N", 1, 1 << 16, "sequences that run at once (256)");
    private readonly Option<string?> _draftModel = Values.Text(
        "--draft-model", "DIR", "a smaller model of the same vocabulary that drafts");
    private readonly Option<bool> _promptLookup = Values.Flag(
        "--prompt-lookup", "drafts what followed the same words earlier in the text");
    private readonly Option<int?> _draftTokens = Values.Integer(
        "--draft-tokens", "N", 1, SpeculationOptions.MostDraftTokens, "the most drafts of a step (16)");
    private readonly Option<string?> _logFormat = Values.OneOf(
        "--log-format",
        [ConsoleFormatterNames.Simple, ConsoleFormatterNames.Json, ConsoleFormatterNames.Systemd],
        "the form of the log on standard error (simple)");
    private readonly Option<string?> _logLevel = Values.OneOf(
        "--log-level", ["debug", "information", "warning", "error"], "what is logged (warning)");

    public ServeCommand(CliConsole console)
        : base(console, CommandName, "Serves a model over OpenAI's HTTP interface.")
    {
        AddGroup("Address", [.. _server.Address]);
        AddGroup("Model", [.. _model.All, .. _server.Naming]);
        AddGroup("Access", [.. _server.Access]);
        AddGroup("Replica", [.. _server.Internal]);
        AddGroup("Limits", [.. _server.Limits, _maxQueued, _maxRunning]);
        AddGroup("Cache", [.. _pool.All]);
        AddGroup("Speculation", _draftModel, _promptLookup, _draftTokens);
        foreach (var (group, options) in MoreOptions)
        {
            AddGroup(group, [.. options]);
        }

        AddGroup("Log", _logFormat, _logLevel);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv serve --model weights/storyteller --port 8000", "http://127.0.0.1:8000/v1 for OpenAI's clients"),
        ("torchkv serve --model-alias gpt-4 --api-key-file keys.txt", "another id, and keys"),
        ("torchkv serve --draft-model weights/storyteller-draft", "with speculative decoding"),
        .. MoreExamples,
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "A line on standard output says where it listens and which chat template it uses, once the model is ready. "
        + "SIGTERM or Ctrl+C lets running requests finish, then the exit code is 0.",
        "Options may also come from appsettings.json (section TorchKv) in the working folder and from environment "
        + "variables: TorchKv__Model, TorchKv__Port, TorchKv__ApiKeyFile. An option on the command line goes before "
        + "the environment, and that before the file. docs/server.md lists them.",
    ];

    /// <summary>Options that belong to the command and not to the server; the configuration has them too.</summary>
    private IEnumerable<Option> Configurable =>
        [
            .. _model.All, .. _pool.All, _maxQueued, _maxRunning, _draftModel, _promptLookup, _draftTokens,
            .. MoreOptions.SelectMany(group => group.Options),
        ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var configuration = TorchKvServer.ReadConfiguration();
        parsed = WithConfiguration(parsed, configuration.GetSection(TorchKvServerOptions.Section));
        var options = TorchKvServer.ReadOptions(configuration);
        _server.Apply(parsed, options);
        var request = _model.Read(parsed) with
        {
            Pool = _pool.Read(parsed),
            DraftDirectory = parsed.GetValue(_draftModel),
        };
        var speculation = ReadSpeculation(parsed);
        var scheduling = ReadScheduling(parsed);
        var route = ReadRoute(parsed);
        var batches = ReadBatches(parsed);
        options.ModelName ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Directory)));
        var given = options.ChatTemplate is { } name ? ChatTemplates.Load(name) : null;

        if (route is not null)
        {
            await route(options, request.Directory, given, cancellationToken).ConfigureAwait(false);
            return ExitCodes.Done;
        }

        // The host bounds the time that it takes to stop.
        Console.StopLimit = Timeout.InfiniteTimeSpan;
        LoadedModel? model = null;
        try
        {
            await TorchKvServer.RunAsync(
                options,
                async stop =>
                {
                    model = await ModelLoader.LoadAsync(request, Console, stop, scheduling).ConfigureAwait(false);
                    var tokenizer = model.Tokenizer
                        ?? throw Prompts.WithoutTokenizer("a server", "generate --prompt-ids", model.TokenizerProblem);
                    var template = given ?? ChatTemplates.OfModel(request.Directory);
                    return new ServedModel(options.ModelName, model.Engine, tokenizer, template)
                    {
                        Speculation = speculation,
                        Identity = model.Identity,
                        Runner = model.Description,
                    };
                },
                AddressArguments(parsed, options),
                builder =>
                {
                    ConfigureHost(parsed, builder);
                    batches?.Invoke(builder.Services);
                },
                (served, addresses) => Announce(options, served, addresses, model!.Description),
                cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (ListeningProblem(e, options) is { } problem)
        {
            throw problem;
        }
        finally
        {
            if (model is not null)
            {
                await model.DisposeAsync().ConfigureAwait(false);
            }
        }

        return ExitCodes.Done;
    }

    /// <summary>What keeps the server from listening, in words; null: the error is another one.</summary>
    private static TorchKvException? ListeningProblem(Exception error, TorchKvServerOptions options) => error switch
    {
        IOException e when e.Message.Contains("address already in use", StringComparison.Ordinal) =>
            new TorchKvException($"{e.Message.TrimEnd('.')}; take another --port, or 0 for any that is free.", e),
        SocketException e => new TorchKvException(
            $"{options.Address} cannot be listened on: {e.Message}; take another --host.", e),
        _ => null,
    };

    /// <summary>The command line with those options of the configuration that it does not have itself.</summary>
    private ParseResult WithConfiguration(ParseResult parsed, IConfigurationSection section)
    {
        var more = new List<string>();
        foreach (var option in Configurable)
        {
            var key = string.Concat(option.Name.Split('-').Select(CultureInfo.InvariantCulture.TextInfo.ToTitleCase));
            if (parsed.GetResult(option) is not { Implicit: false } && section[key] is { Length: > 0 } value)
            {
                more.AddRange([option.Name, value]);
            }
        }

        if (more.Count == 0)
        {
            return parsed;
        }

        var both = parsed.RootCommandResult.Command.Parse(
            [.. parsed.Tokens.Select(token => token.Value), .. more]);
        return both.Errors.Count == 0
            ? both
            : throw new TorchKvException($"In the configuration's section {section.Key}: {both.Errors[0].Message}");
    }

    private SpeculationOptions? ReadSpeculation(ParseResult parsed)
    {
        var hasModel = parsed.GetValue(_draftModel) is not null;
        var hasLookup = parsed.GetValue(_promptLookup);
        if (hasModel && hasLookup)
        {
            throw new UsageException("--draft-model and --prompt-lookup both draft; leave out one of the two.");
        }

        var speculation = new SpeculationOptions
        {
            Source = hasModel ? DraftSource.DraftModel : DraftSource.PromptLookup,
        };
        return parsed.GetValue(_draftTokens) is not { } most
            ? hasModel || hasLookup ? speculation : null
            : hasModel || hasLookup ? speculation with { MaxDraftTokens = most }
            : throw new UsageException("--draft-tokens goes with --draft-model or --prompt-lookup.");
    }

    private SchedulingOptions ReadScheduling(ParseResult parsed)
    {
        var scheduling = new SchedulingOptions();
        return scheduling with
        {
            MaxQueuedRequests = parsed.GetValue(_maxQueued) ?? scheduling.MaxQueuedRequests,
            MaxRunningSequences = parsed.GetValue(_maxRunning) ?? scheduling.MaxRunningSequences,
        };
    }

    /// <summary>An address on the command line goes before <c>ASPNETCORE_URLS</c>.</summary>
    private string[]? AddressArguments(ParseResult parsed, TorchKvServerOptions options) =>
        _server.HasAddress(parsed) ? [$"--urls={options.Address}"] : null;

    /// <summary>The log goes to standard error; signals and failures are the command's to handle and to tell.</summary>
    private void ConfigureHost(ParseResult parsed, WebApplicationBuilder builder)
    {
        const string Level = "Logging:LogLevel:Default";
        var format = parsed.GetValue(_logFormat) ?? builder.Configuration["Logging:Console:FormatterName"];
        builder.Configuration[Level] = parsed.GetValue(_logLevel) ?? builder.Configuration[Level] ?? "Warning";
        builder.Logging.ClearProviders();
        builder.Logging.AddConsole(console =>
        {
            console.FormatterName = format ?? ConsoleFormatterNames.Simple;
            console.LogToStandardErrorThreshold = LogLevel.Trace;
        });
        var least = Enum.TryParse<LogLevel>(builder.Configuration[Level], ignoreCase: true, out var level)
            ? level
            : LogLevel.Warning;
        string[] toldByCommand = ["TorchKv.Server.Models.ModelHost", "Microsoft.Extensions.Hosting.Internal.Host"];
        foreach (var category in toldByCommand)
        {
            builder.Logging.AddFilter<ConsoleLoggerProvider>(category, at => at >= least && at < LogLevel.Error);
        }

        builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
    }

    private void Announce(
        TorchKvServerOptions options, ServedModel served, IReadOnlyList<string> addresses, string description)
    {
        // The internal port is the last that is listened on.
        var outside = options.InternalPort is null ? addresses : [.. addresses.SkipLast(1)];
        var where = string.Join(", ", outside.Select(address => $"{address}/v1"));
        var inside = options.InternalPort is null ? "" : $" · internal port {addresses[^1]}";
        Console.Out.WriteLine(
            $"Listening on {where} · model {served.Id} · chat template {served.Template.Name} · {description}{inside}");
        Console.Out.Flush();
    }
}
