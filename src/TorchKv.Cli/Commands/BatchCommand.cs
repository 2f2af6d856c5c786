using System.CommandLine;
using System.Globalization;
using System.Text;
using TorchKv.Batch.Local;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Scheduling;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;

namespace TorchKv.Cli.Commands;

/// <summary>A file of requests in OpenAI's batch format, answered in this process without a server.</summary>
internal sealed class BatchCommand : CliCommand
{
    public const string CommandName = "batch";

    private readonly Argument<string[]> _files = new("FILES")
    {
        HelpName = "IN.jsonl OUT.jsonl",
        Description = "the requests and their answers",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> _errors = Values.Text(
        "--errors", "FILE", "where failed lines go (OUT.errors.jsonl)");
    private readonly Option<int?> _concurrency = Values.Integer(
        "--concurrency", "N", 1, 1 << 14, "requests that run at once (64)");
    private readonly ServerOptionSet _server = new();
    private readonly ModelOptions _model = new();
    private readonly PoolOptions _pool = new();
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output at the end");

    public BatchCommand(CliConsole console)
        : base(console, CommandName, "Answers a file of requests in OpenAI's batch format; no server is needed.")
    {
        Arguments.Add(_files);
        AddGroup("Files", _errors);
        AddGroup("Run", [_concurrency, .. _server.Body]);
        AddGroup("Model", [.. _model.All, .. _server.Naming]);
        AddGroup("Cache", [.. _pool.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv batch in.jsonl out.jsonl", "each line's answer, in the order of the input"),
        ("torchkv batch in.jsonl out.jsonl --model-alias gpt-4 --errors bad.jsonl", "lines that name another model"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "A line is {\"custom_id\":…,\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{…}}; url may also "
        + "be /v1/completions or /v1/responses. The answers' lines have OpenAI's form too.",
        "The same command again goes on where a run ended, however it ended: lines that have an answer are not run "
        + "again, and a torn last line is cut off. It refuses a changed line or another model. A line without a seed "
        + "draws from one made of the line, so the same input gives the same bytes.",
        "Exit codes: 0 all lines were answered, 1 some are in the file of errors, 130 stopped. docs/batch.md has "
        + "more.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (input, output) = parsed.GetValue(_files) switch
        {
            [{ Length: > 0 } first, { Length: > 0 } second] => (first, second),
            _ => throw new UsageException(
                "two files are needed: IN.jsonl with the requests, OUT.jsonl for the answers."),
        };
        var options = TorchKvServer.ReadOptions();
        _server.Apply(parsed, options);
        var request = _model.Read(parsed) with { Pool = _pool.Read(parsed) };
        options.ModelName ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Directory)));
        if (!File.Exists(input))
        {
            // Before a model is loaded for nothing.
            throw new FileNotFoundException(null, input);
        }

        var template = options.ChatTemplate is { } name
            ? ChatTemplates.Load(name)
            : ChatTemplates.OfModel(request.Directory);
        var concurrency = parsed.GetValue(_concurrency) ?? 64;
        using var keep = Console.KeepProcess();
        await using var model = await ModelLoader.LoadAsync(
            request, Console, cancellationToken, Scheduling(concurrency)).ConfigureAwait(false);
        var tokenizer = model.Tokenizer
            ?? throw Prompts.WithoutTokenizer("a batch", "generate --prompt-ids", model.TokenizerProblem);
        var files = new FileBatchOptions
        {
            Input = input,
            Output = output,
            Errors = parsed.GetValue(_errors) is { Length: > 0 } errors ? errors : ErrorsOf(output),
            Settings = Settings(options, model, template),
            Concurrency = concurrency,
            LongestLine = (int)Math.Min(options.MaxBodyBytes + (64 << 10), int.MaxValue / 2),
        };
        using var batch = await FileBatch.OpenAsync(files, cancellationToken).ConfigureAwait(false);
        await using var server = await InProcessServer.StartAsync(
            options,
            new ServedModel(options.ModelName, model.Engine, tokenizer, template),
            cancellationToken).ConfigureAwait(false);
        return await RunAsync(batch, files, server, parsed.GetValue(_json), cancellationToken).ConfigureAwait(false);
    }

    private async Task<int> RunAsync(
        FileBatch batch,
        FileBatchOptions files,
        InProcessServer server,
        bool isJson,
        CancellationToken cancellationToken)
    {
        using var output = new BatchOutput(Console, batch.Report);
        try
        {
            await batch.RunAsync(server.Calls, _ => output.Show(batch.Report), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            output.Stopped(batch.Report);
            throw;
        }

        output.Finished(batch.Report, files, isJson);
        return batch.Report.Failed == 0 ? ExitCodes.Done : ExitCodes.Failed;
    }

    /// <summary>out.jsonl has its errors in out.errors.jsonl.</summary>
    private static string ErrorsOf(string output) => Path.ChangeExtension(
        output, ".errors" + (Path.GetExtension(output) is { Length: > 1 } extension ? extension : ".jsonl"));

    private static SchedulingOptions Scheduling(int concurrency)
    {
        // A request may have many prompts and choices, each of which waits for itself.
        var scheduling = new SchedulingOptions();
        return scheduling with
        {
            MaxQueuedRequests = Math.Max(scheduling.MaxQueuedRequests, 128 * concurrency),
            MaxRunningSequences = Math.Max(scheduling.MaxRunningSequences, concurrency),
        };
    }

    /// <summary>
    /// All that decides an answer but its line. A change of the format of answers changes the first words.
    /// </summary>
    private static byte[] Settings(TorchKvServerOptions options, LoadedModel model, IChatTemplate template)
    {
        // What the template writes stands for a template of a file, too.
        var shown = template.Render(
        [
            new ChatTurn(ChatTurnRole.System, "s"),
            new ChatTurn(ChatTurnRole.User, "u"),
            new ChatTurn(ChatTurnRole.Assistant, "a"),
            new ChatTurn(ChatTurnRole.User, "v"),
        ]);
        var stops = string.Join('\u001f', shown.Stop);
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"torchkv batch 1\n{options.ModelName}\n{model.Identity}\n{template.Name}\n{shown.Text}\n{stops}"));
    }
}
